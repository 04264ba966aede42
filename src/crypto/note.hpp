// Signed notes and tree checkpoints: what a log signs, in a text that people and witnesses can read.
//
//   example.com/log            the text: for a checkpoint origin, size, root, one a line
//   20852163
//   CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//                              an empty line
//   — example.com/log Az3g...  signatures: key name, base64(key id (4 bytes) || signature)
//
// @see https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/merkle.hpp"
#include "crypto/sign.hpp"

namespace dayaq::crypto {

inline constexpr std::size_t note_size_max = 1 << 20;    ///< bytes
inline constexpr std::size_t note_signatures_max = 100;  ///< the specification asks for at least 16

/// Not empty, UTF-8, no Unicode spaces, no control characters, no plus.
[[nodiscard]] bool is_key_name(std::string_view name);

/// Who may sign: a name, an Ed25519 key and the id that both make (the first 4 bytes of
/// SHA-256(name || 0x0A || 0x01 || key), big-endian).
struct VerifierKey {
  std::string name;
  std::uint32_t id = 0;
  PublicKey key{};

  /// `name` must be a key name (DAYAQ_ASSERT).
  static VerifierKey of(std::string name, const PublicKey& key);
  /// "name+hexid+base64(0x01 || key)". invalid_input "note.key".
  static Result<VerifierKey> parse(std::string_view text);
  [[nodiscard]] std::string to_text() const;
  friend bool operator==(const VerifierKey&, const VerifierKey&) = default;
};

struct NoteSignature {
  std::string name;
  std::uint32_t key_id = 0;
  Bytes signature;  ///< without the key id; at least one byte, 64 for Ed25519
};

struct Note {
  std::string text;  ///< ends in a newline; not to be believed before verify_note
  std::vector<NoteSignature> signatures;
};

/// invalid_input "note.malformed": not UTF-8, control characters, no signatures or too many, a signature line
/// that isn't one. Signatures by unknown algorithms are kept.
[[nodiscard]] Result<Note> parse_note(std::string_view note);

/// Checks the signatures by `keys`; others are ignored.
///   - invalid_input "note.signature"  a signature by one of `keys` doesn't fit the text
///   - invalid_input "note.unsigned"   none of `keys` has signed
[[nodiscard]] Result<void> verify_note(const Note& note, std::span<const VerifierKey> keys);

/// A signed note of `text` (not empty, ends in a newline, no control characters) with one signature.
[[nodiscard]] std::string sign_note(std::string_view text, std::string_view name, const SigningKey& key);

/// The head of a log's tree, as it is signed.
struct Checkpoint {
  std::string origin;  ///< the log's identity, one line: "dayaq.example/audit"
  TreeHead head;
  std::vector<std::string> extensions;  ///< further lines, opaque
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

/// invalid_input "note.checkpoint".
[[nodiscard]] Result<Checkpoint> parse_checkpoint(std::string_view text);
[[nodiscard]] std::string format_checkpoint(const Checkpoint& checkpoint);

/// A note parsed, its signature by `key` verified and its checkpoint read; the origin must be the key's name.
/// Errors of parse_note, verify_note and parse_checkpoint, and invalid_input "note.origin".
[[nodiscard]] Result<Checkpoint> open_checkpoint(std::string_view note, const VerifierKey& key);

}  // namespace dayaq::crypto
