// The provider's signing keys on disk: one encrypted file a key, and which of them is next, current or
// retired.
//
// A key's life is written in its file once and never changed: `active_from`. The rest follows from the clock:
//
//     created --- active_from ------------ active_from of its successor --- + keep --- deleted
//       next         current                          retired
//
// 1. A key is published from the moment it exists, `lead` before it signs: relying parties cache the JWKS.
// 2. It is published for `keep` after it signed last: longer than any token lives.
// 3. Of one algorithm the key with the latest active_from that isn't in the future signs.
// 4. rotate() only adds and deletes files; killed at any point it can be called again.
//
// A file is "dayaq-key-1\n" | 12-byte nonce | AES-256-GCM ciphertext | 16-byte tag; the header line and the
// file's name are authenticated with it. Plaintext: algorithm (1 byte) | created | active_from (microseconds,
// 8 bytes each) | PKCS#8 DER. What this doesn't notice: a file that somebody deletes, and a deleted one put
// back.
//
// Where a hardware token holds keys (pkcs11.hpp), a file says "token" in place of the PKCS#8 DER: the key is
// there, under the kid that the file is named after.
// @see NIST SP 800-38D (GCM), OpenID Connect Core section 10.1.1 (rotation)
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "crypto/jwk.hpp"
#include "crypto/secret.hpp"

namespace dayaq::crypto {

/// 256 bits that encrypt files. Comes from a file of 64 hexadecimal digits that only its owner may read.
class MasterKey {
 public:
  /// unavailable
  ///   - "keys.master"  missing, another's, readable by others (anything beyond 0600), a link, or not 64
  ///   digits
  static Result<MasterKey> load(const std::filesystem::path& path);
  /// Makes the file, 0600; conflict "keys.master_exists" rather than lose what another master key has
  /// encrypted.
  static Result<MasterKey> create(const std::filesystem::path& path, Random& random);

  /// nonce | ciphertext | tag. `context` is authenticated and must be given again.
  [[nodiscard]] Bytes seal(BytesView plaintext, BytesView context, Random& random) const;
  /// Null if a bit of anything was changed, or under another master key.
  [[nodiscard]] std::optional<SecretBytes> open(BytesView sealed, BytesView context) const;
  /// 32 bytes for one purpose, always the same under one master key: HMAC-SHA-256 of the purpose. For MACs of
  /// codes, pseudonyms, cookies; never for what seal() does.
  [[nodiscard]] SecretBytes derive(std::string_view purpose) const;

 private:
  explicit MasterKey(SecretBytes key) : key_(std::move(key)) {}
  SecretBytes key_;
};

/// Where keys are made, sign and stay. Thread-safe.
class KeyToken {
 public:
  virtual ~KeyToken() = default;
  [[nodiscard]] virtual bool takes(JwsAlgorithm algorithm) const = 0;
  // Errors: unavailable "keys.token"; not_found "keys.token_key".
  virtual Result<JwkPrivate> generate(JwsAlgorithm algorithm) = 0;
  virtual Result<JwkPrivate> load(std::string_view kid) = 0;
  virtual Result<void> remove(std::string_view kid) = 0;  ///< one that isn't there is no error
};

struct KeyRingPolicy {
  std::vector<JwsAlgorithm> algorithms{JwsAlgorithm::es256};
  std::chrono::seconds lead{std::chrono::hours(24)};       ///< published before it signs
  std::chrono::seconds life{std::chrono::hours(24 * 90)};  ///< signs for
  std::chrono::seconds keep{std::chrono::hours(24)};       ///< published after it signed last
  std::shared_ptr<KeyToken> token = {};  ///< holds keys of the algorithms that it takes; null: files hold all
};

enum class KeyState : std::uint8_t { next, current, retired };

struct KeyInfo {
  std::string kid;
  JwsAlgorithm algorithm = JwsAlgorithm::es256;
  KeyState state = KeyState::next;
  Instant created;
  Instant active_from;
};

/// Thread-safe; one process at a time owns the folder (the server's own lock on its data sees to that).
class KeyRing {
 public:
  /// Loads every *.key of the folder, which is made if missing (0700). unavailable
  ///   - "keys.folder"    can't be made or read
  ///   - "keys.tampered"  a file doesn't decrypt under this master key, or isn't what its name says: nothing
  ///   is loaded
  static Result<KeyRing> open(std::filesystem::path folder, MasterKey master, KeyRingPolicy policy);

  /// Makes what is missing: a first key of each algorithm (which signs at once), the next one `lead` before
  /// the current one's `life` ends; deletes what is past `keep`. Returns whether anything changed. Errors of
  /// writing pass through; nothing that is in use is lost by them.
  Result<bool> rotate(Instant now, Random& random);
  /// A new key that signs at once, for when one has leaked; `forget` the old one afterwards.
  Result<void> replace(JwsAlgorithm algorithm, Instant now, Random& random);
  /// Deletes a key: its tokens are worth nothing from here on. not_found "keys.unknown"; conflict
  /// "keys.current" if it is the one that signs.
  Result<void> forget(std::string_view kid, Instant now);

  /// The key that signs, shared so that a rotation can't take it from under a signature. not_found
  /// "keys.none".
  [[nodiscard]] Result<std::shared_ptr<const JwkPrivate>> current(JwsAlgorithm algorithm, Instant now) const;
  /// What the JWKS document publishes: next, current and retired keys.
  [[nodiscard]] JwkSet public_keys(Instant now) const;
  [[nodiscard]] std::vector<KeyInfo> list(Instant now) const;

  KeyRing(KeyRing&&) noexcept;
  KeyRing& operator=(KeyRing&&) noexcept;
  ~KeyRing();

 private:
  struct Impl;
  explicit KeyRing(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dayaq::crypto
