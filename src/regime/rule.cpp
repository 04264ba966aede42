#include "regime/rule.hpp"

#include <algorithm>

namespace dayaq::regime {
namespace {

using registry::PersonFacts;
using Kind = Rule::Kind;

constexpr int age_end = 200;  // `age_under` of a rule without an upper bound

/// One decision. The civil day is looked up once, and only if the rule speaks of age.
struct Decision {
  const PersonFacts& facts;
  Instant t;
  const CivilContext& civil;
  std::optional<int> age;

  int age_now() {
    if (!age) age = age_on(facts.person.birth, civil.zone.day_of(t));
    return *age;
  }
};

bool decide(const Rule& rule, Decision& d) {
  switch (rule.kind) {
    case Kind::everyone:
      return true;
    case Kind::all:
      return std::ranges::all_of(rule.children, [&](const Rule& child) { return decide(child, d); });
    case Kind::any:
      return std::ranges::any_of(rule.children, [&](const Rule& child) { return decide(child, d); });
    case Kind::negation:
      return !decide(rule.children.front(), d);
    case Kind::status:
      return std::ranges::any_of(d.facts.attestations, [&](const registry::Attestation& a) {
        return a.stands_at(d.t) && std::ranges::find(rule.statuses, a.status) != rule.statuses.end();
      });
    case Kind::age:
      return rule.age_from <= d.age_now() && d.age_now() < rule.age_under;
    case Kind::residence: {
      const PlaceIndex place = d.facts.place_at(d.t);
      return std::ranges::any_of(rule.places,
                                 [&](PlaceIndex wanted) { return lies_in(place, wanted, d.civil.places); });
    }
    case Kind::subscription:
      return std::ranges::any_of(d.facts.subscriptions, [&](const registry::Subscription& s) {
        return s.kind == rule.subscription && s.valid.contains(d.t);
      });
  }
  return false;
}

/// Finds the boundary nearest to a moment, on one side of it, at which a condition of a rule may change.
class Boundaries {
 public:
  Boundaries(const PersonFacts& facts, const CivilContext& civil, Instant known)
      : facts_(facts), civil_(civil), known_(known), life_(lifetime(facts.person, civil.zone)) {}

  /// The first boundary after t.
  std::optional<Instant> after(const Rule& rule, Instant t) {
    nearest_.reset();
    forward_ = true;
    t_ = t;
    offer_life();
    visit(rule);
    return nearest_;
  }

  /// The last boundary at or before t.
  std::optional<Instant> before(const Rule& rule, Instant t) {
    nearest_.reset();
    forward_ = false;
    t_ = t;
    offer_life();
    visit(rule);
    return nearest_;
  }

  /// The answer at `t`, on what is known at the moment given to the constructor.
  bool answer(const Rule& rule, Instant t) const {
    if (!life_.contains(t)) return false;
    Decision d{facts_, t, civil_, std::nullopt};
    return decide(rule, d);
  }

 private:
  void offer(Instant boundary) {
    if (boundary == instant_min || boundary == instant_max) return;
    if (forward_ ? boundary <= t_ : boundary > t_) return;
    if (!nearest_ || (forward_ ? boundary < *nearest_ : boundary > *nearest_)) nearest_ = boundary;
  }

  void offer_life() {
    offer(life_.from);
    offer(life_.until);
  }

  void visit(const Rule& rule) {
    for (const Rule& child : rule.children) visit(child);
    switch (rule.kind) {
      case Kind::status:
        for (const registry::Attestation& a : facts_.attestations) {
          if (a.recorded > known_ || std::ranges::find(rule.statuses, a.status) == rule.statuses.end())
            continue;
          offer(std::max(a.valid.from, a.recorded));
          offer(a.valid.until);
          if (a.ended <= known_) offer(a.ended);
        }
        break;
      case Kind::age:
        if (rule.age_from > 0) offer(civil_.zone.start_of(birthday(facts_.person.birth, rule.age_from)));
        if (rule.age_under < age_end)
          offer(civil_.zone.start_of(birthday(facts_.person.birth, rule.age_under)));
        break;
      case Kind::residence:
        for (const registry::Residence& r : facts_.residences) {
          offer(r.period.from);
          offer(r.period.until);
        }
        break;
      case Kind::subscription:
        for (const registry::Subscription& s : facts_.subscriptions) {
          if (s.kind != rule.subscription) continue;
          offer(s.valid.from);
          offer(s.valid.until);
        }
        break;
      case Kind::all:
      case Kind::any:
      case Kind::negation:
      case Kind::everyone:
        break;
    }
  }

