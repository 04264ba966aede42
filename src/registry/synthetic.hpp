// A synthetic population: as many people as asked for, the same from the same seed, none of them real.
//
// Every national id in it starts with 0, every mobile number with 994 0 (no real number follows the calling
// code with a zero), so that a synthetic record is recognised by eye. Shares and their sources:
// country/az/SOURCES.md.
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "registry/record.hpp"

namespace dayaq::registry {

inline constexpr std::uint64_t synthetic_persons_max =
    15'000'000;  ///< beyond it, an operator's numbers run out

struct SyntheticOptions {
  std::uint64_t persons = 200'000;
  std::uint64_t seed = 2020;
  std::uint64_t batch = 50'000;  ///< persons in one transaction
};

/// Some persons with all that is known of them, in the order of the tables. Views point into it.
struct SyntheticBatch {
  std::vector<PersonRow> persons;
  std::vector<AttestRequest> attestations;
  std::vector<SubscriptionView> subscriptions;

  std::vector<std::array<char, 8>> national_ids;
  std::vector<std::array<char, 12>> numbers;
};

/// Makes the population batch by batch, in the order of the tables, so that each batch is appended.
/// About 20 bytes of memory a person besides one batch.
class SyntheticPopulation {
 public:
  /// The statuses and organisations of the country pack's shares must be there.
  /// invalid_input "synthetic.size" beyond synthetic_persons_max or for none.
  static Result<SyntheticPopulation> create(const Registry& registry, const SyntheticOptions& options);
  /// The next batch; without persons at the end.
  [[nodiscard]] SyntheticBatch next();

 private:
  SyntheticPopulation(const Registry& registry, const SyntheticOptions& options);
  class Maker;

  const Registry* registry_;
  SyntheticOptions options_;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order_;  ///< storage order, number of the person
  std::vector<std::int64_t> population_until_;                  ///< cumulated over settlements
  std::vector<PlaceIndex> settlements_;
  std::size_t at_ = 0;
  std::array<std::uint64_t, 16> next_number_{};  ///< by operator
};

struct SyntheticProgress {
  std::uint64_t persons = 0;
  std::uint64_t attestations = 0;
  std::uint64_t subscriptions = 0;
};

/// Makes a population and stores it, a batch a transaction with its audit entry "synthetic.batch". Persons
/// that are there already are left alone with all they have: an interrupted run is simply repeated.
/// `on_progress` is called after each durable batch; false stops.
Result<SyntheticProgress> populate(store::Database& db, const Registry& registry,
                                   const SyntheticOptions& options,
                                   const std::function<bool(const SyntheticProgress&)>& on_progress = {});

/// The population as three CSV files for imports: persons.csv, attestations.csv, subscriptions.csv in a
/// folder. unavailable "file.write".
Result<SyntheticProgress> write_synthetic_csv(const Registry& registry, const SyntheticOptions& options,
                                              const std::filesystem::path& folder);

}  // namespace dayaq::registry
