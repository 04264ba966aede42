// HMAC for one-time codes.  @see RFC 2104, FIPS 198-1; SHA-1 for TOTP alone (RFC 6238), whose apps know no
// other
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace dayaq::crypto {

enum class HmacHash : std::uint8_t { sha1, sha256, sha512 };

/// 20, 32 or 64 bytes. The algorithm is fetched once per thread.
[[nodiscard]] Bytes hmac(HmacHash hash, BytesView key, BytesView message);

}  // namespace dayaq::crypto
