// Responses as bytes.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace dayaq::http {

/// "Sat, 21 Nov 2026 18:13:41 GMT". @see RFC 9110 section 5.6.7
[[nodiscard]] std::string format_http_date(std::chrono::sys_seconds time);

struct ResponseFrame {
  bool head_only = false;  ///< the answer to HEAD: the body's length without the body
  bool keep_alive = true;
  std::string_view date;  ///< as format_http_date writes it
};

/// Appends the head of `response`: status, Date, Content-Type, Content-Length, the handler's headers and the
/// security headers, which a handler may override one by one. Content-Length, Transfer-Encoding, Connection
/// and Date are the server's alone; a handler's are left out. A handler's header that isn't valid (a CR, LF
/// or NUL in it, say) makes the whole answer a 500, so that nobody can inject one: `response` is replaced
/// then.
/// @return true if the body follows the head on the wire
bool append_head(std::string& out, Response& response, const ResponseFrame& frame);

}  // namespace dayaq::http
