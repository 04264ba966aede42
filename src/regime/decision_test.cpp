#include "regime/decision.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "regime/population_test_support.hpp"
#include "regime/preview_count.hpp"

namespace dayaq::regime {
namespace {

using namespace std::chrono_literals;
using test::World;

TEST(LivePopulation, ReadersSeeEachChangeAsAWholeOrNotAtAll) {
  World world(4);
  std::vector<registry::PersonFacts> people;
  for (int i = 0; i < 300; ++i) people.push_back(world.person());
  Population population = world.index(people);
  std::vector<LineKey> keys;
  for (const Line& line : population.lines().slots()) {
    if (line.key != 0) keys.push_back(line.key);
  }
  LivePopulation live(std::move(population), std::make_shared<const NumberedLaw>(), ActiveLaw());

  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> looks = 0;
  const auto look = [&] {
    while (!done) {
      // All lines carry the number of the same change, whenever one looks.
      live.read([&](const LiveState& state) {
        std::optional<MeasureNumber> first;
        for (const LineKey key : keys) {
          state.decide(key, world.now, [&](const Decision& decision) {
            const MeasureNumber number = decision.grants.empty() ? 0 : decision.grants[0].measure;
            if (!first) first = number;
            EXPECT_EQ(number, *first);
          });
        }
      });
      ++looks;
    }
  };
  {
    std::jthread reader(look);
    std::jthread long_reader([&] {
      while (!done) {
        live.read_long([&](const LiveState& state) {
          const PopulationAt at = state.at(world.now, {});
          return holders(at, Rule{}).count();
        });
      }
    });
    for (MeasureNumber change = 1; change <= 60; ++change) {
      live.change([&](LiveState& state) {
        const LineGrant grant{.until = instant_max, .measure = change};
        for (const LineKey key : keys) state.population.set_profile(key, {&grant, 1}, second_never);
      });
      std::this_thread::yield();
    }
    while (looks < 10) std::this_thread::yield();
    done = true;
  }
  EXPECT_GE(looks, 10u);
}

struct DecideAfter : testing::TestWithParam<std::uint64_t> {};

TEST_P(DecideAfter, ALateWriterChangesNoAnswer) {
  // The writer hasn't come to move the index on: decisions are derived on the spot, by the law of their
  // moment.
  World world(GetParam());
  std::vector<registry::PersonFacts> people;
  for (int i = 0; i < 200; ++i) people.push_back(world.person());
  Population population = world.index(people);
  const Law law = world.law();
  const auto numbered = std::make_shared<const NumberedLaw>(law, test::numbers(law));
  const ActiveLaw active(law, numbered->numbers, world.now);
  BulkDerivation bulk = derive_all(population, active, world.now, 1);
  population.set_profiles(std::move(bulk.profiles), bulk.profile.span(), bulk.changes_at.span());
  const LivePopulation live(std::move(population), numbered, active);
  std::size_t grants = 0;
  for (const auto late : {0h, 30h, 300h, 2000h}) {
    const Instant t = world.now + late;
    for (const auto& facts : people) {
      for (const auto& s : facts.subscriptions) {
        if (!s.valid.contains(world.now)) continue;
        std::size_t decided = 0;
        ASSERT_TRUE(live.decide(world.key(s), t, [&](const Decision& decision) {
          for (const LineGrant& grant : decision.grants) decided += grant.until > t ? 1 : 0;
        }));
        const auto expected = derive_line(facts, s, law, t, world.civil());
        ASSERT_EQ(decided, expected.size());
        grants += decided;
      }
    }
  }
  EXPECT_GT(grants, 0u);
}

INSTANTIATE_TEST_SUITE_P(Worlds, DecideAfter, testing::Values(2, 3, 5, 7, 11, 13));

TEST(ReadersFirstLock, LetsTheWriterInThoughReadersNeverCease) {
  ReadersFirstLock lock;
  std::atomic<bool> done = false;
  int written = 0;
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < 3; ++i) {
      readers.emplace_back([&] {
        while (!done) {
          const std::shared_lock inside(lock);
          const int seen = written;
          std::this_thread::sleep_for(100us);
          EXPECT_EQ(written, seen);
        }
      });
    }
    for (int i = 0; i < 20; ++i) {
      const std::unique_lock inside(lock);
      ++written;
    }
    done = true;
  }
  EXPECT_EQ(written, 20);
}

TEST(LivePopulation, KnowsNoKeyThatWasNeverPut) {
  World world(1);
  const LivePopulation live(world.index({}), std::make_shared<const NumberedLaw>(), ActiveLaw());
  EXPECT_FALSE(live.decide(42, world.now, [](const Decision&) { FAIL(); }));
}

}  // namespace
}  // namespace dayaq::regime
