#include "identity/oidc/request_object.hpp"

#include <algorithm>
#include <array>

#include "crypto/jwt.hpp"

namespace dayaq::identity::oidc {
namespace {

using crypto::JsonObject;

constexpr std::size_t object_max = Parameters::size_max;

std::unexpected<Error> bad(std::string text) {
  return refuse("oauth.invalid_request_object", std::move(text));
}

/// RFC 9101 section 10.8: an explicit type. Older clients send "JWT" or none; a token of any other type was
/// made for something else and isn't taken.
bool is_request_type(std::optional<std::string_view> typ) {
  if (!typ) return true;
  std::string text(*typ);
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text == "oauth-authz-req+jwt" || text == "application/oauth-authz-req+jwt" || text == "jwt";
}

/// These are of the token, not of the request.
constexpr std::array<std::string_view, 7> token_claims{"iss", "aud", "exp", "nbf", "iat", "jti", "sub"};

Result<void> add_member(Parameters& out, const JsonObject& claims, const JsonObject::Member& member) {
  if (std::ranges::find(token_claims, member.name) != token_claims.end()) return {};
  switch (member.kind) {
    case JsonObject::Kind::text:
      out.add(std::string(member.name), std::string(*claims.text(member.name)));
      return {};
    case JsonObject::Kind::number:
      if (member.name != "max_age" || !claims.integer(member.name)) break;
      out.add("max_age", std::to_string(*claims.integer(member.name)));
      return {};
    case JsonObject::Kind::object:
      if (member.name != "claims") break;
      out.add("claims", std::string(member.raw));
      return {};
    case JsonObject::Kind::array: {
      const auto texts = claims.texts(member.name);
      if (member.name != "resource" || !texts) break;
      for (const std::string& text : *texts) out.add("resource", text);
      return {};
    }
    case JsonObject::Kind::boolean:
    case JsonObject::Kind::null:
      break;
  }
  // What isn't known isn't looked at (RFC 6749 section 3.1); what is must be of its kind.
  constexpr std::array<std::string_view, 16> known{"client_id",     "redirect_uri",
                                                   "response_type", "response_mode",
                                                   "scope",         "state",
                                                   "nonce",         "prompt",
                                                   "max_age",       "code_challenge",
                                                   "claims",        "acr_values",
                                                   "login_hint",    "code_challenge_method",
                                                   "dpop_jkt",      "resource"};
  if (std::ranges::find(known, member.name) == known.end()) return {};
  return bad("A parameter of the request object is of the wrong kind.");
}

}  // namespace

Result<Parameters> read_request_object(std::string_view issuer, const Client& client, std::string_view token,
                                       Instant now) {
  // RFC 9101 section 6.2: the signature, by a key of this client alone. FAPI 2.0 Security Profile
  // section 5.4.1 allows PS256, ES256 and EdDSA.
  const crypto::JwsAlgorithms allowed =
      client.fapi ? crypto::JwsAlgorithms{crypto::JwsAlgorithm::es256, crypto::JwsAlgorithm::eddsa,
                                          crypto::JwsAlgorithm::ps256}
                  : crypto::all_jws_algorithms;
  auto parts = crypto::verify_compact(token, client.keys, {.algorithms = allowed, .size_max = object_max});
  if (!parts) return bad("The request object isn't signed with a registered key of the client.");
  if (!is_request_type(parts->header.text("typ"))) return bad("The token isn't a request object.");
  // RFC 9101 section 4: iss is the client, aud is this server.
  const std::array audiences{std::string(issuer)};
  constexpr std::array<std::string_view, 2> required{"iss", "aud"};
  auto jwt = crypto::check_claims(std::move(parts->payload),
                                  {.issuer = client.id,
                                   .audiences = audiences,
                                   .life_max = std::chrono::seconds(3600),
                                   .expiry_required = true,
                                   .required = required},
                                  now);
  if (!jwt) return bad("The request object has expired, or was made by or for somebody else.");
  // RFC 9101 section 10.8: one with the client as its subject could pass for a client assertion.
  if (jwt->subject == client.id) return bad("The request object has the client as its subject.");
  // Section 4: "request and request_uri parameters MUST NOT be included in Request Objects".
  if (jwt->claims.has("request") || jwt->claims.has("request_uri")) {
    return bad("The request object has another one inside.");
  }
  // Section 5: client_id is in it, and is the one that asks.
  if (jwt->claims.text("client_id") != std::string_view(client.id)) {
    return bad("client_id of the request object is another.");
  }
  Parameters out;
  for (std::size_t i = 0; i < jwt->claims.size(); ++i) {
    DAYAQ_TRY_OK(add_member(out, jwt->claims, jwt->claims.member(i)));
  }
  return out;
}

Result<Parameters> open_request_object(const Provider& provider, const Client& client,
                                       const Parameters& outer, Instant now) {
  // RFC 9101 section 5: one of the two, never both.
  if (outer.has("request_uri") || outer.is_repeated("request")) {
    return refuse("oauth.invalid_request", "There are two requests in one.");
  }
  return read_request_object(provider.issuer, client, outer.get("request"), now);
}

}  // namespace dayaq::identity::oidc