  const PersonFacts& facts_;
  const CivilContext& civil_;
  Instant known_;
  Period life_;
  Instant t_;
  bool forward_ = true;
  std::optional<Instant> nearest_;
};

/// Facts that say more than was known at t must be cut first; most often there is nothing to cut.
bool all_known_at(const PersonFacts& facts, Instant t) {
  return std::ranges::all_of(facts.attestations, [&](const registry::Attestation& a) {
    return a.recorded <= t && (a.ended <= t || a.ended == instant_max);
  });
}

template <class Int>
void sort_unique(std::vector<Int>& list) {
  std::ranges::sort(list);
  const auto rest = std::ranges::unique(list);
  list.erase(rest.begin(), rest.end());
}

Rule nobody() {
  Rule rule{.kind = Kind::negation};
  rule.children.emplace_back();
  return rule;
}

bool is_everyone(const Rule& rule) {
  return rule.kind == Kind::everyone;
}
bool is_nobody(const Rule& rule) {
  return rule.kind == Kind::negation && is_everyone(rule.children.front());
}

Rule negated(Rule rule) {
  if (rule.kind == Kind::negation) return std::move(rule.children.front());
  Rule out{.kind = Kind::negation};
  out.children.push_back(std::move(rule));
  return out;
}

/// Joins two conditions of one list into one where that is the same: "or" of statuses, places.
bool merge_into(Rule& into, const Rule& rule) {
  if (into.kind != rule.kind) return false;
  if (rule.kind == Kind::status)
    into.statuses.insert(into.statuses.end(), rule.statuses.begin(), rule.statuses.end());
  else if (rule.kind == Kind::residence)
    into.places.insert(into.places.end(), rule.places.begin(), rule.places.end());
  else
    return into == rule;
  sort_unique(into.statuses);
  sort_unique(into.places);
  return true;
}

Rule simplify(const Rule& rule, bool negate);

Rule simplify_list(const Rule& rule, bool negate) {
  const bool any = (rule.kind == Kind::any) != negate;
  Rule out{.kind = any ? Kind::any : Kind::all};
  const auto add = [&](Rule child) {
    for (Rule& other : out.children) {
      if (other == child) return;
      if (any && merge_into(other, child)) return;
      if (!any && other.kind == Kind::negation && child.kind == Kind::negation &&
          merge_into(other.children.front(), child.children.front())) {
        return;
      }
    }
    out.children.push_back(std::move(child));
  };
  for (const Rule& each : rule.children) {
    Rule child = simplify(each, negate);
    if (any ? is_everyone(child) : is_nobody(child)) return child;
    if (any ? is_nobody(child) : is_everyone(child)) continue;
    if (child.kind == out.kind) {
      for (Rule& grandchild : child.children) add(std::move(grandchild));
    } else {
      add(std::move(child));
    }
  }
  if (out.children.empty()) return any ? nobody() : Rule{};
  if (out.children.size() == 1) {
    Rule only = std::move(out.children.front());
    return only;
  }
  return out;
}

Rule simplify(const Rule& rule, bool negate) {
  switch (rule.kind) {
    case Kind::all:
    case Kind::any:
      return simplify_list(rule, negate);
    case Kind::negation:
      return simplify(rule.children.front(), !negate);
    case Kind::everyone:
      return negate ? nobody() : Rule{};
    case Kind::age: {
      const bool low = rule.age_from <= 0;
      const bool high = rule.age_under >= age_end;
      if (low && high) return negate ? nobody() : Rule{};
      Rule out{.kind = Kind::age,
               .age_from = low ? 0 : rule.age_from,
               .age_under = high ? age_end : rule.age_under};
      if (!negate) return out;
      // What is not "from 65" is "under 65"; only a negated range in the middle stays a negation.
      if (high) return Rule{.kind = Kind::age, .age_under = rule.age_from};
      if (low) return Rule{.kind = Kind::age, .age_from = rule.age_under};
      return negated(std::move(out));
    }
    case Kind::status:
    case Kind::residence:
    case Kind::subscription: {
      Rule out = rule;
      sort_unique(out.statuses);
      sort_unique(out.places);
      return negate ? negated(std::move(out)) : out;
    }
  }
  return rule;
}

}  // namespace

Period lifetime(const registry::Person& person, const Zone& zone) {
  return {.from = zone.start_of(person.birth),
          .until = person.death ? zone.start_of(*person.death + std::chrono::days(1)) : instant_max};
}

bool lies_in(PlaceIndex place, PlaceIndex wanted, std::span<const registry::Place> places) {
  return place == wanted || (place < places.size() && places[place].district == wanted);
}

bool holds(const Rule& rule, const PersonFacts& facts, Instant t, const CivilContext& civil) {
  return lifetime(facts.person, civil.zone).contains(t) && condition_holds(rule, facts, t, civil);
}

bool condition_holds(const Rule& condition, const PersonFacts& facts, Instant t, const CivilContext& civil) {
  Decision d{facts, t, civil, std::nullopt};
  return decide(condition, d);
}

PersonFacts known_at(const PersonFacts& facts, Instant t) {
  PersonFacts known = facts;
  std::erase_if(known.attestations, [&](const registry::Attestation& a) { return a.recorded > t; });
  for (registry::Attestation& a : known.attestations) {
    if (a.ended > t) a.ended = instant_max;
  }
  return known;
}

std::optional<Instant> next_change(const PersonFacts& facts, const Rule& rule, Instant t,
                                   const CivilContext& civil) {
  if (!all_known_at(facts, t)) return next_change(known_at(facts, t), rule, t, civil);
  Boundaries boundaries(facts, civil, t);
  const bool now = boundaries.answer(rule, t);
  for (auto next = boundaries.after(rule, t); next; next = boundaries.after(rule, *next)) {
    if (boundaries.answer(rule, *next) != now) return next;
  }
  return std::nullopt;
}

Period steady_period(const PersonFacts& facts, const Rule& rule, Instant t, const CivilContext& civil) {
  if (!all_known_at(facts, t)) return steady_period(known_at(facts, t), rule, t, civil);
  Boundaries boundaries(facts, civil, t);
  const bool now = boundaries.answer(rule, t);
  Period period;
  if (const auto next = next_change(facts, rule, t, civil)) period.until = *next;
  constexpr std::chrono::microseconds instant_before{1};
  for (auto last = boundaries.before(rule, t); last; last = boundaries.before(rule, *last - instant_before)) {
    if (boundaries.answer(rule, *last - instant_before) != now) {
      period.from = *last;
      break;
    }
  }
  return period;
}

Rule simplified(const Rule& rule) {
  return simplify(rule, false);
}

Rule within(const Rule& who, const std::vector<PlaceIndex>& territory) {
  if (territory.empty()) return simplified(who);
  Rule both{.kind = Kind::all};
  both.children.push_back(who);
  both.children.push_back(Rule{.kind = Kind::residence, .places = territory});
  return simplified(both);
}

void Vocabulary::add(const Rule& rule) {
  for (const Rule& child : rule.children) add(child);
  if (rule.kind == Kind::status) statuses.insert(statuses.end(), rule.statuses.begin(), rule.statuses.end());
  if (rule.kind == Kind::residence) places.insert(places.end(), rule.places.begin(), rule.places.end());
  if (rule.kind == Kind::subscription) {
    subscriptions = static_cast<std::uint8_t>(subscriptions | 1u << static_cast<unsigned>(rule.subscription));
  }
  if (rule.kind == Kind::age) {
    if (rule.age_from > 0) ages.push_back(rule.age_from);
    if (rule.age_under < age_end) ages.push_back(rule.age_under);
  }
  sort_unique(statuses);
  sort_unique(places);
  sort_unique(ages);
}

}  // namespace dayaq::regime
