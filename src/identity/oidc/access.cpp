#include "identity/oidc/access.hpp"

#include <algorithm>
#include <array>

#include "http/encoding.hpp"
#include "http/message.hpp"
#include "identity/account/relations.hpp"
#include "identity/oidc/access_token.hpp"
#include "identity/oidc/token_state.hpp"

namespace dayaq::identity::oidc {
namespace {

using http::Credentials;
using http::Principal;
using Scheme = Credentials::Scheme;

constexpr std::string_view key_prefix = "dyq_";

std::unexpected<Error> nobody() {
  return fail(ErrorKind::unauthenticated, "auth.session", "Nobody is signed in here. Sign in first.");
}

Result<Principal> principal_of(const std::optional<Session>& session) {
  if (!session) return nobody();
  return Principal{.person = session->person,
                   .acting_for = session->acting_for,
                   .session = session->id.value(),
                   .assurance = session->assurance};
}

http::Method method_of(std::string_view name) {
  for (const auto method : {http::Method::get, http::Method::head, http::Method::post, http::Method::put,
                            http::Method::patch, http::Method::del}) {
    if (http::to_string(method) == name) return method;
  }
  return http::Method::options;
}

/// The key that the token is bound to must have signed this request. @see RFC 9449 section 7.1
Result<void> check_possession(const Provider& provider, const Credentials& credentials,
                              const AccessToken& token, Instant now) {
  if (token.jkt.empty()) {
    if (credentials.scheme != Scheme::dpop) return {};
    return fail(ErrorKind::unauthenticated, "auth.token",
                "This token is bound to no key: send it as Bearer.");
  }
  if (credentials.scheme != Scheme::dpop || credentials.proof.empty()) {
    return fail(ErrorKind::unauthenticated, "dpop.required",
                "This token is bound to a key: send it as DPoP, with a proof.");
  }
  http::Request request;
  request.method = method_of(credentials.method);
  request.headers.emplace_back("DPoP", credentials.proof);
  if (credentials.proofs_many) request.headers.emplace_back("DPoP", credentials.proof);
  const std::string url = provider.issuer + std::string(credentials.path);
  const auto proven = check_proof(
      provider, request, {.url = url, .access_token = credentials.token, .thumbprint = token.jkt}, now);
  if (proven) return {};
  const Error& why = proven.error();
  if (why.kind == ErrorKind::unavailable) return std::unexpected(why);
  if (why.code == "oauth.use_dpop_nonce")
    return fail(ErrorKind::unauthenticated, "dpop.nonce", why.public_text, why.detail);
  return fail(ErrorKind::unauthenticated, "dpop.proof", why.public_text, why.detail);
}

}  // namespace

std::uint32_t api_scopes(const AccessToken& token, const Client& client) {
  std::uint32_t out = 0;
  for (std::size_t i = 1; i < http::scope_count; ++i) {
    const auto scope = static_cast<http::Scope>(i);
    const std::string_view name = http::to_string(scope);
    if (std::ranges::find(token.scopes, name) != token.scopes.end() &&
        std::ranges::find(client.scopes, name) != client.scopes.end())
      out |= http::scope_bit(scope);
  }
  const bool person = token.person != PersonId();
  return person ? out & http::person_scopes : out & ~http::person_scopes;
}

Access::Access(const Provider& provider, const http::Authenticator& keys, PlainKeys plain)
    : provider_(provider),
      keys_(keys),
      plain_(plain),
      // Browsers take the prefix, and with it the promise that no other host set the cookie, over https
      // alone.
      session_cookie_(provider.issuer.starts_with("https://") ? "__Host-session" : "session") {}

std::string_view Access::session_token(const Credentials& credentials) const {
  return http::cookie_value(credentials.cookies, session_cookie_);
}

Result<Principal> Access::by_token(const Credentials& credentials) const {
  if (credentials.token.starts_with(key_prefix)) {
    if (credentials.scheme == Scheme::bearer) {
      auto known = keys_.authenticate(credentials);
      if (!known || plain_ == PlainKeys::taken || known->may(http::Scope::admin)) return known;
      return fail(ErrorKind::unauthenticated, "auth.key",
                  "Keys aren't taken here: fetch a token with yours at /oauth/token, as client key-NUMBER.");
    }
    return fail(ErrorKind::unauthenticated, "auth.token", "An API key is sent as Bearer.");
  }
  const Instant now = provider_.clock.now();
  DAYAQ_TRY(const auto token, verify_access_token(provider_, credentials.token, now));
  const auto client = provider_.clients.find(token->client);
  if (!client) return fail(ErrorKind::unauthenticated, "auth.token", "This token's client has ended.");
  DAYAQ_TRY_OK(check_possession(provider_, credentials, *token, now));
  return Principal{.organisation = client->organisation,
                   .key = client->api_key,
                   .scopes = api_scopes(*token, *client),
                   .client = client->id,
                   .person = token->person,
                   .acting_for = token->acting_for,
                   .session = token->session,
                   .assurance = token->assurance};
}

Result<Principal> Access::authenticate(const Credentials& credentials) const {
  if (credentials.scheme != Scheme::session) return by_token(credentials);
  const std::string_view token = session_token(credentials);
  if (token.empty()) return nobody();
  const Instant now = provider_.clock.now();
  DAYAQ_TRY(auto session, provider_.sessions.find(token, now));
  if (session && session->acting_for != PersonId()) {
    // Whom it acts for is asked anew at every use: the relation may have run out.
    DAYAQ_TRY(const bool stands, provider_.db.read([&](store::Session& db) {
      return may_go_on(db, provider_.accounts, *session, now);
    }));
    if (!stands) session.reset();
  }
  return principal_of(session);
}

std::optional<Result<Principal>> Access::at_once(const Credentials& credentials) const {
  if (credentials.scheme != Scheme::session) return by_token(credentials);
  const std::string_view token = session_token(credentials);
  if (token.empty()) return Result<Principal>(nobody());
  const auto known = provider_.sessions.find_in_memory(token, provider_.clock.now());
  const bool acts = known.session && known.session->acting_for != PersonId();
  if (!known.known || acts) return std::nullopt;  // whether its relation stands is in the database
  return principal_of(known.session);
}

std::string Access::dpop_nonce() const {
  return provider_.tokens->nonce(provider_.clock.now());
}

}  // namespace dayaq::identity::oidc
