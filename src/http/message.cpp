#include "http/message.hpp"

#include <fmt/format.h>

#include "http/encoding.hpp"

namespace dayaq::http {
namespace {

class FunctionSink final : public ResponseSink {
 public:
  explicit FunctionSink(std::function<void(Response)> send) : send_(std::move(send)) {}
  void answer(std::uint64_t, Response response) override { send_(std::move(response)); }

 private:
  std::function<void(Response)> send_;
};

std::string_view title_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_input:
      return "The request is not valid";
    case ErrorKind::unauthenticated:
      return "Say who you are";
    case ErrorKind::forbidden:
      return "Not allowed";
    case ErrorKind::not_found:
      return "Not found";
    case ErrorKind::conflict:
      return "The state has changed";
    case ErrorKind::limit:
      return "A limit is reached";
    case ErrorKind::unavailable:
      return "Temporarily unavailable";
    case ErrorKind::internal:
      return "Internal error";
  }
  return "Internal error";
}

void append_finding(std::string& out, const Error& error) {
  fmt::format_to(std::back_inserter(out), R"("code":{},"detail":{})", json_string(error.code),
                 json_string(error.public_text));
  if (!error.field.empty())
    fmt::format_to(std::back_inserter(out), R"(,"field":{})", json_string(error.field));
  if (error.line != 0) fmt::format_to(std::back_inserter(out), R"(,"line":{})", error.line);
  if (error.column != 0) fmt::format_to(std::back_inserter(out), R"(,"column":{})", error.column);
}

/// The members that every problem document starts with; left open for what follows.
std::string open_problem(const Error& error, int status) {
  std::string out = fmt::format(R"({{"type":{},"title":"{}","status":{},)",
                                json_string(fmt::format("https://dayaq.example/problems/{}", error.code)),
                                title_of(error.kind), status);
  append_finding(out, error);
  return out;
}

Response problem_response(std::string body, ErrorKind kind) {
  Response response{.status = status_of(kind),
                    .content_type = "application/problem+json",
                    .body = std::move(body),
                    .headers = {}};
  if (kind == ErrorKind::unauthenticated) {
    response.headers.emplace_back("WWW-Authenticate", R"(Bearer realm="dayaq")");
  }
  if (kind == ErrorKind::unavailable || kind == ErrorKind::limit)
    response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

std::string_view to_string(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
    case Method::patch:
      return "PATCH";
    case Method::del:
      return "DELETE";
    case Method::options:
      return "OPTIONS";
  }
  return "GET";
}

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (equals_ignoring_case(key, name)) return value;
  }
  return {};
}

const std::string& Request::parameter(std::string_view name) const {
  static const std::string none;
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return none;
}

std::optional<std::string> Request::query_value(std::string_view name) const {
  return form_field(query, name);
}

std::optional<std::string> Request::form_value(std::string_view name) const {
  return form_field(body, name);
}

Response Response::json(std::string body, int status) {
  return {.status = status, .content_type = "application/json", .body = std::move(body), .headers = {}};
}

Response Response::html(std::string body, int status) {
  return {
      .status = status, .content_type = "text/html; charset=utf-8", .body = std::move(body), .headers = {}};
}

Response Response::text(std::string body, int status) {
  return {
      .status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(body), .headers = {}};
}

Response Response::redirect(std::string location) {
  Response response{.status = 303, .content_type = "text/plain; charset=utf-8", .body = {}, .headers = {}};
  response.headers.emplace_back("Location", std::move(location));
  return response;
}

Response Response::no_content() {
  return {.status = 204, .content_type = {}, .body = {}, .headers = {}};
}

int status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_input:
      return 400;
    case ErrorKind::unauthenticated:
      return 401;
    case ErrorKind::forbidden:
      return 403;
    case ErrorKind::not_found:
      return 404;
    case ErrorKind::conflict:
      return 409;
    case ErrorKind::limit:
      return 429;
    case ErrorKind::unavailable:
      return 503;
    case ErrorKind::internal:
      return 500;
  }
  return 500;
}

Response problem(const Error& error) {
  std::string body = open_problem(error, status_of(error.kind));
  body += '}';
  return problem_response(std::move(body), error.kind);
}

Response problem(const Errors& errors, std::optional<int> status) {
  DAYAQ_ASSERT(!errors.empty());
  const ErrorKind kind = errors.front().kind;
  std::string body = open_problem(errors.front(), status.value_or(status_of(kind)));
  body += R"(,"errors":[)";
  for (const Error& error : errors) {
    body += '{';
    append_finding(body, error);
    body += "},";
  }
  body.back() = ']';
  body += '}';
  Response response = problem_response(std::move(body), kind);
  response.status = status.value_or(response.status);
  return response;
}

Response problem(int status, std::string_view code, std::string_view title, std::string_view detail) {
  return {.status = status,
          .content_type = "application/problem+json",
          .body = fmt::format(R"({{"type":{},"title":{},"status":{},"code":{},"detail":{}}})",
                              json_string(fmt::format("https://dayaq.example/problems/{}", code)),
                              json_string(title), status, json_string(code), json_string(detail)),
          .headers = {}};
}

Responder::Responder(std::function<void(Response)> send)
    : sink_(std::make_shared<FunctionSink>(std::move(send))) {}

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    Responder dropped(std::move(*this));  // answers for what was held before
    sink_ = std::move(other.sink_);
    request_ = other.request_;
  }
  return *this;
}

Responder::~Responder() {
  if (!sink_) return;
  const Error error{.kind = ErrorKind::internal,
                    .code = "http.no_answer",
                    .public_text =
                        "The server failed to answer this request. Try again; if it fails again, "
                        "tell the operator.",
                    .detail = {},
                    .field = {},
                    .line = 0,
                    .column = 0};
  std::exchange(sink_, nullptr)->answer(request_, problem(error));
}

void Responder::operator()(Response response) {
  DAYAQ_ASSERT(sink_ != nullptr);  // one answer for each request
  std::exchange(sink_, nullptr)->answer(request_, std::move(response));
}

}  // namespace dayaq::http
