// Random people, rules and their index, for tests: the same facts as registry records (what the plain
// definitions of rule.hpp are asked about) and as a Population.
#pragma once

#include <memory>
#include <vector>

#include "base/random.hpp"
#include "regime/law.hpp"
#include "regime/population.hpp"
#include "regime/rule.hpp"

namespace dayaq::regime::test {

inline constexpr std::size_t statuses = 6;
inline constexpr std::size_t providers = 4;

struct World {
  explicit World(std::uint64_t seed);

  [[nodiscard]] CivilContext civil() const { return {.zone = days->zone(), .places = places}; }
  /// Somebody with random facts around `now`, all known at `now`.
  registry::PersonFacts person();
  Rule rule(int depth);
  Instant around_now(int days_max);
  /// Some approved versions of regimes with random measures, most of them in force at `now`.
  Law law();
  [[nodiscard]] LineKey key(const registry::Subscription& subscription) const;
  [[nodiscard]] Population index(const std::vector<registry::PersonFacts>& people) const;

  SeededRandom random;
  std::shared_ptr<const DayStarts> days;
  std::vector<registry::Place> places;
  std::vector<PlaceIndex> districts;
  Instant now;
  std::uint64_t next_id = 1;
};

/// 100, 101, ... for the law's measures.
[[nodiscard]] std::vector<MeasureNumber> numbers(const Law& law);

/// What of an attestation the index keeps, if it stands at t or later.
[[nodiscard]] Period effective(const registry::Attestation& attestation);

}  // namespace dayaq::regime::test
