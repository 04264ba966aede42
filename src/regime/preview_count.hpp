// Counting: for how many persons of each territory each of several rules holds, and how many lines they have
// with each operator. The engine under previews and bulk derivation.
//
// The population is walked once, in blocks of words that stay in the first-level caches. Each rule becomes a
// small tree over bit sets: a status is a set, an age band a range of ordinals inside each settlement, a
// residence a choice of settlements. What is the same for a whole block (all, none) costs nothing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "regime/population_at.hpp"

namespace dayaq::regime {

/// A rule to count, and which operators' lines of its persons.
struct CountedRule {
  Rule rule;
  std::vector<std::size_t> layers;  ///< into PopulationAt::layers(), ascending
};

/// Persons for whom any of `any` holds and none of `none`; indexes into the rules.
struct CountedUnion {
  std::vector<std::size_t> any;
  std::vector<std::size_t> none;
};

enum class Territory : std::uint8_t { district, settlement };

struct Counts {
  std::vector<PlaceIndex> places;  ///< the territories, in the population's order
  std::size_t layer_count = 0;
  std::vector<std::uint32_t> persons;  ///< [rule, then union][place]
  std::vector<std::uint32_t> lines;    ///< [rule][layer][place]
  std::uint64_t bytes = 0;             ///< of the population's memory that were read

  [[nodiscard]] std::uint32_t persons_of(std::size_t rule, std::size_t place) const {
    return persons[rule * places.size() + place];
  }
  [[nodiscard]] std::uint32_t lines_of(std::size_t rule, std::size_t layer, std::size_t place) const {
    return lines[(rule * layer_count + layer) * places.size() + place];
  }
};

/// Counts on `threads` threads, the caller's among them.
[[nodiscard]] Counts count_rules(const PopulationAt& population, std::span<const CountedRule> rules,
                                 std::span<const CountedUnion> unions, Territory territory, int threads);

/// For whom a rule holds, as a bit set over the whole population.
[[nodiscard]] Bits holders(const PopulationAt& population, const Rule& rule);

/// The latest day of birth of somebody who is at least `years` old on `day`.
[[nodiscard]] Date latest_birth(int years, Date day);

}  // namespace dayaq::regime
