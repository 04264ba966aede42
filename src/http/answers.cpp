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

constexpr std::string_view dpop_algorithms = "ES256 EdDSA PS256";

/// Stands in where no authenticator is given.
class Nobody final : public Authenticator {
 public:
  [[nodiscard]] Result<Principal> authenticate(const Credentials& credentials) const override {
    return fail(ErrorKind::unauthenticated,
                credentials.scheme == Credentials::Scheme::session ? "auth.session" : "auth.token",
                "Nobody is known here.");
  }
};

/// The token and the proof of a request, or its cookies for a page.
Credentials credentials_of(const Route& route, const Request& request) {
  Credentials out{.method = to_string(request.method), .path = request.path};
  if (route.scope == Scope::none) {
    out.scheme = Credentials::Scheme::session;
    out.cookies = request.header("cookie");
    return out;
  }
  const std::string_view value = request.header("authorization");
  const auto is = [&](std::string_view scheme) {
    return equals_ignoring_case(value.substr(0, scheme.size()), scheme);
  };
  constexpr std::string_view bearer = "Bearer ", dpop = "DPoP ";
  if (is(bearer)) {
    out.token = trim(value.substr(bearer.size()));
  } else if (is(dpop)) {
    out.scheme = Credentials::Scheme::dpop;
    out.token = trim(value.substr(dpop.size()));
  }
  for (const auto& [name, text] : request.headers) {
    if (!equals_ignoring_case(name, "dpop")) continue;
    out.proofs_many = !out.proof.empty();
    out.proof = text;
  }
  return out;
}

Response challenge(int status, std::string_view code, std::string_view title, std::string_view detail,
                   std::string_view scheme, std::string_view parameters) {
  Response response = problem(status, code, title, detail);
  response.headers.emplace_back("WWW-Authenticate", fmt::format(R"({} realm="dayaq"{})", scheme, parameters));
  return response;
}

constexpr std::string_view who_title = "Say who you are";

Response refuse_token(const Error& error, Credentials::Scheme scheme) {
  if (error.kind != ErrorKind::unauthenticated) return problem(error);
  if (scheme != Credentials::Scheme::dpop && !error.code.starts_with("dpop.")) {
    return challenge(401, error.code, who_title, error.public_text, "Bearer", R"(, error="invalid_token")");
  }
  const bool of_proof = error.code.starts_with("dpop.") && error.code != "dpop.required";
  const std::string_view name = error.code == "dpop.nonce" ? "use_dpop_nonce"
                                : of_proof                 ? "invalid_dpop_proof"
                                                           : "invalid_token";
  return challenge(401, error.code, who_title, error.public_text, "DPoP",
                   fmt::format(R"(, error="{}", algs="{}")", name, dpop_algorithms));
}

/// A token that is good, but perhaps not for this.
std::optional<Response> refuse_right(const Route& route, const Principal& principal,
                                     Credentials::Scheme scheme) {
  const std::string_view name = scheme == Credentials::Scheme::dpop ? "DPoP" : "Bearer";
  if (!principal.may(route.scope)) {
    return challenge(
        403, "auth.scope", "Not allowed",
        fmt::format("This key or token lacks the scope {}. Ask the operator for one that has it.",
                    to_string(route.scope)),
        name, fmt::format(R"(, error="insufficient_scope", scope="{}")", to_string(route.scope)));
  }
  if (principal.assurance < route.signed_in) {
    return challenge(401, "auth.assurance", "Sign in more surely",
                     "The person must prove more surely who they are. Ask for a token with this acr value.",
                     name,
                     fmt::format(R"(, error="insufficient_user_authentication", acr_values="{}{}")",
                                 assurance_acr_prefix, to_string(route.signed_in)));
  }
  return std::nullopt;
}

