#include "regime/explain.hpp"

#include <algorithm>
#include <cstddef>
#include <tuple>

namespace dayaq::regime {
namespace {

using Kind = Rule::Kind;
using registry::Attestation;
using registry::PersonFacts;

const Rule& leaf_of(const Rule& condition) {
  return condition.kind == Kind::negation ? condition.children.front() : condition;
}

/// Finds the conditions that decide a simplified rule.
class Finder {
 public:
  Finder(const PersonFacts& facts, Instant t, const ExplainContext& context, const Audience& audience)
      : facts_(facts), t_(t), context_(context), audience_(audience), civil_(context.civil()) {}

  /// Conditions that are enough for the answer that the rule gives.
  std::vector<const Rule*> deciding(const Rule& rule) const {
    const bool answer = condition_holds(rule, facts_, t_, civil_);
    const bool list = rule.kind == Kind::all || rule.kind == Kind::any;
    if (!list) return {&rule};
    if (rule.kind == Kind::any) return best(rule, answer);
    // An "all" holds by all of its parts, and fails by each that fails: they must all change.
    std::vector<const Rule*> out;
    for (const Rule& child : rule.children) {
      if (condition_holds(child, facts_, t_, civil_) != answer) continue;
      const auto part = deciding(child);
      out.insert(out.end(), part.begin(), part.end());
    }
    return out;
  }

  Reason reason(const Rule& condition) const {
    Reason out{.condition = condition,
               .holds = condition_holds(condition, facts_, t_, civil_),
               .hidden = hides(condition)};
    out.changes = change_of(condition);
    const Rule& leaf = leaf_of(condition);
    if (out.hidden) {
      out.condition = Rule{.kind = Kind::status};
      out.changes.reset();
    } else if (leaf.kind == Kind::status) {
      out.attestation = attestation(leaf);
    } else if (leaf.kind == Kind::subscription) {
      out.subscription = subscription(leaf);
    }
    return out;
  }

  [[nodiscard]] bool holds_line(SubscriptionKind kind) const {
    return subscription(Rule{.kind = Kind::subscription, .subscription = kind}).has_value();
  }

 private:
  /// Of the parts of an "any" that give the answer: the one with the fewest conditions, told rather than
  /// hidden; then the one that lasts longest if it holds, or changes soonest if it doesn't.
  std::vector<const Rule*> best(const Rule& rule, bool answer) const {
    std::vector<const Rule*> found;
    std::tuple<std::ptrdiff_t, std::size_t, std::int64_t> rank;
    for (const Rule& child : rule.children) {
      if (condition_holds(child, facts_, t_, civil_) != answer) continue;
      auto part = deciding(child);
      const auto hidden = std::ranges::count_if(part, [&](const Rule* each) { return hides(*each); });
      Instant first = instant_max;
      Instant last = t_;
      for (const Rule* each : part) {
        const Instant change = change_of(*each).value_or(instant_max);
        first = std::min(first, change);
        last = std::max(last, change);
      }
      const std::tuple mine(hidden, part.size(), answer ? -to_micros(first) : to_micros(last));
      if (found.empty() || mine < rank) {
        found = std::move(part);
        rank = mine;
      }
    }
    return found;
  }

  [[nodiscard]] std::optional<Instant> change_of(const Rule& condition) const {
    return next_change(facts_, condition, t_, civil_);
  }

  [[nodiscard]] bool hides(const Rule& condition) const {
    const Rule& leaf = leaf_of(condition);
    if (leaf.kind != Kind::status || audience_.the_person) return false;
    return std::ranges::any_of(leaf.statuses, [&](StatusIndex status) {
      if (!context_.country.status(status).sensitive) return false;
      if (!audience_.organisation) return true;
      const auto issuers = context_.issuers(status);
      return std::ranges::find(issuers, *audience_.organisation) == issuers.end();
    });
  }

