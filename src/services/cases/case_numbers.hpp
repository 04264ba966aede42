// Numbers of cases that nobody can guess, in an order that the database only has to append to.
//
//   moment, in microseconds since 2020 ──keyed permutation of 54 bits──► the number that people see
//
// A number drawn at random lies anywhere in the index of numbers: one page of it is written for each case.
// Here what is indexed is the moment (Cases stores it beside the number), so that cases which follow one
// another lie side by side. To whoever hasn't the key a number says nothing, not even which of two is older,
// and is guessed no more easily than a random one. Numbers that others choose stand for themselves.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/siphash.hpp"
#include "base/time.hpp"
#include "services/types.hpp"

namespace dayaq::services {

/// Thread-safe.
class CaseNumbers {
 public:
  explicit CaseNumbers(SipKey key) : key_(key) {}
  /// One that this program hasn't drawn before, and no program with this key at another moment.
  [[nodiscard]] CaseId draw(Instant now);
  /// What a number is found by if it was drawn in the last 400 days; nullopt for one that somebody chose, but
  /// for one in a thousand of those.
  [[nodiscard]] std::optional<std::int64_t> order(CaseId id, Instant now) const;
  /// The same, whenever it was drawn.
  [[nodiscard]] std::int64_t order(CaseId id) const;

 private:
  SipKey key_;
  std::atomic<std::uint64_t> last_{0};
};

}  // namespace dayaq::services
