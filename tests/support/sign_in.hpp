// A node at which one can sign in, and the things people sign in with. For tests and benchmarks; whoever
// includes this links dayaq::test_support.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <regex>

#include "crypto/cose.hpp"
#include "crypto/ecdsa_der.hpp"
#include "crypto/password.hpp"
#include "identity/account/accounts_store.hpp"
#include "identity/account/confirmation.hpp"
#include "identity/account/sign_in.hpp"
#include "support/folder.hpp"
#include "support/registry.hpp"

namespace dayaq::test {

using namespace identity;  // tests speak of nothing else here

/// The node's clock for the thread that sends messages, which reads it while a test moves it.
class SharedClock final : public Clock {
 public:
  explicit SharedClock(Instant at) : at_(to_micros(at)) {}
  [[nodiscard]] Instant now() const override { return from_micros(at_); }
  void advance(std::chrono::microseconds by) { at_ += by.count(); }

 private:
  std::atomic<std::int64_t> at_;
};

/// Keeps what is sent.
class Mailbox final : public Gateway {
 public:
  Result<void> send(const Message& message) override {
    const std::lock_guard lock(mutex_);
    messages_.push_back(message);
    arrived_.notify_all();
    return {};
  }
  /// The `number`th message that was sent (from 1), waited for.
  Message wait_for(std::size_t number) {
    std::unique_lock lock(mutex_);
    const bool there =
        arrived_.wait_for(lock, std::chrono::seconds(10), [&] { return messages_.size() >= number; });
    return there ? messages_[number - 1] : Message{};
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return messages_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Message> messages_;
};

/// The digits of a code in a message's text.
[[nodiscard]] inline std::string code_in(const Message& message) {
  std::smatch found;
  return std::regex_search(message.text, found, std::regex("[0-9]{6}")) ? found.str() : "";
}

/// A passkey: what a browser and an authenticator do.
struct SoftPasskey {
  PersonId person;
  AuthenticatorId authenticator;
  crypto::CoseSigner signer = crypto::CoseSigner::generate(crypto::CoseAlgorithm::es256);
  Bytes id;
  std::uint32_t counter = 0;
  std::string origin = "https://id.example.az", rp_id = "id.example.az";

  [[nodiscard]] webauthn::Credential credential() const {
    webauthn::Credential out{.id = id, .public_key = signer.public_key().encode(), .counter = counter};
    out.flags.user_present = true;
    out.flags.user_verified = true;
    return out;
  }
  /// The challenge in the options that a page has.
  [[nodiscard]] static std::string challenge_in(const std::string& options) {
    std::smatch found;
    return std::regex_search(options, found, std::regex(R"re("challenge":"([^"]+)")re")) ? found[1].str()
                                                                                         : "";
  }
  [[nodiscard]] std::string answer(const std::string& options) const {
    const std::string client = R"({"type":"webauthn.get","challenge":")" + challenge_in(options) +
                               R"(","origin":")" + origin + R"(","crossOrigin":false})";
    const crypto::Sha256 site = crypto::sha256(as_bytes(rp_id));
    Bytes data(site.begin(), site.end());
    data.push_back(std::byte{0x05});
    for (int shift = 24; shift >= 0; shift -= 8) data.push_back(std::byte(counter >> shift & 0xff));
    Bytes message = data;
    const crypto::Sha256 hash = crypto::sha256(as_bytes(client));
    message.insert(message.end(), hash.begin(), hash.end());
    const Bytes raw = signer.sign(message);
    const auto der = crypto::ecdsa_p256_to_der(std::span(raw).first<64>());
    const std::string name = to_base64url(id);
    return fmt::format(
        R"({{"id":"{0}","rawId":"{0}","type":"public-key","response":{{"clientDataJSON":"{1}",)"
        R"("authenticatorData":"{2}","signature":"{3}","userHandle":"{4}"}}}})",
        name, to_base64url(as_bytes(client)), to_base64url(data), to_base64url(der.view()),
        to_base64url(user_handle(person)));
  }
};

[[nodiscard]] inline std::vector<store::Migration> further_migrations() {
  std::vector<store::Migration> out;
  for (const auto room : {account_migrations(), sign_in_migrations()})
    out.insert(out.end(), room.begin(), room.end());
  return out;
}

[[nodiscard]] inline crypto::MasterKey master_in(const std::filesystem::path& file) {
  SystemRandom random;
  return must(std::filesystem::exists(file) ? crypto::MasterKey::load(file)
                                            : crypto::MasterKey::create(file, random));
}

struct SignInNode {
  explicit SignInNode(store::Engine engine, const LimitPolicy& limits = {})
      : registry(engine, nullptr, further_migrations()), master(master_in(folder / "master")) {
    start(limits);
  }
  /// On a database that another process may have made; `key` is its master key's file.
  SignInNode(const std::string& url, const std::filesystem::path& key, const LimitPolicy& limits = {})
      : registry(url, further_migrations()), master(master_in(key)) {
    start(limits);
  }
  ~SignInNode() {
    outbox->stop();
    registry.opened.database.reset();  // its writer calls the hooks below
  }
  void start(const LimitPolicy& limits) {
    sessions.emplace(registry.db(), SessionPolicy{});
    outbox.emplace(registry.db(), mailbox, master, random, sending_clock);
    registry.db().add_hook(*sessions);
    registry.db().add_hook(*outbox);
    must(outbox->start());
    accounts.emplace(Accounts{.registry = *registry.registry,
                              .persons = *registry.rows,
                              .log = *registry.log,
                              .sessions = *sessions,
                              .outbox = *outbox,
                              .master = master,
                              .random = random,
                              .clock = registry.clock});
    sign_in.emplace(registry.db(), *accounts, party, limits);
  }
  /// Stops and starts again on the same database.
  void restart() {
    sign_in.reset();
    accounts.reset();
    outbox->stop();
    registry.opened.database.reset();
    outbox.reset();
    sessions.reset();
    registry.restart();
    start({});
  }

