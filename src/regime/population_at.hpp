// The population's bit sets as they will be at a moment from `as_of` on.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "regime/population.hpp"

namespace dayaq::regime {

/// At `as_of` it only points to the population's own sets. For a later moment it makes copies of those that
/// differ, by what is known now: one pass over all attestations, about 50 ms for ten million persons. The
/// population must outlive it and not change.
class PopulationAt {
 public:
  /// A moment before population.as_of() is taken for it. `statuses`: those that will be asked for.
  /// `steady_until`: if nothing begins or ends before, no copies are needed for a moment before.
  PopulationAt(const Population& population, Instant t, const std::vector<StatusIndex>& statuses,
               Instant steady_until = instant_min);

  [[nodiscard]] const Population& population() const { return population_; }
  [[nodiscard]] Instant at() const { return t_; }
  [[nodiscard]] const Bits& alive() const { return alive_ ? *alive_ : population_.alive(); }
  [[nodiscard]] const Bits& status(StatusIndex index) const {
    return statuses_[index] ? *statuses_[index] : population_.status(index);
  }
  [[nodiscard]] const Bits& has_line(SubscriptionKind kind) const {
    return has_line_.empty() ? population_.has_line(kind) : has_line_[std::size_t(kind)];
  }
  [[nodiscard]] std::span<const LineLayer> layers() const {
    return layers_.empty() ? population_.layers() : std::span<const LineLayer>(layers_);
  }

 private:
  void move_statuses(const std::vector<StatusIndex>& statuses);
  void move_lines();
  void move_line(Ordinal person, SubscriptionKind kind, OrganisationIndex provider, bool add);

  const Population& population_;
  Instant t_;
  std::optional<Bits> alive_;
  std::vector<std::optional<Bits>> statuses_;
  std::vector<Bits> has_line_;
  std::vector<LineLayer> layers_;
};

}  // namespace dayaq::regime
