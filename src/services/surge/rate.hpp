// How many may be admitted a second: follows how long answers take. Plain values; time comes in.
//
//   quick start   until the first slow answers: a quarter more each half second in which the rate was used
//   then          soon back to nine tenths of where it was too much, and from there a fiftieth more each half
//                 second in which it was used
//   slow          more than one of twenty answers took longer than `slow`: down at once to what was served
//                 of what was asked, and a twentieth more; then a second's peace, in which queues empty
//
// A rate that isn't used doesn't grow: what was never tried isn't promised.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/time.hpp"

namespace dayaq::services::surge {

struct Options;

class Rate {
 public:
  explicit Rate(const Options& options);
  /// Call it with every look at the time.
  void advance(Instant now);
  void used() { ++used_; }    ///< somebody was admitted
  void asked() { ++asked_; }  ///< and asks something: the first time, or again
  void answered(std::chrono::microseconds took, Instant now);
  [[nodiscard]] double a_second() const { return rate_; }

 private:
  void lower(Instant now);

  double min_, max_, rate_;
  std::chrono::microseconds slow_;
  std::optional<Instant> window_;  ///< when the half second began
  std::optional<Instant> silent_;  ///< since when somebody was admitted and nothing was answered
  Instant peace_ = instant_min;    ///< no lowering before
  bool quick_start_ = true;
  double broke_at_ = 0;  ///< the rate that was too much last
  std::uint64_t used_ = 0, asked_ = 0, answered_ = 0, slow_answers_ = 0;
};

}  // namespace dayaq::services::surge
