// base64url straight into a token that is being written. Reading is base/bytes.hpp's.
#pragma once

#include <string>

#include "base/bytes.hpp"

namespace dayaq::crypto {

/// RFC 4648 section 5 without padding, appended in one growth of `out`.
void append_base64url(std::string& out, BytesView bytes);

}  // namespace dayaq::crypto
