// Deadlines, ends of regimes, new versions, restarts.
#include <gtest/gtest.h>

#include "services/cases/cases_test_support.hpp"

namespace dayaq::services {
namespace {

using namespace test;

struct CasesInTime : testing::TestWithParam<store::Engine> {
  CasesNode node{GetParam()};
  PersonId aygun = node.person("5ABC123");
  int do_due(int rows = 100) {
    return must(node.write([&](store::Session& s) { return node.cases->do_due(s, node.now(), rows); }));
  }
  int end(int rows = 100) {
    return must(
        node.write([&](store::Session& s) { return node.cases->end_with_regimes(s, node.now(), rows); }));
  }
  int move() {
    return must(node.write([&](store::Session& s) { return node.cases->move_versions(s, node.now(), 100); }));
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, CasesInTime, testing::ValuesIn(dayaq::test::engines),
                         [](auto& i) { return dayaq::test::name_of(i.param); });

TEST_P(CasesInTime, DeadlinesOutliveARestart) {
  const Case one = must(node.submit(CasesNode::help(aygun, 1))).stands;
  EXPECT_EQ(do_due(), 0);
  node.node.clock.advance(48h);
  node.restart();
  EXPECT_EQ(do_due(), 1);
  const Case late = node.find(one);
  EXPECT_TRUE(late.escalated);
  EXPECT_EQ(late.office, node.node.organisation("baku-city-hospital"));
  EXPECT_EQ(do_due(), 0);
  must(node.act(one, Ask{{.az = "Nə?", .en = "What?", .ru = "Что?"}}));
  node.node.clock.advance(asked_within);
  EXPECT_EQ(do_due(), 1);
  EXPECT_EQ(node.find(one).state, CaseState::expired);
  EXPECT_EQ(node.events(one),
            (std::vector<std::string>{"submitted", "to_review", "escalated", "asked", "expired"}));
}

TEST_P(CasesInTime, NoMoreAreDoneThanWasAskedFor) {
  for (std::uint64_t i = 1; i <= 2; ++i) must(node.submit(CasesNode::help(aygun, i)));
  node.node.clock.advance(48h);
  EXPECT_EQ(do_due(1), 1);
  EXPECT_EQ(do_due(1), 1);
  EXPECT_EQ(do_due(1), 0);
}

TEST_P(CasesInTime, OneThatCantBeDoneIsPutOff) {
  must(node.submit(CasesNode::help(aygun, 1)));
  must(node.write([](store::Session& s) { return s.exec("UPDATE cases SET version = 99"); }));
  node.node.clock.advance(48h);
  EXPECT_EQ(code_of(node.write([&](store::Session& s) { return node.cases->do_due(s, node.now(), 1); })),
            "service.version");
  must(node.write([&](store::Session& s) { return node.cases->postpone_due(s, node.now()); }));
  EXPECT_EQ(do_due(), 0);
}

TEST_P(CasesInTime, PermitsEndWithTheirRegime) {
  const PersonId rashad = node.person("6DEF456");
  const Receipt mine = must(node.submit(CasesNode::pass(aygun, 1)));
  must(node.submit(CasesNode::pass(rashad, 2)));
  EXPECT_EQ(end(), 0);
  node.facts.version = 2;
  EXPECT_EQ(end(), 0) << "it isn't for employees: a changed regime leaves it";
  node.node.clock.advance(1h);
  node.facts.regime_over = node.now();
  EXPECT_EQ(end(1), 1);
  EXPECT_EQ(end(100), 1);
  EXPECT_EQ(end(), 0);
  const Permit ended = must(node.read([&](store::Session& s) {
                         return node.cases->permit(s, aygun, mine.permit->id);
                       })).value();
  EXPECT_EQ(ended.revoked, node.now());
  EXPECT_EQ(
      must(node.read([&](store::Session& s) { return node.cases->revoked_live(s, node.now()); })).size(), 2u);
  // Long after it nothing is looked for any more, until there is another law.
  node.node.clock.advance(10min);
  EXPECT_EQ(end(), 0);
  EXPECT_EQ(end(), 0);
  node.node.clock.advance(24h);
  node.facts.regime_over = node.now() + 1h;
  node.facts.version = 3;
  EXPECT_EQ(end(), 0);
  must(node.submit(CasesNode::pass(aygun, 3)));
  node.node.clock.advance(30min);
  node.facts.regime_over = node.now();
  EXPECT_EQ(end(), 1);
}

TEST_P(CasesInTime, RunningCasesMoveToANewVersionThatSaysHow) {
  const Case one = must(node.submit(CasesNode::help(aygun, 1))).stands;
  std::string next = help_file;
  const auto put = [&](const std::string& what, const std::string& with) {
    next.replace(next.find(what), what.size(), with);
  };
  put("{field: purpose,", "{field: aim,");
  put("within: 2 days", "within: 1 day");
  node.publish(next + "moves: {1: {purpose: aim}}\n");
  EXPECT_EQ(node.find(one).version, 1);
  EXPECT_EQ(move(), 1);
  EXPECT_EQ(move(), 0);
  const Case moved = node.find(one);
  EXPECT_EQ(moved.version, 2);
  EXPECT_EQ(moved.answers, (Answers{{"aim", "bread"}}));
  EXPECT_EQ(must(node.act(one, Grant{})).stands.state, CaseState::granted);
}

}  // namespace
}  // namespace dayaq::services
