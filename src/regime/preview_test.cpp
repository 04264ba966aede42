#include "regime/preview.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "regime/population_test_support.hpp"

namespace dayaq::regime {
namespace {

using namespace std::chrono_literals;
using registry::PersonFacts;
using test::World;

/// What counting must give, by asking the plain definition about each person.
std::map<std::pair<PlaceIndex, std::string>, std::uint64_t> count_by_definition(
    const World& world, const std::vector<PersonFacts>& people, const Rule& rule, Instant t) {
  std::map<std::pair<PlaceIndex, std::string>, std::uint64_t> counts;
  for (const PersonFacts& facts : people) {
    if (!holds(rule, facts, t, world.civil())) continue;
    ++counts[{facts.person.place, "persons"}];
    for (const auto& s : facts.subscriptions) {
      if (s.valid.contains(t))
        ++counts[{facts.person.place, std::to_string(int(s.kind)) + "/" + std::to_string(s.provider)}];
    }
  }
  return counts;
}

void expect_same_counts(World& world, const std::vector<PersonFacts>& people, const Population& population,
                        Instant t) {
  std::vector<CountedRule> rules;
  for (int i = 0; i < 12; ++i) rules.push_back({.rule = world.rule(4), .layers = {}});
  std::vector<StatusIndex> statuses;
  for (StatusIndex s = 0; s < test::statuses; ++s) statuses.push_back(s);
  const PopulationAt at(population, t, statuses);
  for (CountedRule& rule : rules) {
    for (std::size_t l = 0; l < at.layers().size(); ++l) rule.layers.push_back(l);
  }
  const Counts counts = count_rules(at, rules, {}, Territory::settlement, 2);
  for (std::size_t r = 0; r < rules.size(); ++r) {
    auto expected = count_by_definition(world, people, rules[r].rule, t);
    for (std::size_t p = 0; p < counts.places.size(); ++p) {
      ASSERT_EQ(counts.persons_of(r, p), (expected[{counts.places[p], "persons"}]))
          << "rule " << r << " place " << p;
      for (std::size_t l = 0; l < at.layers().size(); ++l) {
        const LineLayer& layer = at.layers()[l];
        const auto name = std::to_string(int(layer.kind)) + "/" + std::to_string(layer.provider);
        ASSERT_EQ(counts.lines_of(r, l, p), (expected[{counts.places[p], name}]))
            << "rule " << r << " " << name;
      }
    }
    std::uint64_t all = 0;
    std::uint64_t found = 0;
    for (const auto& [where, count] : expected) all += where.second == "persons" ? count : 0;
    for (std::size_t p = 0; p < counts.places.size(); ++p) found += counts.persons_of(r, p);
    ASSERT_EQ(found, all);
  }
}

struct CountRules : testing::TestWithParam<bits::Engine> {
  void SetUp() override {
    before = bits::engine();
    if (!bits::use(GetParam())) GTEST_SKIP() << "this processor has no " << bits::to_string(GetParam());
  }
  void TearDown() override { bits::use(before); }
  bits::Engine before = bits::Engine::portable;
};

TEST_P(CountRules, CountsAnyRuleAsItsPlainDefinitionDoes) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    World world(seed);
    std::vector<PersonFacts> people;
    for (int i = 0; i < 1500; ++i) people.push_back(world.person());
    const Population population = world.index(people);
    expect_same_counts(world, people, population, world.now);
  }
}

TEST_P(CountRules, CountsWhatWillBeAtALaterMoment) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    World world(seed);
    std::vector<PersonFacts> people;
    for (int i = 0; i < 800; ++i) people.push_back(world.person());
    const Population population = world.index(people);
    expect_same_counts(world, people, population, world.now + 1h * (1 + world.random.below(2000)));
  }
}

