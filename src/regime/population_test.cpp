#include "regime/population.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "regime/population_test_support.hpp"
#include "regime/preview_count.hpp"
#include "regime/snapshot.hpp"
#include "support/folder.hpp"

namespace dayaq::regime {
namespace {

using namespace std::chrono_literals;
using registry::PersonFacts;
using test::World;

KnownPerson known_of(const World& world, const PersonFacts& facts) {
  KnownPerson known{.record = {.id = facts.person.id,
                               .birth = facts.person.birth,
                               .death = facts.person.death,
                               .place = facts.person.place},
                    .facts = {},
                    .lines = {}};
  for (const auto& a : facts.attestations) {
    const Period counts = test::effective(a);
    if (counts.empty() || counts.until <= world.now) continue;
    known.facts.push_back({.from = counts.from, .until = counts.until, .person = 0, .status = a.status});
  }
  for (const auto& s : facts.subscriptions) {
    if (s.valid.until <= world.now) continue;
    known.lines.push_back({.key = world.key(s), .kind = s.kind, .provider = s.provider, .valid = s.valid});
  }
  return known;
}

/// That two indexes answer alike, whatever they are asked.
void expect_alike(World& world, const Population& a, const Population& b) {
  ASSERT_EQ(a.persons(), b.persons());
  ASSERT_EQ(a.lines().size(), b.lines().size());
  std::vector<CountedRule> rules;
  for (int i = 0; i < 8; ++i) rules.push_back({.rule = world.rule(3), .layers = {}});
  for (const Instant t : {world.now, world.now + 100h}) {
    const PopulationAt at_a(a, t, {0, 1, 2, 3, 4, 5});
    const PopulationAt at_b(b, t, {0, 1, 2, 3, 4, 5});
    const Counts counts_a = count_rules(at_a, rules, {}, Territory::settlement, 1);
    const Counts counts_b = count_rules(at_b, rules, {}, Territory::settlement, 1);
    for (std::size_t r = 0; r < rules.size(); ++r) {
      for (std::size_t p = 0; p < counts_a.places.size(); ++p) {
        const auto other = std::ranges::find(counts_b.places, counts_a.places[p]);
        const auto in_b = other == counts_b.places.end()
                              ? 0u
                              : counts_b.persons_of(r, std::size_t(other - counts_b.places.begin()));
        ASSERT_EQ(counts_a.persons_of(r, p), in_b);
      }
    }
  }
  for (Ordinal person = 0; person < a.end(); ++person) {
    if (a.id(person).value() == 0) continue;
    KnownPerson in_a = a.known(person);
    const Ordinal other = b.find(a.id(person));
    ASSERT_NE(other, no_ordinal);
    KnownPerson in_b = b.known(other);
    ASSERT_EQ(in_a.record.place, in_b.record.place);
    ASSERT_EQ(in_a.record.death, in_b.record.death);
    for (KnownPerson* known : {&in_a, &in_b}) {
      for (Fact& fact : known->facts) fact.person = 0;
      std::ranges::sort(known->facts, {},
                        [](const Fact& f) { return std::tuple(f.status, f.from, f.until); });
      std::ranges::sort(known->lines, {}, [](const KnownLine& l) { return std::pair(l.key, l.valid.until); });
    }
    ASSERT_EQ(in_a.facts, in_b.facts);
    ASSERT_EQ(in_a.lines.size(), in_b.lines.size());
    for (std::size_t i = 0; i < in_a.lines.size(); ++i) {
      ASSERT_EQ(in_a.lines[i].key, in_b.lines[i].key);
      ASSERT_EQ(in_a.lines[i].valid.until, in_b.lines[i].valid.until);
    }
  }
}

/// A population that came to be by changes one after another, and the people that it should hold.
struct Changed {
  explicit Changed(std::uint64_t seed) : world(seed) {
    for (int i = 0; i < 300; ++i) people.push_back(world.person());
    population.emplace(world.index(people));
    for (int i = 0; i < 400; ++i) {
      const std::size_t who = world.random.below(people.size() + 20);
      PersonFacts next = world.person();
      if (who >= people.size()) {
        people.push_back(next);
      } else {
        // The same person, moved or not, with other facts; some lines are kept.
        PersonFacts& old = people[who];
        next.person.id = old.person.id;
        for (auto& a : next.attestations) a.person = old.person.id;
        for (auto& line : next.subscriptions) line.holder = old.person.id;
        if (world.random.below(2) == 0) next.person.birth = old.person.birth;
        if (world.random.below(2) == 0) next.person.place = old.person.place;
        next.residences = {{.place = next.person.place, .period = {}}};
        for (const auto& line : old.subscriptions) {
          if (world.random.below(2) == 0) next.subscriptions.push_back(line);
        }
        old = next;
      }
      const PersonFacts& changed = who >= people.size() ? people.back() : people[who];
      EXPECT_TRUE(population->put(known_of(world, changed)));
    }
  }
  World world;
  std::vector<PersonFacts> people;
  std::optional<Population> population;
};

struct PopulationIndex : testing::TestWithParam<std::uint64_t> {};

TEST_P(PopulationIndex, ChangedPersonByPersonIsAsOneBuiltAtOnce) {
  Changed changed(GetParam());
  expect_alike(changed.world, *changed.population, changed.world.index(changed.people));
}

TEST_P(PopulationIndex, CompactedAnswersAsBeforeAndHasRoomAgain) {
  Changed changed(GetParam());
  ASSERT_GT(changed.population->changed(), 0u);
  const Population compacted = changed.population->compacted();
  EXPECT_EQ(compacted.changed(), 0u);
  EXPECT_EQ(compacted.end(), compacted.sorted_end());
  expect_alike(changed.world, *changed.population, compacted);
  EXPECT_GE(changed.population->compacted(200'000).tail_room(), 200'000u);
}

TEST_P(PopulationIndex, CompactedKeepsEachLinesProfile) {
  Changed changed(GetParam());
  Population& population = *changed.population;
  std::map<LineKey, Instant> given;
  for (const Line& line : population.lines().slots()) {
    if (line.key != 0) given[line.key] = changed.world.around_now(50);
  }
  for (const auto& [key, until] : given) {
    const LineGrant grant{.until = until, .measure = 7};
    population.set_profile(key, {&grant, 1}, second_of(until));
  }
  const Population compacted = population.compacted();
  for (const auto& [key, until] : given) {
    const Line& line = *compacted.lines().find(key);
    ASSERT_EQ(compacted.profiles().at(line.profile)[0].until, until);
    ASSERT_EQ(line.changes_at, second_of(until));
  }
}

TEST_P(PopulationIndex, CatchesUpWithTimeAsOneBuiltLater) {
  Changed changed(GetParam());
  changed.world.now += 400h;
  changed.population->catch_up(changed.world.now);
  const Population later = changed.world.index(changed.people);
  EXPECT_EQ(changed.population->lines().size(), later.lines().size());
  expect_alike(changed.world, later, changed.population->compacted());
}

TEST_P(PopulationIndex, ComesBackFromItsFile) {
  Changed changed(GetParam());
  dayaq::test::TemporaryFolder folder("snapshot");
  const SnapshotFit fit{.catalogue = 1, .feed_keys = 2};
  ASSERT_TRUE(SnapshotFile::save(folder / "index", *changed.population,
                                 {.audit_size = 5, .as_of = changed.world.now}, fit));
  const auto saved =
      SnapshotFile::load(folder / "index", changed.world.days, changed.world.districts, test::statuses, fit);
  ASSERT_TRUE(saved) << saved.error().detail;
  EXPECT_EQ(saved->state.audit_size, 5u);
  EXPECT_EQ(saved->population.as_of(), changed.world.now);
  expect_alike(changed.world, *changed.population, saved->population);
}

INSTANTIATE_TEST_SUITE_P(Worlds, PopulationIndex, testing::Range<std::uint64_t>(1, 13));

struct SnapshotOnDisk : testing::Test {
  SnapshotOnDisk() {
    if (!SnapshotFile::save(path, *changed.population, {.audit_size = 5, .as_of = changed.world.now}, fit))
      std::abort();
  }
  std::string_view load(const SnapshotFit& wanted) {
    const auto saved =
        SnapshotFile::load(path, changed.world.days, changed.world.districts, test::statuses, wanted);
    return saved ? "" : saved.error().code;
  }
  Changed changed{1};
  dayaq::test::TemporaryFolder folder{"snapshot"};
  std::filesystem::path path = folder / "index";
  SnapshotFit fit{.catalogue = 1, .feed_keys = 2};
};

TEST_F(SnapshotOnDisk, OfAnotherCountryPackOrKeyIsRefused) {
  EXPECT_EQ(load({.catalogue = 9, .feed_keys = 2}), "snapshot.other");
  EXPECT_EQ(load({.catalogue = 1, .feed_keys = 9}), "snapshot.other");
  EXPECT_EQ(load(fit), "");
}

TEST_F(SnapshotOnDisk, CutOffAnywhereIsRefused) {
  const auto size = std::filesystem::file_size(path);
  for (int i = 1; i <= 20; ++i) {
    std::filesystem::resize_file(path, size - size * std::uintmax_t(i) / 21);
    EXPECT_EQ(load(fit), "snapshot.damaged");
    ASSERT_TRUE(
        SnapshotFile::save(path, *changed.population, {.audit_size = 5, .as_of = changed.world.now}, fit));
  }
}

TEST_F(SnapshotOnDisk, WithAByteChangedIsRefused) {
  const auto size = std::filesystem::file_size(path);
  for (int i = 0; i < 60; ++i) {
    const auto at = std::streamoff(64 + changed.world.random.below(size - 64));
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char was = char(file.get());
    file.seekp(at);
    file.put(char(was ^ 0x10));
    file.close();
    EXPECT_EQ(load(fit), "snapshot.damaged") << at;
    std::fstream again(path, std::ios::in | std::ios::out | std::ios::binary);
    again.seekp(at);
    again.put(was);
  }
  EXPECT_EQ(load(fit), "");
}

TEST(Lines, FindsWhatWasPutAndNotWhatWasTakenAway) {
  SeededRandom random(3);
  Lines lines;
  std::map<LineKey, Ordinal> expected;
  for (int i = 0; i < 60'000; ++i) {
    // Keys close together, so that they displace each other, at the end of the table too.
    const LineKey key = random.below(2) == 0 ? ~LineKey(0) - random.below(300)
                                             : 1 + random.below(20'000) * (~LineKey(0) / 20'001);
    if (expected.contains(key) && random.below(2) == 0) {
      EXPECT_TRUE(lines.erase(key));
      expected.erase(key);
    } else if (!expected.contains(key)) {
      lines.insert({.key = key, .person = Ordinal(i)});
      expected[key] = Ordinal(i);
    }
  }
  ASSERT_EQ(lines.size(), expected.size());
  for (const auto& [key, person] : expected) {
    ASSERT_NE(lines.find(key), nullptr);
    ASSERT_EQ(lines.find(key)->person, person);
  }
  EXPECT_EQ(lines.find(12345), nullptr);
  EXPECT_FALSE(lines.erase(12345));
  for (const auto& [low, high] :
       {std::pair<LineKey, LineKey>{0, ~LineKey(0) >> 1}, {~LineKey(0) >> 1, ~LineKey(0)}}) {
    std::size_t seen = 0;
    lines.each_between(low, high, [&](const Line&) { ++seen; });
    const auto wanted = std::distance(expected.lower_bound(low), expected.upper_bound(high));
    EXPECT_EQ(seen, std::size_t(wanted));
  }
}

TEST(Profiles, KeepOneListOnceAndForgetItWithItsLastUser) {
  Profiles profiles;
  const std::vector<LineGrant> grants{{.until = instant_max, .measure = 1},
                                      {.until = instant_max, .measure = 2}};
  const ProfileId first = profiles.take(grants);
  EXPECT_EQ(profiles.take(grants), first);
  EXPECT_EQ(profiles.take(std::span<const LineGrant>()), 0u);
  profiles.leave(first);
  EXPECT_TRUE(std::ranges::equal(profiles.at(first), grants));
  profiles.leave(first);
  EXPECT_EQ(profiles.size(), 1u);
}

}  // namespace
}  // namespace dayaq::regime
