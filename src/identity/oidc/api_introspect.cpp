// Introspection (RFC 7662) and revocation (RFC 7009).
#include <algorithm>
#include <memory>

#include "identity/oidc/access_token.hpp"
#include "identity/oidc/answers.hpp"
#include "identity/oidc/api_endpoints.hpp"
#include "identity/oidc/client_auth.hpp"
#include "identity/oidc/token_state.hpp"

namespace dayaq::identity::oidc {
namespace {

http::Response inactive() {
  http::Response response = http::Response::json(R"({"active":false})");
  never_stored(response);
  return response;
}

/// A client may ask about its own tokens; a resource server that is registered for it, about all.
bool may_ask(const Client& client, std::string_view of_client) {
  return client.id == of_client || std::ranges::find(client.scopes, "introspect") != client.scopes.end();
}

}  // namespace

http::Response introspect(const Provider& provider, const http::Request& request) {
  const Instant now = provider.clock.now();
  const auto form = Form::parse(request);
  if (!form) return error_answer(form.error());
  const auto client = authenticate_client(provider, request, *form, now);
  if (!client) return error_answer(client.error());
  if ((*client)->authentication == ClientAuthentication::none) {
    return error_answer(fail(ErrorKind::unauthenticated, "oauth.invalid_client",
                             "Only a client that authenticates may ask about tokens.")
                            .error());
  }
  const auto text = form->required("token");
  if (!text) return error_answer(text.error());
  // A refresh token is nobody's business but this server's (RFC 7662 section 2.2 lets it be inactive).
  const auto token = verify_access_token(provider, *text, now);
  if (!token || !may_ask(**client, (*token)->client)) return inactive();
  http::Response response = http::Response::json((*token)->introspection);
  never_stored(response);
  return response;
}

void revoke(const Provider& provider, const std::shared_ptr<const http::Request>& request,
            http::Responder respond) {
  const Instant now = provider.clock.now();
  const auto refuse = [&](const Error& error) {
    http::Response response = error_answer(error);
    for_browsers(response);
    respond(std::move(response));
  };
  const auto form = Form::parse(*request);
  if (!form) return refuse(form.error());
  const auto client = authenticate_client(provider, *request, *form, now);
  if (!client) return refuse(client.error());
  const auto text = form->required("token");
  if (!text) return refuse(text.error());
  const auto done = [](http::Responder& answer, const Result<void>& outcome) {
    http::Response response = outcome ? http::Response::json("{}") : error_answer(outcome.error());
    if (outcome) never_stored(response);
    for_browsers(response);
    answer(std::move(response));
  };
  const auto& handles = provider.tokens->keys(provider.master).handles;
  const auto refresh = read_handle(handles, HandleKind::refresh, *text);
  const auto access = refresh ? nullptr : verify_access_token(provider, *text, now).value_or(nullptr);
  // Section 2.2: what isn't known, or not this client's, is answered as if it had been revoked.
  if (!refresh && (!access || access->client != (*client)->id)) return done(respond, {});
  const auto responder =
      std::make_shared<http::Responder>(std::move(respond));  // shared: Done must be copyable
  provider.db.submit(
      [&provider, refresh, access, id = (*client)->id, now](store::Session& db) -> Result<void> {
        if (access) return revoke_access_token(db, provider, access->id, access->expires);
        DAYAQ_TRY(const auto row, grant_row(db, refresh->person, refresh->grant));
        if (!row || row->grant.client != id) return {};
        return end_grant(db, provider, refresh->person, refresh->grant, now);
      },
      [responder, done](const Result<void>& outcome) { done(*responder, outcome); });
}

}  // namespace dayaq::identity::oidc