  /// The attestation that stands longest; if none stands, the last that did, or the next that will.
  [[nodiscard]] std::optional<Attestation> attestation(const Rule& leaf) const {
    std::optional<Attestation> found;
    const auto rank = [&](const Attestation& a) {
      const bool stands = a.stands_at(t_);
      const Instant end = std::min(a.valid.until, a.ended);
      return std::pair(stands ? 2 : a.valid.from > t_ && a.ended > t_ ? 1 : 0, end);
    };
    for (const Attestation& a : facts_.attestations) {
      if (a.recorded > t_ || std::ranges::find(leaf.statuses, a.status) == leaf.statuses.end()) continue;
      if (!found || rank(a) > rank(*found)) found = a;
    }
    return found;
  }

  [[nodiscard]] std::optional<registry::Subscription> subscription(const Rule& leaf) const {
    for (const registry::Subscription& s : facts_.subscriptions) {
      if (s.kind == leaf.subscription && s.valid.contains(t_)) return s;
    }
    return std::nullopt;
  }

  const PersonFacts& facts_;
  Instant t_;
  const ExplainContext& context_;
  const Audience& audience_;
  CivilContext civil_;
};

/// When the person will be granted what they aren't: within the measure's period, on what is known at t.
std::optional<Instant> first_grant(const LawfulMeasure& measure, const PersonFacts& facts, Instant t,
                                   const CivilContext& civil) {
  const PersonFacts then = known_at(facts, t);
  Instant at = std::max(t, measure.period.from);
  if (measure.period.until <= at) return std::nullopt;
  if (holds(measure.rule, then, at, civil)) return at;
  const auto next = next_change(then, measure.rule, at, civil);
  return next && *next < measure.period.until ? next : std::nullopt;
}

/// The kinds of line that all benefits on lines need, if the person holds none of them.
std::vector<SubscriptionKind> lines_missing(const Measure& measure, const Finder& finder) {
  std::vector<SubscriptionKind> missing;
  bool on_lines = false;
  for (const Benefit& benefit : measure.benefits) {
    if (benefit.delivered_on == 0) return {};
    on_lines = true;
    for (const auto kind : {SubscriptionKind::mobile, SubscriptionKind::fixed, SubscriptionKind::tv}) {
      if ((benefit.delivered_on >> static_cast<unsigned>(kind) & 1) == 0) continue;
      if (finder.holds_line(kind)) return {};
      if (std::ranges::find(missing, kind) == missing.end()) missing.push_back(kind);
    }
  }
  return on_lines ? missing : std::vector<SubscriptionKind>();
}

}  // namespace

Explanation explain(const LawfulMeasure& measure, const PersonFacts& all_facts, Instant t,
                    const ExplainContext& context, const Audience& audience) {
  const PersonFacts facts = known_at(all_facts, t);
  const CivilContext civil = context.civil();
  Explanation out{.regime = measure.version->regime.code,
                  .version = measure.version->regime.version,
                  .measure = measure.measure->code,
                  .measure_period = measure.period};
  const Finder finder(facts, t, context, audience);
  if (!lifetime(facts.person, context.zone).contains(t)) {
    out.outcome = Explanation::Outcome::not_alive;
  } else if (!measure.period.contains(t)) {
    out.outcome = Explanation::Outcome::not_in_force;
    out.starts = first_grant(measure, facts, t, civil);
  } else {
    const bool granted = holds(measure.rule, facts, t, civil);
    out.outcome = granted ? Explanation::Outcome::granted : Explanation::Outcome::rule_fails;
    for (const Rule* condition : finder.deciding(measure.rule))
      out.reasons.push_back(finder.reason(*condition));
    if (granted) {
      const Period steady = steady_period(facts, measure.rule, t, civil);
      out.period = Period{.from = std::max(steady.from, measure.period.from),
                          .until = std::min(steady.until, measure.period.until)};
      out.missing_lines = lines_missing(*measure.measure, finder);
    } else {
      out.starts = first_grant(measure, facts, t, civil);
    }
  }
  if (std::ranges::any_of(out.reasons, [](const Reason& r) { return r.hidden; })) {
    out.period.reset();  // how long a quarantine lasts is as sensitive as that there is one
    out.starts.reset();
  }
  return out;
}

}  // namespace dayaq::regime
