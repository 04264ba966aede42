// The program is killed while messages come in and answers go out. Each accepted message has its row and its
// case, once; each answer was sent or waits; one that went out twice is marked so.
#include <fmt/format.h>

#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "services/sms/sms_test_support.hpp"
#include "support/kill.hpp"

namespace dayaq::services::sms {
namespace {

using namespace kill_test;
using test::must;
using test::SmsNode;

constexpr int threads = 4;
/// The test's days run faster than the world's.
constexpr Limits everything_remembered{.remembered = std::chrono::hours(24 * 365 * 1000)};

/// Says so of each answer that it takes.
struct SayingGateway final : Gateway {
  explicit SayingGateway(int out) : pipe(out) {}
  Result<void> send(const Outgoing& reply) override {
    if (pipe >= 0) say(pipe, fmt::format("out {} {}", reply.message, reply.doubled ? "doubled" : "once"));
    return {};
  }
  int pipe;
};

[[noreturn]] void work(const std::string& url, const std::filesystem::path& key, int round, int pipe) {
  SayingGateway gateway(pipe);
  SmsNode node(url, key, gateway, everything_remembered);
  node.start_sender(8);  // both ways: stored as being sent at once, and marked so when its turn comes
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      for (int i = 1;; ++i) {
        // A permit is once a day: each message is of another one.
        const Instant now = node.cases.now() + std::chrono::days(round * 2000 + i);
        const std::string from = fmt::format("99450{}{:04}", t, i % 1000);
        const std::string id = fmt::format("{}-{}-{}", round, t, i);
        const Incoming message{.from = from, .text = fmt::format("1 5A{:05}", t), .id = id, .sent = {}};
        if (!node.inbox->take(message, now)) std::_Exit(6);
        say(pipe, fmt::format("in {} {}", from, id));
      }
    });
  }
  all.front().join();
  std::_Exit(8);
}

/// All messages that senders' rows remember, and what became of them.
std::map<std::string, std::string> everything(SmsNode& node) {
  std::map<std::string, std::string> out;
  must(node.cases.read([&](store::Session& s) {
    return s.query("SELECT latest FROM sms_senders", {}, [&](const store::Row& row) -> Result<bool> {
      std::istringstream words{std::string(row.text(0))};
      std::string id, minute, outcome;
      while (words >> id >> minute && std::getline(words, outcome, ';')) {
        EXPECT_TRUE(out.emplace(id, outcome.substr(1)).second) << id << " is remembered twice";
      }
      return true;
    });
  }));
  return out;
}

struct SmsKilled : testing::TestWithParam<store::Engine> {};
INSTANTIATE_TEST_SUITE_P(Engines, SmsKilled, testing::ValuesIn(dayaq::test::engines),
                         [](auto& i) { return dayaq::test::name_of(i.param); });

TEST_P(SmsKilled, EveryAcceptedMessageHasItsCaseAndItsAnswer) {
  (void)log::set_level("off");
  dayaq::test::TemporaryFolder keys("sms");
  const auto key = keys / "master.hex";
  dayaq::test::OpenedDatabase opened{GetParam()};
  opened.database.reset();
  SayingGateway silent(-1);
  {
    SmsNode node(opened.url, key, silent);
    for (int t = 0; t < threads; ++t) node.cases.person(fmt::format("5A{:05}", t));
  }
  std::vector<std::pair<std::string, std::string>> accepted;
  std::map<std::string, int> sent;
  std::set<std::string> doubled;
  SeededRandom random(7);
  const int all = rounds();
  for (int round = 1; round <= all; ++round) {
    const auto lines = run_and_kill(std::chrono::milliseconds(20 + random.below(200)),
                                    [&](int pipe) { work(opened.url, key, round, pipe); });
    ASSERT_FALSE(lines.empty());
    for (const auto& words : lines) {
      if (words.size() != 3) continue;
      if (words[0] == "in") accepted.emplace_back(words[1], words[2]);
      if (words[0] != "out") continue;
      ++sent[words[1]];
      if (words[2] == "doubled") doubled.insert(words[1]);
    }
  }
  SmsNode node(opened.url, key, silent, everything_remembered);
  // What the gateway sends again is known: accepted means stored.
  for (const auto& [from, id] : accepted) {
    const auto again =
        must(node.inbox->take({.from = from, .text = "?", .id = id, .sent = {}}, node.cases.now()));
    EXPECT_TRUE(again.repeated) << id;
    EXPECT_EQ(again.outcome, "granted") << id;
  }
  const std::map<std::string, std::string> remembered = everything(node);
  EXPECT_EQ(node.count("SELECT COUNT(*) FROM cases"), std::ssize(remembered))
      << "one case for each message, and none more";
  EXPECT_EQ(node.count("SELECT COUNT(*) FROM permits"), std::ssize(remembered));
  EXPECT_GE(remembered.size(), accepted.size());
  EXPECT_GT(accepted.size(), 20u);
  // Each answer was sent or waits, and what isn't there any more was sent.
  std::map<std::string, ReplyState> rows;
  must(node.cases.read([&](store::Session& s) {
    return s.query("SELECT message_id, state FROM sms_replies", {},
                   [&](const store::Row& row) -> Result<bool> {
                     rows[std::to_string(row.integer(0))] = ReplyState(row.integer(1));
                     return true;
                   });
  }));
  for (const auto& [id, outcome] : remembered) {
    const auto row = rows.find(id);
    if (row == rows.end() || row->second == ReplyState::sent) {
      EXPECT_TRUE(sent.contains(id)) << id << " was never sent and waits no more";
    } else {
      EXPECT_LT(row->second, ReplyState::sent) << id;
    }
  }
  for (const auto& [id, times] : sent) {
    if (times > 1) {
      EXPECT_TRUE(doubled.contains(id)) << id << " went out " << times << " times";
    }
  }
  fmt::print("{} accepted, {} answers sent, {} of them marked as possibly doubled\n", accepted.size(),
             sent.size(), doubled.size());
}

}  // namespace
}  // namespace dayaq::services::sms
