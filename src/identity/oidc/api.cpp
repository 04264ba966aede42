#include "identity/oidc/answers.hpp"
#include "identity/oidc/api_endpoints.hpp"
#include "identity/oidc/api_token.hpp"
#include "identity/oidc/provider.hpp"

namespace dayaq::identity::oidc {
namespace {

constexpr std::string_view form_media = "application/x-www-form-urlencoded";
constexpr std::size_t body_max = 32 << 10;
constexpr std::string_view client_decides = "the client authenticates by the rules of OAuth";

http::Route form_route(std::string pattern, std::string operation, std::string summary) {
  http::Route route;
  route.method = http::Method::post;
  route.pattern = std::move(pattern);
  route.open = client_decides;
  route.cross_origin = true;
  route.body_max = body_max;
  route.operation = std::move(operation);
  route.summary = std::move(summary);
  route.request_media = form_media;
  route.tag = "identity";
  return route;
}

http::Route get_route(std::string pattern, std::string operation, std::string summary,
                      std::string_view open) {
  http::Route route;
  route.pattern = std::move(pattern);
  route.open = open;
  route.cross_origin = true;
  route.operation = std::move(operation);
  route.summary = std::move(summary);
  route.tag = "identity";
  return route;
}

void add_discovery(http::Router& router, const Provider& provider) {
  for (const auto& [path, operation] :
       {std::pair("/.well-known/openid-configuration", "openid_configuration"),
        std::pair("/.well-known/oauth-authorization-server", "oauth_configuration")}) {
    http::Route route = get_route(path, operation, "What the OpenID Provider serves, and where.",
                                  "discovery: clients read it before they know anything");
    route.run = http::Run::inline_;
    // Written when asked: the routes are all there by then, and keys come and go.
    router.add(std::move(route), [&provider, &router](const http::Request&) {
      http::Response response = http::Response::json(discovery_document(provider, router));
      response.headers.emplace_back("Cache-Control", "public, max-age=3600");
      for_browsers(response);
      return response;
    });
  }
  http::Route route =
      get_route("/oauth/jwks", "oauth_jwks", "The public keys of its tokens (RFC 7517).", "public keys");
  route.run = http::Run::inline_;
  router.add(std::move(route), [&provider](const http::Request&) { return jwks(provider); });
}

}  // namespace

void add_token_routes(http::Router& router, const Provider& provider) {
  router.add_async(
      form_route("/oauth/token", "oauth_token", "Gives tokens for a grant (RFC 6749 section 3.2)."),
      [&provider](const std::shared_ptr<const http::Request>& request, http::Responder respond) {
        answer_token_request(provider, request, std::move(respond));
      });
  http::Route introspection = form_route("/oauth/introspect", "oauth_introspect",
                                         "Says whether an access token is good, and whose it is (RFC 7662).");
  introspection.cross_origin = false;
  introspection.run = http::Run::inline_;
  router.add(std::move(introspection),
             [&provider](const http::Request& request) { return introspect(provider, request); });
  router.add_async(
      form_route("/oauth/revoke", "oauth_revoke", "Ends a token, or a grant with all of them (RFC 7009)."),
      [&provider](const std::shared_ptr<const http::Request>& request, http::Responder respond) {
        revoke(provider, request, std::move(respond));
      });
  constexpr std::string_view by_token = "the access token is checked by its own rules (Bearer and DPoP)";
  router.add(
      get_route("/oauth/userinfo", "oauth_userinfo", "Claims about the person of an access token.", by_token),
      [&provider](const http::Request& request) { return userinfo(provider, request); });
  http::Route posted = form_route("/oauth/userinfo", "oauth_userinfo_post", "The same by POST.");
  posted.open = by_token;
  router.add(std::move(posted),
             [&provider](const http::Request& request) { return userinfo(provider, request); });
  add_discovery(router, provider);
}

}  // namespace dayaq::identity::oidc
