#include "identity/oidc/client_auth.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "crypto/hmac.hpp"
#include "crypto/jwt.hpp"
#include "http/encoding.hpp"
#include "identity/oidc/key_clients.hpp"
#include "identity/oidc/token_state.hpp"

namespace dayaq::identity::oidc {
namespace {

using ClientHandle = std::shared_ptr<const Client>;
using crypto::JwsAlgorithm;

constexpr std::string_view assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr std::size_t assertion_bytes_max = 8192;
constexpr std::chrono::seconds assertion_life_max{300};
/// Python's authlib signs for an hour; taken where iat says when it was made, and never of a FAPI client.
constexpr std::chrono::seconds dated_assertion_life_max{3600};

std::unexpected<Error> refused(std::string_view why) {
  return fail(ErrorKind::unauthenticated, "oauth.invalid_client",
              "The client isn't known, or didn't prove itself.", std::string(why));
}

std::optional<std::string> form_decoded(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  return http::percent_decode(spaced);
}

Result<ClientHandle> by_secret(const Provider& provider, std::string_view id, std::string_view secret,
                               ClientAuthentication method) {
  const ClientHandle client = provider.clients.find(id);
  if (client && client->api_key != 0) {  // an API key, whose text comes either way
    const crypto::Sha256 hash = crypto::sha256(as_bytes(key_secret(secret)));
    if (crypto::equal_constant_time(hash, client->secret)) return client;
    return refused("another key");
  }
  if (!client || client->authentication != method) return refused("another method, or no such client");
  const auto& key = provider.tokens->keys(provider.master).secrets;
  const Bytes mac = crypto::hmac(crypto::HmacHash::sha256, key.view(), as_bytes(secret));
  // A client without a secret keeps zeros, which are no MAC of anything that could be found.
  if (client->secret == crypto::Sha256{} || !crypto::equal_constant_time(mac, client->secret))
    return refused("another secret");
  return client;
}

/// RFC 6749 section 2.3.1: id and secret are form-encoded before they are joined.
Result<ClientHandle> by_basic(const Provider& provider, std::string_view credentials) {
  const auto decoded = from_base64(credentials);
  if (!decoded || decoded->size() > 1024) return refused("not Basic credentials");
  const std::string_view text = as_text(*decoded);
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return refused("no colon");
  const auto id = form_decoded(text.substr(0, colon));
  const auto secret = form_decoded(text.substr(colon + 1));
  if (!id || !secret) return refused("broken escapes");
  return by_secret(provider, *id, *secret, ClientAuthentication::secret_basic);
}

Result<void> check_assertion_claims(const Provider& provider, const Client& client,
                                    const http::Request& request, std::string payload, Instant now) {
  // RFC 7523 section 3 point 3; FAPI 2.0 takes the issuer alone, since an address could be another server's.
  std::vector<std::string> audiences{provider.issuer};
  if (!client.fapi) {
    audiences.push_back(provider.issuer + "/oauth/token");
    audiences.push_back(provider.issuer + std::string(request.path));
  }
  static constexpr std::array<std::string_view, 4> required{"iss", "sub", "aud", "jti"};
  const auto jwt =
      crypto::check_claims(std::move(payload),
                           {.issuer = client.id,
                            .audiences = audiences,
                            .only_audience = true,
                            .skew = std::chrono::seconds(10),
                            .life_max = client.fapi ? assertion_life_max : dated_assertion_life_max,
                            .required = required},
                           now);
  if (!jwt) return refused(jwt.error().code);
  if (jwt->subject != client.id) return refused("another subject");
  if (jwt->id.empty() || jwt->id.size() > 256) return refused("jti");
  if (client.fapi && jwt->claims.kind("aud") != crypto::JsonObject::Kind::text)
    return refused("aud is a list");
  if (!jwt->issued && *jwt->expires - now > assertion_life_max) return refused("jwt.life");
  // Without iat it may have been made as early as its longest life allows.
  const Instant made = jwt->issued.value_or(*jwt->expires - assertion_life_max);
  if (provider.tokens->made_before_start(made)) return refused("made before this server began");
  DAYAQ_TRY(const bool first,
            provider.tokens->replays().first_use(fmt::format("client:{}\n{}", client.id, jwt->id),
                                                 *jwt->expires + std::chrono::seconds(10), now));
  if (!first) return refused("seen before");
  return {};
}

Result<ClientHandle> by_assertion(const Provider& provider, const http::Request& request, const Form& form,
                                  Instant now) {
  if (form.get("client_assertion_type") != assertion_type) return refused("client_assertion_type");
  const auto parts =
      crypto::parse_compact(form.get("client_assertion").value_or(""),
                            {.algorithms = crypto::all_jws_algorithms, .size_max = assertion_bytes_max});
  if (!parts) return refused(parts.error().code);
  const auto claims = crypto::JsonObject::parse_view(parts->payload);
  if (!claims) return refused("not JSON");
  const std::string id(claims->text("sub").value_or(""));
  const ClientHandle client = provider.clients.find(id);
  if (!client || client->authentication != ClientAuthentication::private_key_jwt)
    return refused("no such client");
  // FAPI 2.0 section 5.4.1: PS256, ES256, EdDSA.
  if (client->fapi && parts->algorithm == JwsAlgorithm::rs256) return refused("RS256");
  if (const auto typ = parts->header.text("typ");
      typ && !http::equals_ignoring_case(*typ, "JWT") &&
      !http::equals_ignoring_case(*typ, "client-authentication+jwt"))
    return refused("typ");
  const crypto::JwkPublic* key = client->keys.find(parts->header.text("kid"), parts->algorithm);
  if (key == nullptr) return refused("no such key");
  if (const auto good = crypto::verify_parts(*parts, *key); !good) return refused("signature");
  if (const auto good = check_assertion_claims(provider, *client, request, parts->payload, now); !good)
    return std::unexpected(good.error());
  return client;
}

Result<ClientHandle> authenticate(const Provider& provider, const http::Request& request, const Form& form,
                                  Instant now) {
  constexpr std::string_view basic = "Basic ";
  const std::string_view authorization = request.header("authorization");
  const bool in_header = !authorization.empty();
  const bool posted = form.has("client_secret");
  const bool asserted = form.has("client_assertion") || form.has("client_assertion_type");
  if (int(in_header) + int(posted) + int(asserted) > 1) {
    return fail(ErrorKind::invalid_input, "oauth.invalid_request",
                "Authenticate in one way, not in several.");
  }
  if (in_header) {
    if (authorization.size() < basic.size() ||
        !http::equals_ignoring_case(authorization.substr(0, basic.size()), basic))
      return refused("another scheme");
    return by_basic(provider, http::trim(authorization.substr(basic.size())));
  }
  if (asserted) return by_assertion(provider, request, form, now);
  const auto id = form.get("client_id");
  if (!id) return refused("no client_id");
  if (posted) return by_secret(provider, *id, *form.get("client_secret"), ClientAuthentication::secret_post);
  ClientHandle client = provider.clients.find(*id);
  if (!client || client->authentication != ClientAuthentication::none) return refused("it must authenticate");
  return client;
}

}  // namespace

Result<ClientHandle> authenticate_client(const Provider& provider, const http::Request& request,
                                         const Form& form, Instant now) {
  DAYAQ_TRY(ClientHandle client, authenticate(provider, request, form, now));
  // RFC 7521 section 4.2: client_id isn't needed, and must be the same if it comes.
  if (const auto id = form.get("client_id"); id && *id != client->id) return refused("another client_id");
  return client;
}

Result<ClientHandle> authenticate_client(const Provider& provider, const http::Request& request) {
  DAYAQ_TRY(const Form form, Form::parse(request));
  return authenticate_client(provider, request, form, provider.clock.now());
}

}  // namespace dayaq::identity::oidc
