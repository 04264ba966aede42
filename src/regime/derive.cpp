#include "regime/derive.hpp"

#include <algorithm>

#include "regime/preview.hpp"

namespace dayaq::regime {
namespace {

constexpr int age_end = 200;

Period common(const Period& a, const Period& b) {
  return {.from = std::max(a.from, b.from), .until = std::min(a.until, b.until)};
}

Grant grant_of(const LawfulMeasure& lawful, const Period& period) {
  return {.regime = lawful.version->regime.code,
          .version = lawful.version->regime.version,
          .measure = lawful.measure->code,
          .period = common(lawful.period, period)};
}

}  // namespace

std::vector<Grant> derive(const registry::PersonFacts& facts, const Law& law, Instant t,
                          const CivilContext& civil) {
  std::vector<Grant> grants;
  for (const std::size_t i : law.in_force_at(t)) {
    const LawfulMeasure& lawful = law.measures()[i];
    if (holds(lawful.rule, facts, t, civil)) {
      grants.push_back(grant_of(lawful, steady_period(facts, lawful.rule, t, civil)));
    }
  }
  return grants;
}

std::vector<Grant> derive_line(const registry::PersonFacts& facts, const registry::Subscription& subscription,
                               const Law& law, Instant t, const CivilContext& civil) {
  std::vector<Grant> grants;
  if (!subscription.valid.contains(t)) return grants;
  for (const std::size_t i : law.in_force_at(t)) {
    const LawfulMeasure& lawful = law.measures()[i];
    if (!delivers_on(*lawful.measure, subscription.kind, subscription.provider)) continue;
    if (!holds(lawful.rule, facts, t, civil)) continue;
    const Period steady = steady_period(facts, lawful.rule, t, civil);
    grants.push_back(grant_of(lawful, common(steady, subscription.valid)));
  }
  return grants;
}

bool ActiveMeasure::delivers_on(SubscriptionKind kind, OrganisationIndex provider) const {
  return (delivered_on >> unsigned(kind) & 1) != 0 &&
         (providers.empty() || std::ranges::find(providers, provider) != providers.end());
}

ActiveLaw::ActiveLaw(const Law& law, std::span<const MeasureNumber> numbers, Instant t)
    : at(t), until(law.next_change(t).value_or(instant_max)) {
  for (const std::size_t i : law.in_force_at(t)) {
    const LawfulMeasure& lawful = law.measures()[i];
    unsigned kinds = 0;
    for (const Benefit& benefit : lawful.measure->benefits) kinds |= benefit.delivered_on;
    if (kinds == 0) continue;
    const auto same = std::ranges::find(rules, lawful.rule);
    const auto rule = std::size_t(same - rules.begin());
    if (same == rules.end()) rules.push_back(lawful.rule);
    measures.push_back({.number = numbers[i],
                        .rule = rule,
                        .period = lawful.period,
                        .delivered_on = std::uint8_t(kinds),
                        .providers = lawful.measure->providers});
    last_end = std::max(last_end, lawful.period.until);
  }
  std::ranges::sort(measures, {}, &ActiveMeasure::number);
}

void PersonDerivation::decide(Ordinal person, const ActiveLaw& law, Instant t) {
  birth_ = population_.birth(person);
  life_end_ = population_.life_end(person);
  place_ = population_.place(person);
  facts_ = population_.facts(person);
  population_.line_periods_of(person, lines_);
  decide_rules(law, t);
}

void PersonDerivation::decide(const KnownPerson& person, const ActiveLaw& law, Instant t) {
  const auto& death = person.record.death;
  birth_ = person.record.birth;
  life_end_ = death ? population_.days().start_of(*death + std::chrono::days(1)) : instant_max;
  place_ = person.record.place;
  facts_ = person.facts;
  lines_.clear();
  for (const KnownLine& line : person.lines) lines_.push_back({.kind = line.kind, .valid = line.valid});
  decide_rules(law, t);
}

void PersonDerivation::decide_rules(const ActiveLaw& law, Instant t) {
  rules_.clear();
  const Instant born = population_.days().start_of(birth_);
  const bool lives = t < life_end_ && born <= t;
  for (const Rule& rule : law.rules) {
    Steady now = lives ? steady(rule, t) : Steady{.holds = false, .until = t < born ? born : instant_max};
    // "Holds" is known exactly until it ends; of what doesn't hold it is enough to know when to look again.
    while (now.holds && now.until < law.last_end && now.until < life_end_) {
      const Steady then = steady(rule, now.until);
      if (!then.holds) break;
      now.until = then.until;
    }
    if (lives) now.until = std::min(now.until, life_end_);
    rules_.push_back(now);
  }
}

Instant PersonDerivation::grants(SubscriptionKind kind, OrganisationIndex provider, const Period& line,
                                 const ActiveLaw& law, Instant t, std::vector<LineGrant>& out) const {
  out.clear();
  if (t < line.from) return line.from;
  if (t >= line.until) return instant_max;
  Instant changes = line.until;
  for (const ActiveMeasure& measure : law.measures) {
    if (!measure.delivers_on(kind, provider)) continue;
    const Steady& rule = rules_[measure.rule];
    if (rule.until < measure.period.until) changes = std::min(changes, rule.until);
    if (!rule.holds) continue;
    out.push_back(
        {.until = std::min({rule.until, measure.period.until, line.until}), .measure = measure.number});
  }
  return changes;
}

PersonDerivation::Steady PersonDerivation::steady(const Rule& rule, Instant t) const {
  switch (rule.kind) {
    case Rule::Kind::everyone:
      return {.holds = true};
    case Rule::Kind::all:
    case Rule::Kind::any:
      return steady_list(rule, t);
    case Rule::Kind::negation: {
      const Steady child = steady(rule.children.front(), t);
      return {.holds = !child.holds, .until = child.until};
    }
    case Rule::Kind::status:
      return steady_status(rule, t);
    case Rule::Kind::age:
      return steady_age(rule, t);
    case Rule::Kind::residence: {
      const PlaceIndex district = population_.districts()[place_];
      return {.holds = std::ranges::any_of(
                  rule.places, [&](PlaceIndex wanted) { return wanted == place_ || wanted == district; })};
    }
    case Rule::Kind::subscription:
      return steady_subscription(rule, t);
  }
  return {};
}

PersonDerivation::Steady PersonDerivation::steady_list(const Rule& rule, Instant t) const {
  // One child that decides alone keeps the answer as long as it stays; without one, all children must stay.
  const bool any = rule.kind == Rule::Kind::any;
  Steady deciding{.holds = any, .until = instant_min};
  Steady others{.holds = !any, .until = instant_max};
  for (const Rule& child : rule.children) {
    const Steady value = steady(child, t);
    if (value.holds == any)
      deciding.until = std::max(deciding.until, value.until);
    else
      others.until = std::min(others.until, value.until);
  }
  return deciding.until > t ? deciding : others;
}

PersonDerivation::Steady PersonDerivation::steady_status(const Rule& rule, Instant t) const {
  Steady holding{.holds = true, .until = instant_min};
  Instant next = instant_max;
  for (const Fact& fact : facts_) {
    if (std::ranges::find(rule.statuses, fact.status) == rule.statuses.end()) continue;
    if (fact.from <= t && t < fact.until)
      holding.until = std::max(holding.until, fact.until);
    else if (fact.from > t && fact.until > fact.from)
      next = std::min(next, fact.from);
  }
  return holding.until > t ? holding : Steady{.holds = false, .until = next};
}

PersonDerivation::Steady PersonDerivation::steady_age(const Rule& rule, Instant t) const {
  const DayStarts& days = population_.days();
  if (rule.age_from > 0) {
    const Instant from = days.start_of(birthday(birth_, rule.age_from));
    if (t < from) return {.holds = false, .until = from};
  }
  if (rule.age_under >= age_end) return {.holds = true};
  const Instant until = days.start_of(birthday(birth_, rule.age_under));
  if (t < until) return {.holds = true, .until = until};
  return {.holds = false};
}

PersonDerivation::Steady PersonDerivation::steady_subscription(const Rule& rule, Instant t) const {
  Steady holding{.holds = true, .until = instant_min};
  Instant next = instant_max;
  for (const LinePeriod& line : lines_) {
    if (line.kind != rule.subscription) continue;
    if (line.valid.contains(t))
      holding.until = std::max(holding.until, line.valid.until);
    else if (line.valid.from > t)
      next = std::min(next, line.valid.from);
  }
  return holding.until > t ? holding : Steady{.holds = false, .until = next};
}

}  // namespace dayaq::regime
