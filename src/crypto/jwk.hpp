// Keys of tokens: ES256 (P-256), EdDSA (Ed25519), RS256 and PS256 (RSA 2048 to 4096), as JWK and PKCS#8.
// @see RFC 7517, RFC 7518 sections 3 and 6, RFC 8037, RFC 7638; through OpenSSL 3.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/jwt_json.hpp"
#include "crypto/secret.hpp"

namespace dayaq::crypto {

enum class JwsAlgorithm : std::uint8_t { es256, eddsa, rs256, ps256 };
[[nodiscard]] std::string_view to_string(JwsAlgorithm algorithm);  ///< "ES256"
/// Nothing for what isn't one of the four, "none" above all.
[[nodiscard]] std::optional<JwsAlgorithm> parse_jws_algorithm(std::string_view name);

/// The algorithms a verifier takes.
class JwsAlgorithms {
 public:
  constexpr JwsAlgorithms(std::initializer_list<JwsAlgorithm> list) {
    for (const JwsAlgorithm a : list) bits_ |= 1u << unsigned(a);
  }
  [[nodiscard]] constexpr bool contains(JwsAlgorithm a) const { return (bits_ >> unsigned(a) & 1u) != 0; }

 private:
  unsigned bits_ = 0;
};
inline constexpr JwsAlgorithms all_jws_algorithms{JwsAlgorithm::es256, JwsAlgorithm::eddsa,
                                                  JwsAlgorithm::rs256, JwsAlgorithm::ps256};

enum class JwkType : std::uint8_t { p256, ed25519, rsa };

/// A public key. Cheap to copy: the copies share one OpenSSL handle.
class JwkPublic {
 public:
  /// One JWK. invalid_input
  ///   - "jwk.format"       not a JWK, or its numbers aren't a key (a point off the curve, RSA under 2048
  ///   bits)
  ///   - "jwk.unsupported"  another key type, curve or algorithm; or not for signatures (`use`, `key_ops`)
  ///   - "jwk.private"      has private or symmetric members: whoever sent it has given its secret away
  static Result<JwkPublic> parse(std::string_view json);
  static Result<JwkPublic> from_object(const JsonObject& jwk);
  /// SubjectPublicKeyInfo PEM. invalid_input "jwk.format", "jwk.unsupported".
  static Result<JwkPublic> from_pem(std::string_view pem);

  [[nodiscard]] JwkType type() const;
  /// Its `kid` member, else its thumbprint.
  [[nodiscard]] const std::string& kid() const;
  /// base64url of the SHA-256 of the required members. @see RFC 7638 section 3
  [[nodiscard]] const std::string& thumbprint() const;
  /// Whether the key's type, and its `alg` member if it has one, fit.
  [[nodiscard]] bool fits(JwsAlgorithm algorithm) const;
  /// Only the required members, in the order of RFC 7638: what a DPoP header carries.
  [[nodiscard]] const std::string& bare_json() const;
  /// With alg (if known), kid and use: as a JWKS publishes it.
  [[nodiscard]] std::string to_json() const;
  /// False too if the algorithm doesn't fit. Thread-safe.
  [[nodiscard]] bool verify(JwsAlgorithm algorithm, BytesView message, BytesView signature) const;

 private:
  friend class JwkPrivate;
  struct Impl;
  explicit JwkPublic(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;  // shared by the ring that loaded the key and requests that still verify
};

/// What signs with a key that this process doesn't have (pkcs11.hpp). Thread-safe.
class KeyHolder {
 public:
  virtual ~KeyHolder() = default;
  /// R || S of a SHA-256 hash, for ES256; false if it can't sign any more.
  [[nodiscard]] virtual bool sign_hash(BytesView hash, std::span<std::byte> out) const = 0;
};

/// A private key bound to one algorithm: not copyable, wiped when destroyed, never formatted.
class JwkPrivate {
 public:
  /// From OpenSSL's own generator. `rsa_bits` 2048 to 4096.
  static JwkPrivate generate(JwsAlgorithm algorithm, unsigned rsa_bits = 2048);
  /// PKCS#8 PEM without a password. invalid_input "jwk.format"; "jwk.unsupported" if it doesn't fit the
  /// algorithm.
  static Result<JwkPrivate> from_pem(std::string_view pem, JwsAlgorithm algorithm);
  /// PKCS#8 DER. The same errors.
  static Result<JwkPrivate> from_der(BytesView der, JwsAlgorithm algorithm);
  /// A private JWK, whose public part must belong to its private one. Without `alg`: ES256, EdDSA or RS256 by
  /// type. invalid_input "jwk.format", "jwk.unsupported".
  static Result<JwkPrivate> parse(std::string_view json);

  /// One that somebody else holds; ES256 alone. It can sign and not be written: a holder that can't sign any
  /// more ends the program, since whoever signs has nothing else to answer with.
  static JwkPrivate held(JwsAlgorithm algorithm, JwkPublic public_key,
                         std::shared_ptr<const KeyHolder> holder);
  [[nodiscard]] bool is_held() const;

  // Not of a key that is held elsewhere.
  [[nodiscard]] SecretBytes to_pem() const;
  [[nodiscard]] SecretBytes to_der() const;
  [[nodiscard]] SecretBytes to_json() const;
  [[nodiscard]] JwsAlgorithm algorithm() const;
  [[nodiscard]] const JwkPublic& public_key() const;
  [[nodiscard]] const std::string& kid() const { return public_key().kid(); }
  [[nodiscard]] std::size_t signature_size() const;  ///< 64, or the RSA modulus's length
  /// Writes signature_size() bytes (`out` has room for them): R || S for ES256 (RFC 7518 section 3.4).
  /// Thread-safe.
  void sign(BytesView message, std::span<std::byte> out) const;

  JwkPrivate(JwkPrivate&&) noexcept;
  JwkPrivate& operator=(JwkPrivate&&) noexcept;
  ~JwkPrivate();
  friend std::ostream& operator<<(std::ostream&, const JwkPrivate&) = delete;

 private:
  struct Impl;
  explicit JwkPrivate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Public keys by kid. @see RFC 7517 section 5
class JwkSet {
 public:
  JwkSet() = default;
  explicit JwkSet(std::vector<JwkPublic> keys) : keys_(std::move(keys)) {}
  /// At most 64 KiB and 64 keys. Keys of another kind are passed over, as the RFC asks. invalid_input
  ///   - "jwk.set"      not a JWKS, or too large
  ///   - "jwk.private"  one of the keys is private
  static Result<JwkSet> parse(std::string_view json);
  [[nodiscard]] std::string to_json() const;
  [[nodiscard]] const std::vector<JwkPublic>& keys() const { return keys_; }
  /// The key with that kid that fits; without a kid, the only one that fits. Null: none, or more than one.
  [[nodiscard]] const JwkPublic* find(std::optional<std::string_view> kid, JwsAlgorithm algorithm) const;

 private:
  std::vector<JwkPublic> keys_;
};

}  // namespace dayaq::crypto
