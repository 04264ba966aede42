#include "http/answers.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <exception>

#include "base/log.hpp"
#include "http/encoding.hpp"

namespace dayaq::http {
namespace {

Response unavailable(std::string_view code, std::string_view detail, std::uint64_t retry_after_s) {
  Response response = problem(503, code, "Temporarily unavailable", detail);
  response.headers.emplace_back("Retry-After", std::to_string(retry_after_s));
  return response;
}

std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view scheme = "Bearer ";
  if (!equals_ignoring_case(authorization.substr(0, scheme.size()), scheme)) return {};
  return trim(authorization.substr(scheme.size()));
}

Response challenge(int status, std::string_view code, std::string_view title, std::string_view detail,
                   std::string parameters) {
  Response response = problem(status, code, title, detail);
  response.headers.emplace_back("WWW-Authenticate", R"(Bearer realm="dayaq")" + std::move(parameters));
  return response;
}

std::optional<Response> refuse_caller(Scope scope, Request& request, std::string_view authorization,
                                      const Authenticator* authenticator) {
  const std::string_view token = bearer_token(authorization);
  if (token.empty()) {
    return challenge(401, "auth.required", "Say who you are",
                     "Send an API key in the header \"Authorization: Bearer KEY\".", {});
  }
  auto principal =
      authenticator != nullptr
          ? authenticator->authenticate(token)
          : Result<Principal>(fail(ErrorKind::unauthenticated, "auth.token", "No keys are known here."));
  if (!principal) {
    if (principal.error().kind != ErrorKind::unauthenticated) return problem(principal.error());
    return challenge(401, principal.error().code, "Say who you are", principal.error().public_text,
                     R"(, error="invalid_token")");
  }
  if (!principal->may(scope)) {
    return challenge(
        403, "auth.scope", "Not allowed",
        fmt::format("This key lacks the scope {}. Ask the operator for one that has it.", to_string(scope)),
        fmt::format(R"(, error="insufficient_scope", scope="{}")", to_string(scope)));
  }
  request.principal = std::move(*principal);
  return std::nullopt;
}

Response allow(std::string methods) {
  Response response = Response::no_content();
  response.headers.emplace_back("Allow", std::move(methods));
  return response;
}

Response refuse_unmatched(const Router::Match& match, const Request& request) {
  if (request.path == "*") return allow("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  if (match.bad_path) {
    return problem(400, "http.path", "The request is not valid",
                   "The path has a broken escape, a dot segment or bytes that are not text. Correct it.");
  }
  if (!match.path_exists) {
    return problem(404, "http.path_unknown", "Not found",
                   "Nothing is served at this path. Check its spelling.");
  }
  if (request.method == Method::options) return allow(match.allow);
  Response response = problem(405, "http.method", "Method not allowed",
                              fmt::format("Here only these methods are served: {}.", match.allow));
  response.headers.emplace_back("Allow", match.allow);
  return response;
}

}  // namespace

Response timed_out(std::string_view detail) {
  return problem(408, "http.slow", "The request came too slowly", detail);
}

Response request_timed_out() {
  return unavailable("http.timeout", "The answer takes too long. Try again, and ask for less if you can.", 1);
}

Response server_stops() {
  return unavailable("http.stopping", "The server is stopping. Try again.", 1);
}

Response body_too_long(std::size_t body_max) {
  return problem(413, "http.body_size", "The body is too long",
                 fmt::format("Send at most {} bytes; cut a longer list into several requests.", body_max));
}

Response chunks_malformed() {
  return problem(400, "http.malformed", "The request is not valid", "The chunked body is malformed.");
}

Response overloaded(std::uint64_t count) {
  return unavailable("http.overloaded",
                     "Too many requests at once. Try again after the seconds of Retry-After.",
                     1 + count * 7 % 5);
}

void show_to_person(const Router& router, const Request& request, Response& response) {
  if (!router.error_page() || response.content_type != "application/problem+json") return;
  if (request.path.starts_with("/v1/") ||
      request.header("accept").find("text/html") == std::string_view::npos)
    return;
  try {
    const boost::json::value problem = boost::json::parse(response.body);
    const ProblemText text{.status = response.status,
                           .code = std::string(problem.at("code").as_string()),
                           .detail = std::string(problem.at("detail").as_string())};
    Response page = router.error_page()(request, text);
    page.status = response.status;
    for (auto& header : response.headers) page.headers.push_back(std::move(header));
    response = std::move(page);
  } catch (const std::exception& error) {  // the problem details stand
    log::error("http.error_page", "the error page could not be rendered", {{"what", error.what()}});
  }
}

std::optional<Response> refuse_by_head(const Router::Match& match, Request& request, const Framing& framing,
                                       const Authenticator* authenticator) {
  request.principal = {};
  if (match.route == nullptr) return refuse_unmatched(match, request);
  const Route& route = *match.route;
  if (route.scope != Scope::none) {
    if (auto refusal = refuse_caller(route.scope, request, framing.authorization, authenticator))
      return refusal;
  }
  if (framing.content_length > route.body_max) return body_too_long(route.body_max);
  return std::nullopt;
}

}  // namespace dayaq::http
