// Base45: two bytes as three letters of a QR code's alphanumeric mode, a last single byte as two.
// @see RFC 9285
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace dayaq::services::permit {

[[nodiscard]] std::string to_base45(BytesView bytes);
/// Upper case only. invalid_input "permit.text": another letter, a length that can't be, a number too large.
[[nodiscard]] Result<Bytes> from_base45(std::string_view text);

}  // namespace dayaq::services::permit
