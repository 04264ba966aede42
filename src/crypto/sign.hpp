// Ed25519 signatures and SHA-256.  @see RFC 8032, FIPS 180-4; through OpenSSL 3.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/result.hpp"

namespace dayaq::crypto {

using Sha256 = std::array<std::byte, 32>;
using PublicKey = std::array<std::byte, 32>;
using Signature = std::array<std::byte, 64>;

/// The algorithm is fetched once per thread: about 0.25 microseconds for 64 bytes.
[[nodiscard]] Sha256 sha256(BytesView message);
[[nodiscard]] Sha256 sha256(BytesView first, BytesView second);  ///< of first || second, without copying

/// For the few who ask for it (the at_hash of EdDSA); fetched each time.
[[nodiscard]] std::array<std::byte, 64> sha512(BytesView message);

/// Constant time in the content; lengths may differ.
[[nodiscard]] bool equal_constant_time(BytesView a, BytesView b);

/// An Ed25519 private key: not copyable, wiped when destroyed, never formatted.
class SigningKey {
 public:
  static SigningKey generate(Random& random);
  /// 32 bytes, RFC 8032's secret key. invalid_input "crypto.key".
  static Result<SigningKey> from_seed(BytesView seed);
  /// PKCS#8 PEM as OpenSSL writes it. invalid_input "crypto.key".
  static Result<SigningKey> from_pem(std::string_view pem);
  [[nodiscard]] std::string to_pem() const;
  [[nodiscard]] PublicKey public_key() const;
  [[nodiscard]] Signature sign(BytesView message) const;

  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  ~SigningKey();

 private:
  struct Impl;
  explicit SigningKey(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

[[nodiscard]] bool verify(const PublicKey& key, BytesView message, BytesView signature);

}  // namespace dayaq::crypto
