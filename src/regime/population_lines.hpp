// The table of subscriptions that decisions are read from: key -> holder and profile.
//
// Open addressing with linear probing over 24-byte slots. Keys are SipHash values, so the slot of a key is
// simply the high half of key x capacity: any capacity will do, and the table lies nearly sorted by key,
// which makes ranges of keys (a feed snapshot's pages) contiguous.
#pragma once

#include <cstdint>
#include <optional>

#include "regime/population_array.hpp"
#include "regime/types.hpp"

namespace dayaq::regime {

/// A subscription's pseudonym: SipHash-2-4 of "kind|number" under its operator's feed key; never 0.
using LineKey = std::uint64_t;
using Ordinal = std::uint32_t;    ///< a person's place in the population
using ProfileId = std::uint32_t;  ///< into Profiles; 0 is "no grants"
/// Whole seconds since 1970 in 32 bits (until 2106); the last value means "never".
using Second = std::uint32_t;
inline constexpr Second second_never = ~Second(0);
/// The second in which t lies, so that it never is later than t.
[[nodiscard]] Second second_of(Instant t);

struct Line {
  LineKey key = 0;
  Ordinal person = 0;
  ProfileId profile = 0;
  Second changes_at = second_never;  ///< from here on `profile` may be wrong
  OrganisationIndex provider = 0;
  SubscriptionKind kind = SubscriptionKind::mobile;
};
static_assert(sizeof(Line) == 24);

class Lines {
 public:
  Lines() : Lines(0) {}
  /// Room for `expected` lines before it grows.
  explicit Lines(std::size_t expected);

  [[nodiscard]] Lines copy() const;
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return slots_.bytes(); }

  [[nodiscard]] const Line* find(LineKey key) const {
    for (std::size_t i = home(key);; i = next(i)) {
      if (slots_[i].key == key) return &slots_[i];
      if (slots_[i].key == 0) return nullptr;
    }
  }
  [[nodiscard]] Line* find(LineKey key) { return const_cast<Line*>(std::as_const(*this).find(key)); }
  /// Asks the processor to fetch the slot: call it some lines ahead when looking up many.
  void prefetch(LineKey key) const { __builtin_prefetch(&slots_[home(key)]); }

  /// Adds a line whose key isn't there yet. Grows the table when it is full.
  void insert(const Line& line);
  /// Removes a line; false if there is none.
  bool erase(LineKey key);

  /// All slots; those with key 0 are empty. In nearly ascending order of keys.
  [[nodiscard]] std::span<Line> slots() { return slots_.span(); }
  [[nodiscard]] std::span<const Line> slots() const { return slots_.span(); }
  /// Calls f for each line with first <= key <= last.
  template <class F>
  void each_between(LineKey first, LineKey last, F&& f) const {
    const std::size_t stop = home(last);
    for (std::size_t i = home(first), steps = 0; steps < slots_.size(); i = next(i), ++steps) {
      const Line& line = slots_[i];
      if (line.key == 0) {
        if (i >= stop || i < home(first))
          return;  // behind the last home slot only displaced lines can follow
        continue;
      }
      if (line.key >= first && line.key <= last) f(line);
    }
  }

 private:
  [[nodiscard]] std::size_t home(LineKey key) const { return slot_of(key, slots_.size()); }
  [[nodiscard]] std::size_t next(std::size_t i) const { return i + 1 == slots_.size() ? 0 : i + 1; }
  void place(const Line& line);
  void grow();

  Array<Line> slots_;
  std::size_t size_ = 0;
  std::size_t full_ = 0;  ///< grow beyond this many lines
};

}  // namespace dayaq::regime
