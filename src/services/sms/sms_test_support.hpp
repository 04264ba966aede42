// A node with the permit to leave home, some people and an inbox over it, on either engine.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "services/cases/cases_test_support.hpp"
#include "services/sms/inbox.hpp"
#include "services/sms/sender.hpp"
#include "support/folder.hpp"

namespace dayaq::services::sms::test {

using dayaq::test::must;
using namespace std::chrono_literals;

/// Remembers what it is given; away or unsure while it is told so.
struct RememberingGateway final : Gateway {
  Result<void> send(const Outgoing& reply) override {
    std::unique_lock lock(mutex);
    ++tries;
    released.wait(lock, [this] { return !holds; });
    if (away) return fail(ErrorKind::unavailable, "sms.refused", "No.");
    sent.push_back(reply);
    if (unsure) return fail(ErrorKind::unavailable, "sms.unknown", "Perhaps.");
    return {};
  }
  std::vector<Outgoing> all() {
    const std::lock_guard lock(mutex);
    return sent;
  }
  template <class F>
  bool wait_until(F&& enough) {
    for (int i = 0; i < 1000; ++i) {
      {
        const std::lock_guard lock(mutex);
        if (enough()) return true;
      }
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  std::mutex mutex;
  std::vector<Outgoing> sent;
  bool away = false;
  bool unsure = false;
  bool holds = false;  ///< answers nobody until it is released
  std::condition_variable released;
  int tries = 0;
};

inline std::string leaving_home_file() {
  return regime::test::repository_file("country/az/services/leaving-home.yaml");
}

/// A permit for a month.
inline const std::string month_file = std::string(services::test::head) + R"(code: month
who: {everyone: true}
channels: [web]
promised: 1 h
form:
  - {field: why, kind: text, title: {az: Niyə}}
steps:
  - {step: permit, kind: issue, permit: month, ends: [{lasts: 30 days}]}
)";

struct SmsNode {
  explicit SmsNode(store::Engine engine) : cases(engine, migrations()) { start(); }
  /// With the tables of notices and bookings.
  SmsNode(store::Engine engine, std::span<const store::Migration> more) : cases(engine, more) { start(); }
  /// On a database that exists, with the master key that its messages lie under.
  SmsNode(const std::string& url, const std::filesystem::path& key, Gateway& way, Limits limited = {},
          std::span<const store::Migration> more = migrations())
      : key_file(key), other_gateway(&way), limits(limited), cases(url, more) {
    start();
  }
  ~SmsNode() {
    if (sender) sender->stop();
    cases.node.registry.reset();
    cases.node.opened.database.reset();
  }
  void start() {
    const auto file = key_file.empty() ? folder / "master.hex" : key_file;
    if (!std::filesystem::exists(file)) must(crypto::MasterKey::create(file, system_random));
    master.emplace(must(crypto::MasterKey::load(file)));
    if (!cases.book->published()->find("leaving-home")) cases.publish(leaving_home_file());
    inbox.emplace(InboxContext{.db = cases.node.db(),
                               .cases = *cases.cases,
                               .book = *cases.book,
                               .country = cases.node.pack,
                               .persons = cases.node.registry->secret,
                               .master = *master,
                               .random = system_random,
                               .limits = limits,
                               .room = [this](std::size_t before) { return sender && sender->room(before); }},
                  [this](std::vector<Outgoing> replies) {
                    for (const Outgoing& one : replies) delivered.push_back(one);
                    if (sender) sender->deliver(std::move(replies));
                  });
    cases.node.db().add_hook(*inbox);
  }
  void start_sender(std::size_t at_once = 256) {
    sender.emplace(cases.node.db(), other_gateway != nullptr ? *other_gateway : gateway, *master,
                   cases.node.clock,
                   SenderOptions{.threads = 2, .at_once = at_once, .retry_first = 10ms, .retry_max = 50ms});
    must(sender->start());
  }
  /// What is answered; "" for silence. A new message each time unless it has an id.
  std::string say(const std::string& text, const std::string& from = "994501234567", std::string id = {}) {
    if (id.empty()) id = std::to_string(++messages);
    delivered.clear();
    last = must(inbox->take({.from = from, .text = text, .id = id, .sent = {}}, cases.now()));
    std::string out;
    for (const Outgoing& one : delivered) {
      for (const std::string& part : one.parts) out += (out.empty() ? "" : "\n") + part;
    }
    return out;
  }
  std::uint64_t taken(std::string_view outcome) const {
    return inbox->taken(std::size_t(std::ranges::find(outcomes, outcome) - outcomes.begin()));
  }
  std::int64_t count(store::Sql sql) {
    return must(cases.read([&](store::Session& s) -> Result<std::int64_t> {
      DAYAQ_TRY(const auto n, s.one(sql, {}, [](const store::Row& row) { return row.integer(0); }));
      return n.value_or(0);
    }));
  }

  dayaq::test::TemporaryFolder folder{"sms"};
  std::filesystem::path key_file;
  Gateway* other_gateway = nullptr;
  Limits limits;
  SystemRandom system_random;
  std::optional<crypto::MasterKey> master;
  RememberingGateway gateway;
  std::vector<Outgoing> delivered;
  std::optional<Sender> sender;
  std::optional<Inbox> inbox;  // before the database, which calls it
  services::test::CasesNode cases;
  Inbox::Taken last;
  int messages = 0;
};

}  // namespace dayaq::services::sms::test
