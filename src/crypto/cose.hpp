// COSE: public keys as WebAuthn authenticators send them, and single-signer messages for permits.
//
//   COSE_Key   a map: 1 kty, 3 alg, -1 curve or modulus, -2 x or exponent, -3 y
//   COSE_Sign1 [protected: bstr .cbor map, unprotected: map, payload: bstr / nil, signature: bstr], tag 18
//
// @see RFC 9052 (structures), RFC 9053 (ES256, EdDSA, keys), RFC 8230 (RSA keys), RFC 8812 (RS256)
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/cbor.hpp"
#include "crypto/sign.hpp"

namespace dayaq::crypto {

/// The numbers of IANA's "COSE Algorithms".
enum class CoseAlgorithm : std::int32_t { es256 = -7, eddsa = -8, rs256 = -257 };

[[nodiscard]] std::optional<CoseAlgorithm> cose_algorithm(std::int64_t number);

enum class EcdsaForm : std::uint8_t {
  raw,  ///< r || s, 64 bytes: COSE (RFC 9053 section 2.1)
  der,  ///< ASN.1 Ecdsa-Sig-Value: WebAuthn section 6.5.5 and certificates
};

/// A public key that can verify: P-256, Ed25519, or RSA of 2048 to 4096 bits.
class CoseKey {
 public:
  /// A COSE_Key and nothing after it.
  ///   - invalid_input "cose.key"       a member missing, of the wrong type or size; a point off its curve; a
  ///                                    private key
  ///   - invalid_input "cose.algorithm" an algorithm or a key type that isn't one of ours, or not of each
  ///   other
  ///   - those of cbor::parse
  static Result<CoseKey> parse(BytesView bytes);
  static Result<CoseKey> from_value(const cbor::Value& key);   ///< the same, of a map already read
  static Result<CoseKey> from_p256(BytesView x, BytesView y);  ///< 32 bytes each. "cose.key"
  static Result<CoseKey> from_ed25519(BytesView key);          ///< 32 bytes. "cose.key"
  static Result<CoseKey> from_rsa(BytesView modulus, BytesView exponent);  ///< big-endian. "cose.key"

  [[nodiscard]] CoseAlgorithm algorithm() const;
  [[nodiscard]] bool verify(BytesView message, BytesView signature, EcdsaForm form) const;
  /// The COSE_Key in deterministic CBOR, with kty and alg and nothing but the public key.
  [[nodiscard]] Bytes encode() const;
  /// x and y of a P-256 key, none of another.
  [[nodiscard]] std::optional<std::array<std::byte, 64>> p256_point() const;

  CoseKey(CoseKey&&) noexcept;
  CoseKey& operator=(CoseKey&&) noexcept;
  ~CoseKey();

 private:
  struct Impl;
  explicit CoseKey(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A private key for COSE_Sign1: P-256 or Ed25519. Not copyable, cleared when destroyed, never formatted.
class CoseSigner {
 public:
  /// es256 or eddsa (DAYAQ_ASSERT); by OpenSSL's own generator.
  static CoseSigner generate(CoseAlgorithm algorithm);
  /// PKCS#8 PEM without a password. invalid_input "cose.key".
  static Result<CoseSigner> from_pem(std::string_view pem);
  [[nodiscard]] CoseAlgorithm algorithm() const;
  [[nodiscard]] CoseKey public_key() const;
  [[nodiscard]] Bytes sign(BytesView message) const;  ///< 64 bytes: r || s, or as in RFC 8032

  CoseSigner(CoseSigner&&) noexcept;
  CoseSigner& operator=(CoseSigner&&) noexcept;
  ~CoseSigner();

 private:
  struct Impl;
  explicit CoseSigner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

enum class Payload : std::uint8_t { attached, detached };

/// A tagged COSE_Sign1 with alg in its protected header and, unless empty, `key_id` in its unprotected one.
[[nodiscard]] Bytes cose_sign1(BytesView payload, const CoseSigner& signer, BytesView key_id,
                               BytesView external_aad = {}, Payload where = Payload::attached);

/// What a COSE_Sign1 says before it is verified: enough to find the key. Views into the message.
struct CoseSign1 {
  CoseAlgorithm algorithm{};
  BytesView key_id;                  ///< empty if it names none
  BytesView protected_header;        ///< the bytes that are signed
  std::optional<BytesView> payload;  ///< none if detached
  BytesView signature;
};

/// With or without tag 18.
///   - invalid_input "cose.sign1"      not a COSE_Sign1; a label in both headers; critical headers (none is
///   known here)
///   - invalid_input "cose.algorithm"  not one of ours, or not in the protected header
///   - those of cbor::parse, within `limits`
[[nodiscard]] Result<CoseSign1> parse_cose_sign1(BytesView message, const cbor::Limits& limits = {});

/// RFC 9052 section 4.4. `detached` is the payload where the message has none.
///   - invalid_input "cose.signature"  the key is of another algorithm, or the signature doesn't fit
///   - invalid_input "cose.payload"    no payload, or two
/// @return the payload
[[nodiscard]] Result<BytesView> verify_cose_sign1(const CoseSign1& message, const CoseKey& key,
                                                  BytesView external_aad = {},
                                                  std::optional<BytesView> detached = std::nullopt);

}  // namespace dayaq::crypto
