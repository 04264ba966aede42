// The rule language: whether a rule holds for a person at a moment, when that changes next, and what an index
// must know to answer the same for a whole population.
//
// A rule is decided by what is *known* at a moment: an attestation counts from the moment it was recorded
// until the moment it was ended, whatever period it speaks of. So any past moment can be asked, and gives the
// answer of that day.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "regime/types.hpp"
#include "registry/types.hpp"

namespace dayaq::regime {

/// The country's civil time and map: what age and residence are decided by. Views; the owner must outlive
/// them.
struct CivilContext {
  const Zone& zone;
  std::span<const registry::Place> places;  ///< by PlaceIndex
};

/// From the first instant of the day of birth until the end of the day of death. No rule holds outside of it.
[[nodiscard]] Period lifetime(const registry::Person& person, const Zone& zone);

/// True if `place` is `wanted` itself or a settlement in the district `wanted`.
[[nodiscard]] bool lies_in(PlaceIndex place, PlaceIndex wanted, std::span<const registry::Place> places);

/// Whether the rule holds for the person at t, as known at t. Never for somebody who is not alive then.
[[nodiscard]] bool holds(const Rule& rule, const registry::PersonFacts& facts, Instant t,
                         const CivilContext& civil);

/// The same for a single condition of the rule, so that an explanation can tell which of them fail. Ignores
/// the lifetime, which is no condition of the rule.
[[nodiscard]] bool condition_holds(const Rule& condition, const registry::PersonFacts& facts, Instant t,
                                   const CivilContext& civil);

/// The facts as they stood at t: what was recorded later is left out, what was ended later still stands.
[[nodiscard]] registry::PersonFacts known_at(const registry::PersonFacts& facts, Instant t);

/// The first instant after t at which the rule's answer becomes another, on what is known at t: an
/// attestation or a subscription begins or ends, a birthday, a move. nullopt if it stays as it is for good.
[[nodiscard]] std::optional<Instant> next_change(const registry::PersonFacts& facts, const Rule& rule,
                                                 Instant t, const CivilContext& civil);

/// The longest period around t in which the answer is the one at t, on what is known at t.
[[nodiscard]] Period steady_period(const registry::PersonFacts& facts, const Rule& rule, Instant t,
                                   const CivilContext& civil);

/// The same rule in its simplest form: no nested all in all, any in any, negations only right before a
/// condition, status and residence lists merged and sorted, `everyone` and contradictions folded. Holds for
/// exactly the same persons. "Nobody" is `not: {everyone: true}`.
[[nodiscard]] Rule simplified(const Rule& rule);

/// The rule within a territory (empty: the whole country), simplified.
[[nodiscard]] Rule within(const Rule& who, const std::vector<PlaceIndex>& territory);

/// What an index must know of a person to decide a set of rules. Each list is sorted, without repetition.
struct Vocabulary {
  std::vector<StatusIndex> statuses;
  std::vector<PlaceIndex> places;
  std::vector<int> ages;           ///< thresholds: an answer may change on the birthday of that age
  std::uint8_t subscriptions = 0;  ///< bit set by SubscriptionKind
  /// Adds what `rule` speaks of.
  void add(const Rule& rule);
};

inline constexpr int rule_depth_max = 12;   ///< levels of nesting that a file may use
inline constexpr int rule_nodes_max = 256;  ///< conditions and operators in one rule

}  // namespace dayaq::regime
