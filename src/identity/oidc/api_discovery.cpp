// What the provider says of itself. @see OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2, RFC 9126
// section 5, RFC 9449 section 5.1, RFC 8628 section 4, CIBA Core section 4
#include <algorithm>
#include <array>

#include "crypto/jwt.hpp"
#include "identity/oidc/answers.hpp"
#include "identity/oidc/api_endpoints.hpp"
#include "identity/oidc/claims.hpp"

namespace dayaq::identity::oidc {
namespace {

using Texts = std::vector<std::string>;

bool serves(const http::Router& router, std::string_view pattern) {
  return std::ranges::any_of(router.routes(),
                             [&](const http::Route& route) { return route.pattern == pattern; });
}

void write_endpoints(crypto::ClaimsWriter& out, const Provider& provider, const http::Router& router) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> endpoints{
      {{"authorization_endpoint", "/oauth/authorize"},
       {"backchannel_authentication_endpoint", "/oauth/bc-authorize"},
       {"device_authorization_endpoint", "/oauth/device_authorization"},
       {"end_session_endpoint", "/oauth/logout"},
       {"introspection_endpoint", "/oauth/introspect"},
       {"pushed_authorization_request_endpoint", "/oauth/par"},
       {"revocation_endpoint", "/oauth/revoke"},
       {"token_endpoint", "/oauth/token"},
       {"userinfo_endpoint", "/oauth/userinfo"}}};
  for (const auto& [name, path] : endpoints) {
    if (serves(router, path)) out.text(name, provider.issuer + std::string(path));
  }
  out.text("issuer", provider.issuer);
  out.text("jwks_uri", provider.issuer + "/oauth/jwks");
}

void write_grants(crypto::ClaimsWriter& out, const http::Router& router) {
  Texts grants;
  const bool code = serves(router, "/oauth/authorize");
  const bool device = serves(router, "/oauth/device_authorization");
  const bool ciba = serves(router, "/oauth/bc-authorize");
  if (code) grants.emplace_back(to_string(GrantType::authorization_code));
  if (code || device || ciba) grants.emplace_back(to_string(GrantType::refresh_token));
  grants.emplace_back(to_string(GrantType::client_credentials));
  if (device) grants.emplace_back(to_string(GrantType::device_code));
  if (ciba) grants.emplace_back(to_string(GrantType::ciba));
  out.texts("grant_types_supported", grants);
  if (ciba) {
    out.texts("backchannel_token_delivery_modes_supported", Texts{"poll", "ping"});
    out.boolean("backchannel_user_code_parameter_supported", false);
  }
  if (serves(router, "/oauth/logout")) {
    out.boolean("backchannel_logout_session_supported", true);
    out.boolean("backchannel_logout_supported", true);
  }
  if (serves(router, "/oauth/par")) out.boolean("require_pushed_authorization_requests", false);
  if (!code) {
    out.texts("response_types_supported", Texts{});
    return;
  }
  out.boolean("authorization_response_iss_parameter_supported", true);
  out.boolean("claims_parameter_supported", true);
  out.texts("code_challenge_methods_supported", Texts{"S256"});
  out.texts("prompt_values_supported", Texts{"none", "login", "consent"});
  out.boolean("request_parameter_supported", true);
  out.texts("request_object_signing_alg_values_supported", Texts{"ES256", "EdDSA", "RS256", "PS256"});
  out.boolean("request_uri_parameter_supported", false);
  out.texts("response_modes_supported", Texts{"query", "form_post"});
  out.texts("response_types_supported", Texts{"code"});
  out.texts("ui_locales_supported", Texts{"az", "en", "ru"});
}

void write_algorithms(crypto::ClaimsWriter& out, const Provider& provider) {
  // Only what there is a key for.
  Texts signing;
  for (const auto algorithm : {crypto::JwsAlgorithm::es256, crypto::JwsAlgorithm::eddsa,
                               crypto::JwsAlgorithm::rs256, crypto::JwsAlgorithm::ps256}) {
    if (provider.keys.current(algorithm, provider.clock.now())) signing.emplace_back(to_string(algorithm));
  }
  out.texts("id_token_signing_alg_values_supported", signing);
  const Texts by_key{"ES256", "EdDSA", "RS256", "PS256"};
  const Texts methods{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"};
  const Texts confidential{"client_secret_basic", "client_secret_post", "private_key_jwt"};
  out.texts("dpop_signing_alg_values_supported", Texts{"ES256", "EdDSA", "PS256"});
  out.texts("introspection_endpoint_auth_methods_supported", confidential);
  out.texts("introspection_endpoint_auth_signing_alg_values_supported", by_key);
  out.texts("revocation_endpoint_auth_methods_supported", methods);
  out.texts("revocation_endpoint_auth_signing_alg_values_supported", by_key);
  out.texts("token_endpoint_auth_methods_supported", methods);
  out.texts("token_endpoint_auth_signing_alg_values_supported", by_key);
}

void write_claims(crypto::ClaimsWriter& out, const Provider& provider) {
  Texts claims{"sub", "iss", "aud",   "exp", "iat",     "auth_time", "acr",
               "amr", "azp", "nonce", "sid", "at_hash", "act"};
  Texts scopes{"openid", "profile", "phone", "age", "offline_access"};
  for (const std::string_view name : known_claims()) claims.emplace_back(name);
  for (const auto& status : provider.accounts.registry.country.statuses()) {
    if (status.sensitive) continue;
    claims.push_back("status:" + status.code.value());
    scopes.push_back("status:" + status.code.value());
  }
  out.texts("acr_values_supported", Texts{std::string(http::assurance_acr_prefix) + "low",
                                          std::string(http::assurance_acr_prefix) + "substantial",
                                          std::string(http::assurance_acr_prefix) + "high"});
  out.texts("claim_types_supported", Texts{"normal"});
  out.texts("claims_supported", claims);
  out.texts("scopes_supported", scopes);
  out.texts("subject_types_supported", Texts{"pairwise", "public"});
}

}  // namespace

std::string discovery_document(const Provider& provider, const http::Router& router) {
  crypto::ClaimsWriter out(4096);
  write_endpoints(out, provider, router);
  write_grants(out, router);
  write_algorithms(out, provider);
  write_claims(out, provider);
  return out.finish();
}

http::Response jwks(const Provider& provider) {
  http::Response response = http::Response::json(provider.keys.public_keys(provider.clock.now()).to_json());
  // Keys are published a day before they sign, so that an hour of caching never misses one.
  response.headers.emplace_back("Cache-Control", "public, max-age=3600");
  for_browsers(response);
  return response;
}

}  // namespace dayaq::identity::oidc
