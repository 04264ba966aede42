// The small encodings of HTTP: percent and form encoding, JSON strings, header values, language negotiation.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/text.hpp"

namespace dayaq::http {

[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);  ///< ASCII
[[nodiscard]] std::string_view trim(std::string_view text);                       ///< spaces and tabs

/// %XX decoded; nullopt for a `%` without two hexadecimal digits. @see RFC 3986 section 2.1
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);
/// For one path segment or query value: everything but unreserved characters as %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);
/// The first value of `name` in application/x-www-form-urlencoded text, decoded; nullopt if it is absent, or
/// if its escapes are broken or it isn't UTF-8. @see WHATWG URL section 5.1
[[nodiscard]] std::optional<std::string> form_field(std::string_view form, std::string_view name);

/// A JSON string with its quotes. Bytes that aren't UTF-8 become U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

/// True if the bytes may stand in a header's value: no control characters but the tab, so no CR, LF or NUL.
[[nodiscard]] bool is_header_value(std::string_view text);
/// A token. @see RFC 9110 section 5.6.2
[[nodiscard]] bool is_token(std::string_view text);

/// The value of one cookie in a Cookie header; "" if absent. @see RFC 6265 section 5.4
[[nodiscard]] std::string_view cookie_value(std::string_view header, std::string_view name);

/// `?lang=`, then the cookie `lang`, then Accept-Language by its weights, then Azerbaijani.
/// @see RFC 9110 section 12.5.4
[[nodiscard]] Language negotiate_language(std::string_view query, std::string_view cookie,
                                          std::string_view accept_language);

}  // namespace dayaq::http
