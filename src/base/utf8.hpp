// Code points as bytes.
#pragma once

#include <string>

namespace dayaq {

/// Adds a code point (up to U+10FFFF) as UTF-8, RFC 3629 section 3. Surrogates are the caller's to refuse.
void append_utf8(std::string& out, char32_t code);

}  // namespace dayaq
