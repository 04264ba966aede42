#include "regime/rule.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>

#include "regime/file.hpp"
#include "regime/law_test_support.hpp"

namespace dayaq::regime {
namespace {

using registry::Attestation;
using registry::PersonFacts;
using test::azerbaijan;

template <class F>
void each(const TreeNode& node, std::string_view key, F&& visit) {
  if (const TreeNode* list = node.find(key)) std::ranges::for_each(list->children, visit);
}

void run_case(const TreeNode& node) {
  const Rule rule = test::rule_of(node);
  const PersonFacts facts = test::person_of(*node.find("person"));
  const CivilContext civil = azerbaijan().civil();
  for (const bool expected : {true, false}) {
    each(node, expected ? "holds" : "fails", [&](const TreeNode& at) {
      EXPECT_EQ(holds(rule, facts, azerbaijan().moment(at.text), civil), expected)
          << "line " << at.place.line << ": " << at.text;
      EXPECT_EQ(holds(simplified(rule), facts, azerbaijan().moment(at.text), civil), expected) << at.text;
    });
  }
  each(node, "next", [&](const TreeNode& pair) {
    const auto next = next_change(facts, rule, azerbaijan().moment(pair.children[0].text), civil);
    const std::string& expected = pair.children[1].text;
    EXPECT_EQ(next ? azerbaijan().zone.format_local(*next) : "never",
              expected == "never" ? expected : azerbaijan().zone.format_local(azerbaijan().moment(expected)))
        << "line " << pair.place.line;
  });
}

TEST(Rule, MeansWhatTheCasesSay) {
  const auto cases = test::cases("rules.yaml");
  ASSERT_GE(cases.size(), 16u);
  for (const TreeNode& node : cases) {
    SCOPED_TRACE(test::scalar(node, "title"));
    run_case(node);
  }
}

// ---- properties, over random persons and rules

constexpr int days_of_play = 40;
const Instant play_start = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1);

/// A number in [0, bound). Always from the whole range: rapidcheck's own growth of sizes would make the first
/// cases all alike.
int below(int bound) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, bound));
}

Instant random_moment() {
  const int hours = below(days_of_play * 24);
  return play_start + std::chrono::hours(hours);
}

/// One of two districts and a settlement in the first.
PlaceIndex random_place() {
  const auto& pack = azerbaijan().pack;
  const std::array<PlaceIndex, 3> places{0, 1, pack.settlements_of(0).front()};
  return places[static_cast<std::size_t>(below(3))];
}

Period random_period() {
  Period period;
  if (below(4) != 0) period.from = random_moment();
  if (below(3) != 0) period.until = random_moment();
  return period;
}

Rule random_rule(int depth) {
  const int kind = below(depth > 0 ? 8 : 5);

  switch (kind) {
    case 0:
      return {};
    case 1: {
      Rule rule{.kind = Rule::Kind::status};
      for (int i = 0; i <= below(2); ++i) rule.statuses.push_back(static_cast<StatusIndex>(below(3)));
      return rule;
    }
    case 2: {
      const int from = below(3);
      return {.kind = Rule::Kind::age,
              .age_from = from == 2 ? 0 : 29 + from,
              .age_under = below(2) == 0 ? 200 : 31};
    }
    case 3: {
      Rule rule{.kind = Rule::Kind::residence};
      for (int i = 0; i <= below(2); ++i) rule.places.push_back(random_place());
      return rule;
    }
    case 4:
      return {.kind = Rule::Kind::subscription, .subscription = static_cast<SubscriptionKind>(below(3))};
    case 5: {
      Rule rule{.kind = Rule::Kind::negation};
      rule.children.push_back(random_rule(depth - 1));
      return rule;
    }
    default: {
      Rule rule{.kind = kind == 6 ? Rule::Kind::all : Rule::Kind::any};
      for (int i = 0; i <= below(3); ++i) rule.children.push_back(random_rule(depth - 1));
      return rule;
    }
  }
}

PersonFacts random_person() {
  PersonFacts facts;
  // Thirty years before the days of play, so that birthdays fall into them.
  facts.person.birth =
      std::chrono::sys_days(std::chrono::year(1996) / 3 / 1) + std::chrono::days(below(days_of_play));
  if (below(5) == 0) {
    facts.person.death = std::chrono::floor<std::chrono::days>(random_moment());
  }
  const Instant moved = random_moment();
  facts.residences.push_back({.place = random_place(), .period = {.until = moved}});
  facts.residences.push_back({.place = random_place(), .period = {.from = moved}});
  facts.person.place = facts.residences.back().place;
  for (int i = below(5); i > 0; --i) {
    Attestation a{
        .status = static_cast<StatusIndex>(below(3)), .valid = random_period(), .recorded = random_moment()};
    if (below(2) == 0) a.ended = a.recorded + std::chrono::hours(below(200));
    facts.attestations.push_back(a);
  }
  for (int i = below(3); i > 0; --i) {
    facts.subscriptions.push_back(
        {.kind = static_cast<SubscriptionKind>(below(3)), .valid = random_period()});
  }
  return facts;
}

