// Documents that people attach: streamed to content-addressed files, judged by their bytes, scanned before
// anybody opens them.
//
//   upload ──stream──► <folder>/new/<random> ──sniff, size, scan──► <folder>/<aa>/<sha256> ──row──► id
//
// A file is named by its SHA-256 and stored once, whoever sends it. Who may read it goes by rows, never by
// its name.
#pragma once

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
[[nodiscard]] std::optional<Kind> sniff(BytesView head, BytesView tail);

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
/// clamd over its socket (INSTREAM). @see clamd(8)
[[nodiscard]] std::unique_ptr<Scanner> clamd(std::filesystem::path socket);

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

class Attachments {
 public:
  /// `scanner` null: files wait for one, and nobody opens them.
  Attachments(store::Database& db, std::filesystem::path folder, std::unique_ptr<Scanner> scanner,
              Random& random, const Clock& clock);
  ~Attachments();

  /// Takes one file whole or piece by piece; nothing is kept of one that is refused.
  ///   - invalid_input "attachment.type"      its bytes are of another kind than is asked for
  ///   - invalid_input "attachment.size"      larger than allowed, or empty
  ///   - forbidden "attachment.infected"      the scanner found something
  ///   - unavailable "attachment.disk"
  class Upload {
   public:
    virtual ~Upload() = default;
    virtual Result<void> add(BytesView piece) = 0;
    virtual Result<Attachment> finish() = 0;  ///< durable when it returns
  };
  std::unique_ptr<Upload> begin(PersonId person, std::string name, const Allowed& allowed);

  Result<std::optional<Attachment>> find(store::Session& session, PersonId person, AttachmentId id) const;
  /// not_found "attachment.unknown", conflict "attachment.waiting" (not scanned yet).
  Result<Bytes> read(const Attachment& attachment) const;
  /// Scans what waits; drops what no case names after a day. Not on the writer thread.
  Result<void> tick();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dayaq::services::attachments
