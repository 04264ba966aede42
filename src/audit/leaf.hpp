// An entry's leaf: its text, what it commits to, and how both are read back.
//
//   {"action":"attestation.record","actor":"org:baku-city-hospital/key:17","at":"2026-11-21T08:00:00.000001Z",
//    "commitment":"<base64>","data":{...},"v":1}
//
// Canonical JSON (RFC 8785): one way only to write it, so that the hash of a leaf is the hash of what it
// says. Of the JSON that RFC 8785 allows we take less: numbers are integers of at most 53 bits, keys are
// printable ASCII.
//
// commitment = SHA-256(salt || person || personal): salt 16 random bytes, person the id as 8 bytes big-endian
// (zeros if none), personal the bytes of the JSON text (none if there is none). It is left out if there is
// neither.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "crypto/sign.hpp"

namespace dayaq::audit {

inline constexpr std::size_t leaf_size_max = 65535;  ///< bytes; the entry bundles of tlog-tiles hold no more
inline constexpr std::size_t personal_size_max = 65535;  ///< bytes
inline constexpr int depth_max = 16;                     ///< objects and arrays within each other

using Salt = std::array<std::byte, 16>;

/// True for one JSON object in the canonical form above, and nothing after it.
[[nodiscard]] bool is_canonical_object(std::string_view text);
/// UTF-8 on one line: no control characters. What `personal` must be.
[[nodiscard]] bool is_plain_line(std::string_view text);
/// Appends `text` (UTF-8) as a JSON string in quotes, escaped as RFC 8785 section 3.2.2.2 has it.
void append_json_string(std::string& out, std::string_view text);
/// Takes a JSON string so written off the front of `in` into `out`; false if there is none.
[[nodiscard]] bool take_json_string(std::string_view& in, std::string& out);

/// `person` 0 if none.
[[nodiscard]] crypto::Sha256 commitment(const Salt& salt, std::uint64_t person, std::string_view personal);

/// Writes leaves; keeps the text of the last second, since many entries share one. One thread.
class LeafWriter {
 public:
  struct Parts {
    std::string_view action;
    std::string_view actor;
    Instant at;
    std::optional<crypto::Sha256> commitment;
    std::string_view data;  ///< "" for {}
  };
  /// The leaf, valid until the next call.
  ///   - internal "audit.draft"  an action that is no dotted code, an actor that isn't one line of UTF-8,
  ///   data that
  ///                             isn't a canonical object, or a leaf too long: a defect of the caller
  Result<std::string_view> write(const Parts& parts);

 private:
  void append_time(Instant at);
  std::string leaf_;
  std::string second_text_;  // "2026-11-21T08:00:00"
  std::chrono::sys_seconds second_{std::chrono::seconds::min()};
};

/// The parts of a leaf as they stand in it; views into it.
struct LeafView {
  std::string_view action;  ///< escaped, without quotes
  std::string_view actor;   ///< escaped, without quotes
  std::string_view at;
  std::string_view commitment;  ///< base64, "" if none
  std::string_view data;        ///< a JSON object
};
/// nullopt unless the text is a leaf in its canonical form.
[[nodiscard]] std::optional<LeafView> parse_leaf(std::string_view leaf);

}  // namespace dayaq::audit
