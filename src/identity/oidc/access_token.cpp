#include "identity/oidc/access_token.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "crypto/jwt.hpp"
#include "http/encoding.hpp"
#include "identity/oidc/claims.hpp"
#include "identity/oidc/token_state.hpp"

namespace dayaq::identity::oidc {
namespace {

using crypto::JwsAlgorithm;

constexpr std::size_t token_bytes_max = 4096;

std::unexpected<Error> unknown_token(std::string_view why) {
  return fail(ErrorKind::unauthenticated, "auth.token", "The access token isn't valid, or has expired.",
              std::string(why));
}

std::string acr_of(Assurance assurance) {
  return fmt::format("{}{}", http::assurance_acr_prefix, http::to_string(assurance));
}

Assurance assurance_of_acr(std::string_view acr) {
  if (!acr.starts_with(http::assurance_acr_prefix)) return Assurance::none;
  acr.remove_prefix(http::assurance_acr_prefix.size());
  for (const Assurance one : {Assurance::low, Assurance::substantial, Assurance::high}) {
    if (http::to_string(one) == acr) return one;
  }
  return Assurance::none;
}

std::vector<std::string> split_scopes(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    out.emplace_back(text.substr(0, space));
    text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  }
  return out;
}

/// RFC 8693 section 4.1: the token's subject is whom it is about, `act` who acts.
std::string act_of(const Provider& provider, const Client& client, const Grant& grant) {
  return fmt::format(R"({{"sub":"{}"}})", subject(provider, client, grant.person));
}

/// What a resource server is told. @see RFC 7662 section 2.2
std::string introspection_of(const crypto::Jwt& jwt, const AccessToken& token) {
  crypto::ClaimsWriter out;
  if (const std::string_view acr = jwt.claims.text("acr").value_or(""); !acr.empty()) out.text("acr", acr);
  if (jwt.claims.has("act")) out.json("act", jwt.claims.raw("act"));
  out.boolean("active", true);
  out.audience(jwt.audience);
  if (const auto at = jwt.claims.integer("auth_time")) out.number("auth_time", *at);
  out.text("client_id", token.client);
  if (!token.jkt.empty()) out.json("cnf", jwt.claims.raw("cnf"));
  out.date("exp", token.expires);
  if (jwt.issued) out.date("iat", *jwt.issued);
  out.text("iss", jwt.issuer);
  out.text("jti", jwt.id);
  out.text("scope", join_scopes(token.scopes));
  out.text("sub", token.subject);
  out.text("token_type", token.jkt.empty() ? "Bearer" : "DPoP");
  return out.finish();
}

Result<std::shared_ptr<const AccessToken>> verify_anew(const Provider& provider, std::string_view text,
                                                       Instant now) {
  const auto keys = provider.tokens->public_keys(provider.keys, now);
  const std::string audience[] = {provider.issuer};
  const crypto::JwsPolicy signature{
      .algorithms = {JwsAlgorithm::es256}, .typ = "at+jwt", .size_max = token_bytes_max};
  auto parts = crypto::verify_compact(text, *keys, signature);
  if (!parts) return unknown_token(parts.error().code);
  const std::string kid(parts->header.text("kid").value_or(""));
  const auto jwt = crypto::check_claims(
      std::move(parts->payload),
      {.issuer = provider.issuer, .audiences = audience, .skew = std::chrono::seconds(0)}, now);
  // Clocks of nodes may differ by a second or two; a token of ours has no nbf and is good at once.
  if (!jwt && jwt.error().code != "jwt.not_yet") return unknown_token(jwt.error().code);
  if (!jwt) return unknown_token("jwt.not_yet");
  const auto& handles = provider.tokens->keys(provider.master).handles;
  const auto handle = read_handle(handles, HandleKind::access, jwt->id);
  if (!handle) return unknown_token("its jti isn't ours");
  auto out = std::make_shared<AccessToken>();
  out->client = jwt->claims.text("client_id").value_or("");
  out->person = handle->person;
  out->grant = handle->grant;
  out->id = handle->number;
  out->subject = jwt->subject;
  out->scopes = split_scopes(jwt->claims.text("scope").value_or(""));
  out->kid = kid;
  out->expires = *jwt->expires;
  out->assurance = assurance_of_acr(jwt->claims.text("acr").value_or(""));
  if (const auto at = jwt->claims.integer("auth_time")) out->authenticated = from_micros(*at * 1'000'000);
  if (jwt->claims.has("cnf")) {
    const auto cnf = crypto::JsonObject::parse(std::string(jwt->claims.raw("cnf")));
    if (!cnf || !cnf->text("jkt")) return unknown_token("cnf");
    out->jkt = *cnf->text("jkt");
  }
  if (const auto acted = jwt->claims.text("for")) {
    const auto about = read_handle(handles, HandleKind::access, *acted);
    if (!about) return unknown_token("for");
    out->acting_for = about->person;
  }
  out->introspection = introspection_of(*jwt, *out);
  return out;
}

crypto::DpopPolicy proof_policy(std::span<const std::string_view> nonces) {
  return {.nonces = nonces};
}

/// Whether a proof says a nonce, and when it was made: read before it is verified, to know what to ask of it.
struct ProofGlance {
  bool nonce = false;
  std::optional<Instant> issued;
};
ProofGlance glance_at(std::string_view proof) {
  ProofGlance out;
  const std::size_t first = proof.find('.');
  if (first == std::string_view::npos || proof.size() > 8192) return out;
  const std::size_t second = proof.find('.', first + 1);
  if (second == std::string_view::npos) return out;
  const auto payload = from_base64url(proof.substr(first + 1, second - first - 1));
  if (!payload) return out;
  const auto json = crypto::JsonObject::parse(std::string(as_text(*payload)));
  if (!json) return out;
  out.nonce = json->has("nonce");
  if (const auto iat = json->integer("iat"); iat && *iat > 0 && *iat < 100'000'000'000)
    out.issued = from_micros(*iat * 1'000'000);
  return out;
}

}  // namespace

std::string join_scopes(const std::vector<std::string>& scopes) {
  return fmt::format("{}", fmt::join(scopes, " "));
}

Result<SignedToken> sign_access_token(const Provider& provider, const Client& client, const Grant& grant,
                                      std::string_view scopes, std::string_view jkt, Instant now) {
  DAYAQ_TRY(const auto signer,
            provider.tokens->signer(provider.keys, JwsAlgorithm::es256, TokenType::access, now));
  SignedToken out;
  out.id = provider.random.next_id();
  const bool person = grant.person != PersonId();
  Instant expires = now + provider.lifetimes.access_token;
  if (person) expires = std::min(expires, grant.expires);
  out.life = std::chrono::floor<std::chrono::seconds>(expires - now);
  const auto& handles = provider.tokens->keys(provider.master).handles;
  crypto::ClaimsWriter claims;
  if (person && grant.assurance != Assurance::none) claims.text("acr", acr_of(grant.assurance));
  if (person && grant.acting_for != PersonId()) claims.json("act", act_of(provider, client, grant));
  claims.text("aud", provider.issuer);
  if (person) claims.date("auth_time", grant.authenticated);
  claims.text("client_id", client.id);
  if (!jkt.empty()) claims.json("cnf", fmt::format(R"({{"jkt":"{}"}})", jkt));
  claims.date("exp", expires);
  if (person && grant.acting_for != PersonId())
    claims.text("for", write_handle(handles, {HandleKind::access, grant.acting_for, grant.id, out.id}));
  claims.date("iat", now);
  claims.text("iss", provider.issuer);
  claims.text("jti", write_handle(handles, {HandleKind::access, grant.person, grant.id, out.id}));
  claims.text("scope", scopes);
  // RFC 9068 section 2.2: of client credentials the client itself.
  claims.text("sub", person ? subject(provider, client, subject_of(grant)) : client.id);
  out.text = signer->sign(claims.finish());
  return out;
}

Result<std::shared_ptr<const AccessToken>> verify_access_token(const Provider& provider,
                                                               std::string_view token, Instant now) {
  if (token.size() > token_bytes_max) return unknown_token("too long");
  const crypto::Sha256 hash = crypto::sha256(as_bytes(token));
  auto known = provider.tokens->verified().find(hash, now);
  if (!known) {
    DAYAQ_TRY(known, verify_anew(provider, token, now));
    provider.tokens->verified().put(hash, known, now);
  }
  if (provider.tokens->revoked(known->id) || provider.tokens->revoked(known->grant.value()))
    return unknown_token("revoked");
  if (!provider.clients.find(known->client)) return unknown_token("its client has ended");
  const auto keys = provider.tokens->public_keys(provider.keys, now);
  if (keys->find(known->kid, JwsAlgorithm::es256) == nullptr) return unknown_token("its key was forgotten");
  return known;
}

Result<std::string> check_proof(const Provider& provider, const http::Request& request,
                                const DpopAsked& asked, Instant now) {
  std::string_view proof;
  int count = 0;
  for (const auto& [name, value] : request.headers) {
    if (!http::equals_ignoring_case(name, "dpop")) continue;
    proof = value;
    ++count;
  }
  const auto refuse = [](std::string_view why) {
    return fail(ErrorKind::invalid_input, "oauth.invalid_dpop_proof", "The DPoP proof isn't valid.",
                std::string(why));
  };
  if (count == 0) return std::string();
  if (count > 1) return refuse("several");  // RFC 9449 section 4.3 point 1
  const ProofGlance glance = glance_at(proof);
  // What was made before this process began may have been used there: a nonce of ours says that it is new.
  const bool doubtful = glance.issued && provider.tokens->made_before_start(*glance.issued);
  const auto nonces = provider.tokens->good_nonces(now);
  const std::array<std::string_view, 2> accepted{nonces[0], nonces[1]};
  const bool ask = asked.nonce || glance.nonce || doubtful;
  ReplaysAt replays(provider.tokens->replays(), "dpop", now);
  const auto checked = crypto::check_dpop(
      proof,
      {.method = http::to_string(request.method),
       .url = asked.url,
       .access_token = asked.access_token,
       .thumbprint = asked.thumbprint},
      proof_policy(ask ? std::span<const std::string_view>(accepted) : std::span<const std::string_view>()),
      replays, now);
  if (checked) return checked->thumbprint;
  if (checked.error().code == "dpop.nonce") {
    return fail(ErrorKind::invalid_input, "oauth.use_dpop_nonce",
                "Send a proof with the nonce of this answer's DPoP-Nonce.");
  }
  if (checked.error().kind == ErrorKind::unavailable) return std::unexpected(checked.error());
  return refuse(checked.error().code);
}

}  // namespace dayaq::identity::oidc
