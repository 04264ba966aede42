// The replica on disk: signed blocks as they came.
//
//   snapshot/NNNNNN.blocks               the pages of one snapshot, in order
//   snapshot.new/, snapshot.old/         while one takes the place of another
//   changes/NNNNNNNNNNNNNNNNNNNN.blocks  blocks of changes, in order; named by their first number
//
// A snapshot is moved into place when all of it is on disk: the old one is renamed, then the new one. Who
// finds no snapshot but an old one was killed between the two, and renames it back.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "feed/block.hpp"

namespace dayaq::edge {

/// Where a block lies on disk.
struct BlockPlace {
  std::size_t file = 0;    ///< of the files asked for
  std::size_t offset = 0;  ///< in it
  std::size_t bytes = 0;   ///< of what isn't a block: all that is left of the file
};

/// Reads blocks of files in order, verifies and decodes them on `threads` threads (this one among them), and
/// gives each to `sink` here, in order, until it returns false. What isn't a block is given as its error and
/// ends the file. `skip_through`: blocks of changes up to this number are passed over unread.
/// unavailable "replica.disk".
Result<void> read_blocks(const std::vector<std::filesystem::path>& files,
                         std::span<const crypto::PublicKey> keys, unsigned threads,
                         std::uint64_t skip_through,
                         const std::function<bool(const BlockPlace&, Result<feed::Block>&&)>& sink);

class ReplicaDisk {
 public:
  /// Makes the folders, finishes or takes back what was interrupted. unavailable "replica.disk".
  static Result<ReplicaDisk> open(const std::filesystem::path& folder);

  [[nodiscard]] std::vector<std::filesystem::path> snapshot_files() const;
  /// In order; those alone in which something after `after` may be.
  [[nodiscard]] std::vector<std::filesystem::path> change_files(std::uint64_t after = 0) const;
  /// The header of the first page; nothing if there is no snapshot. invalid_input as feed::decode_header.
  [[nodiscard]] Result<std::optional<feed::Header>> snapshot_header() const;
  /// How many lines the snapshot's headers promise.
  [[nodiscard]] Result<std::uint64_t> snapshot_lines() const;
  [[nodiscard]] std::uint64_t snapshot_bytes() const;

  /// The last number that a header in the changes promises; 0 if there are none.
  [[nodiscard]] std::uint64_t last_change() const;
  [[nodiscard]] std::uint64_t change_bytes() const;

  // --- changes
  /// Cuts a file off, if it is longer; what is appended next begins a new one.
  static Result<void> cut(const std::filesystem::path& file, std::size_t bytes);
  static Result<void> remove(const std::filesystem::path& file);
  /// Whether a signed block lies behind `offset`: then what isn't one there isn't a torn tail.
  static Result<bool> block_after(const std::filesystem::path& file, std::size_t offset,
                                  std::span<const crypto::PublicKey> keys);
  /// Goes on in the last file.
  Result<void> resume();
  /// On disk when it returns; if it fails, nothing was appended. `first`: the number of the first line.
  Result<void> append(std::uint64_t first, BytesView blocks);
  /// Drops what nobody needs who has all up to `through`: whole files.
  Result<void> drop_changes(std::uint64_t through);

  // --- a new snapshot
  Result<void> snapshot_begin();
  Result<void> snapshot_write(BytesView page);
  Result<void> snapshot_flush();   ///< all of it is on disk
  Result<void> snapshot_switch();  ///< it is the snapshot
  void snapshot_drop();

  /// Moves snapshot and changes to `damaged`, for whoever wants to look at them.
  Result<void> set_aside();
  /// The least number a snapshot must have, from what was set aside.
  [[nodiscard]] std::uint64_t floor() const;
  Result<void> set_floor(std::uint64_t number);

  ReplicaDisk(ReplicaDisk&& other) noexcept;
  ReplicaDisk& operator=(ReplicaDisk&& other) noexcept;
  ~ReplicaDisk();

 private:
  explicit ReplicaDisk(std::filesystem::path folder) : folder_(std::move(folder)) {}
  void close_all();

  std::filesystem::path folder_;
  int changes_ = -1;
  std::size_t changes_bytes_ = 0;
  std::filesystem::path changes_path_;
  int page_ = -1;
  std::size_t page_bytes_ = 0;
  std::size_t page_files_ = 0;
};

}  // namespace dayaq::edge
