#include "regime/law.hpp"

#include <algorithm>
#include <tuple>

#include "regime/rule.hpp"

namespace dayaq::regime {
namespace {

Period common(const Period& a, const Period& b) {
  return {.from = std::max(a.from, b.from), .until = std::min(a.until, b.until)};
}

}  // namespace

Law::Law(const std::vector<std::shared_ptr<const RegimeVersion>>& versions) {
  for (const auto& version : versions) {
    const bool was_approved = version->state == RegimeState::approved || version->state == RegimeState::ended;
    if (was_approved && !version->in_force().empty()) versions_.push_back(version);
  }
  std::ranges::sort(versions_, {}, [](const auto& v) { return std::tie(v->regime.code, v->regime.version); });
  for (const auto& version : versions_) {
    for (const Measure& measure : version->regime.measures) {
      const Period period = common(measure.period, version->in_force());
      if (period.empty()) continue;
      measures_.push_back({.version = version,
                           .measure = &measure,
                           .rule = within(measure.who, version->regime.territory),
                           .period = period});
    }
  }
}

std::vector<std::size_t> Law::in_force_at(Instant t) const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < measures_.size(); ++i) {
    if (measures_[i].period.contains(t)) found.push_back(i);
  }
  return found;
}

std::optional<Instant> Law::next_change(Instant t) const {
  std::optional<Instant> next;
  for (const LawfulMeasure& measure : measures_) {
    for (const Instant boundary : {measure.period.from, measure.period.until}) {
      if (boundary > t && boundary != instant_max && (!next || boundary < *next)) next = boundary;
    }
  }
  return next;
}

std::shared_ptr<const RegimeVersion> Law::version_at(const RegimeCode& code, Instant t) const {
  const auto found = std::ranges::find_if(
      versions_, [&](const auto& v) { return v->regime.code == code && v->in_force().contains(t); });
  return found == versions_.end() ? nullptr : *found;
}

}  // namespace dayaq::regime
