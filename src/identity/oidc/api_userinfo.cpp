// UserInfo. @see OpenID Connect Core section 5.3, RFC 6750, RFC 9449 section 7
#include <algorithm>

#include "crypto/jwt.hpp"
#include "http/encoding.hpp"
#include "identity/account/relations.hpp"
#include "identity/oidc/access_token.hpp"
#include "identity/oidc/answers.hpp"
#include "identity/oidc/api_endpoints.hpp"
#include "identity/oidc/claims.hpp"
#include "identity/oidc/form.hpp"

namespace dayaq::identity::oidc {
namespace {

struct Presented {
  std::string token;
  bool dpop = false;
};

/// By the Authorization header, or as a form field (RFC 6750 section 2.2); never in the address, which is
/// logged.
Result<Presented> presented(const http::Request& request) {
  const auto refused = [](ErrorKind kind, std::string_view code) {
    return fail(kind, code, "Send the access token in one place: the Authorization header.");
  };
  Presented out;
  int count = 0;
  for (const auto& [name, value] : request.headers) {
    if (!http::equals_ignoring_case(name, "authorization")) continue;
    const std::size_t space = value.find(' ');
    const std::string_view scheme = value.substr(0, space);
    out.dpop = http::equals_ignoring_case(scheme, "DPoP");
    if (space == std::string_view::npos || (!out.dpop && !http::equals_ignoring_case(scheme, "Bearer")))
      return refused(ErrorKind::unauthenticated, "auth.token");
    out.token = http::trim(value.substr(space + 1));
    ++count;
  }
  if (request.method == http::Method::post && !request.body.empty()) {
    const auto form = Form::parse(request);
    if (form && form->has("access_token")) {
      out.token = *form->get("access_token");
      ++count;
    }
  }
  if (count != 1) return refused(ErrorKind::unauthenticated, "auth.token");
  return out;
}

Result<std::string> answer(const Provider& provider, const http::Request& request, const Presented& with,
                           Instant now) {
  DAYAQ_TRY(const auto token, verify_access_token(provider, with.token, now));
  // RFC 9449 section 7.2: a bound token is worth nothing as a bearer token.
  if (with.dpop == token->jkt.empty()) {
    return fail(ErrorKind::unauthenticated, "auth.token",
                "The token is sent by another scheme than its own.");
  }
  if (with.dpop) {
    const std::string url = provider.issuer + "/oauth/userinfo";
    DAYAQ_TRY(const std::string jkt,
              check_proof(provider, request,
                          {.url = url, .access_token = with.token, .thumbprint = token->jkt}, now));
    if (jkt != token->jkt) {
      return fail(ErrorKind::invalid_input, "oauth.invalid_dpop_proof", "Send a DPoP proof with the token.");
    }
  }
  if (std::ranges::find(token->scopes, "openid") == token->scopes.end()) {
    return fail(ErrorKind::forbidden, "oauth.insufficient_scope", "The token has no scope openid.");
  }
  return provider.db.read([&](store::Session& db) -> Result<std::string> {
    DAYAQ_TRY(const auto row, grant_row(db, token->person, token->grant));
    if (!row || !row->live_at(now)) {
      return fail(ErrorKind::unauthenticated, "auth.token", "What the token stands on has ended.");
    }
    Grant grant = row->grant;
    if (grant.acting_for != PersonId()) {
      DAYAQ_TRY(const auto relation,
                standing_relation(db, provider.accounts, grant.person, grant.acting_for, "", now));
      if (!relation) {
        return fail(ErrorKind::unauthenticated, "auth.token", "What the token stands on has ended.");
      }
    }
    grant.scopes = token->scopes;  // a refreshed token may have fewer
    crypto::ClaimsWriter out;
    out.text("sub", token->subject);
    DAYAQ_TRY(const auto claims, claims_for(db, provider, grant, false));
    for (const Claim& claim : claims) out.json(claim.name, claim.json);
    return out.finish();
  });
}

}  // namespace

http::Response userinfo(const Provider& provider, const http::Request& request) {
  const Instant now = provider.clock.now();
  const auto with = presented(request);
  http::Response response;
  if (!with) {
    // RFC 6750 section 3.1: who sent nothing is told the scheme and no error.
    response = error_answer(with.error());
    response.status = 401;
    response.body = "{}";
    response.headers.emplace_back("WWW-Authenticate", "Bearer, DPoP algs=\"ES256 EdDSA PS256\"");
  } else if (auto body = answer(provider, request, *with, now)) {
    response = http::Response::json(std::move(*body));
    never_stored(response);
  } else {
    response = token_refused(provider, body.error(), with->dpop, now);
  }
  for_browsers(response);
  return response;
}

}  // namespace dayaq::identity::oidc
