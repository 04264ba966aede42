// The numbers that a JWK and an OpenSSL key are made of, for this room's sources on keys alone.
#pragma once

#include <openssl/param_build.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/jwk.hpp"
#include "crypto/openssl_handles.ipp"

namespace dayaq::crypto::jwk_numbers {

inline constexpr int rsa_bits_min = 2048;
inline constexpr int rsa_bits_max = 4096;

std::unexpected<Error> bad(std::string_view what);          ///< invalid_input "jwk.format"
std::unexpected<Error> unsupported(std::string_view what);  ///< invalid_input "jwk.unsupported"

/// The public numbers: x and y, x alone, or n and e.
struct Numbers {
  JwkType type = JwkType::p256;
  Bytes first;
  Bytes second;
};
/// Big-endian, padded to `size` unless it is 0.
Bytes number_bytes(const BIGNUM* number, std::size_t size = 0);
BigNumber parameter(const EVP_PKEY* key, const char* name);
Result<Numbers> numbers_of(const EVP_PKEY* key);
Result<Numbers> numbers_of(const JsonObject& jwk);

/// RFC 7638 section 3.2, RFC 8037 section 2: the required members in lexicographic order.
std::string bare_json_of(const Numbers& numbers);

struct PrivateNumbers {
  static constexpr std::array<const char*, 6> rsa_names{"d", "p", "q", "dp", "dq", "qi"};
  static constexpr std::array<const char*, 6> rsa_parameters{
      OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,   OSSL_PKEY_PARAM_RSA_FACTOR2,
      OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
  std::array<SecretBytes, 6> values;  // d alone but for RSA
};
/// Null if the numbers aren't a key: the point is checked to lie on the curve when it is read.
PkeyHandle handle_of(const Numbers& numbers, const PrivateNumbers* secret = nullptr);
/// A P-256 public key from its point (4, x, y); null unless that lies on the curve, which reading it checks.
/// The curve is set up once and copied, not named anew: a proof of possession, and a passkey, brings another
/// key each time, and 14,500 instead of 11,200 of them are checked in a second.
PkeyHandle p256_from_point(BytesView point);
/// A member of base64url; `size` bytes of it unless that is 0.
std::optional<Bytes> base64_member(const JsonObject& jwk, std::string_view name, std::size_t size = 0);

}  // namespace dayaq::crypto::jwk_numbers
