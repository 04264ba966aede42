#include <gtest/gtest.h>

#include "regime/law_test_support.hpp"
#include "services/form.hpp"

namespace dayaq::services {
namespace {

using regime::test::azerbaijan;
using Kind = Condition::Kind;

registry::PersonFacts living_in(registry::PlaceKind kind) {
  registry::PersonFacts facts;
  facts.person.id = PersonId(1);
  facts.person.birth = Date(std::chrono::days(7000));
  for (std::size_t i = 0; i < azerbaijan().pack.places().size(); ++i) {
    if (azerbaijan().pack.places()[i].kind == kind) facts.person.place = static_cast<PlaceIndex>(i);
  }
  return facts;
}

Condition answer(std::string field, std::vector<std::string> values) {
  Condition out;
  out.kind = Kind::answer;
  out.field = std::move(field);
  out.values = std::move(values);
  return out;
}
Condition joined(Kind kind, std::vector<Condition> children) {
  Condition out;
  out.kind = kind;
  out.children = std::move(children);
  return out;
}

struct Conditions : testing::Test {
  registry::PersonFacts villager = living_in(registry::PlaceKind::village);
  registry::PersonFacts townsman = living_in(registry::PlaceKind::town);
  Instant now = azerbaijan().moment("2026-11-21");

  bool holds(const Condition& condition, const Answers& answers, const registry::PersonFacts& facts) const {
    return condition_holds(condition, answers, {.facts = facts, .country = azerbaijan().pack, .now = now});
  }
  bool holds(const Condition& condition, const Answers& answers) const {
    return holds(condition, answers, villager);
  }
};

TEST_F(Conditions, LookAtAnswers) {
  const Answers answers{{"reason", "market"}, {"needs", "wheelchair companion"}, {"note", ""}};
  EXPECT_TRUE(holds(answer("reason", {"doctor", "market"}), answers));
  EXPECT_FALSE(holds(answer("reason", {"doctor"}), answers));
  EXPECT_FALSE(holds(answer("reason", {"mark"}), answers)) << "a code is compared whole";
  EXPECT_TRUE(holds(answer("needs", {"companion"}), answers)) << "one of several";
  EXPECT_FALSE(holds(answer("needs", {"companio"}), answers));
  EXPECT_TRUE(holds(answer("reason", {}), answers));
  EXPECT_FALSE(holds(answer("note", {}), answers)) << "passed over";
  EXPECT_FALSE(holds(answer("nothing", {}), answers));
  EXPECT_FALSE(holds(answer("nothing", {""}), answers));
}

TEST_F(Conditions, LookAtWhoApplies) {
  Condition village;
  village.kind = Kind::place_kind;
  village.values = {"village"};
  EXPECT_TRUE(holds(village, {}, villager));
  EXPECT_FALSE(holds(village, {}, townsman));
  village.values = {"city", "town"};
  EXPECT_TRUE(holds(village, {}, townsman));
  EXPECT_FALSE(holds(village, {}, villager));

  Condition young;
  young.kind = Kind::rule;
  young.rule.kind = regime::Rule::Kind::age;
  young.rule.age_under = 18;
  EXPECT_FALSE(holds(young, {}));
  young.rule.age_under = 200;
  EXPECT_TRUE(holds(young, {}));
}

TEST_F(Conditions, AreJoined) {
  const Answers answers{{"a", "1"}};
  const Condition yes = answer("a", {}), no = answer("b", {});
  EXPECT_TRUE(holds({}, {})) << "all of nothing: always";
  EXPECT_FALSE(holds(joined(Kind::any, {}), {}));
  EXPECT_TRUE(holds(joined(Kind::all, {yes, yes}), answers));
  EXPECT_FALSE(holds(joined(Kind::all, {yes, no}), answers));
  EXPECT_TRUE(holds(joined(Kind::any, {no, yes}), answers));
  EXPECT_FALSE(holds(joined(Kind::any, {no, no}), answers));
  EXPECT_TRUE(holds(joined(Kind::negation, {no}), answers));
  EXPECT_FALSE(holds(joined(Kind::negation, {yes}), answers));
}

}  // namespace
}  // namespace dayaq::services
