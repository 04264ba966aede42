// Routes that programs call: PAR, device_authorization, bc-authorize. Logging out is a page.
#include <fmt/format.h>

#include "http/encoding.hpp"
#include "identity/oidc/authorize.hpp"
#include "identity/oidc/ciba.hpp"
#include "identity/oidc/pushed.hpp"
#include "identity/oidc/token_state.hpp"

namespace dayaq::identity::oidc {
namespace {

using http::Request;
using http::Response;

Response answer(std::string body, int status = 200) {
  Response response = Response::json(std::move(body), status);
  response.headers.emplace_back("Cache-Control", "no-store");  // RFC 9126 section 2.2, RFC 8628 section 3.2
  return response;
}

bool is_form(const Request& request) {
  const std::string_view type = request.header("content-type");
  return http::equals_ignoring_case(http::trim(type.substr(0, type.find(';'))),
                                    "application/x-www-form-urlencoded");
}

/// One of these endpoints: a form from a client that says who it is.
template <class F>
http::Handler endpoint(const Provider& provider, F&& answer_client) {
  return [&provider, answer_client](const Request& request) -> Response {
    if (!is_form(request)) {
      return error_answer(Error{ErrorKind::invalid_input,
                                "oauth.invalid_request",
                                "Send application/x-www-form-urlencoded.",
                                {},
                                {},
                                0,
                                0});
    }
    const auto client = authenticate_client(provider, request);
    if (!client) return error_answer(client.error());
    const Result<Response> answered = answer_client(provider, **client, request);
    return answered ? *answered : error_answer(answered.error());
  };
}

/// RFC 9449 section 10.1: a proof that comes with a pushed request binds the code to its key.
Result<std::string> key_of_proof(const Provider& provider, const Request& request, Instant now) {
  const std::string_view proof = request.header("dpop");
  if (proof.empty()) return std::string();
  int proofs = 0;
  for (const auto& header : request.headers) {
    if (http::equals_ignoring_case(header.first, "dpop")) ++proofs;
  }
  const auto refused = [] {
    return fail(ErrorKind::invalid_input, "oauth.invalid_dpop_proof", "The DPoP proof isn't right for this.");
  };
  if (proofs != 1) return refused();
  const std::string url = provider.issuer + "/oauth/par";
  ReplaysAt replays(provider.tokens->replays(), "dpop", now);
  const auto checked =
      crypto::check_dpop(proof, {.method = "POST", .url = url}, crypto::DpopPolicy{}, replays, now);
  if (!checked) {
    if (checked.error().kind == ErrorKind::unavailable) return std::unexpected(checked.error());
    return refused();
  }
  if (provider.tokens->made_before_start(checked->issued)) return refused();
  return checked->thumbprint;
}

Result<Response> par(const Provider& provider, const Client& client, const Request& request) {
  const Instant now = provider.clock.now();
  DAYAQ_TRY(const std::string key, key_of_proof(provider, request, now));
  DAYAQ_TRY(const Pushed pushed, push(provider, client, request.body, key, now));
  // RFC 9126 section 2.2
  return answer(fmt::format(R"({{"request_uri":{},"expires_in":{}}})", http::json_string(pushed.request_uri),
                            pushed.expires_in.count()),
                201);
}

Result<Response> device(const Provider& provider, const Client& client, const Request& request) {
  DAYAQ_TRY(const DeviceAuthorization begun,
            begin_device(provider, client, request.body, provider.clock.now()));
  // RFC 8628 section 3.2
  const std::string page = provider.issuer + "/device";
  return answer(fmt::format(
      R"({{"device_code":{},"user_code":{},"verification_uri":{},)"
      R"("verification_uri_complete":{},"expires_in":{},"interval":{}}})",
      http::json_string(begun.device_code), http::json_string(begun.user_code), http::json_string(page),
      http::json_string(page + "?user_code=" + begun.user_code), begun.expires_in.count(),
      begun.interval.count()));
}

Result<Response> ciba(const Provider& provider, const Client& client, const Request& request) {
  auto begun = begin_ciba(provider, client, request.body, provider.clock.now());
  if (!begun && begun.error().kind == ErrorKind::limit) {
    Response response = error_answer(begun.error());
    response.status = 429;
    response.headers.emplace_back("Retry-After", "600");
    return response;
  }
  if (!begun) return std::unexpected(begun.error());
  // CIBA Core section 7.3
  return answer(fmt::format(R"({{"auth_req_id":{},"expires_in":{},"interval":{}}})",
                            http::json_string(begun->auth_req_id), begun->expires_in.count(),
                            begun->interval.count()));
}

http::Route route(std::string pattern, std::string operation, std::string summary) {
  http::Route out;
  out.method = http::Method::post;
  out.pattern = std::move(pattern);
  out.open = "the client authenticates itself";
  out.body_max = 16 << 10;
  out.operation = std::move(operation);
  out.summary = std::move(summary);
  out.request_media = "application/x-www-form-urlencoded";
  out.tag = "identity";
  return out;
}

}  // namespace

void add_authorization_routes(http::Router& router, const Provider& provider) {
  router.add(route("/oauth/par", "push_authorization_request",
                   "Hands an authorization request over before the browser is sent (RFC 9126)."),
             endpoint(provider, par));
  router.add(route("/oauth/device_authorization", "begin_device_flow",
                   "Begins the device flow: a code for the device, one for its owner to type (RFC 8628)."),
             endpoint(provider, device));
  router.add(route("/oauth/bc-authorize", "begin_backchannel_authentication",
                   "Asks a known person for a confirmation on their own page or phone (CIBA)."),
             endpoint(provider, ciba));
}

}  // namespace dayaq::identity::oidc
