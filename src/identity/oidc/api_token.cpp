#include "identity/oidc/api_token.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/jwt_json.hpp"
#include "identity/oidc/answers.hpp"
#include "identity/oidc/claims.hpp"
#include "identity/oidc/client_auth.hpp"
#include "identity/oidc/token_state.hpp"

namespace dayaq::identity::oidc {
namespace {

std::unexpected<Error> refused(std::string_view code, std::string text) {
  return fail(ErrorKind::invalid_input, code, std::move(text));
}

/// RFC 8707: one place is served.
Result<void> check_resource(const Provider& provider, const Form& form) {
  const auto resource = form.get("resource");
  if (!resource || *resource == provider.issuer || *resource == provider.issuer + "/") return {};
  return refused("oauth.invalid_target", "Tokens are given for this server alone: leave resource out.");
}

http::Response refuse(const Provider& provider, const Error& error, Instant now) {
  http::Response response = error_answer(provider, error, now);
  for_browsers(response);
  return response;
}

}  // namespace

bool refreshable(const Client& client) {
  return client.may(GrantType::refresh_token);
}

http::Response token_response(const Provider& provider, const Client& client, const TokenAnswer& answer,
                              Instant now) {
  std::string body;
  body.reserve(answer.access.text.size() + answer.id_token.size() + answer.refresh.size() + 192);
  fmt::format_to(std::back_inserter(body), R"({{"access_token":"{}","token_type":"{}","expires_in":{})",
                 answer.access.text, answer.jkt.empty() ? "Bearer" : "DPoP", answer.access.life.count());
  if (!answer.id_token.empty())
    fmt::format_to(std::back_inserter(body), R"(,"id_token":"{}")", answer.id_token);
  if (!answer.refresh.empty())
    fmt::format_to(std::back_inserter(body), R"(,"refresh_token":"{}")", answer.refresh);
  if (!answer.scope.empty()) {
    body += R"(,"scope":)";
    crypto::append_json_text(body, answer.scope);
  }
  body += '}';
  http::Response response = http::Response::json(std::move(body));
  never_stored(response);
  for_browsers(response);
  if (client.fapi)
    add_nonce(response, provider, now);  // RFC 9449 section 8.2: the next one, before it is missed
  return response;
}

Result<TokenAnswer> sign_answer(const TokenRequest& request, const Grant& grant,
                                const std::vector<std::string>& scopes, std::uint64_t generation,
                                std::string_view nonce) {
  const Provider& provider = request.provider;
  TokenAnswer out;
  out.jkt = request.jkt;
  out.scope = join_scopes(scopes);
  DAYAQ_TRY(out.access,
            sign_access_token(provider, *request.client, grant, out.scope, request.jkt, request.now));
  if (generation != 0) {
    out.refresh = write_handle(provider.tokens->keys(provider.master).handles,
                               {HandleKind::refresh, grant.person, grant.id, generation});
  }
  if (std::ranges::find(scopes, "openid") == scopes.end()) return out;
  std::vector<Claim> claims;
  if (std::ranges::any_of(grant.claims, &ClaimWish::in_id_token)) {
    DAYAQ_TRY(claims,
              provider.db.read([&](store::Session& db) { return claims_for(db, provider, grant, true); }));
  }
  DAYAQ_TRY(out.id_token,
            sign_id_token(provider, *request.client, grant, out.access.text, claims, nonce, request.now));
  return out;
}

Result<TokenAnswer> client_credentials(const TokenRequest& request) {
  const Client& client = *request.client;
  if (client.authentication == ClientAuthentication::none) {
    return refused("oauth.unauthorized_client", "This client can't use this grant type.");
  }
  std::vector<std::string> scopes;
  const auto asked = request.form.get("scope");
  std::string_view left = asked.value_or("");
  for (const std::string& scope : client.scopes) {
    if (!asked && is_program_scope(scope)) scopes.push_back(scope);
  }
  while (!left.empty()) {
    const std::size_t space = left.find(' ');
    const std::string_view one = left.substr(0, space);
    left = space == std::string_view::npos ? std::string_view() : left.substr(space + 1);
    if (!is_program_scope(one) || std::ranges::find(client.scopes, one) == client.scopes.end())
      return refused("oauth.invalid_scope", "The client may not ask for this scope.");
    if (std::ranges::find(scopes, one) == scopes.end()) scopes.emplace_back(one);
  }
  TokenAnswer out;
  out.jkt = request.jkt;
  out.scope = join_scopes(scopes);
  DAYAQ_TRY(out.access,
            sign_access_token(request.provider, client, Grant{}, out.scope, request.jkt, request.now));
  request.provider.tokens->count_issued(client.id);
  return out;
}

Result<void> note_release(store::Session& db, const Provider& provider, const Client& client,
                          const Grant& grant) {
  if (!releases_claims(grant)) return {};
  std::vector<std::string> names;
  for (const bool in_id_token : {false, true}) {
    DAYAQ_TRY(const auto claims, claims_for(db, provider, grant, in_id_token));
    for (const Claim& claim : claims) {
      if (std::ranges::find(names, claim.name) == names.end()) names.push_back(claim.name);
    }
  }
  if (names.empty()) return {};
  std::ranges::sort(names);
  DAYAQ_TRY_OK(provider.log.append(
      db, {.action = "identity.claims",
           .actor = fmt::format("org:{}/client:{}", client.organisation, client.id),
           .subject = subject_of(grant),
           .data = fmt::format(R"({{"claims":"{}","client":"{}"}})", fmt::join(names, " "), client.id),
           .personal = ""}));
  return {};
}

void answer_token_request(const Provider& provider, const std::shared_ptr<const http::Request>& request,
                          http::Responder respond) {
  const Instant now = provider.clock.now();
  const auto form = Form::parse(*request);
  if (!form) return respond(refuse(provider, form.error(), now));
  const auto type_name = form->required("grant_type");
  if (!type_name) return respond(refuse(provider, type_name.error(), now));
  auto client = authenticate_client(provider, *request, *form, now);
  if (!client) return respond(refuse(provider, client.error(), now));
  const auto type = parse_grant_type(*type_name);
  const auto problem = [&]() -> Result<std::string> {
    if (!type) return refused("oauth.unsupported_grant_type", "This grant type isn't served.");
    if (!(*client)->may(*type))
      return refused("oauth.unauthorized_client", "This client can't use this grant type.");
    DAYAQ_TRY_OK(check_resource(provider, *form));
    const std::string url = provider.issuer + "/oauth/token";
    DAYAQ_TRY(auto jkt, check_proof(provider, *request, {.url = url, .nonce = (*client)->fapi}, now));
    if (jkt.empty() && (*client)->dpop_bound)
      return refused("oauth.invalid_dpop_proof",
                     "This client's tokens are bound to a key: send a DPoP proof.");
    return jkt;
  }();
  if (!problem) return respond(refuse(provider, problem.error(), now));
  const TokenRequest asked{provider, *form, *client, *problem, now};
  switch (*type) {
    case GrantType::authorization_code:
      return redeem_by_code(asked, std::move(respond));
    case GrantType::refresh_token:
      return redeem_by_refresh(asked, std::move(respond));
    case GrantType::client_credentials: {
      const auto answer = client_credentials(asked);
      return respond(answer ? token_response(provider, **client, *answer, now)
                            : refuse(provider, answer.error(), now));
    }
    case GrantType::device_code:
    case GrantType::ciba:
      return redeem_by_poll(asked, *type, std::move(respond));
  }
}

}  // namespace dayaq::identity::oidc
