#include <fmt/format.h>

#include "crypto/jwt.hpp"
#include "identity/oidc/access_token.hpp"
#include "identity/oidc/claims.hpp"
#include "identity/oidc/logout.hpp"
#include "identity/oidc/token_state.hpp"

namespace dayaq::identity::oidc {
namespace {

/// OpenID Connect Core section 3.1.3.6: the left half of the hash of the access token's text. All four
/// algorithms hash with SHA-256, EdDSA with SHA-512.
std::string at_hash(crypto::JwsAlgorithm algorithm, std::string_view token) {
  if (algorithm == crypto::JwsAlgorithm::eddsa) {
    return to_base64url(BytesView(crypto::sha512(as_bytes(token))).first(32));
  }
  return to_base64url(BytesView(crypto::sha256(as_bytes(token))).first(16));
}

}  // namespace

Result<std::string> sign_id_token(const Provider& provider, const Client& client, const Grant& grant,
                                  std::string_view access_token, const std::vector<Claim>& more,
                                  std::string_view nonce, Instant now) {
  DAYAQ_TRY(const auto signer, provider.tokens->signer(provider.keys, client.signing, TokenType::id, now));
  crypto::ClaimsWriter claims(1024);
  if (grant.assurance != Assurance::none)
    claims.text("acr", fmt::format("{}{}", http::assurance_acr_prefix, http::to_string(grant.assurance)));
  if (grant.acting_for != PersonId()) {
    claims.json("act", fmt::format(R"({{"sub":"{}"}})", subject(provider, client, grant.person)));
  }
  const auto amr = amr_of(grant.methods);
  if (!amr.empty()) claims.texts("amr", amr);
  claims.text("at_hash", at_hash(client.signing, access_token));
  claims.text("aud", client.id);
  claims.date("auth_time", grant.authenticated);
  claims.text("azp", client.id);
  claims.date("exp", now + provider.lifetimes.id_token);
  claims.date("iat", now);
  claims.text("iss", provider.issuer);
  if (!nonce.empty()) claims.text("nonce", nonce);
  if (grant.signed_in != SessionId()) claims.text("sid", sid_of(provider, client, grant.signed_in));
  claims.text("sub", subject(provider, client, subject_of(grant)));
  // After the protocol's own, which they can't replace.
  for (const Claim& claim : more) claims.json(claim.name, claim.json);
  return signer->sign(claims.finish());
}

}  // namespace dayaq::identity::oidc
