#include "identity/oidc/logout.hpp"

#include <algorithm>

#include "crypto/hmac.hpp"
#include "http/encoding.hpp"
#include "identity/oidc/authorize_seal.hpp"
#include "identity/oidc/logout_sender.hpp"
#include "identity/oidc/token_state.hpp"
#include "registry/country_pack.hpp"

namespace dayaq::identity::oidc {
namespace {

std::int64_t number(PersonId person) {
  return static_cast<std::int64_t>(person.value());
}
std::int64_t number(SessionId session) {
  return static_cast<std::int64_t>(session.value());
}

LogoutRefused refused(std::string_view code, std::string text) {
  return {Error{ErrorKind::invalid_input, code, std::move(text), {}, {}, 0, 0}};
}

/// What was asked, once it is known to be right.
struct Wish {
  std::shared_ptr<const Client> client;  ///< null: nobody said
  std::optional<IdTokenHint> hint;
  std::string location;  ///< registered, with its state; "" for our own page
};

Result<Wish> read_wish(const Provider& provider, const Parameters& parameters, Instant now) {
  Wish wish;
  std::string client_id(parameters.get("client_id"));
  if (!parameters.repeated().empty()) {
    return refuse("logout.request", "The service's request is ambiguous. You are still signed in.");
  }
  if (parameters.has("id_token_hint")) {
    auto hint = check_id_token_hint(provider, parameters.get("id_token_hint"), now);
    // RP-Initiated Logout section 2: "the OP MUST verify that it was the issuer of the ID Token", and that
    // client_id, "when both are present", is the one it was issued to.
    if (!hint || (!client_id.empty() && client_id != hint->client)) {
      return refuse("logout.hint",
                    "The service's request doesn't fit its id_token_hint. You are still signed in.");
    }
    client_id = hint->client;
    wish.hint = std::move(*hint);
  }
  if (!client_id.empty()) wish.client = provider.clients.find(client_id);
  const std::string_view uri = parameters.get("post_logout_redirect_uri");
  if (uri.empty()) return wish;
  // Section 3: "the OP MUST NOT perform post-logout redirection if the value supplied doesn't exactly match
  // one of the previously registered values".
  const bool registered = wish.client && std::ranges::find(wish.client->post_logout_redirect_uris, uri) !=
                                             wish.client->post_logout_redirect_uris.end();
  if (!registered || parameters.get("state").size() > 1024) {
    return refuse("logout.redirect_uri",
                  "The service sent a return address that isn't registered. You are still signed in.");
  }
  wish.location = uri;
  if (parameters.has("state")) {
    wish.location += wish.location.find('?') == std::string::npos ? '?' : '&';
    wish.location += "state=" + http::percent_encode(parameters.get("state"));
  }
  return wish;
}

/// Section 2: whether the hint is of the one who is signed in here, in this very session where it says so.
bool hint_fits(const Provider& provider, const Wish& wish, const Session& session) {
  if (!wish.hint || !wish.client) return false;
  if (wish.hint->subject != subject(provider, *wish.client, session.person)) return false;
  return wish.hint->sid.empty() || wish.hint->sid == sid_of(provider, *wish.client, session.id);
}

LogoutNext end_session(const Provider& provider, const Session& session, std::string location, Instant now) {
  const auto ended = provider.db.write(
      [&](store::Session& db) { return provider.sessions.end(db, session.person, session.id, now); });
  if (!ended) return LogoutRefused{ended.error()};
  return LoggedOut{std::move(location)};
}

}  // namespace

std::string sid_of(const Provider& provider, const Client& client, SessionId session) {
  Bytes message(as_bytes("sid\n").begin(), as_bytes("sid\n").end());
  const BytesView id = as_bytes(client.id);
  message.insert(message.end(), id.begin(), id.end());
  put_le<std::uint8_t>(message, 0);
  put_le<std::uint64_t>(message, session.value());
  const Bytes mac =
      crypto::hmac(crypto::HmacHash::sha256, provider.tokens->keys(provider.master).subjects.view(), message);
  return to_base64url(BytesView(mac).first(18));
}

LogoutNext logout(const Provider& provider, const http::Request& request,
                  const std::optional<Session>& session, Instant now) {
  const bool post = request.method == http::Method::post;
  const auto parameters = Parameters::parse(post ? request.body : request.query);
  if (!parameters) return refused("logout.request", "The service's request isn't readable.");
  auto wish = read_wish(provider, *parameters, now);
  if (!wish) return LogoutRefused{wish.error()};
  if (!session) return LoggedOut{std::move(wish->location)};
  if (hint_fits(provider, *wish, *session)) {
    return end_session(provider, *session, std::move(wish->location), now);
  }
  // Section 2: without a hint that fits, "the OP MUST ask the End-User whether to log out": otherwise any
  // site could log anybody out.
  return ConfirmLogout{.request = seal_text(provider, purpose_logout, session->id, as_bytes(wish->location),
                                            now + request_life),
                       .client = wish->client};
}

LogoutNext decide_logout(const Provider& provider, std::string_view sealed,
                         const std::optional<Session>& session, bool yes, Instant now) {
  if (!session) return LoggedOut{};
  const auto location = open_text(provider, purpose_logout, session->id, sealed, now);
  if (!location) return LogoutRefused{location.error()};
  if (!yes) return refused("logout.kept", "You are still signed in.");
  return end_session(provider, *session, std::string(as_text(*location)), now);
}

Result<void> note_client_of_session(store::Session& db, const Client& client, const Session& session) {
  if (client.backchannel_logout_uri.empty()) return {};
  return db.exec(R"(INSERT INTO identity_session_client (bucket, person, session, client, until_at)
                    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (bucket, person, session, client) DO NOTHING)",
                 {registry::bucket_of(session.person), number(session.person), number(session.id), client.id,
                  to_micros(session.expires)});
}

Result<void> queue_logout_tokens(store::Session& db, const Provider& provider, const Session& session,
                                 Instant now) {
  std::vector<std::string> clients;
  const std::int64_t bucket = registry::bucket_of(session.person);
  DAYAQ_TRY_OK(db.query(R"(SELECT client FROM identity_session_client
                           WHERE bucket = $1 AND person = $2 AND session = $3)",
                        {bucket, number(session.person), number(session.id)},
                        [&](const store::Row& row) -> Result<bool> {
                          clients.emplace_back(row.text(0));
                          return true;
                        }));
  if (clients.empty()) return {};
  for (const std::string& client : clients) {
    DAYAQ_TRY_OK(queue_back_channel(db, provider,
                                    {.kind = BackChannelKind::logout,
                                     .client = client,
                                     .person = session.person,
                                     .session = session.id,
                                     .payload = {}},
                                    now));
  }
  return db.exec("DELETE FROM identity_session_client WHERE bucket = $1 AND person = $2 AND session = $3",
                 {bucket, number(session.person), number(session.id)});
}

}  // namespace dayaq::identity::oidc
