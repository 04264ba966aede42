// A provider over an empty database, for tests of the authorization endpoint and what leads to it. Real rooms
// below; only the gateway of messages is a list.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "crypto/jwt_dpop.hpp"
#include "http/encoding.hpp"
#include "identity/account/accounts_store.hpp"
#include "identity/oidc/authorize.hpp"
#include "identity/oidc/ciba.hpp"
#include "identity/oidc/consent.hpp"
#include "identity/oidc/grants.hpp"
#include "identity/oidc/logout.hpp"
#include "identity/oidc/pushed.hpp"
#include "identity/oidc/token_state.hpp"
#include "support/registry.hpp"

namespace dayaq::identity::oidc::authorize_test {

using namespace std::chrono_literals;
using test::must;

inline const std::string issuer = "https://id.example.az";
inline const std::string verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
inline const std::string callback = "https://shop.example/cb";

inline std::vector<store::Migration> all_migrations() {
  std::vector<store::Migration> out;
  for (const auto list :
       {account_migrations(), sign_in_migrations(), migrations(), authorization_migrations()}) {
    out.insert(out.end(), list.begin(), list.end());
  }
  return out;
}

struct ListGateway final : Gateway {
  Result<void> send(const Message& message) override {
    const std::lock_guard lock(mutex);
    sent.push_back(message);
    return {};
  }
  std::vector<Message> wait_for(std::size_t count) {
    for (int i = 0; i < 500; ++i) {
      {
        const std::lock_guard lock(mutex);
        if (sent.size() >= count) return sent;
      }
      std::this_thread::sleep_for(10ms);
    }
    const std::lock_guard lock(mutex);
    return sent;
  }
  std::mutex mutex;
  std::vector<Message> sent;
};

/// A program that may do what the code flow needs; tests change what they are about.
inline Client make_client(std::string id = "shop") {
  Client client;
  client.id = std::move(id);
  client.organisation = OrganisationCode("baku-city-hospital");
  client.name = {.az = "Mağaza", .en = "The shop", .ru = "Магазин"};
  client.purpose = {.az = "Sifariş", .en = "Orders", .ru = "Заказы"};
  client.legal_ground = "contract";
  client.authentication = ClientAuthentication::secret_basic;
  client.redirect_uris = {callback};
  client.post_logout_redirect_uris = {"https://shop.example/bye"};
  for (const GrantType type :
       {GrantType::authorization_code, GrantType::refresh_token, GrantType::device_code, GrantType::ciba}) {
    client.grants = static_cast<std::uint8_t>(client.grants | 1u << unsigned(type));
  }
  client.scopes = {"openid", "profile", "age", "status:student", "persons:read"};
  client.sector = client.id + ".example";
  return client;
}

struct World {
  struct KeysIn {
    std::filesystem::path folder;  ///< empty: beside the database
  };
  explicit World(store::Engine engine) : World(KeysIn(), engine, nullptr, all_migrations()) {}
  /// On a database that another process worked on, and died; `kept` is where its keys are.
  World(const std::string& url, const std::filesystem::path& kept)
      : World(KeysIn{kept}, url, all_migrations()) {}
  template <class... Args>
  explicit World(const KeysIn& keys_in, Args&&... args)
      : node(std::forward<Args>(args)...),
        folder(keys_in.folder.empty() ? std::filesystem::path(node.opened.folder / "") : keys_in.folder),
        master(open_master()),
        keys(must(crypto::KeyRing::open(folder / "keys", must(crypto::MasterKey::load(folder / "master.key")),
                                        {.algorithms = {crypto::JwsAlgorithm::es256}}))),
        sessions(node.db(), {}),
        outbox(node.db(), gateway, master, random, node.clock) {
    (void)must(keys.rotate(node.clock.now(), random));
    node.db().add_hook(sessions);
    node.db().add_hook(outbox);
    node.db().add_hook(clients);
    node.db().add_hook(token_hook(provider));
    sessions.add_observer(followers);
    add(make_client());
    person = add_person("5ABC123");
  }
  ~World() {
    outbox.stop();
    node.opened.database.reset();  // whose writer thread calls the hooks
  }

  [[nodiscard]] store::Database& db() { return node.db(); }
  [[nodiscard]] Instant now() const { return node.clock.now(); }

  void add(const Client& client) {
    must(db().write([&](store::Session&) -> Result<void> {
      clients.stage(client);
      return {};
    }));
  }
  [[nodiscard]] Client client(std::string_view id = "shop") const { return *clients.find(id); }

  PersonId add_person(const std::string& national_id) {
    const PersonId id = node.person_id(national_id);
    (void)must(node.write([&](store::Session& session, const registry::Registry& registry) {
      return registry::record_person(session, registry,
                                     {id, national_id, "Əliyeva", "Aygün", registry::Sex::female,
                                      Date(1985y / 3 / 14), std::nullopt, node.place("AZ-BA-587084")},
                                     "cli");
    }));
    must(db().write([&](store::Session& session) -> Result<void> {
      DAYAQ_TRY(const auto known, account_of(session, id));
      if (known) return {};
      return insert_account(session, {.person = id,
                                      .state = AccountState::active,
                                      .enrolment = Enrolment::counter,
                                      .created = now(),
                                      .changed = now(),
                                      .language = Language::en});
    }));
    return id;
  }

