// Checks a whole log offline: every entry is hashed again and held to the tiles, to the signed checkpoint,
// and to a checkpoint that somebody kept elsewhere. Names the first entry that doesn't fit.
//
// What each finding rests on:
//   - The tree that the entries give must have the root of the stored checkpoint, which the log's key has
//   signed.
//   - Tiles and tail repeat the hashes, so that a changed entry can be named and not only noticed. Where
//   entry and tile
//     disagree, the signed root says which of them was changed.
//   - A checkpoint kept elsewhere shows what the key's owner could hide otherwise: a log cut short or written
//   anew.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "audit/tiles.hpp"
#include "base/result.hpp"
#include "crypto/note.hpp"
#include "store/database.hpp"

namespace dayaq::audit {

enum class FaultKind : std::uint8_t {
  missing_entry,   ///< an index without its entry, or a log shorter than a checkpoint says
  changed_entry,   ///< a leaf that isn't the one whose hash was signed
  wrong_personal,  ///< person, salt or personal data that the leaf's commitment doesn't open to
  changed_tile,    ///< stored hashes that aren't those of the entries, which are right
  missing_tile,
  stray_row,       ///< a row that no log of this size has
  bad_checkpoint,  ///< the stored checkpoint is missing, or isn't one that the key has signed
  other_history,   ///< entries and tiles fit together, but aren't what a checkpoint was signed over
};
[[nodiscard]] std::string_view to_string(FaultKind kind);  ///< "missing entry"

struct Fault {
  FaultKind kind = FaultKind::changed_entry;
  std::uint64_t index = 0;  ///< the first entry that doesn't fit; for a checkpoint, its size
  std::string what;         ///< one sentence
};

struct VerifyReport {
  crypto::TreeHead head;       ///< of the entries that were read
  std::uint64_t personal = 0;  ///< entries whose commitment was opened
  std::uint64_t erased = 0;    ///< entries whose personal part is gone
  std::optional<Fault> fault;  ///< the one with the lowest index; nullopt: everything fits
  [[nodiscard]] bool good() const { return !fault.has_value(); }
};

struct VerifyOptions {
  crypto::VerifierKey key;          ///< the log's, from where its operator can't change it
  std::optional<std::string> held;  ///< a checkpoint note kept elsewhere, of this or a smaller size
  /// Called now and then with entries done and to do.
  std::function<void(std::uint64_t, std::uint64_t)> progress;
};

/// Reads the whole log in the session's snapshot.
///   - invalid_input "note.*"  the held note isn't one that `key` has signed
///   - errors of the session
/// Findings are no errors: they stand in the report.
[[nodiscard]] Result<VerifyReport> verify(store::Session& session, const VerifyOptions& options);

}  // namespace dayaq::audit
