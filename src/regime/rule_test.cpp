#include "regime/rule.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "regime/file_rule.hpp"
#include "regime/law_test_support.hpp"

namespace dayaq::regime {
namespace {

using registry::Attestation;
using registry::PersonFacts;
using test::azerbaijan;

std::string scalar(const TreeNode& node, std::string_view key) {
  const TreeNode* found = node.find(key);
  return found == nullptr ? std::string() : found->text;
}

Instant moment_or(const TreeNode& node, std::string_view key, Instant otherwise) {
  const std::string text = scalar(node, key);
  return text.empty() ? otherwise : azerbaijan().moment(text);
}

Period period_of(const TreeNode& node) {
  return {.from = moment_or(node, "from", instant_min), .until = moment_or(node, "until", instant_max)};
}

template <class F>
void each(const TreeNode& node, std::string_view key, F&& visit) {
  if (const TreeNode* list = node.find(key)) std::ranges::for_each(list->children, visit);
}

/// The person of a case file: born, died, lives, attested, lines.
PersonFacts person_of(const TreeNode& node) {
  const auto& pack = azerbaijan().pack;
  PersonFacts facts;
  facts.person.birth = *parse_date(scalar(node, "born"));
  if (!scalar(node, "died").empty()) facts.person.death = *parse_date(scalar(node, "died"));
  each(node, "lives", [&](const TreeNode& one) {
    facts.residences.push_back({.place = *pack.find_place(scalar(one, "in")), .period = period_of(one)});
  });
  if (facts.residences.empty()) facts.residences.push_back({.place = *pack.find_place("AZ-BA"), .period = {}});
  facts.person.place = facts.residences.back().place;
  each(node, "attested", [&](const TreeNode& one) {
    facts.attestations.push_back({.status = *pack.find_status(scalar(one, "status")),
                                  .valid = period_of(one),
                                  .recorded = moment_or(one, "recorded", instant_min),
                                  .ended = moment_or(one, "ended", instant_max)});
  });
  each(node, "lines", [&](const TreeNode& one) {
    facts.subscriptions.push_back({.kind = *registry::parse_subscription_kind(scalar(one, "kind")),
                                   .valid = period_of(one)});
  });
  return facts;
}

void run_case(const TreeNode& node) {
  Errors errors;
  const FileContext context = azerbaijan().file_context();
  const Rule rule = RuleReader(errors, context).read({.node = node.find("rule"), .path = "rule"});
  ASSERT_TRUE(errors.empty()) << errors.front().public_text;
  const PersonFacts facts = person_of(*node.find("person"));
  const CivilContext civil = azerbaijan().civil();
  for (const bool expected : {true, false}) {
    each(node, expected ? "holds" : "fails", [&](const TreeNode& at) {
      EXPECT_EQ(holds(rule, facts, azerbaijan().moment(at.text), civil), expected) << "line " << at.place.line << ": "
                                                                                   << at.text;
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
  const Tree tree = read_tree(test::repository_file("src/regime/cases/rules.yaml"));
  ASSERT_TRUE(tree.errors.empty()) << tree.errors.front().public_text;
  ASSERT_GE(tree.root.children.size(), 16u);
  for (const TreeNode& node : tree.root.children) {
    SCOPED_TRACE(scalar(node, "title"));
    run_case(node);
  }
}

// ---- properties, over random persons and rules

constexpr int days_of_play = 40;
const Instant play_start = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1);

Instant random_moment() {
  const int hours = *rc::gen::inRange(0, days_of_play * 24);
  return play_start + std::chrono::hours(hours);
}

Period random_period() {
  Period period;
  if (*rc::gen::inRange(0, 4) != 0) period.from = random_moment();
  if (*rc::gen::inRange(0, 3) != 0) period.until = random_moment();
  return period;
}

Rule random_rule(int depth) {
  const int kind = *rc::gen::inRange(0, depth > 0 ? 8 : 5);
  const auto small = [](int below) { return *rc::gen::inRange(0, below); };
  switch (kind) {
    case 0: return {};
    case 1: {
      Rule rule{.kind = Rule::Kind::status};
      for (int i = 0; i <= small(2); ++i) rule.statuses.push_back(static_cast<StatusIndex>(small(3)));
      return rule;
    }
    case 2: {
      const int from = small(3);
      return {.kind = Rule::Kind::age, .age_from = from == 2 ? 0 : 29 + from, .age_under = small(2) == 0 ? 200 : 31};
    }
    case 3: {
      Rule rule{.kind = Rule::Kind::residence};
      for (int i = 0; i <= small(2); ++i) rule.places.push_back(static_cast<PlaceIndex>(small(90)));
      return rule;
    }
    case 4: return {.kind = Rule::Kind::subscription, .subscription = static_cast<SubscriptionKind>(small(3))};
    case 5: {
      Rule rule{.kind = Rule::Kind::negation};
      rule.children.push_back(random_rule(depth - 1));
      return rule;
    }
    default: {
      Rule rule{.kind = kind == 6 ? Rule::Kind::all : Rule::Kind::any};
      for (int i = 0; i <= small(3); ++i) rule.children.push_back(random_rule(depth - 1));
      return rule;
    }
  }
}

PersonFacts random_person() {
  PersonFacts facts;
  // Thirty years before the days of play, so that birthdays fall into them.
  facts.person.birth = std::chrono::sys_days(std::chrono::year(1996) / 3 / 1) +
                       std::chrono::days(*rc::gen::inRange(0, days_of_play));
  if (*rc::gen::inRange(0, 5) == 0) {
    facts.person.death = std::chrono::floor<std::chrono::days>(random_moment());
  }
  const Instant moved = random_moment();
  facts.residences.push_back({.place = static_cast<PlaceIndex>(*rc::gen::inRange(0, 300)), .period = {.until = moved}});
  facts.residences.push_back({.place = static_cast<PlaceIndex>(*rc::gen::inRange(0, 300)), .period = {.from = moved}});
  facts.person.place = facts.residences.back().place;
  for (int i = *rc::gen::inRange(0, 5); i > 0; --i) {
    Attestation a{.status = static_cast<StatusIndex>(*rc::gen::inRange(0, 3)), .valid = random_period(),
                  .recorded = random_moment()};
    if (*rc::gen::inRange(0, 2) == 0) a.ended = a.recorded + std::chrono::hours(*rc::gen::inRange(0, 200));
    facts.attestations.push_back(a);
  }
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
    facts.subscriptions.push_back({.kind = static_cast<SubscriptionKind>(*rc::gen::inRange(0, 3)),
                                   .valid = random_period()});
  }
  return facts;
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
  EXPECT_TRUE(rc::check([] {
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
  EXPECT_TRUE(rc::check([] {
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
    if (period.from != instant_min) RC_ASSERT(answer(period.from - std::chrono::microseconds(1)) != answer(t));
    if (period.until != instant_max) RC_ASSERT(answer(period.until) != answer(t));
  }));
}

TEST(RuleProperty, ASimplifiedRuleHoldsForTheSamePersons) {
  EXPECT_TRUE(rc::check([] {
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
  words.add(*parse_rule("all: [{status: pupil}, {age: {from: 6, under: 18}}, {not: {subscription: tv}}]", context));
  words.add(*parse_rule("any: [{status: pupil}, {age: {from: 18}}, {residence: AZ-BA}]", context));
  EXPECT_EQ(words.statuses.size(), 1u);
  EXPECT_EQ(words.ages, (std::vector{6, 18}));
  EXPECT_EQ(words.places.size(), 1u);
  EXPECT_EQ(words.subscriptions, 4u);
}

}  // namespace
}  // namespace dayaq::regime