/// Pages: whoever isn't signed in, or not surely enough, goes to the sign-in page and comes back.
Response send_to_sign_in(const Route& route, const Request& request, std::string_view code,
                         std::string_view detail) {
  const bool reads = request.method == Method::get || request.method == Method::head;
  if (!reads || request.header("accept").find("text/html") == std::string_view::npos) {
    return challenge(401, code, "Sign in", detail, "Bearer", {});
  }
  std::string then(request.path);
  if (!request.query.empty()) then.append("?").append(request.query);
  std::string location = "/sign-in?then=" + percent_encode(then);
  if (route.signed_in > Assurance::low) location.append("&level=").append(to_string(route.signed_in));
  if (const auto chosen = parse_language(request.query_value("lang").value_or(""))) {
    location.append("&lang=").append(to_string(*chosen));
  }
  return Response::redirect(std::move(location));
}

std::optional<Response> judge_session(const Route& route, Request& request, Result<Principal>&& principal) {
  if (!principal && principal.error().kind != ErrorKind::unauthenticated) return problem(principal.error());
  if (!principal || principal->person == PersonId()) {
    return send_to_sign_in(route, request, "auth.session", "Nobody is signed in here. Sign in first.");
  }
  if (principal->assurance < route.signed_in) {
    return send_to_sign_in(route, request, "auth.assurance",
                           "This needs a surer proof of who you are. Sign in again with a passkey or card.");
  }
  request.principal = *std::move(principal);
  return std::nullopt;
}

std::optional<Response> judge(const Route& route, Request& request, Credentials::Scheme scheme,
                              const Authenticator& authenticator, Result<Principal>&& principal) {
  if (scheme == Credentials::Scheme::session) return judge_session(route, request, std::move(principal));
  if (!principal) {
    Response refusal = refuse_token(principal.error(), scheme);
    if (principal.error().code == "dpop.nonce")
      refusal.headers.emplace_back("DPoP-Nonce", authenticator.dpop_nonce());
    return refusal;
  }
  if (auto refusal = refuse_right(route, *principal, scheme)) return refusal;
  request.principal = *std::move(principal);
  return std::nullopt;
}

Response allow(std::string methods) {
  Response response = Response::no_content();
  response.headers.emplace_back("Allow", std::move(methods));
  return response;
}

/// What a browser asks before a script of another site may send more than a form. @see Fetch, section 3.2
Response preflight(std::string methods) {
  Response response = allow(methods);
  response.headers.emplace_back("Access-Control-Allow-Origin", "*");
  response.headers.emplace_back("Access-Control-Allow-Methods", std::move(methods));
  response.headers.emplace_back("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP");
  response.headers.emplace_back("Access-Control-Max-Age", "86400");
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
  if (request.method == Method::options)
    return match.cross_origin ? preflight(match.allow) : allow(match.allow);
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

Admission admit_by_head(const Router::Match& match, Request& request, const Framing& framing,
                        const Authenticator* authenticator) {
  request.principal = {};
  if (match.route == nullptr) return {.refusal = refuse_unmatched(match, request)};
  const Route& route = *match.route;
  bool later = false;
  if (route.scope != Scope::none || route.signed_in != Assurance::none) {
    const Credentials credentials = credentials_of(route, request);
    const bool session = credentials.scheme == Credentials::Scheme::session;
    if (!session && credentials.token.empty()) {
      return {.refusal = challenge(
                  401, "auth.required", who_title,
                  "Send a token or an API key in the header \"Authorization: Bearer TOKEN\".", "Bearer", {})};
    }
    static const Nobody nobody;
    const Authenticator& asked = authenticator != nullptr ? *authenticator : nobody;
    auto principal = asked.at_once(credentials);
    later = !principal.has_value();
    if (principal) {
      const bool known = principal->has_value();
      if (known) request.principal.person = (*principal)->person;  // the gate knows whose ticket it is
      if (auto refusal = judge(route, request, credentials.scheme, asked, *std::move(principal)))
        return {.refusal = std::move(refusal), .sign_in = session};
    }
  }
  if (framing.content_length > route.body_max) return {.refusal = body_too_long(route.body_max)};
  return {.refusal = std::nullopt, .ask_on_worker = later};
}

std::optional<Response> admit_caller(const Route& route, Request& request,
                                     const Authenticator& authenticator) {
  const Credentials credentials = credentials_of(route, request);
  return judge(route, request, credentials.scheme, authenticator, authenticator.authenticate(credentials));
}

}  // namespace dayaq::http