TEST_P(CountRules, CountsUnionsOfRulesWithoutOthers) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    World world(seed);
    std::vector<PersonFacts> people;
    for (int i = 0; i < 700; ++i) people.push_back(world.person());
    Population population = world.index(people);
    // Somebody moves, so that the tail is counted too.
    KnownPerson mover = population.known(population.find(people[0].person.id));
    mover.record.place = people[0].person.place == 3 ? PlaceIndex(11) : PlaceIndex(3);
    ASSERT_TRUE(population.put(mover));
    people[0].person.place = mover.record.place;
    people[0].residences = {{.place = mover.record.place, .period = {}}};
    std::vector<CountedRule> rules;
    for (int i = 0; i < 5; ++i) rules.push_back({.rule = world.rule(2), .layers = {}});
    std::vector<CountedUnion> unions(12);
    for (CountedUnion& each : unions) {
      for (std::uint64_t i = world.random.below(4); i > 0; --i) each.any.push_back(world.random.below(5));
      for (std::uint64_t i = world.random.below(3); i > 0; --i) each.none.push_back(world.random.below(5));
    }
    const PopulationAt at(population, world.now, {});
    const Counts counts = count_rules(at, rules, unions, Territory::district, 2);
    for (std::size_t u = 0; u < unions.size(); ++u) {
      std::map<PlaceIndex, std::uint32_t> expected;
      for (const PersonFacts& facts : people) {
        const auto in = [&](std::size_t rule) {
          return holds(rules[rule].rule, facts, world.now, world.civil());
        };
        if (std::ranges::any_of(unions[u].any, in) && std::ranges::none_of(unions[u].none, in)) {
          ++expected[world.districts[facts.person.place]];
        }
      }
      for (std::size_t p = 0; p < counts.places.size(); ++p) {
        ASSERT_EQ(counts.persons_of(rules.size() + u, p), expected[counts.places[p]]) << "union " << u;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EachInstructionSet, CountRules,
                         testing::Values(bits::Engine::portable, bits::Engine::avx2, bits::Engine::avx512),
                         [](const auto& test) { return std::string(bits::to_string(test.param)); });

TEST(CountRules, CountsBlocksThatAreLargerThanTheCaches) {
  World world(5);
  std::vector<PersonFacts> people;
  for (int i = 0; i < 90'000; ++i) {
    people.push_back(world.person());
    people.back().person.place = i % 7 == 0 ? PlaceIndex(4) : PlaceIndex(3);
    people.back().residences.front().place = people.back().person.place;
  }
  expect_same_counts(world, people, world.index(people), world.now);
}

TEST(LatestBirth, IsTheLastDayOnWhichSomebodyOldEnoughWasBorn) {
  using namespace std::chrono;
  for (const sys_days day : {sys_days(2024y / 2 / 28), sys_days(2024y / 2 / 29), sys_days(2025y / 2 / 28),
                             sys_days(2025y / 3 / 1), sys_days(2026y / 1 / 1), sys_days(2026y / 12 / 31)}) {
    for (int years_old = 1; years_old < 100; ++years_old) {
      const Date birth = latest_birth(years_old, day);
      EXPECT_LE(birthday(birth, years_old), day);
      EXPECT_GT(birthday(birth + days(1), years_old), day);
    }
  }
}

struct PreviewDraft : testing::Test {
  PreviewDraft() {
    for (int i = 0; i < 3000; ++i) people.push_back(world.person());
  }
  static Measure measure(std::string code, Rule who) {
    Measure out{.code = MeasureCode(std::move(code)),
                .title = {},
                .legal_basis = {},
                .who = std::move(who),
                .benefits = {},
                .providers = {},
                .period = {}};
    out.benefits.push_back({.kind = BenefitKind::voice,
                            .traffic_class = {},
                            .quota = 6000,
                            .unit = Unit::seconds,
                            .delivered_on = 1,
                            .cost_qepik = 3,
                            .cost_per = 60});
    return out;
  }
  static Rule has(StatusIndex status) { return Rule{.kind = Rule::Kind::status, .statuses = {status}}; }
  std::uint64_t count(const Rule& rule) {
    return std::uint64_t(std::ranges::count_if(
        people, [&](const PersonFacts& facts) { return holds(rule, facts, world.now, world.civil()); }));
  }
  std::shared_ptr<const RegimeVersion> lawful(Regime regime) const {
    auto version = std::make_shared<RegimeVersion>();
    version->regime = std::move(regime);
    version->state = RegimeState::approved;
    version->approved = world.now - 24h;
    return version;
  }

  World world{3};
  std::vector<PersonFacts> people;
};

TEST_F(PreviewDraft, TellsWhomADraftGainsAndLosesAgainstTheVersionInForce) {
  Regime old{.code = RegimeCode("quarantine"),
             .version = 1,
             .measures = {measure("calls", has(0)), measure("films", has(1))}};
  Regime draft{.code = RegimeCode("quarantine"),
               .version = 2,
               .measures = {measure("calls", has(2)), measure("rooms", has(3))}};
  const Law law({lawful(old)});
  const Population population = world.index(people);
  const PopulationAt at(population, world.now, statuses_of(draft, law));
  const Preview preview = preview_draft(at, draft, law, {.territory = Territory::district, .threads = 1});
  const auto both = [](Rule a, Rule b) {
    Rule out{.kind = Rule::Kind::all};
    out.children = {std::move(a), std::move(b)};
    return out;
  };
  const auto none = [](Rule a) {
    Rule out{.kind = Rule::Kind::negation};
    out.children = {std::move(a)};
    return out;
  };
  ASSERT_EQ(preview.measures.size(), 3u);
  EXPECT_EQ(preview.measures[0].total.persons, count(has(2)));
  EXPECT_EQ(preview.measures[0].total.gained, count(both(has(2), none(has(0)))));
  EXPECT_EQ(preview.measures[0].total.lost, count(both(has(0), none(has(2)))));
  EXPECT_EQ(preview.measures[1].total.gained, count(has(3)));
  EXPECT_TRUE(preview.measures[2].ended);
  EXPECT_EQ(preview.measures[2].code, MeasureCode("films"));
  EXPECT_EQ(preview.measures[2].total.lost, count(has(1)));
  Rule any{.kind = Rule::Kind::status, .statuses = {2, 3}};
  EXPECT_EQ(preview.any.persons, count(any));
  EXPECT_EQ(preview.any.lost, count(both(Rule{.kind = Rule::Kind::status, .statuses = {0, 1}}, none(any))));
}

TEST_F(PreviewDraft, CostsTheQuotaOfEveryLineReached) {
  Regime draft{.code = RegimeCode("quarantine"), .version = 1, .measures = {measure("calls", Rule{})}};
  const Population population = world.index(people);
  const PopulationAt at(population, world.now, {});
  const Preview preview = preview_draft(at, draft, Law(), {});
  std::uint64_t lines = 0;
  for (const PersonFacts& facts : people) {
    if (!holds(Rule{}, facts, world.now, world.civil())) continue;
    for (const auto& s : facts.subscriptions) {
      lines += s.kind == SubscriptionKind::mobile && s.valid.contains(world.now) ? 1 : 0;
    }
  }
  ASSERT_GT(lines, 0u);
  EXPECT_EQ(preview.measures[0].total.lines, lines);
  EXPECT_NEAR(double(preview.measures[0].total.cost_qepik), double(lines * 300),
              double(preview.places.size()));
}

TEST_F(PreviewDraft, StaysInsideTheRegimesTerritory) {
  Regime draft{
      .code = RegimeCode("local"), .version = 1, .territory = {4}, .measures = {measure("calls", Rule{})}};
  const Population population = world.index(people);
  const Preview preview = preview_draft(PopulationAt(population, world.now, {}), draft, Law(),
                                        {.territory = Territory::settlement, .threads = 1});
  for (std::size_t p = 0; p < preview.places.size(); ++p) {
    EXPECT_EQ(preview.measures[0].by_place[p].persons, preview.places[p] == 4 ? preview.living[p] : 0);
  }
  EXPECT_GT(preview.any.persons, 0u);
}

TEST(MonthlyCost, SpreadsAQuotaOfTheWholeRegimeOverItsMonths) {
  Benefit benefit{.kind = BenefitKind::data,
                  .traffic_class = {},
                  .quota = 9000,
                  .unit = Unit::octets,
                  .quota_period = QuotaPeriod::regime,
                  .cost_qepik = 2,
                  .cost_per = 1000};
  const Instant start = std::chrono::sys_days(2026y / 1 / 1);
  EXPECT_EQ(monthly_cost(benefit, 10, {.from = start, .until = start + 24h * 90}), 60u);
  EXPECT_EQ(monthly_cost(benefit, 10, {}), 180u);
  benefit.quota_period = QuotaPeriod::day;
  EXPECT_EQ(monthly_cost(benefit, 1, {}), 540u);
  benefit.expected_use = 500;
  EXPECT_EQ(monthly_cost(benefit, 1000, {}), 1000u);
  benefit.percent = 25;
  EXPECT_EQ(monthly_cost(benefit, 1000, {}), 250u);
}

}  // namespace
}  // namespace dayaq::regime
