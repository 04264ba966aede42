// A registry with three persons and their digital IDs' room over it, on either engine.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "identity/account/accounts.hpp"
#include "identity/account/enrolment.hpp"
#include "identity/account/life.hpp"
#include "identity/account/recovery.hpp"
#include "support/registry.hpp"

namespace dayaq::identity::test {

using dayaq::test::must;
using namespace std::chrono_literals;

template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "none" : std::string(result.error().code);
}

/// Keeps what it is given; refuses while it is told to be away.
struct RememberingGateway final : Gateway {
  Result<void> send(const Message& message) override {
    const std::lock_guard lock(mutex);
    ++tries;
    if (away) return fail(ErrorKind::unavailable, "test.away", "No.");
    sent.push_back(message);
    return {};
  }
  std::vector<Message> all() {
    const std::lock_guard lock(mutex);
    return sent;
  }
  std::mutex mutex;
  std::vector<Message> sent;
  bool away = false;
  int tries = 0;
};

[[nodiscard]] inline std::vector<store::Migration> all_migrations() {
  std::vector<store::Migration> out;
  for (const auto room : {account_migrations(), sign_in_migrations()}) {
    out.insert(out.end(), room.begin(), room.end());
  }
  return out;
}

struct RememberingAccounts final : AccountObserver {
  Result<void> on_account_changed(store::Session&, const Account& account) override {
    states.push_back(account.state);
    return {};
  }
  std::vector<AccountState> states;
};

struct AccountsNode {
  static constexpr std::string_view aygun_id = "5ABC123";
  static constexpr std::string_view rashad_id = "6DEF456";
  static constexpr std::string_view child_id = "7GHJ789";
  static constexpr std::string_view nobody_id = "9ZZZ999";

  explicit AccountsNode(store::Engine engine) : node(engine, &life, all_migrations()) { start(); }
  ~AccountsNode() {
    outbox->stop();
    node.registry.reset();
    node.opened.database.reset();  // before the hooks that its writer thread calls
  }

  void start() {
    const auto file = folder / "master.hex";
    if (!std::filesystem::exists(file)) must(crypto::MasterKey::create(file, node.random));
    master.emplace(must(crypto::MasterKey::load(file)));
    sessions.emplace(node.db(), SessionPolicy{});
    node.db().add_hook(*sessions);
    outbox.emplace(node.db(), gateway, *master, node.random, node.clock);
    node.db().add_hook(*outbox);
    accounts.emplace(Accounts{.registry = *node.registry,
                              .persons = *node.rows,
                              .log = *node.log,
                              .sessions = *sessions,
                              .outbox = *outbox,
                              .master = *master,
                              .random = node.random,
                              .clock = node.clock,
                              .observer = &followers,
                              .site = "https://id.test"});
    life.follow(*accounts);
  }

  [[nodiscard]] Instant now() const { return node.clock.now(); }
  [[nodiscard]] registry::NationalId id_of(std::string_view text) const {
    return must(node.pack.national_id_rule().parse(text));
  }
  [[nodiscard]] PersonId person(std::string_view national_id) const { return node.person_id(national_id); }

  /// A use-case in a transaction of its own.
  template <class F>
  auto write(F&& use_case) {
    return node.db().write([&](store::Session& db) { return use_case(db, *accounts); });
  }
  template <class F>
  auto read(F&& use_case) {
    return node.db().read([&](store::Session& db) { return use_case(db, *accounts); });
  }

  void record(std::string_view national_id, const char* given, Date birth,
              std::optional<Date> death = std::nullopt) {
    must(node.write([&](auto& db, auto& registry) {
      return registry::record_person(db, registry,
                                     {person(national_id), std::string(national_id), "Əliyeva", given,
                                      registry::Sex::female, birth, death, node.place("AZ-BA-587084")},
                                     "cli");
    }));
  }
  void subscribe(std::string_view national_id, const std::string& number) {
    must(node.write([&](auto& db, auto& registry) {
      return registry::record_subscription(db, registry,
                                           {registry::SubscriptionKind::mobile,
                                            node.organisation("azercell"),
                                            number,
                                            person(national_id),
                                            {now() - 24h, instant_max}},
                                           "cli");
    }));
  }
  void unsubscribe(const std::string& number) {
    must(node.write([&](auto& db, auto& registry) {
      return registry::end_subscription(db, registry, registry::SubscriptionKind::mobile,
                                        node.organisation("azercell"), number, now(), "cli");
    }));
  }
  void people() {
    using namespace std::chrono;
    record(aygun_id, "Aygün", Date(1985y / 3 / 14));
    record(rashad_id, "Rəşad", Date(1980y / 7 / 1));
    record(child_id, "Nigar", Date(2015y / 5 / 5));
    subscribe(aygun_id, "994501234567");
    subscribe(aygun_id, "994501234568");
    subscribe(rashad_id, "994509876543");
  }

  webauthn::Credential credential(std::string_view id, bool attested = false) {
    webauthn::Credential out;
    const BytesView bytes = as_bytes(id);
    out.id.assign(bytes.begin(), bytes.end());
    out.public_key = Bytes(77, std::byte(7));
    out.flags = {
        .user_present = true, .user_verified = true, .backup_eligible = !attested, .backed_up = false};
    out.attestation = attested ? webauthn::Attestation::basic : webauthn::Attestation::none;
    out.transports = {"internal", "hybrid"};
    return out;
  }
  NewAuthenticator passkey(std::string_view id, const std::string& name = "my phone") {
    return {AuthenticatorId(node.random.next_id()), name, credential(id)};
  }
  NewAuthenticator totp(const std::string& name = "my app") {
    return {AuthenticatorId(node.random.next_id()), name, TotpSecret{Bytes(20, std::byte(9)), 0}};
  }
  NewAuthenticator sms(const std::string& number) {
    return {AuthenticatorId(node.random.next_id()), "", SmsNumber{number}};
  }

