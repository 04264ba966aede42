#include "identity/oidc/pushed.hpp"

#include "identity/oidc/authorize_seal.hpp"
#include "identity/oidc/request_object.hpp"

namespace dayaq::identity::oidc {
namespace {

/// RFC 9126 section 2.1: the authenticated client is the one that asks.
Result<void> check_client_id(const Client& client, const Parameters& parameters) {
  const std::string_view named = parameters.get("client_id");
  if (parameters.is_repeated("client_id") || (!named.empty() && named != client.id)) {
    return refuse("oauth.invalid_request", "client_id isn't the client that authenticated.");
  }
  return {};
}

Result<Parameters> pushed_parameters(const Provider& provider, const Client& client, std::string_view form,
                                     Instant now) {
  DAYAQ_TRY(Parameters parameters, Parameters::parse(form));
  DAYAQ_TRY_OK(check_client_id(client, parameters));
  // Section 2.1: "The request_uri authorization request parameter ... MUST NOT be provided in this case."
  if (parameters.has("request_uri")) {
    return refuse("oauth.invalid_request", "A pushed request has no request_uri.");
  }
  if (!parameters.has("request")) return parameters;
  return open_request_object(provider, client, parameters, now);
}

}  // namespace

Result<Pushed> push(const Provider& provider, const Client& client, std::string_view form,
                    std::string_view dpop_jkt, Instant now) {
  // FAPI 2.0 Security Profile section 5.3.2.1 point 6: such a client authenticates by private_key_jwt. A
  // public one may push too (RFC 9126 section 2); its request is then no worse than one by the browser.
  if (client.fapi && client.authentication != ClientAuthentication::private_key_jwt) {
    return fail(ErrorKind::unauthenticated, "oauth.invalid_client", "This client needs private_key_jwt.");
  }
  DAYAQ_TRY(const Parameters parameters, pushed_parameters(provider, client, form, now));
  auto target = parse_target(client, parameters);
  if (!target) {
    // There is no person here to be told: section 2.3 answers the client.
    return refuse("oauth.invalid_request", "redirect_uri isn't registered, or state is too long.");
  }
  DAYAQ_TRY(AuthorizationRequest request,
            parse_authorization_request(provider, client, parameters, std::move(*target), now));
  // RFC 9449 section 10.1: a proof with the request binds the code to its key.
  if (!dpop_jkt.empty()) {
    if (!request.jkt.empty() && request.jkt != dpop_jkt) {
      return refuse("oauth.invalid_dpop_proof", "dpop_jkt is another key than the proof's.");
    }
    request.jkt = dpop_jkt;
  }
  const std::string secret = draw_secret(provider.random);
  const Bytes id = hash_of(secret);
  const Instant until = now + provider.lifetimes.pushed_request;
  const std::string sealed = seal_text(provider, purpose_pushed, SessionId(), encode(request), until);
  DAYAQ_TRY_OK(provider.db.write([&](store::Session& db) -> Result<void> {
    return db.exec("INSERT INTO identity_pushed (id, client, request, until_at) VALUES ($1, $2, $3, $4)",
                   {BytesView(id), client.id, as_bytes(sealed), to_micros(until)});
  }));
  return Pushed{.request_uri = std::string(pushed_prefix) + secret,
                .expires_in = provider.lifetimes.pushed_request};
}

Result<AuthorizationRequest> take_pushed(const Provider& provider, const Client& client,
                                         std::string_view request_uri, Instant now) {
  const auto used = [] {
    return refuse("authorize.request_uri",
                  "This link was used already or is too old. Go back to the service and start again.");
  };
  request_uri.remove_prefix(pushed_prefix.size());
  const Bytes id = hash_of(request_uri);
  std::string sealed;
  // One transaction: read and delete. Whoever comes second finds nothing, also after a crash. Another
  // client's request_uri stays where it is (RFC 9126 section 4: it's bound to the client that pushed it).
  const auto taken = provider.db.write([&](store::Session& db) -> Result<bool> {
    DAYAQ_TRY(const auto found,
              db.one("SELECT request FROM identity_pushed WHERE id = $1 AND client = $2 AND until_at > $3",
                     {BytesView(id), client.id, to_micros(now)},
                     [](const store::Row& row) { return std::string(as_text(row.blob(0))); }));
    if (!found) return false;
    sealed = *found;
    DAYAQ_TRY(const std::int64_t gone,
              db.change("DELETE FROM identity_pushed WHERE id = $1", {BytesView(id)}));
    return gone == 1;
  });
  if (!taken) return std::unexpected(taken.error());
  if (!*taken) return used();
  auto request = open_request(provider, purpose_pushed, SessionId(), sealed, now);
  if (!request) return used();
  // From when prompt=login and max_age count: the person comes only now.
  request->asked = now;
  return std::move(*request);
}

}  // namespace dayaq::identity::oidc
