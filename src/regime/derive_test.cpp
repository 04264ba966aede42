#include "regime/derive.hpp"

#include <gtest/gtest.h>

#include "regime/population_test_support.hpp"

namespace dayaq::regime {
namespace {

using namespace std::chrono_literals;
using registry::PersonFacts;
using test::World;

/// Grants by definition, in the index's words: what lasts beyond t only, as far as it matters to a line.
std::vector<LineGrant> expected_grants(const World& world, const PersonFacts& facts,
                                       const registry::Subscription& subscription, const Law& law,
                                       Instant t) {
  std::vector<LineGrant> out;
  for (const Grant& grant : derive_line(facts, subscription, law, t, world.civil())) {
    for (std::size_t i = 0; i < law.measures().size(); ++i) {
      const LawfulMeasure& lawful = law.measures()[i];
      if (lawful.version->regime.code == grant.regime && lawful.measure->code == grant.measure) {
        out.push_back({.until = grant.period.until, .measure = test::numbers(law)[i]});
      }
    }
  }
  std::ranges::sort(out, {}, &LineGrant::measure);
  return out;
}

struct Derive : testing::TestWithParam<std::uint64_t> {
  Derive() : world(GetParam()) {
    for (int i = 0; i < 400; ++i) people.push_back(world.person());
    law = world.law();
    numbers = test::numbers(law);
  }
  World world;
  std::vector<PersonFacts> people;
  Law law;
  std::vector<MeasureNumber> numbers;
};

TEST_P(Derive, FromTheIndexGivesWhatTheFactsGiveNowAndLater) {
  const Population population = world.index(people);
  PersonDerivation derivation(population);
  std::vector<LineGrant> grants;
  for (const std::uint64_t hours : {std::uint64_t(0), world.random.below(500), world.random.below(2000)}) {
    const Instant t = world.now + 1h * std::int64_t(hours);
    const ActiveLaw active(law, numbers, t);
    for (const PersonFacts& facts : people) {
      const Ordinal person = population.find(facts.person.id);
      derivation.decide(person, active, t);
      for (const auto& s : facts.subscriptions) {
        if (!s.valid.contains(world.now)) continue;
        derivation.grants(s.kind, s.provider, population.line_period(world.key(s)), active, t, grants);
        ASSERT_EQ(grants, expected_grants(world, facts, s, law, t)) << "person " << facts.person.id.value();
      }
    }
  }
}

TEST_P(Derive, SaysNoLaterThanItHappensWhenGrantsChange) {
  const Population population = world.index(people);
  const ActiveLaw active(law, numbers, world.now);
  PersonDerivation derivation(population);
  std::vector<LineGrant> grants;
  for (const PersonFacts& facts : people) {
    for (const auto& s : facts.subscriptions) {
      if (!s.valid.contains(world.now)) continue;
      derivation.decide(population.find(facts.person.id), active, world.now);
      const Instant changes = derivation.grants(s.kind, s.provider, population.line_period(world.key(s)),
                                                active, world.now, grants);
      ASSERT_GT(changes, world.now);
      // Nothing is told anew before that moment (or the law's own next change).
      const Instant end = std::min({changes, active.until, world.now + 24h * 200});
      for (int i = 0; i < 5; ++i) {
        const Instant t = world.now + std::chrono::duration_cast<std::chrono::hours>(end - world.now) * i / 5;
        ASSERT_EQ(expected_grants(world, facts, s, law, t), grants);
      }
    }
  }
}

TEST_P(Derive, AllAtOnceGivesWhatOneByOneGives) {
  const Population population = world.index(people);
  for (const int threads : {1, 2}) {
    const Instant t = world.now + 1h * (threads - 1) * 30;
    const ActiveLaw active(law, numbers, t);
    const BulkDerivation bulk = derive_all(population, active, t, threads);
    PersonDerivation derivation(population);
    std::vector<LineGrant> grants;
    const auto slots = population.lines().slots();
    std::size_t lines = 0;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (slots[i].key == 0) continue;
      ++lines;
      derivation.decide(slots[i].person, active, t);
      const Period valid = population.line_period(slots[i].key);
      const Instant changes = derivation.grants(slots[i].kind, slots[i].provider, valid, active, t, grants);
      ASSERT_TRUE(std::ranges::equal(bulk.profiles.at(bulk.profile[i]), grants));
      if (bulk.changes_at[i] != second_never) {
        ASSERT_LE(bulk.changes_at[i], second_of(changes));
      } else {
        ASSERT_GE(changes, std::min(active.until, active.last_end));
      }
    }
    ASSERT_GT(lines, 300u);
  }
}

TEST_P(Derive, CountsTheUsersOfEachProfile) {
  Population population = world.index(people);
  const ActiveLaw active(law, numbers, world.now);
  BulkDerivation bulk = derive_all(population, active, world.now, 2);
  population.set_profiles(std::move(bulk.profiles), bulk.profile.span(), bulk.changes_at.span());
  std::vector<LineKey> keys;
  for (const Line& line : population.lines().slots()) {
    if (line.key != 0) keys.push_back(line.key);
  }
  for (const LineKey key : keys) population.set_profile(key, {}, second_never);
  EXPECT_EQ(population.profiles().size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Worlds, Derive, testing::Range<std::uint64_t>(1, 40));

TEST(Derive, GrantsOfAPastMomentAreByWhatWasKnownThen) {
  World world(1);
  PersonFacts facts;
  facts.person = {
      .id = PersonId(1), .birth = std::chrono::sys_days(std::chrono::year(1980) / 5 / 5), .place = 3};
  facts.residences.push_back({.place = 3, .period = {}});
  facts.attestations.push_back({.id = registry::AttestationId(1),
                                .person = PersonId(1),
                                .status = 2,
                                .valid = {.from = world.now - 240h, .until = world.now + 240h},
                                .recorded = world.now - 48h,
                                .ended = world.now - 24h});
  auto version = std::make_shared<RegimeVersion>();
  version->regime = {.code = RegimeCode("quarantine"), .version = 1};
  version->regime.measures.push_back(
      {.code = MeasureCode("calls"), .who = {.kind = Rule::Kind::status, .statuses = {2}}});
  version->state = RegimeState::approved;
  version->approved = world.now - 1000h;
  const Law law({version});
  EXPECT_TRUE(derive(facts, law, world.now - 72h, world.civil()).empty());  // not yet recorded
  const auto then = derive(facts, law, world.now - 36h, world.civil());
  ASSERT_EQ(then.size(), 1u);
  EXPECT_EQ(then[0].period, (Period{.from = world.now - 48h, .until = world.now + 240h}));  // not yet revoked
  EXPECT_TRUE(derive(facts, law, world.now, world.civil()).empty());
}

}  // namespace
}  // namespace dayaq::regime
