// kill -9 while people apply and officials decide, on both engines: every receipt has its case, its permit
// and its history, every case one outcome, and the audit log an entry of each.
#include <fmt/format.h>

#include <set>

#include "base/log.hpp"
#include "services/cases/cases_test_support.hpp"
#include "support/kill.hpp"

namespace dayaq::services {
namespace {

using namespace test;
using namespace kill_test;

constexpr int threads = 4;

/// Applies, asks for help and decides, for ever; says each receipt once it is there.
[[noreturn]] void work(const std::string& url, const std::vector<PersonId>& persons, std::uint64_t round,
                       int pipe) {
  CasesNode node(url);
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      for (std::uint64_t i = 1;; ++i) {
        const PersonId person = persons[std::size_t(t) * 50 + i % 50];
        const std::uint64_t id = (round * 1000 + std::uint64_t(t)) * 1'000'000 + i;
        // Limits are by day and month: most applications are of another month.
        const Instant now = node.now() + std::chrono::days(31 * (i / 50 + 40 * (round % 20)));
        const bool at_once = i % 2 == 0;
        const auto receipt = node.write([&](store::Session& s) {
          return node.cases->submit(s, at_once ? CasesNode::pass(person, id) : CasesNode::help(person, id),
                                    now);
        });
        if (!receipt && receipt.error().kind == ErrorKind::limit) continue;
        if (!receipt) std::_Exit(6);
        say(pipe, fmt::format("sent {} {} {}", person.value(), id,
                              receipt->permit ? receipt->permit->id.value() : 0));
        if (at_once) continue;
        const Action action = i % 4 == 1 ? Action(Grant{}) : Action(Refuse{words_of("No.")});
        const auto done = node.write([&](store::Session& s) {
          return node.cases->act(s, person, CaseId(id), 1, action, official, now);
        });
        if (!done) std::_Exit(7);
        say(pipe, fmt::format("decided {} {} {}", person.value(), id, to_string(done->stands.state)));
      }
    });
  }
  all.front().join();
  std::_Exit(8);
}

struct CasesKilled : testing::TestWithParam<store::Engine> {};
INSTANTIATE_TEST_SUITE_P(Engines, CasesKilled, testing::ValuesIn(dayaq::test::engines),
                         [](auto& i) { return dayaq::test::name_of(i.param); });

TEST_P(CasesKilled, EveryReceiptHasItsCaseAndEveryCaseOneOutcome) {
  (void)log::set_level("off");
  std::string url;
  std::vector<PersonId> persons;
  dayaq::test::OpenedDatabase opened{GetParam()};
  opened.database.reset();
  url = opened.url;
  {
    CasesNode node(url);
    for (int i = 0; i < threads * 50; ++i) persons.push_back(node.person(fmt::format("5A{:05}", i)));
  }
  struct Said {
    PersonId person;
    std::uint64_t permit = 0;
    std::string outcome;
  };
  std::map<std::uint64_t, Said> said;
  SeededRandom random(5);
  const int all = rounds();
  for (int round = 0; round < all; ++round) {
    const auto lines = run_and_kill(std::chrono::milliseconds(random.below(250)),
                                    [&](int pipe) { work(url, persons, std::uint64_t(round) + 1, pipe); });
    ASSERT_FALSE(lines.empty());
    for (const auto& words : lines) {
      Said& one = said[std::stoull(words.at(2))];
      one.person = PersonId(std::stoull(words.at(1)));
      if (words.at(0) == "sent") one.permit = std::stoull(words.at(3));
      if (words.at(0) == "decided") one.outcome = words.at(3);
    }
  }
  CasesNode node(url);
  std::map<std::uint64_t, int> submitted;
  must(node.node.log->each(0, node.node.log->size(), [&](const audit::Entry& entry) -> Result<bool> {
    if (!entry.leaf.contains(R"("action":"case.submit")")) return true;
    const std::size_t at = entry.personal.find(R"("case":")") + 8;
    ++submitted[parse_case_number(std::string_view(entry.personal).substr(at, 14)).value().value()];
    return true;
  }));
  int decided = 0;
  for (const auto& [id, one] : said) {
    const auto found =
        must(node.read([&](store::Session& s) { return node.cases->find(s, one.person, CaseId(id)); }));
    ASSERT_TRUE(found) << "a receipt without its case";
    EXPECT_EQ(submitted[id], 1);
    if (one.permit != 0) {
      EXPECT_TRUE(must(node.read(
          [&](store::Session& s) { return node.cases->permit(s, one.person, PermitId(one.permit)); })));
    }
    if (!one.outcome.empty()) {
      ++decided;
      EXPECT_EQ(to_string(found->state), one.outcome);
    }
    const std::vector<std::string> events = node.events(*found);
    const auto outcomes = std::ranges::count_if(
        events, [](const std::string& what) { return what == "granted" || what == "refused"; });
    EXPECT_EQ(outcomes, is_open(found->state) ? 0 : 1);
  }
  // And nothing half: as many cases as first events, each once in the log.
  const auto count = [&](store::Sql sql) {
    return must(node.read([&](store::Session& s) {
             return s.one(sql, {}, [](const store::Row& row) { return row.integer(0); });
           }))
        .value();
  };
  const std::int64_t cases = count("SELECT COUNT(*) FROM cases");
  EXPECT_EQ(cases, count("SELECT COUNT(*) FROM cases WHERE begun <> ''"));
  EXPECT_EQ(0, count("SELECT COUNT(*) FROM case_events WHERE number = 1"));
  EXPECT_EQ(cases, std::int64_t(submitted.size()));
  EXPECT_EQ(count("SELECT COUNT(*) FROM cases WHERE permit <> 0"), count("SELECT COUNT(*) FROM permits"));
  EXPECT_EQ(cases, count("SELECT SUM(submitted) FROM services_days"));
  EXPECT_GT(decided, 0);
  RecordProperty("receipts", int(said.size()));
}

}  // namespace
}  // namespace dayaq::services