  /// A proof as if its code had just been typed.
  Proof proof(std::string_view national_id, Enrolment how, const std::string& number = "994501234567") {
    const DrawnActivation drawn =
        draw_activation(*accounts, how == Enrolment::card ? Enrolment::counter : how, now());
    if (how == Enrolment::card) {
      const Card card{id_of(national_id), {}};
      return must(write([&](auto& db, auto& a) { return prove_by_card(db, a, card, drawn, now()); })).value();
    }
    must(write([&](auto& db, auto& a) {
      return issue_activation_for(db, a,
                                  {.person = person(national_id),
                                   .channel = how,
                                   .number = how == Enrolment::sms_code ? number : "",
                                   .document = "passport AZE 1",
                                   .actor = "org:test/key:1"},
                                  drawn, now());
    }));
    const auto typed = must(write([&](auto& db, auto& a) {
      return check_typed(db, a, id_of(national_id), *normal_activation_code(drawn.code), now(),
                         {.typed_max = 1'000'000});
    }));
    return typed.proof.value();
  }
  Result<Enrolled> try_enrol(const Proof& proof, const NewAuthenticator& added,
                             std::optional<AuthenticatorId> lost = std::nullopt) {
    last_undo = draw_undo_token(node.random, proof.person);
    return write(
        [&](auto& db, auto& a) { return enrol(db, a, proof, added, lost, last_undo, Language::en, now()); });
  }
  Enrolled enrol_with(std::string_view national_id, Enrolment how, const NewAuthenticator& added,
                      std::optional<AuthenticatorId> lost = std::nullopt) {
    return must(try_enrol(proof(national_id, how), added, lost));
  }
  /// Signed in just now with one of the person's authenticators, as sign_in.cpp would.
  Session sign_in(PersonId who, AuthenticatorId with, PersonId acting_for = {}) {
    const auto all = must(read([&](auto& db, auto&) { return authenticators_of(db, who); }));
    const auto found = std::ranges::find(all, with, &Authenticator::id);
    EXPECT_NE(found, all.end());
    const auto account = must(read([&](auto& db, auto&) { return account_of(db, who); }));
    const Session session{.id = SessionId(node.random.next_id()),
                          .person = who,
                          .acting_for = acting_for,
                          .authenticated = now(),
                          .expires = now() + 12h,
                          .authenticator = with,
                          .methods = Methods(found->kind),
                          .assurance = std::min(found->worth_at(now()), assurance_of(account->enrolment))};
    const SessionToken token = draw_session_token(node.random, who, session.id);
    must(write([&](auto& db, auto& a) -> Result<void> {
      DAYAQ_TRY_OK(note_used(db, a, *found, now()));
      return a.sessions.open(db, session, token);
    }));
    return session;
  }
  std::vector<Session> live(PersonId who) {
    return must(read([&](auto& db, auto& a) { return a.sessions.of(db, who, now()); }));
  }
  std::vector<Authenticator> authenticators(PersonId who) {
    return must(read([&](auto& db, auto&) { return authenticators_of(db, who); }));
  }
  std::optional<Account> account(PersonId who) {
    return must(read([&](auto& db, auto&) { return account_of(db, who); }));
  }
  /// What waits to be sent, opened.
  struct Queued {
    Message::Channel channel;
    std::string to, text;
    bool dead;  ///< to be dropped unsent
  };
  std::vector<Queued> queued() {
    std::vector<Queued> out;
    must(node.db().read([&](store::Session& db) -> Result<void> {
      return db.query("SELECT message_id, channel, until_at, sealed FROM message ORDER BY queued, message_id",
                      {}, [&](const store::Row& row) -> Result<bool> {
                        const std::string context = "message|" + std::to_string(row.integer(0));
                        const auto plain = master->open(row.blob(3), as_bytes(context));
                        const std::string text(as_text(plain.value().view()));
                        const auto line = text.find('\n');
                        const Instant until = row.is_null(2) ? instant_max : from_micros(row.integer(2));
                        out.push_back({static_cast<Message::Channel>(row.integer(1)), text.substr(0, line),
                                       text.substr(line + 1), until <= now()});
                        return true;
                      });
    }));
    return out;
  }
  void forget_messages() {
    must(node.db().write([&](store::Session& db) { return db.exec("DELETE FROM message"); }));
  }
  /// The actions of all entries about somebody, oldest first.
  std::vector<std::string> actions(PersonId who) {
    std::vector<std::string> out;
    for (const audit::Entry& entry : must(node.log->entries_about(who, node.log->size(), 1000))) {
      const auto from = entry.leaf.find(R"("action":")") + 10;
      out.push_back(entry.leaf.substr(from, entry.leaf.find('"', from) - from));
    }
    std::ranges::reverse(out);
    return out;
  }
  std::int64_t rows(store::Sql sql) {
    return must(node.db().read([&](store::Session& db) {
             return db.one(sql, {}, [](const store::Row& row) { return row.integer(0); });
           }))
        .value_or(0);
  }

  dayaq::test::TemporaryFolder folder{"accounts"};
  LifeFollower life;
  RememberingAccounts followers;
  RememberingGateway gateway;
  std::optional<crypto::MasterKey> master;
  std::optional<Sessions> sessions;
  std::optional<Outbox> outbox;
  dayaq::test::RegistryNode node;
  std::optional<Accounts> accounts;
  UndoToken last_undo;
};

}  // namespace dayaq::identity::test
