#include "identity/oidc/ciba.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "identity/account/notices.hpp"
#include "identity/oidc/authorize_decision.hpp"
#include "identity/oidc/authorize_seal.hpp"
#include "identity/oidc/logout_sender.hpp"
#include "registry/country_pack.hpp"

namespace dayaq::identity::oidc {
namespace {

constexpr std::size_t message_max = 64;  ///< letters of a binding_message
constexpr std::size_t token_max = 1024;  ///< CIBA Core section 7.1: client_notification_token
constexpr int requests_max = 10;         ///< of one client about one hint within an hour
constexpr int messages_max = 20;         ///< to one person within an hour, by whomever
constexpr std::chrono::hours limit_for{1};

struct CibaWish {
  std::vector<std::string> scopes;
  std::string hint_key;  ///< what the limit counts by
  PersonId person;       ///< 0: nobody
  std::string message;
  std::string notification_token;
  Assurance wanted = Assurance::none;
  std::chrono::seconds life{};
};

/// Section 7.1: short, plain, and the same on both screens. No controls, and nothing that turns the direction
/// of writing around.
Result<std::string> parse_message(std::string_view text) {
  std::size_t letters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if ((byte & 0xc0) != 0x80) ++letters;
    const std::string_view three = text.substr(i, 3);
    const bool turns = (three >= "\xE2\x80\xA8" && three <= "\xE2\x80\xAE") ||
                       (three >= "\xE2\x81\xA0" && three <= "\xE2\x81\xAF") || three == "\xE2\x80\x8B" ||
                       three == "\xE2\x80\x8E" || three == "\xE2\x80\x8F";
    const bool c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<std::uint8_t>(text[i + 1]) < 0xa0;
    if (byte < 0x20 || byte == 0x7f || c1 || turns) {
      return refuse("oauth.invalid_binding_message", "binding_message isn't plain text.");
    }
  }
  if (letters > message_max) {
    return refuse("oauth.invalid_binding_message", "binding_message is over 64 characters.");
  }
  return std::string(text);
}

/// Section 7.1: a bearer token (RFC 6750) of at most 1024 characters, required for ping.
Result<std::string> parse_notification_token(const Client& client, std::string_view token) {
  if (client.backchannel_notification_uri.empty()) return std::string();
  const bool good = !token.empty() && token.size() <= token_max && std::ranges::all_of(token, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~+/=").find(c) != std::string_view::npos;
  });
  if (!good) {
    return refuse("oauth.invalid_request", "client_notification_token is missing or isn't a bearer token.");
  }
  return std::string(token);
}

Bytes subject_key(const Client& client, std::string_view subject) {
  return hash_of("ciba subject|" + client.id + '|' + std::string(subject));
}

/// Whom the hint means. Nobody is an answer too, and isn't told from somebody.
Result<void> find_person(const Provider& provider, const Client& client, const Parameters& parameters,
                         CibaWish& wish, Instant now) {
  // Section 7.1: "exactly one of the hints".
  const bool by_login = parameters.has("login_hint"), by_token = parameters.has("id_token_hint");
  if (by_login == by_token || parameters.has("login_hint_token")) {
    return refuse("oauth.invalid_request", "There has to be one of login_hint and id_token_hint.");
  }
  if (by_login) {
    const std::string_view text = parameters.get("login_hint");
    wish.hint_key = "login|" + std::string(text);
    const registry::Registry& registry = provider.accounts.registry;
    if (const auto id = registry.country.national_id_rule().parse(text)) {
      wish.person = registry.person_id(*id);
    }
    return {};
  }
  DAYAQ_TRY(const IdTokenHint hint, check_id_token_hint(provider, parameters.get("id_token_hint"), now));
  if (hint.client != client.id) {
    return refuse("oauth.invalid_request", "id_token_hint was issued to another client.");
  }
  wish.hint_key = "sub|" + hint.subject;
  const Bytes key = subject_key(client, hint.subject);
  DAYAQ_TRY(const auto person, provider.db.read([&](store::Session& db) {
    return db.one("SELECT person FROM identity_ciba_subject WHERE id = $1", {BytesView(key)},
                  [](const store::Row& row) { return PersonId(static_cast<std::uint64_t>(row.integer(0))); });
  }));
  wish.person = person.value_or(PersonId());
  return {};
}