  /// Somebody signs in, in a browser of their own.
  Session sign_in(PersonId who, Assurance assurance = Assurance::substantial) {
    Session session;
    session.id = SessionId(random.next_id());
    session.person = who;
    session.authenticated = now();
    session.expires = now() + 12h;
    session.authenticator = AuthenticatorId(1);
    session.methods = Methods(AuthenticatorKind::passkey);
    session.assurance = assurance;
    const SessionToken token = draw_session_token(random, who, session.id);
    must(db().write([&](store::Session& s) { return sessions.open(s, session, token); }));
    return session;
  }
  Session sign_in() { return sign_in(person); }

  Next ask(const std::string& query, const std::optional<Session>& session = {}) {
    http::Request request;
    request.method = http::Method::get;
    request.path = "/oauth/authorize";
    request.query = query;
    return authorize(provider, request, session, now());
  }

  int audit_entries(std::string_view action) {
    int count = 0;
    must(node.log->each(0, node.log->size(), [&](const audit::Entry& entry) -> Result<bool> {
      if (entry.leaf.find("\"action\":\"" + std::string(action) + "\"") != std::string::npos) ++count;
      return true;
    }));
    return count;
  }
  std::int64_t rows(store::Sql sql) {
    return must(db().read([&](store::Session& s) {
             return s.one(sql, {}, [](const store::Row& row) { return row.integer(0); });
           }))
        .value_or(-1);
  }

  [[nodiscard]] crypto::MasterKey open_master() {
    const auto file = folder / "master.key";
    if (std::filesystem::exists(file)) return must(crypto::MasterKey::load(file));
    return must(crypto::MasterKey::create(file, random));
  }

  SystemRandom random;  // threads share it, and processes that follow each other draw other ids
  test::RegistryNode node;
  std::filesystem::path folder;
  crypto::MasterKey master;
  crypto::KeyRing keys;
  Sessions sessions;
  ListGateway gateway;
  Outbox outbox;
  Clients clients;
  Accounts accounts{.registry = *node.registry,
                    .persons = *node.rows,
                    .log = *node.log,
                    .sessions = sessions,
                    .outbox = outbox,
                    .master = master,
                    .random = random,
                    .clock = node.clock,
                    .observer = &closers};
  Provider provider{.db = node.db(),
                    .accounts = accounts,
                    .sessions = sessions,
                    .clients = clients,
                    .keys = keys,
                    .master = master,
                    .log = *node.log,
                    .random = random,
                    .clock = node.clock,
                    .issuer = issuer,
                    .lifetimes = {}};
  GrantsFollowSessions followers{provider};
  GrantsFollowAccounts closers{provider};
  PersonId person;
};

/// Fields of a query, percent-encoded. Later ones replace earlier ones; "" leaves one out.
struct Query {
  std::vector<std::pair<std::string, std::string>> fields{
      {"client_id", "shop"},
      {"redirect_uri", callback},
      {"response_type", "code"},
      {"scope", "openid profile"},
      {"state", "xyz &=%"},
      {"nonce", "n-0S6_WzA2Mj"},
      {"code_challenge", crypto::sha256_base64url(verifier)},
      {"code_challenge_method", "S256"}};
  Query& with(std::string name, std::string value) {
    std::erase_if(fields, [&](const auto& field) { return field.first == name; });
    if (!value.empty()) fields.emplace_back(std::move(name), std::move(value));
    return *this;
  }
  [[nodiscard]] std::string text() const {
    std::string out;
    for (const auto& [name, value] : fields) {
      if (!out.empty()) out += '&';
      out += name + '=' + http::percent_encode(value);
    }
    return out;
  }
  operator std::string() const { return text(); }  // NOLINT(google-explicit-constructor)
};

/// A value of the answer's location; nullopt if it isn't there.
inline std::optional<std::string> answer_field(const Next& next, std::string_view name) {
  const auto* redirect = std::get_if<Redirect>(&next);
  if (redirect == nullptr) return std::nullopt;
  for (const auto& [key, value] : redirect->form) {
    if (key == name) return value;
  }
  const std::size_t mark = redirect->location.find('?');
  if (mark == std::string::npos) return std::nullopt;
  return http::form_field(std::string_view(redirect->location).substr(mark + 1), name);
}
inline std::string error_in(const Next& next) {
  if (const auto* page = std::get_if<RefusePage>(&next)) return std::string(page->error.code);
  if (std::holds_alternative<NeedSignIn>(next)) return "sign in";
  if (std::holds_alternative<NeedConsent>(next)) return "consent";
  return answer_field(next, "error").value_or("none");
}
/// The sealed request behind "go to the sign-in page".
inline std::string sealed_in(const Next& next) {
  const auto* need = std::get_if<NeedSignIn>(&next);
  if (need == nullptr) return {};
  return need->wish.then.substr(need->wish.then.find('=') + 1);
}

struct Authorizing : testing::TestWithParam<store::Engine> {
  World world{GetParam()};
};

}  // namespace dayaq::identity::oidc::authorize_test