/// 100 runs of rapidcheck, several random cases in each.
template <class Property>
bool check_often(Property property) {
  return rc::check([&] {
    for (int i = 0; i < 8; ++i) property();
  });
}

/// The answer at each hour of the days of play, on what is known at `known`.
std::vector<bool> hourly(const Rule& rule, const PersonFacts& facts, Instant known) {
  const PersonFacts then = known_at(facts, known);
  std::vector<bool> answers;
  for (int hour = 0; hour < days_of_play * 24; ++hour) {
    answers.push_back(holds(rule, then, play_start + std::chrono::hours(hour), azerbaijan().civil()));
  }
  return answers;
}

TEST(RuleProperty, TheAnswerStaysUntilTheNextChangeAndBecomesAnotherThen) {
  EXPECT_TRUE(check_often([] {
    const PersonFacts facts = random_person();
    const Rule rule = random_rule(3);
    const Instant t = random_moment();
    const auto answers = hourly(rule, facts, t);
    const auto next = next_change(facts, rule, t, azerbaijan().civil());
    const bool now = holds(rule, facts, t, azerbaijan().civil());
    for (std::size_t hour = 0; hour < answers.size(); ++hour) {
      const Instant at = play_start + std::chrono::hours(hour);
      if (at < t || (next && at > *next)) continue;
      RC_ASSERT(answers[hour] == ((next && at == *next) ? !now : now));
    }
    if (next) {
      const PersonFacts then = known_at(facts, t);
      RC_ASSERT(holds(rule, then, *next, azerbaijan().civil()) != now);
      RC_ASSERT(holds(rule, then, *next - std::chrono::microseconds(1), azerbaijan().civil()) == now);
    }
  }));
}

TEST(RuleProperty, TheSteadyPeriodIsTheLongestAroundAMoment) {
  EXPECT_TRUE(check_often([] {
    const PersonFacts facts = random_person();
    const Rule rule = random_rule(2);
    const Instant t = random_moment();
    const Period period = steady_period(facts, rule, t, azerbaijan().civil());
    const PersonFacts then = known_at(facts, t);
    const auto answer = [&](Instant at) { return holds(rule, then, at, azerbaijan().civil()); };
    RC_ASSERT(period.contains(t));
    for (int hour = 0; hour < days_of_play * 24; ++hour) {
      const Instant at = play_start + std::chrono::hours(hour);
      if (period.contains(at)) RC_ASSERT(answer(at) == answer(t));
    }
    if (period.from != instant_min)
      RC_ASSERT(answer(period.from - std::chrono::microseconds(1)) != answer(t));
    if (period.until != instant_max) RC_ASSERT(answer(period.until) != answer(t));
  }));
}

TEST(RuleProperty, ASimplifiedRuleHoldsForTheSamePersons) {
  EXPECT_TRUE(check_often([] {
    const PersonFacts facts = random_person();
    const Rule rule = random_rule(4);
    const Rule simple = simplified(rule);
    RC_ASSERT(simplified(simple) == simple);
    for (int i = 0; i < 10; ++i) {
      const Instant t = random_moment();
      RC_ASSERT(holds(rule, facts, t, azerbaijan().civil()) == holds(simple, facts, t, azerbaijan().civil()));
    }
  }));
}

TEST(Rule, IsBroughtIntoItsSimplestForm) {
  const FileContext context = azerbaijan().file_context();
  const auto simple = [&](const std::string& text) { return simplified(*parse_rule(text, context)); };
  EXPECT_EQ(simple("any: [{status: pupil}, {any: [{status: student}, {status: pupil}]}]"),
            simple("status: [student, pupil]"));
  EXPECT_EQ(simple("not: {any: [{status: pupil}, {not: {residence: AZ-BA}}]}"),
            simple("all: [{not: {status: pupil}}, {residence: AZ-BA}]"));
  EXPECT_EQ(simple("all: [{everyone: true}, {status: pupil}]"), simple("status: pupil"));
  EXPECT_EQ(simple("any: [{everyone: true}, {status: pupil}]"), simple("everyone: true"));
  EXPECT_EQ(simple("not: {age: {from: 65}}"), simple("age: {under: 65}"));
}

TEST(Vocabulary, SaysWhatAnIndexMustKnow) {
  const FileContext context = azerbaijan().file_context();
  Vocabulary words;
  words.add(
      *parse_rule("all: [{status: pupil}, {age: {from: 6, under: 18}}, {not: {subscription: tv}}]", context));
  words.add(*parse_rule("any: [{status: pupil}, {age: {from: 18}}, {residence: AZ-BA}]", context));
  EXPECT_EQ(words.statuses.size(), 1u);
  EXPECT_EQ(words.ages, (std::vector{6, 18}));
  EXPECT_EQ(words.places.size(), 1u);
  EXPECT_EQ(words.subscriptions, 4u);
}

}  // namespace
}  // namespace dayaq::regime
