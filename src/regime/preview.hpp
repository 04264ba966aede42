// Preview: whom a draft or the law reaches, where, through which operators, and what that costs a month.
#pragma once

#include <cstdint>
#include <vector>

#include "regime/law.hpp"
#include "regime/preview_count.hpp"

namespace dayaq::regime {

struct PreviewOptions {
  Territory territory = Territory::district;
  int threads = 2;
};

/// Lines of one kind with one operator that a measure reaches.
struct ReachedLines {
  SubscriptionKind kind = SubscriptionKind::mobile;
  OrganisationIndex provider = 0;
  std::uint64_t lines = 0;
};

/// How far a measure, or all together, reach in one territory or in all.
struct Reach {
  std::uint64_t persons = 0;     ///< alive, and the rule holds
  std::uint64_t lines = 0;       ///< subscriptions on which something is delivered
  std::uint64_t gained = 0;      ///< of persons: whom it doesn't reach by what is in force
  std::uint64_t lost = 0;        ///< persons reached by what is in force and no longer by this
  std::uint64_t cost_qepik = 0;  ///< a month, by the file's costs and expected use
};

struct MeasurePreview {
  RegimeCode regime;
  int version = 0;
  MeasureCode code;
  bool ended = false;  ///< in force, but no longer in the draft: only `lost` isn't 0
  Reach total;
  std::vector<Reach> by_place;      ///< in step with Preview::places
  std::vector<ReachedLines> lines;  ///< by kind and operator, those with none left out
};

struct Preview {
  Instant at;
  std::vector<PlaceIndex> places;     ///< territories in which anybody lives
  std::vector<std::uint64_t> living;  ///< in step: persons alive
  std::vector<MeasurePreview> measures;
  Reach any;  ///< persons reached by any measure; the sum of lines and costs
  std::vector<Reach> any_by_place;
  std::uint64_t bytes = 0;  ///< of memory that one pass reads
};

/// Previews a draft beside the version of the same regime that is law at `at.at()`.
/// Every measure of the draft is counted by its rule at that moment, whatever its own period.
[[nodiscard]] Preview preview_draft(const PopulationAt& at, const Regime& draft, const Law& law,
                                    const PreviewOptions& options);

/// What is in force at `at.at()`: of one regime, or of all if `code` is empty. `gained` and `lost` are 0.
[[nodiscard]] Preview preview_law(const PopulationAt& at, const Law& law, const RegimeCode& code,
                                  const PreviewOptions& options);

/// The statuses that rules speak of: what PopulationAt must be asked for.
[[nodiscard]] std::vector<StatusIndex> statuses_of(const Regime& draft, const Law& law);

/// What one benefit costs a month for so many beneficiaries (lines, or persons if it goes to the person). A
/// quota per day counts 30 times a month, per week 30/7 times; one for the whole regime once in each 30 days
/// of `period`.
[[nodiscard]] std::uint64_t monthly_cost(const Benefit& benefit, std::uint64_t beneficiaries,
                                         const Period& period);

/// True if a benefit of the measure is delivered on lines of this kind with this operator.
[[nodiscard]] bool delivers_on(const Measure& measure, SubscriptionKind kind, OrganisationIndex provider);

}  // namespace dayaq::regime
