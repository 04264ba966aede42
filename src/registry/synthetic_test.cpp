#include "registry/synthetic.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "registry/import.hpp"
#include "support/registry.hpp"

namespace dayaq::registry {
namespace {

std::vector<SyntheticBatch> all_of(const Registry& registry, const SyntheticOptions& options) {
  auto population = test::must(SyntheticPopulation::create(registry, options));
  std::vector<SyntheticBatch> batches;
  for (;;) {
    SyntheticBatch batch = population.next();
    if (batch.persons.empty()) return batches;
    batches.push_back(std::move(batch));
  }
}

struct Synthetic : testing::Test {
  test::RegistryNode node{store::Engine::sqlite};
};

TEST_F(Synthetic, TheSameSeedMakesTheSamePeopleWhateverTheBatches) {
  const auto print = [&](std::uint64_t seed, std::uint64_t batch) {
    std::string out;
    for (const SyntheticBatch& b : all_of(*node.registry, {.persons = 2000, .seed = seed, .batch = batch})) {
      for (const PersonRow& p : b.persons) {
        out += fmt::format("{} {} {} {} {}\n", p.national_id, p.family_name, p.given_name,
                           format_date(p.birth), p.place);
      }
    }
    return out;
  };
  EXPECT_EQ(print(1, 100), print(1, 2000));
  EXPECT_NE(print(1, 100), print(2, 100));
}

TEST_F(Synthetic, EveryoneIsRecognisedAsSyntheticAndUnique) {
  std::set<std::string> ids, numbers;
  PersonId before(0);
  for (const SyntheticBatch& batch : all_of(*node.registry, {.persons = 20'000, .batch = 3000})) {
    for (const PersonRow& person : batch.persons) {
      EXPECT_TRUE(person.national_id.starts_with("0"));
      EXPECT_TRUE(ids.emplace(person.national_id).second) << person.national_id;
      EXPECT_EQ(person.id, node.person_id(person.national_id));
      EXPECT_EQ(check_person(person, node.pack, node.pack.zone().day_of(node.clock.now())), std::nullopt);
      EXPECT_LT(std::pair(bucket_of(before), before.value()),
                std::pair(bucket_of(person.id), person.id.value()));
      before = person.id;
    }
    for (const SubscriptionView& s : batch.subscriptions) {
      EXPECT_EQ(check_subscription(s, *node.registry), std::nullopt);
      EXPECT_TRUE(numbers.insert(fmt::format("{} {}", s.provider, s.number)).second);
      if (s.kind == SubscriptionKind::mobile) {
        EXPECT_TRUE(s.number.starts_with("9940"));
      }
    }
    for (const AttestRequest& a : batch.attestations)
      EXPECT_EQ(check_attestation(a, *node.registry), std::nullopt);
  }
  EXPECT_EQ(ids.size(), 20'000u);
}

TEST_F(Synthetic, SharesAreThoseThatTheSourcesGive) {
  constexpr double persons = 100'000;
  const Date today = node.pack.zone().day_of(node.clock.now());
  std::map<std::string, double> count;
  std::set<Instant> ends;
  for (const SyntheticBatch& batch : all_of(*node.registry, {.persons = 100'000, .batch = 100'000})) {
    for (const PersonRow& person : batch.persons) {
      const int age = age_on(person.birth, today);
      count[age < 15 ? "young" : age < 65 ? "middle" : "old"] += 1;
      if (person.sex == Sex::female) count["women"] += 1;
      if (node.pack.place(node.pack.place(person.place).district).code.value() == "AZ-BA") count["baku"] += 1;
    }
    for (const AttestRequest& a : batch.attestations) {
      count[node.pack.status(a.status).code.value()] += 1;
      ends.insert(a.valid.until);
    }
    for (const SubscriptionView& s : batch.subscriptions) count[std::string(to_string(s.kind))] += 1;
  }
  const auto near = [&](const char* what, double share, double tolerance) {
    EXPECT_NEAR(count[what] / persons, share, tolerance) << what;
  };
  near("young", 0.223, 0.01);
  near("middle", 0.695, 0.01);
  near("old", 0.082, 0.005);
  near("women", 0.502, 0.01);
  near("baku", 2.334 / 10.2, 0.01);
  near("mobile", 1.1, 0.02);
  near("fixed", 0.22 * 0.74, 0.02);
  near("pupil", 0.165, 0.02);
  near("pensioner", 0.084, 0.01);
  near("quarantined", 0.0015, 0.001);
  EXPECT_GT(count["health_worker"], 500);
  EXPECT_GT(ends.size(), 700u) << "many different ends, as in life";
}

TEST_F(Synthetic, PopulatingAgainAfterAnInterruptionCompletesIt) {
  const SyntheticOptions options{.persons = 5000, .batch = 1000};
  int batches = 0;
  const auto first =
      populate(node.db(), *node.registry, options, [&](const SyntheticProgress&) { return ++batches < 2; });
  EXPECT_EQ(first->persons, 2000u);
  ASSERT_TRUE(populate(node.db(), *node.registry, options));
  const auto count = [&] {
    return test::must(node.read([](auto& s, auto& rows) { return rows.count_persons(s); }));
  };
  EXPECT_EQ(count(), 5000);
  const std::uint64_t entries = node.log->size();
  ASSERT_TRUE(populate(node.db(), *node.registry, options));
  EXPECT_EQ(count(), 5000);
  EXPECT_EQ(node.log->size(), entries);
}

TEST_F(Synthetic, RefusesNoneAndTooMany) {
  EXPECT_EQ(populate(node.db(), *node.registry, {.persons = 0}).error().code, "synthetic.size");
  EXPECT_EQ(populate(node.db(), *node.registry, {.persons = synthetic_persons_max + 1}).error().code,
            "synthetic.size");
}

TEST_F(Synthetic, ItsCsvFilesAreImportedWithoutARejectAndGiveTheSamePopulation) {
  const test::TemporaryFolder folder("synthetic");
  const SyntheticOptions options{.persons = 3000, .batch = 1000};
  const SyntheticProgress written = test::must(write_synthetic_csv(*node.registry, options, folder.path()));
  EXPECT_EQ(written.persons, 3000u);
  const auto import_kind = [&](ImportKind kind) {
    return test::must(import_file(
                          node.db(), *node.registry,
                          test::must(open_import((folder / fmt::format("{}.csv", to_string(kind))).string())),
                          {.kind = kind}))
        .counts;
  };
  EXPECT_EQ(import_kind(ImportKind::persons), (ImportCounts{.recorded = written.persons}));
  EXPECT_EQ(import_kind(ImportKind::attestations), (ImportCounts{.recorded = written.attestations}));
  EXPECT_EQ(import_kind(ImportKind::subscriptions), (ImportCounts{.recorded = written.subscriptions}));
  const std::uint64_t entries = node.log->size();
  ASSERT_TRUE(populate(node.db(), *node.registry, options));
  EXPECT_EQ(node.log->size(), entries) << "all of it was there";
}

}  // namespace
}  // namespace dayaq::registry