Result<CibaWish> parse_wish(const Provider& provider, const Client& client, std::string_view form,
                            Instant now) {
  if (!client.may(GrantType::ciba) || client.authentication == ClientAuthentication::none) {
    return refuse("oauth.unauthorized_client", "The client isn't registered for CIBA.");
  }
  DAYAQ_TRY(const Parameters parameters, Parameters::parse(form));
  if (!parameters.repeated().empty()) {
    return refuse("oauth.invalid_request", "A parameter comes more than once.");
  }
  if (parameters.has("request") || parameters.has("request_uri")) {
    return refuse("oauth.invalid_request", "Signed requests aren't taken here.");
  }
  CibaWish wish;
  DAYAQ_TRY(wish.scopes, parse_scopes(client, parameters.get("scope")));
  if (std::ranges::find(wish.scopes, "openid") == wish.scopes.end()) {
    return refuse("oauth.invalid_scope", "scope has to contain openid.");
  }
  DAYAQ_TRY(wish.message, parse_message(parameters.get("binding_message")));
  DAYAQ_TRY(wish.notification_token,
            parse_notification_token(client, parameters.get("client_notification_token")));
  wish.wanted = parse_acr_values(parameters.get("acr_values"));
  wish.life = provider.lifetimes.ciba;
  if (const std::string_view text = parameters.get("requested_expiry"); !text.empty()) {
    DAYAQ_TRY(const auto seconds, parse_seconds(text));
    if (seconds == 0) return refuse("oauth.invalid_request", "requested_expiry isn't a number of seconds.");
    wish.life = std::min(wish.life, std::chrono::seconds(seconds));
  }
  DAYAQ_TRY_OK(find_person(provider, client, parameters, wish, now));
  return wish;
}

std::string message_text(const Provider& provider, const Client& client, const CibaWish& wish,
                         Language language) {
  const std::string& name = client.name.in(language);
  const std::string_view page = provider.issuer;
  const std::string bound = wish.message.empty() ? "" : " \u00ab" + wish.message + "\u00bb";
  switch (language) {
    case Language::az:
      return fmt::format(
          "{} təsdiqinizi gözləyir{}. Siz başlamısınızsa, {} saytında öz səhifənizdə təsdiqləyin; "
          "yoxsa rədd edin.",
          name, bound, page);
    case Language::en:
      return fmt::format(
          "{} waits for your confirmation{}. If you started this, confirm it on your page at "
          "{}; if not, refuse it.",
          name, bound, page);
    case Language::ru:
      return fmt::format(
          "{} ждёт вашего подтверждения{}. Если это начали вы, подтвердите на своей странице "
          "на {}; если нет, откажите.",
          name, bound, page);
  }
  return {};
}

/// Tells the person, who has a digital ID that is in use. Nobody is told more often than messages_max an
/// hour.
Result<void> tell_person(store::Session& db, const Provider& provider, const Client& client,
                         const CibaWish& wish, const Account& account, Instant now) {
  const std::string key = fmt::format("ciba messages|{}", account.person.value());
  DAYAQ_TRY(const std::int64_t told, tries_of(db, key, now));
  if (told >= messages_max) return {};
  DAYAQ_TRY_OK(count_try(db, key, now + limit_for, now));
  DAYAQ_TRY(Receivers receivers, receivers_of(db, provider.accounts, account.person, {}, now));
  receivers.letter.clear();  // it would come days after this is over
  return notify(db, provider.accounts, receivers, message_text(provider, client, wish, account.language));
}

/// The row and the message. False: the limit is reached.
Result<bool> store_request(store::Session& db, const Provider& provider, const Client& client,
                           const CibaWish& wish, BytesView id, BytesView ping, Instant now) {
  const std::string key = "ciba|" + client.id + '|' + wish.hint_key;
  DAYAQ_TRY(const std::int64_t tries, tries_of(db, key, now));
  if (tries >= requests_max) return false;
  DAYAQ_TRY_OK(count_try(db, key, now + limit_for, now));
  DAYAQ_TRY(const auto account, account_of(db, wish.person));
  const bool active = account && account->state == AccountState::active;
  const auto person = active ? static_cast<std::int64_t>(wish.person.value()) : std::int64_t(0);
  const std::string scopes = join_names(wish.scopes);
  if (active) {
    DAYAQ_TRY_OK(db.exec("UPDATE identity_ciba SET state = 2 WHERE person = $1 AND client = $2 AND state = 0",
                         {person, client.id}));
  }
  DAYAQ_TRY_OK(db.exec(
      R"(INSERT INTO identity_ciba (id, person, client, scopes, binding_message, wanted, state, interval_s,
                                    polled_at, ping, until_at)
         VALUES ($1, $2, $3, $4, $5, $6, 0, $7, 0, $8, $9))",
      {id, person, client.id, scopes, wish.message, std::int64_t(wish.wanted),
       std::int64_t(poll_interval.count()), ping, to_micros(now + wish.life)}));
  if (active) DAYAQ_TRY_OK(tell_person(db, provider, client, wish, *account, now));
  return true;
}

std::unexpected<Error> unknown_request() {
  return fail(ErrorKind::not_found, "oauth.ciba_request", "This request was decided already, or is too old.");
}

}  // namespace

