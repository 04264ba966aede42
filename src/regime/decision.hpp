// Decisions: which grants a subscription has, now, from memory. And the population as threads share it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "regime/derive.hpp"
#include "regime/population_at.hpp"

namespace dayaq::regime {

/// The law with the numbers of its measures, in step with law.measures().
struct NumberedLaw {
  Law law;
  std::vector<MeasureNumber> numbers;
  NumberedLaw() = default;
  NumberedLaw(Law l, std::vector<MeasureNumber> n);
  /// Null for a number that this law doesn't know.
  [[nodiscard]] const LawfulMeasure* find(MeasureNumber number) const;

 private:
  std::unordered_map<MeasureNumber, std::size_t> by_number_;
};

/// What a decision says: a line's holder is granted these measures.
struct Decision {
  SubscriptionKind kind = SubscriptionKind::mobile;
  OrganisationIndex provider = 0;
  std::span<const LineGrant> grants;  ///< sorted by measure; each lasts beyond the moment asked for
};

/// A population and the law in force, as one value that changes together.
struct LiveState {
  Population population;
  std::shared_ptr<const NumberedLaw> law;
  ActiveLaw active;  ///< what all profiles were derived by
  /// No status and no line begins or ends in [population.as_of(), this).
  Instant steady_until = instant_min;

  /// False if the key is unknown; else calls f with the decision and returns true. From memory: two
  /// reads while profile and law last; after that, until the writer has caught up, derived on the spot.
  template <class F>
  bool decide(LineKey key, Instant t, F&& f) const {
    const Line* line = population.lines().find(key);
    if (line == nullptr) return false;
    if (t < active.until && second_of_fast(t) < line->changes_at) [[likely]] {
      f(Decision{
          .kind = line->kind, .provider = line->provider, .grants = population.profiles().at(line->profile)});
    } else {
      std::vector<LineGrant> grants;
      derive_now(*line, t, grants);
      f(Decision{.kind = line->kind, .provider = line->provider, .grants = grants});
    }
    return true;
  }
  /// The population as it is at t, or at as_of if that is later.
  [[nodiscard]] PopulationAt at(Instant t, const std::vector<StatusIndex>& statuses) const {
    return PopulationAt(population, t, statuses, steady_until);
  }
  /// The grants of a line at t >= population.as_of(), whatever its profile says.
  void derive_now(const Line& line, Instant t, std::vector<LineGrant>& out) const;

 private:
  static Second second_of_fast(Instant t) { return Second(std::uint64_t(to_micros(t)) / 1'000'000); }
};

/// A lock for one writer and many readers in which readers go first: for two milliseconds they come in as if
/// the writer didn't wait. Then those who come wait for it, so that no stream of readers keeps it out for
/// ever. Taking it to read is one atomic addition; std::shared_mutex costs a decision half as much again.
class ReadersFirstLock {
 public:
  void lock_shared() {
    while ((state_.fetch_add(1, std::memory_order_acquire) & (writing | wanted)) != 0) [[unlikely]] {
      wait_for_writer();
    }
  }
  void unlock_shared() { state_.fetch_sub(1, std::memory_order_release); }
  void lock();
  void unlock() { state_.fetch_sub(writing, std::memory_order_release); }

 private:
  static constexpr std::uint32_t writing = 1u << 31;
  static constexpr std::uint32_t wanted = 1u << 30;
  void wait_for_writer();
  bool try_lock(std::uint32_t from);
  std::atomic<std::uint32_t> state_{0};  ///< readers inside, and the two highest bits of the writer
};

/// One writer, many readers. What readers see is always the state after some commit as a whole: the writer
/// applies a commit group's changes under the lock, after the group is durable. Readers hold the lock shared,
/// for as long as they look: microseconds for decisions, some milliseconds for previews, which are let in one
/// at a time, so that they can't keep the writer out.
class LivePopulation {
 public:
  LivePopulation(Population population, std::shared_ptr<const NumberedLaw> law, ActiveLaw active)
      : state_{.population = std::move(population),
               .law = std::move(law),
               .active = std::move(active),
               .steady_until = instant_min} {}

  template <class F>
  auto read(F&& f) const {
    const std::shared_lock lock(lock_);
    return f(state_);
  }
  /// For reads of milliseconds.
  template <class F>
  auto read_long(F&& f) const {
    const std::lock_guard turn(turn_);
    const std::shared_lock lock(lock_);
    return f(state_);
  }
  /// Writer thread only.
  template <class F>
  auto change(F&& f) {
    const std::unique_lock lock(lock_);
    return f(state_);
  }
  /// The writer's own view: only the writer changes the state, so it needs no lock to look.
  [[nodiscard]] const LiveState& writer_view() const { return state_; }

  template <class F>
  bool decide(LineKey key, Instant t, F&& f) const {
    const std::shared_lock lock(lock_);
    return state_.decide(key, t, std::forward<F>(f));
  }

 private:
  mutable std::mutex turn_;
  mutable ReadersFirstLock lock_;
  LiveState state_;
};

}  // namespace dayaq::regime
