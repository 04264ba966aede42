// The program is killed while it queues and sends. What was acknowledged was sent or still waits; what was
// sent and deleted doesn't come again.
#include <set>

#include "identity/account/accounts_test_support.hpp"
#include "identity/account/kill_test_support.hpp"

namespace dayaq::identity {
namespace {

using test::must;
using namespace std::chrono_literals;

/// Says so after each message it has handed over.
struct SayingGateway final : Gateway {
  explicit SayingGateway(int out) : pipe(out) {}
  Result<void> send(const Message& message) override {
    kill_test::say(pipe, "sent " + std::to_string(message.id));
    return {};
  }
  int pipe;
};

crypto::MasterKey make_master(const std::filesystem::path& file) {
  SystemRandom random;
  if (!std::filesystem::exists(file)) must(crypto::MasterKey::create(file, random));
  return must(crypto::MasterKey::load(file));
}

/// Queues one message after the other, each acknowledged, while the outbox sends.
[[noreturn]] void work(const std::string& url, const std::filesystem::path& key, std::uint64_t first,
                       int pipe) {
  const auto database = kill_test::open_patiently(url);
  if (!database) std::_Exit(5);
  const crypto::MasterKey master = make_master(key);
  SystemRandom random;
  SystemClock clock;
  SayingGateway gateway(pipe);
  Outbox outbox(*database, gateway, master, random, clock);
  database->add_hook(outbox);
  if (!outbox.start()) std::_Exit(6);
  for (std::uint64_t id = first;; ++id) {
    const Message message{
        .id = id, .channel = Message::Channel::sms, .to = "994", .text = "x", .until = instant_max};
    const auto done = database->write([&](store::Session& db) { return outbox.queue(db, message); });
    if (!done) std::_Exit(7);
    kill_test::say(pipe, "queued " + std::to_string(id));
  }
}

struct KilledOutbox : testing::TestWithParam<store::Engine> {};

INSTANTIATE_TEST_SUITE_P(Engines, KilledOutbox, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

TEST_P(KilledOutbox, LosesNoMessage) {
  must(log::set_level("error"));
  dayaq::test::TemporaryFolder keys("outbox");
  dayaq::test::OpenedDatabase opened(GetParam());
  must(opened.database->migrate(test::all_migrations()));
  opened.database.reset();
  std::set<std::string> queued;
  std::map<std::string, int> sent;
  std::set<std::string> was_waiting;
  for (int round = 0; round < kill_test::rounds(); ++round) {
    const auto lines = kill_test::run_and_kill(
        std::chrono::milliseconds(20 + 17 * (round % 5)),
        [&](int pipe) { work(opened.url, keys / "master.hex", std::uint64_t(round) * 1'000'000 + 1, pipe); });
    for (const auto& words : lines) {
      if (words.size() != 2) continue;
      if (words[0] == "queued") {
        queued.insert(words[1]);
      } else {
        // Again only if its deletion was not yet durable when the program died.
        if (sent[words[1]]++ > 0) {
          EXPECT_TRUE(was_waiting.contains(words[1])) << words[1];
        }
      }
    }
    const auto after = kill_test::open_patiently(opened.url);
    ASSERT_TRUE(after);
    was_waiting.clear();
    must(after->read([&](store::Session& db) -> Result<void> {
      return db.query("SELECT message_id FROM message", {}, [&](const store::Row& row) -> Result<bool> {
        was_waiting.insert(std::to_string(row.integer(0)));
        return true;
      });
    }));
    for (const std::string& id : queued) {
      EXPECT_TRUE(sent.contains(id) || was_waiting.contains(id)) << "message " << id << " is lost";
    }
  }
  EXPECT_GT(queued.size(), 20u);
  EXPECT_GT(sent.size(), 10u);
}

}  // namespace
}  // namespace dayaq::identity
