#include "http/wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "base/log.hpp"
#include "http/encoding.hpp"

namespace dayaq::http {
namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "200 OK";
    case 201:
      return "201 Created";
    case 202:
      return "202 Accepted";
    case 204:
      return "204 No Content";
    case 206:
      return "206 Partial Content";
    case 301:
      return "301 Moved Permanently";
    case 302:
      return "302 Found";
    case 303:
      return "303 See Other";
    case 304:
      return "304 Not Modified";
    case 307:
      return "307 Temporary Redirect";
    case 308:
      return "308 Permanent Redirect";
    case 400:
      return "400 Bad Request";
    case 401:
      return "401 Unauthorized";
    case 403:
      return "403 Forbidden";
    case 404:
      return "404 Not Found";
    case 405:
      return "405 Method Not Allowed";
    case 408:
      return "408 Request Timeout";
    case 409:
      return "409 Conflict";
    case 410:
      return "410 Gone";
    case 412:
      return "412 Precondition Failed";
    case 413:
      return "413 Content Too Large";
    case 415:
      return "415 Unsupported Media Type";
    case 417:
      return "417 Expectation Failed";
    case 422:
      return "422 Unprocessable Content";
    case 429:
      return "429 Too Many Requests";
    case 431:
      return "431 Request Header Fields Too Large";
    case 500:
      return "500 Internal Server Error";
    case 501:
      return "501 Not Implemented";
    case 502:
      return "502 Bad Gateway";
    case 503:
      return "503 Service Unavailable";
    case 504:
      return "504 Gateway Timeout";
    case 505:
      return "505 HTTP Version Not Supported";
    default:
      return {};
  }
}

void append_number(std::string& out, std::size_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

constexpr std::array<std::string_view, 4> owned_by_server{"content-length", "transfer-encoding", "connection",
                                                          "date"};

bool is_owned_by_server(std::string_view name) {
  return std::ranges::any_of(owned_by_server,
                             [&](std::string_view own) { return equals_ignoring_case(own, name); });
}

bool is_valid(const Response& response) {
  return is_header_value(response.content_type) && response.status >= 200 && response.status <= 599 &&
         std::ranges::all_of(response.headers, [](const auto& header) {
           return is_token(header.first) && is_header_value(header.second);
         });
}

bool has(const Response& response, std::string_view name) {
  return std::ranges::any_of(response.headers,
                             [&](const auto& header) { return equals_ignoring_case(header.first, name); });
}

void append_default(std::string& out, const Response& response, std::string_view name,
                    std::string_view value) {
  if (!response.headers.empty() && has(response, name)) return;
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_page_headers(std::string& out, const Response& response) {
  append_default(out, response, "Content-Security-Policy",
                 "default-src 'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; "
                 "base-uri 'none'; form-action 'self'");
  append_default(out, response, "Referrer-Policy", "same-origin");
}

void refuse_invalid(Response& response) {
  log::error("http.invalid_header", "a handler's header or status is not valid; answered 500 in its place",
             {{"status", response.status}});
  response = problem(Error{.kind = ErrorKind::internal,
                           .code = "http.invalid_header",
                           .public_text = "The server failed to write this answer. Tell the operator.",
                           .detail = {},
                           .field = {},
                           .line = 0,
                           .column = 0});
}

}  // namespace

std::string format_http_date(std::chrono::sys_seconds t) {
  using namespace std::chrono;
  constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const sys_days day = floor<std::chrono::days>(t);
  const year_month_day date{day};
  const hh_mm_ss time{t - day};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", days[weekday{day}.c_encoding()],
                     static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                     time.seconds().count());
}

bool append_head(std::string& out, Response& response, const ResponseFrame& frame) {
  if (!is_valid(response)) [[unlikely]]
    refuse_invalid(response);
  out += "HTTP/1.1 ";
  if (const std::string_view reason = reason_of(response.status); !reason.empty()) {
    out += reason;
  } else {
    append_number(out, static_cast<std::size_t>(response.status));
    out += ' ';
  }
  out.append("\r\nDate: ").append(frame.date).append("\r\n");
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) {
    if (!response.content_type.empty()) {
      out.append("Content-Type: ").append(response.content_type).append("\r\n");
    }
    out += "Content-Length: ";
    append_number(out, response.body.size());
    out += "\r\n";
  }
  for (const auto& [name, value] : response.headers) {
    if (is_owned_by_server(name)) continue;
    out.append(name).append(": ").append(value).append("\r\n");
  }
  append_default(out, response, "Cache-Control", "no-store");
  append_default(out, response, "X-Content-Type-Options", "nosniff");
  if (response.content_type.starts_with("text/html")) append_page_headers(out, response);
  if (!frame.keep_alive) out += "Connection: close\r\n";
  out += "\r\n";
  return !bodiless && !frame.head_only && !response.body.empty();
}

}  // namespace dayaq::http