  [[nodiscard]] store::Database& db() { return registry.db(); }
  [[nodiscard]] Instant now() const { return registry.clock.now(); }
  void pass(std::chrono::microseconds time) {
    registry.clock.advance(time);
    sending_clock.advance(time);
  }
  template <class F>
  auto write(F&& use_case) {
    return must(db().write(std::forward<F>(use_case)));
  }

  /// A person with a mobile number; with a digital ID unless told otherwise.
  PersonId person(const std::string& national_id, const std::string& number,
                  std::optional<Enrolment> enrolment = Enrolment::counter) {
    const PersonId id = registry.person_id(national_id);
    must(registry.write([&](auto& session, auto& r) {
      return registry::record_person(
          session, r,
          {id, national_id, "Sınaq", "Aysel", registry::Sex::female, Date(std::chrono::year(1985) / 3 / 14),
           std::nullopt, registry.place("AZ-BA-587084")},
          "cli");
    }));
    must(registry.write([&](auto& session, auto& r) {
      return registry::record_subscription(session, r,
                                           {registry::SubscriptionKind::mobile,
                                            registry.organisation("azercell"),
                                            number,
                                            id,
                                            {now() - std::chrono::hours(24), instant_max}},
                                           "cli");
    }));
    if (enrolment) {
      write([&](store::Session& session) {
        return insert_account(session,
                              {.person = id, .enrolment = *enrolment, .created = now(), .changed = now()});
      });
    }
    return id;
  }
  Authenticator add(PersonId person, Material material, Assurance proved = Assurance::high,
                    Instant active_from = instant_min) {
    const NewAuthenticator added{AuthenticatorId(random.next_id()), "mine", std::move(material)};
    return write([&](store::Session& session) {
      return put_authenticator(session, *accounts, person, added,
                               {.proved = proved, .active_from = active_from}, now());
    });
  }
  SoftPasskey add_passkey(PersonId person, std::uint32_t counter = 0) {
    SoftPasskey passkey;
    passkey.person = person;
    passkey.id.resize(16);
    passkey.counter = counter;
    random.fill(passkey.id);
    const Authenticator made = add(person, passkey.credential());
    passkey.authenticator = made.id;
    return passkey;
  }
  [[nodiscard]] Caller browser() { return {sign_in->draw_attempt(), "192.0.2.7", ""}; }

  test::TemporaryFolder folder{"sign-in"};
  test::RegistryNode registry;
  crypto::MasterKey master;
  SystemRandom random;
  SharedClock sending_clock{registry.clock.now()};
  Mailbox mailbox;
  webauthn::RelyingParty party{"id.example.az", "Digital ID", {"https://id.example.az"}};
  std::optional<Sessions> sessions;
  std::optional<Outbox> outbox;
  std::optional<Accounts> accounts;
  std::optional<SignIn> sign_in;
};

}  // namespace dayaq::test
