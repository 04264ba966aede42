#include "regime/population_at.hpp"

#include <algorithm>

namespace dayaq::regime {

PopulationAt::PopulationAt(const Population& population, Instant t, const std::vector<StatusIndex>& statuses,
                           Instant steady_until)
    : population_(population), t_(std::max(t, population.as_of())), statuses_(population.statuses()) {
  if (t_ == population.as_of() || t_ < steady_until) return;
  population.each_death([&](Ordinal person) {
    if (!population.alive().test(person) || t_ < population.life_end(person)) return;
    if (!alive_) alive_ = population.alive().copy();
    alive_->clear(person);
  });
  move_statuses(statuses);
  move_lines();
}

void PopulationAt::move_statuses(const std::vector<StatusIndex>& statuses) {
  if (statuses.empty()) return;
  std::array<bool, 256> wanted{};
  for (const StatusIndex status : statuses) wanted[status] = true;
  const Instant now = population_.as_of();
  population_.each_fact([&](const Fact& fact) {
    if (!wanted[fact.status]) return;
    const bool before = fact.from <= now && now < fact.until;
    const bool after = fact.from <= t_ && t_ < fact.until;
    if (before == after) return;
    auto& bits = statuses_[fact.status];
    if (!bits) bits = population_.status(fact.status).copy();
    if (after) {
      bits->set(fact.person);
      return;
    }
    bits->put(fact.person, std::ranges::any_of(population_.facts(fact.person), [&](const Fact& other) {
                return other.status == fact.status && other.from <= t_ && t_ < other.until;
              }));
  });
}

void PopulationAt::move_lines() {
  const Instant now = population_.as_of();
  for (const auto& [key, valid] : population_.line_periods()) {
    if (valid.contains(now) && !valid.contains(t_)) {
      const Line& line = *population_.lines().find(key);
      move_line(line.person, line.kind, line.provider, false);
    }
  }
  for (const auto& [person, line] : population_.waiting()) {
    if (line.valid.contains(t_)) move_line(person, line.kind, line.provider, true);
  }
}

void PopulationAt::move_line(Ordinal person, SubscriptionKind kind, OrganisationIndex provider, bool add) {
  if (has_line_.empty()) {
    for (std::size_t k = 0; k < subscription_kinds; ++k) {
      has_line_.push_back(population_.has_line(SubscriptionKind(k)).copy());
    }
    for (const LineLayer& layer : population_.layers()) {
      layers_.push_back({.kind = layer.kind, .provider = layer.provider, .digits = {}});
      for (const Bits& digit : layer.digits) layers_.back().digits.push_back(digit.copy());
    }
  }
  count_line(layers_, population_.words(), person, kind, provider, add);
  bool any = false;
  for (const LineLayer& layer : layers_) {
    if (layer.kind != kind) continue;
    any = any || std::ranges::any_of(layer.digits, [&](const Bits& digit) { return digit.test(person); });
  }
  has_line_[std::size_t(kind)].put(person, any);
}

}  // namespace dayaq::regime
