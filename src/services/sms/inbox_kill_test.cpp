// The program is killed while messages come in and answers and notices go out. Each accepted message has its
// row and its case, once; each answer was sent or waits; one that went out twice is marked so. What somebody
// was to be told, or is to be reminded of, they are told, before or after.
#include <fmt/format.h>

#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "services/sms/notices.hpp"
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

// --- notices and reminders

constexpr int long_permits = 200;
constexpr auto reminded_at = std::chrono::hours(29 * 24 + 1);  // of permits for thirty days

/// What a notice is about: the number of a reminder's case, in brackets, or the last word.
std::string about_of(const Outgoing& notice) {
  const std::string& text = notice.parts.front();
  const std::size_t open = text.find('('), close = text.find(')');
  return open < close ? text.substr(open + 1, close - open - 1) : text.substr(text.rfind(' ') + 1);
}

/// Says what it is about, and whether it is marked.
struct TellingGateway final : Gateway {
  Result<void> send(const Outgoing& reply) override {
    const std::string line = fmt::format("out {} {}", about_of(reply), reply.doubled ? "doubled" : "once");
    if (pipe >= 0) say(pipe, line);
    const std::lock_guard lock(mutex);
    sent.push_back(line);
    return {};
  }
  int pipe = -1;
  std::mutex mutex;
  std::vector<std::string> sent;
};

std::vector<store::Migration> tables() {
  std::vector<store::Migration> all(migrations().begin(), migrations().end());
  all.insert(all.end(), notice_migrations().begin(), notice_migrations().end());
  return all;
}

/// A node with notices, a month after the long permits began. Everybody has a number of their own.
struct TellingNode {
  TellingNode(const std::string& url, const std::filesystem::path& key, Gateway& way)
      : node(url, key, way, {}, tables()),
        calendars(must(booking::Calendars::load(empty.path(), node.cases.node.pack))),
        notices({.db = node.cases.node.db(),
                 .master = *node.master,
                 .random = node.system_random,
                 .receiver = [](store::Session&, PersonId person, Instant) -> Result<Receiver> {
                   return Receiver{.numbers = {fmt::format("994{}", person.value() % 1'000'000'000)},
                                   .language = Language::en};
                 }},
                [this](std::vector<Outgoing> all) {
                  if (node.sender) node.sender->deliver(std::move(all));
                }),
        reminders(notices, *node.cases.cases, *calendars) {
    node.cases.node.db().add_hook(notices);
    node.cases.node.clock.advance(reminded_at);
  }
  ~TellingNode() {
    if (node.sender) node.sender->stop();
    node.cases.node.registry.reset();
    node.cases.node.opened.database.reset();  // before the hook
  }
  Result<int> tell(PersonId person, const std::string& about) {
    const std::string text = "told of " + about;
    return node.cases.write([&](store::Session& s) {
      return notices.tell(s, person, about, {.az = text, .en = text, .ru = text},
                          node.cases.now() + std::chrono::hours(72), node.cases.now());
    });
  }
  dayaq::test::TemporaryFolder empty{"calendars"};
  SmsNode node;
  std::unique_ptr<booking::Calendars> calendars;
  Notices notices;
  Reminders reminders;
};

[[noreturn]] void tell_and_remind(const std::string& url, const std::filesystem::path& key, PersonId person,
                                  int round, int pipe) {
  TellingGateway gateway;
  gateway.pipe = pipe;
  TellingNode telling(url, key, gateway);
  telling.node.start_sender(8);
  std::thread clock([&] {
    if (!telling.reminders.remind(telling.node.cases.now(), 2)) std::_Exit(6);
    say(pipe, "reminded");
  });
  for (int i = 1;; ++i) {
    const std::string about = fmt::format("{}-{}", round, i);
    if (!telling.tell(person, about)) std::_Exit(6);
    say(pipe, fmt::format("told {}", about));
  }
}

TEST_P(SmsKilled, WhoIsToBeToldOfSomethingIsToldBeforeOrAfter) {
  (void)log::set_level("off");
  dayaq::test::TemporaryFolder keys("sms");
  const auto key = keys / "master.hex";
  dayaq::test::OpenedDatabase opened{GetParam()};
  opened.database.reset();
  std::set<std::string> due;  // notices that must arrive, by what they are about
  PersonId told;
  {
    TellingGateway silent;
    SmsNode node(opened.url, key, silent, {}, tables());
    node.cases.publish(test::month_file);
    told = node.cases.person("5ABC123");
    std::vector<PersonId> persons;
    for (int i = 1; i <= long_permits; ++i) persons.push_back(node.cases.person(fmt::format("7A{:05}", i)));
    must(node.cases.write([&](store::Session& s) -> Result<void> {
      for (std::size_t i = 0; i < persons.size(); ++i) {
        const CaseId id(i + 1);
        DAYAQ_TRY_OK(node.cases.cases->submit(s,
                                              {.id = id,
                                               .person = persons[i],
                                               .service = ServiceCode("month"),
                                               .channel = Channel::web,
                                               .answers = {{"why", "x"}},
                                               .actor = "self",
                                               .notify = false},
                                              node.cases.now()));
        due.insert(case_number(id));
      }
      return {};
    }));
  }
  std::map<std::string, int> sent;
  std::set<std::string> doubled;
  const auto count = [&](const std::string& about, const std::string& mark) {
    ++sent[about];
    if (mark == "doubled") doubled.insert(about);
  };
  SeededRandom random(9);
  const int all = rounds();
  int reminded_whole = 0;
  for (int round = 1; round <= all; ++round) {
    const auto lines = run_and_kill(std::chrono::milliseconds(10 + random.below(150)),
                                    [&](int pipe) { tell_and_remind(opened.url, key, told, round, pipe); });
    for (const auto& words : lines) {
      if (words.size() == 2 && words[0] == "told") due.insert(words[1]);
      if (words.size() == 1 && words[0] == "reminded") ++reminded_whole;
      if (words.size() == 3 && words[0] == "out") count(words[1], words[2]);
    }
  }
  TellingGateway last;
  TellingNode telling(opened.url, key, last);
  must(telling.reminders.remind(telling.node.cases.now()));
  telling.node.start_sender();
  const auto waiting = [&] { return telling.node.count("SELECT COUNT(*) FROM sms_replies WHERE state < 2"); };
  for (int i = 0; i < 6000 && waiting() > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(waiting(), 0) << "after a minute";
  for (const std::string& line : last.sent) {
    std::istringstream words(line);
    std::string out, about, mark;
    words >> out >> about >> mark;
    count(about, mark);
  }
  EXPECT_GT(due.size(), std::size_t(long_permits) + 20);
  for (const std::string& about : due) EXPECT_TRUE(sent.contains(about)) << about << " was lost";
  for (const auto& [about, times] : sent) {
    if (times > 1) {
      EXPECT_TRUE(doubled.contains(about)) << about << " went out " << times << " times";
    }
  }
  fmt::print(
      "{} due, {} sent, {} of them marked as possibly doubled; all reminders made in {} of {} rounds\n",
      due.size(), sent.size(), doubled.size(), reminded_whole, all);
}

}  // namespace
}  // namespace dayaq::services::sms
