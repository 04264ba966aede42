// Documents that people attach: streamed to content-addressed files, judged by their bytes, scanned before
// anybody opens them.
//
//   upload ──stream──► <folder>/new/<random> ──sniff, size, scan──► <folder>/<aa>/<sha256> ──row──► id
//
// 1. A file is named by its SHA-256 and stored once, whoever sends it. Who may read it goes by rows, never by
//    its name.
// 2. A file has its name only once it is whole, on disk, and of a kind that was asked for; a row is written
//    after that. So every row has its file, and no half file is ever named, whenever the program dies.
// 3. Nobody opens what wasn't scanned, or what the scanner refused.
// 4. What no case and no draft names is dropped after a day; a file goes when its last row does.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "store/database.hpp"

namespace dayaq::services::attachments {

using AttachmentId = Id64<struct AttachmentTag>;

[[nodiscard]] std::span<const store::Migration> migrations();

/// What its bytes say it is; nullopt for anything else: whatever a name or a browser claims.
enum class Kind : std::uint8_t { pdf, jpeg, png };
[[nodiscard]] std::string_view to_string(Kind kind);
[[nodiscard]] std::string_view media_type(Kind kind);
[[nodiscard]] std::optional<Kind> parse_kind(std::string_view name);
/// `head`: its first bytes, `tail` its last, each up to sniff_size. Of a PDF its header, and its end within
/// the last kilobyte; of a picture its signature and its end. What is an archive as well is nothing: some
/// programs read a file from its end.
[[nodiscard]] std::optional<Kind> sniff(BytesView head, BytesView tail);
inline constexpr std::size_t sniff_size = (64 << 10) + 22;  ///< as far from its end as an archive may begin
/// A file's name as it may be shown: without folders and control characters, at most 100 bytes, never empty.
[[nodiscard]] std::string shown_name(std::string_view name, Kind kind);
/// "attachment; filename=...": saved under its name, never shown as a page. @see RFC 6266, RFC 8187
[[nodiscard]] std::string content_disposition(std::string_view name, Kind kind);
/// As it stands in an answer: 16 digits; and back, leading zeros or not.
[[nodiscard]] std::string to_hex(AttachmentId id);
[[nodiscard]] std::optional<AttachmentId> parse_id(std::string_view hex);

enum class Scan : std::uint8_t {
  clean,
  infected,
  waiting
};  ///< waiting: the scanner isn't there; nobody opens it yet

/// Looks for malware in a file. Blocking.
class Scanner {
 public:
  virtual ~Scanner() = default;
  /// The malware's name, "" if clean; unavailable "attachment.scanner".
  virtual Result<std::string> scan(const std::filesystem::path& file) = 0;
};
/// clamd over its socket (INSTREAM). `patience`: for the whole of a scan. @see clamd(8)
[[nodiscard]] std::unique_ptr<Scanner> clamd(std::filesystem::path socket,
                                             std::chrono::milliseconds patience = std::chrono::seconds(10));

struct Attachment {
  AttachmentId id;
  PersonId person;   ///< whose case it belongs to
  std::string name;  ///< as the person's file was called; shown, never used as a path
  Kind kind = Kind::pdf;
  std::uint64_t bytes = 0;
  std::string sha256;  ///< hexadecimal
  Scan scan = Scan::waiting;
  Instant at;
};

struct Allowed {
  std::span<const std::string> types;  ///< "pdf", "jpeg", "png"
  std::uint64_t bytes_max = 5u << 20;
};

/// What an attachment is needed for.
enum class Use : std::uint8_t {
  none,
  draft,  ///< for now: a draft names it
  kept,   ///< for good: a case does
};
/// Wired to cases; asked in the transaction that would drop it.
using Uses = std::function<Result<Use>(store::Session& session, PersonId person, AttachmentId id)>;

/// Gives what lies in a file already another name, so that it isn't written again; wired to the HTTP server's
/// spool. False, or an error: it is copied.
using Adopt = std::function<Result<bool>(BytesView content, const std::filesystem::path& target)>;

class Attachments {
 public:
  /// How many files somebody may have that no case names yet.
  static constexpr std::int64_t loose_max = 50;

  /// `scanner` null: files wait for one, and nobody opens them. The folder is made; what was half uploaded
  /// when the program last ended is removed from it. One program at a time has it.
  Attachments(store::Database& db, std::filesystem::path folder, std::unique_ptr<Scanner> scanner,
              Random& random, const Clock& clock);
  ~Attachments();
  /// Until it is set nothing is dropped.
  void set_uses(Uses uses);
  /// Until it is set what comes is copied.
  void set_adopt(Adopt adopt);

  /// Takes one file whole or piece by piece; nothing is kept of one that is refused.
  ///   - invalid_input "attachment.type"      its bytes are of another kind than is asked for
  ///   - invalid_input "attachment.size"      larger than allowed, or empty
  ///   - forbidden "attachment.infected"      the scanner found something
  ///   - limit "attachment.limit"             too many that no case names
  ///   - unavailable "attachment.disk"        the disk is full or refuses; nothing is lost of what there was
  class Upload {
   public:
    virtual ~Upload() = default;
    virtual Result<void> add(BytesView piece) = 0;
    /// All of it at once, instead of pieces: where it lies in a file already, that is kept.
    virtual Result<void> add_whole(BytesView content) = 0;
    virtual Result<Attachment> finish() = 0;  ///< durable when it returns
  };
  std::unique_ptr<Upload> begin(PersonId person, std::string name, const Allowed& allowed);

  Result<std::optional<Attachment>> find(store::Session& session, PersonId person, AttachmentId id) const;
  /// Whether an answer may name it: the person's own, of a kind that is asked for, and not infected; one that
  /// waits for the scanner may. invalid_input "attachment.unknown", "attachment.type", "attachment.size";
  /// forbidden "attachment.infected".
  Result<Attachment> check(store::Session& session, PersonId person, std::string_view answer,
                           const Allowed& allowed) const;
  /// Its bytes, as they were sent. conflict "attachment.waiting" (not scanned yet), forbidden
  /// "attachment.infected", internal "attachment.damaged" (the disk gives other bytes).
  Result<Bytes> read(const Attachment& attachment) const;
  /// Once a second: scans what waits; drops what no case names after a day; looks a little further for files
  /// without a row. Not on the writer thread.
  Result<void> tick();
  /// The whole of the folder: removes files older than a day without a row; how many. tick() does the same
  /// within a day.
  Result<int> sweep();
  [[nodiscard]] std::int64_t waiting() const;  ///< that the last tick left for the scanner

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::services::attachments
