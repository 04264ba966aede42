// Imports: a file of any size goes in, chunk by chunk, each chunk in one transaction with its audit entry and
// the job's new position. A process killed at any moment goes on where the last durable chunk ended, and a
// file imported twice changes nothing the second time.
//
//   bytes -> ChunkCutter -> check_chunk (this thread) -> apply_chunk (writer thread, one transaction) ->
//   outcome
//                              next chunk meanwhile ^
#pragma once

#include <functional>
#include <string>

#include "registry/import_check.hpp"

namespace dayaq::registry {

struct ImportCounts {
  std::uint64_t recorded = 0;   ///< new
  std::uint64_t changed = 0;    ///< known, and different now
  std::uint64_t unchanged = 0;  ///< known
  std::uint64_t rejected = 0;
  [[nodiscard]] std::uint64_t rows() const { return recorded + changed + unchanged + rejected; }
  ImportCounts& operator+=(const ImportCounts& other);
  friend bool operator==(const ImportCounts&, const ImportCounts&) = default;
};

/// Where an import stands, as stored.
struct ImportJob {
  std::string job;  ///< names the file by its beginning; see import_job_name
  ImportKind kind = ImportKind::persons;
  Instant started;
  Instant finished = instant_max;
  std::uint64_t chunk_rows = 0;
  std::uint64_t read_to = 0;  ///< offset after the last durable chunk
  std::uint64_t next_line = 2;
  std::string chain;  ///< 32 bytes: SHA-256 chained over the chunks' texts up to read_to
  ImportCounts counts;
};

struct ChunkOutcome {
  ImportCounts counts;
  std::vector<Reject> rejects;  ///< of the check and of the database, by line
};

/// Stores a chunk's rows. Part of a transaction; may run more than once. Rows that the database refuses (an
/// unknown person, a number that can't move back in time) become rejects, whatever else fails fails the
/// transaction. Writes one audit entry "import.<kind>" with the counts and the text's hash.
Result<ChunkOutcome> apply_chunk(store::Session& session, const Registry& registry, ImportKind kind,
                                 const CheckedChunk& chunk, const std::string& actor);

struct ImportProgress {
  std::uint64_t bytes = 0;  ///< read and durable
  ImportCounts counts;
  bool resumed = false;  ///< rows before this run are counted in
};

struct ImportOptions {
  ImportKind kind = ImportKind::persons;
  std::string actor = "cli";
  /// Lines in a chunk: few for a node that serves meanwhile, many for one that doesn't (sorted, they walk
  /// through the tables' pages together). A resumed job keeps its own.
  std::uint64_t chunk_rows = 20'000;
  bool restart = false;  ///< begin anew even if an interrupted import of this file is known
  /// Called after each durable chunk; false stops there, and the import can be resumed.
  std::function<bool(const ImportProgress&)> on_progress;
  /// Called for each rejected line, in order of lines within a chunk.
  std::function<void(const Reject&)> on_reject;
};

struct ImportReport {
  ImportCounts counts;
  std::uint64_t resumed_from = 0;  ///< bytes that an earlier run had made durable
  bool stopped = false;            ///< on_progress asked for it
};

/// Fills a buffer with the next bytes of a file; 0 at its end.
using ReadBytes = std::function<Result<std::size_t>(std::span<char>)>;

/// Imports a whole file into the database. Called on any thread but the writer's.
///   - invalid_input "import.header"     the first line doesn't name the columns
///   - conflict "import.other_file"      an interrupted import began with a file that differs further on
///   - errors of the store
Result<ImportReport> import_file(store::Database& db, const Registry& registry, const ReadBytes& read,
                                 const ImportOptions& options);

/// Reads a file or standard input ("-"). not_found "file.missing".
Result<ReadBytes> open_import(const std::string& path);

/// One line of a rejects file, and its header: line,field,code,reason,text
void append_reject(std::string& out, const Reject& reject);
[[nodiscard]] std::string_view rejects_header();

/// Cuts a stream of bytes into its first line and chunks of whole lines. Memory is bounded: of a line that is
/// too long only so much is kept that the check can tell.
class ChunkCutter {
 public:
  ChunkCutter(ReadBytes read, std::uint64_t chunk_rows) : read_(std::move(read)), chunk_rows_(chunk_rows) {}
  /// The first line, without its line break and a byte order mark. Call once, first.
  Result<std::string> header();
  void set_chunk_rows(std::uint64_t rows) { chunk_rows_ = rows; }
  /// The next chunk; empty text at the end.
  Result<ImportChunk> next();
  /// The file's first bytes, at most 64 KiB: valid after header().
  [[nodiscard]] const std::string& beginning() const { return beginning_; }

 private:
  Result<bool> fill();  ///< false at the end
  Result<bool> take_line(std::string& out);

  ReadBytes read_;
  std::uint64_t chunk_rows_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t line_ = 1;
  bool ended_ = false;
  std::string beginning_;
};

/// Jobs that were not finished, for a list of what can be resumed.
Result<std::vector<ImportJob>> unfinished_imports(store::Session& session);

}  // namespace dayaq::registry
