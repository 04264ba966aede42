// Derivation: from facts and law to grants. Pure.
//
// Two ways to the same answer: from all that is known of a person, for any moment past or present
// (PersonFacts; the definition), and from the index, for moments from its `as_of` on (Population; what
// decisions and the feed use). derive_test.cpp holds one to the other.
#pragma once

#include <span>
#include <vector>

#include "regime/law.hpp"
#include "regime/population.hpp"
#include "regime/rule.hpp"

namespace dayaq::regime {

/// The grants of a person at t, by the law of that moment and on what was known then, ordered as the law is.
[[nodiscard]] std::vector<Grant> derive(const registry::PersonFacts& facts, const Law& law, Instant t,
                                        const CivilContext& civil);

/// Which of them are delivered on one of the person's subscriptions, and until when as far as known at t:
/// never longer than the subscription itself lasts.
[[nodiscard]] std::vector<Grant> derive_line(const registry::PersonFacts& facts,
                                             const registry::Subscription& subscription, const Law& law,
                                             Instant t, const CivilContext& civil);

/// A measure in force, as far as the index needs it.
struct ActiveMeasure {
  MeasureNumber number = 0;
  std::size_t rule = 0;  ///< into ActiveLaw::rules
  Period period;
  std::uint8_t delivered_on = 0;  ///< bit set by SubscriptionKind; measures delivered on no line are left out
  std::vector<OrganisationIndex> providers;  ///< empty: all
  [[nodiscard]] bool delivers_on(SubscriptionKind kind, OrganisationIndex provider) const;
  friend bool operator==(const ActiveMeasure&, const ActiveMeasure&) = default;
};

/// The law as it is in [at, until): the same measures all that time.
struct ActiveLaw {
  Instant at = instant_min;
  Instant until = instant_max;
  std::vector<ActiveMeasure> measures;  ///< ascending by number
  std::vector<Rule> rules;              ///< of these measures, each once
  Instant last_end = instant_min;       ///< when the longest of the measures ends: nothing later matters

  ActiveLaw() = default;
  /// `numbers` go with law.measures().
  ActiveLaw(const Law& law, std::span<const MeasureNumber> numbers, Instant t);
};

/// Derives a person's grants from the index. Keeps its working memory: make one per thread.
class PersonDerivation {
 public:
  explicit PersonDerivation(const Population& population) : population_(population) {}

  /// Decides all rules of the law for a person at t >= population.as_of().
  void decide(Ordinal person, const ActiveLaw& law, Instant t);
  /// The same for somebody as they are known outside of the index; `person` must live until the next
  /// decide().
  void decide(const KnownPerson& person, const ActiveLaw& law, Instant t);
  /// What that gives on one of the person's lines: sorted by measure. Returns the moment from which it may
  /// differ.
  Instant grants(SubscriptionKind kind, OrganisationIndex provider, const Period& line, const ActiveLaw& law,
                 Instant t, std::vector<LineGrant>& out) const;

 private:
  struct Steady {
    bool holds = false;
    Instant until = instant_max;  ///< it stays so at least until then
  };
  void decide_rules(const ActiveLaw& law, Instant t);
  [[nodiscard]] Steady steady(const Rule& rule, Instant t) const;
  [[nodiscard]] Steady steady_list(const Rule& rule, Instant t) const;
  [[nodiscard]] Steady steady_status(const Rule& rule, Instant t) const;
  [[nodiscard]] Steady steady_age(const Rule& rule, Instant t) const;
  [[nodiscard]] Steady steady_subscription(const Rule& rule, Instant t) const;

  const Population& population_;
  // The person being decided.
  Date birth_;
  Instant life_end_ = instant_max;
  PlaceIndex place_ = 0;
  std::span<const Fact> facts_;
  std::vector<LinePeriod> lines_;
  std::vector<Steady> rules_;
};

/// New profiles for all lines at once, by slot of population.lines().slots().
struct BulkDerivation {
  Profiles profiles;
  Array<ProfileId> profile;
  Array<Second> changes_at;
  std::uint64_t one_by_one = 0;  ///< lines whose person's grants end or begin at moments of their own
};

/// Derives every line anew at t. Most persons' grants follow from bit sets alone; those with a boundary
/// before the law's last end go one by one.
[[nodiscard]] BulkDerivation derive_all(const Population& population, const ActiveLaw& law, Instant t,
                                        int threads);

}  // namespace dayaq::regime
