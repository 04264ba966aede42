// ECDSA signatures of P-256: OpenSSL's DER and JOSE's R || S. @see RFC 3279 section 2.2.3, RFC 7518
// section 3.4
#pragma once

#include <array>
#include <optional>
#include <span>

#include "base/bytes.hpp"

namespace dayaq::crypto {

/// SEQUENCE { INTEGER r, INTEGER s } to 64 bytes. Nothing if it isn't DER or a number has over 32 bytes.
[[nodiscard]] std::optional<std::array<std::byte, 64>> ecdsa_p256_from_der(BytesView der);

struct EcdsaDer {
  std::array<std::byte, 72> bytes{};
  std::size_t size = 0;
  [[nodiscard]] BytesView view() const { return {bytes.data(), size}; }
};
[[nodiscard]] EcdsaDer ecdsa_p256_to_der(std::span<const std::byte, 64> signature);

}  // namespace dayaq::crypto
