// MD5 and HMAC-MD5, for RADIUS alone: its authenticators, its password hiding and its Message-Authenticator
// are defined with them (RFC 2865, RFC 2869) and with nothing better. Nothing of the house's own is protected
// by MD5.
// @see RFC 1321, RFC 2104; through OpenSSL 3.
#pragma once

#include <array>
#include <initializer_list>

#include "base/bytes.hpp"

namespace dayaq::crypto {

using Md5 = std::array<std::byte, 16>;

/// Of the parts one after another, without copying. The algorithm is fetched once per thread.
[[nodiscard]] Md5 md5(std::initializer_list<BytesView> parts);

/// A secret prepared for HMAC-MD5.
class HmacMd5Key {
 public:
  explicit HmacMd5Key(BytesView secret);
  [[nodiscard]] Md5 of(std::initializer_list<BytesView> parts) const;

 private:
  std::array<std::byte, 64> inner_{}, outer_{};
};

}  // namespace dayaq::crypto