Result<CibaAuthorization> begin_ciba(const Provider& provider, const Client& client, std::string_view form,
                                     Instant now) {
  DAYAQ_TRY(const CibaWish wish, parse_wish(provider, client, form, now));
  const std::string auth_req_id = draw_secret(provider.random);
  const Bytes id = hash_of(auth_req_id);
  std::string ping;
  if (!wish.notification_token.empty()) {
    ping = seal_text(provider, purpose_ping, SessionId(),
                     as_bytes(auth_req_id + '\n' + wish.notification_token), now + std::chrono::hours(24));
  }
  DAYAQ_TRY(const bool stored, provider.db.write([&](store::Session& db) {
    return store_request(db, provider, client, wish, id, as_bytes(ping), now);
  }));
  if (!stored) {
    return fail(ErrorKind::limit, "oauth.slow_down", "Too many requests about this person within the hour.");
  }
  return CibaAuthorization{.auth_req_id = auth_req_id, .expires_in = wish.life, .interval = poll_interval};
}

Result<std::vector<CibaRequest>> ciba_requests_of(const Provider& provider, PersonId person, Instant now) {
  std::vector<CibaRequest> out;
  if (person == PersonId()) return out;
  DAYAQ_TRY_OK(provider.db.read([&](store::Session& db) -> Result<void> {
    return db.query(R"(SELECT id, client, scopes, binding_message, until_at FROM identity_ciba
                       WHERE person = $1 AND state = 0 AND until_at > $2 ORDER BY until_at DESC)",
                    {static_cast<std::int64_t>(person.value()), to_micros(now)},
                    [&](const store::Row& row) -> Result<bool> {
                      auto client = provider.clients.find(row.text(1));
                      if (!client) return true;
                      out.push_back({.id = to_hex(row.blob(0)),
                                     .client = std::move(client),
                                     .scopes = split_names(row.text(2)),
                                     .binding_message = std::string(row.text(3)),
                                     .expires = from_micros(row.integer(4))});
                      return true;
                    });
  }));
  return out;
}

Result<void> decide_ciba(const Provider& provider, std::string_view id_text, const Session& session,
                         bool granted, Instant now) {
  const auto id = from_hex(id_text);
  if (!id) return unknown_request();
  struct Found {
    std::string client;
    std::vector<std::string> scopes;
    Assurance wanted = Assurance::none;
    Bytes ping;
  };
  const GrantId grant_id(provider.random.next_id());
  const auto person = static_cast<std::int64_t>(session.person.value());
  return provider.db.write([&](store::Session& db) -> Result<void> {
    // Only the person it is about, and only once.
    DAYAQ_TRY(const auto found, db.one(R"(SELECT client, scopes, wanted, ping FROM identity_ciba
                        WHERE id = $1 AND person = $2 AND state = 0 AND until_at > $3)",
                                       {BytesView(*id), person, to_micros(now)}, [](const store::Row& row) {
                                         return Found{.client = std::string(row.text(0)),
                                                      .scopes = split_names(row.text(1)),
                                                      .wanted = static_cast<Assurance>(row.integer(2)),
                                                      .ping = Bytes(row.blob(3).begin(), row.blob(3).end())};
                                       }));
    const auto client = found ? provider.clients.find(found->client) : nullptr;
    if (!client) return unknown_request();
    Bytes decision;
    if (granted) {
      DAYAQ_TRY(decision,
                approve(db, provider, *client, session, found->scopes, grant_id, found->wanted, now));
    }
    DAYAQ_TRY(const std::int64_t changed,
              db.change("UPDATE identity_ciba SET state = $1, decision = $2 WHERE id = $3 AND state = 0",
                        {std::int64_t(granted ? 1 : 2), BytesView(decision), BytesView(*id)}));
    if (changed != 1) return unknown_request();
    // Section 10.2: the client is told that there is something to fetch, whatever it is.
    if (!found->ping.empty()) {
      DAYAQ_TRY_OK(queue_back_channel(db, provider,
                                      {.kind = BackChannelKind::ping,
                                       .client = client->id,
                                       .person = session.person,
                                       .session = SessionId(),
                                       .payload = found->ping},
                                      now));
    }
    return {};
  });
}

Result<Poll> poll_ciba(store::Session& db, const Provider&, const Client& client,
                       std::string_view auth_req_id, Instant now) {
  const Bytes id = hash_of(auth_req_id);
  DAYAQ_TRY(const auto row,
            db.one(R"(SELECT state, interval_s, polled_at, until_at, decision FROM identity_ciba
                      WHERE id = $1 AND client = $2)",
                   {BytesView(id), client.id}, read_poll_row));
  DAYAQ_TRY(const PollStep step, next_poll(row, now));
  DAYAQ_TRY_OK(db.exec("UPDATE identity_ciba SET state = $1, interval_s = $2, polled_at = $3 WHERE id = $4",
                       {step.row.state, step.row.interval_s, to_micros(step.row.polled), BytesView(id)}));
  return step.poll;
}

Result<void> note_subject(store::Session& db, const Provider& provider, const Client& client,
                          PersonId person) {
  if (!client.may(GrantType::ciba)) return {};
  const Bytes key = subject_key(client, subject(provider, client, person));
  return db.exec("INSERT INTO identity_ciba_subject (id, person) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
                 {BytesView(key), static_cast<std::int64_t>(person.value())});
}

}  // namespace dayaq::identity::oidc
