// How many may be admitted a second: follows how long answers take. Plain values; time comes in.
//
//   quick         the mean of answers' times is below half of `slow`: nothing waits. A quarter more each half
//                 second in which the rate was used, until something waited once; then a tenth, and from nine
//                 tenths of what could be done then, a fiftieth
//   saturated     something waits for workers all the time, so all that can be done is done: what is answered
//   a
//                 second is the capacity, and the mean says how much waits. The rate becomes that capacity,
//                 less what works off within a second what waits too much
//   silent        somebody was admitted and nothing is answered for two seconds: half
//
// A rate that isn't used doesn't grow: what was never tried isn't promised.
// Where an answer takes long though nothing waits (a slow disk), twice the quickest mean seen is not yet
// slow.
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
  void end_window(double seconds);
  void follow(double mean, double windows, bool was_used);

  double min_, max_, rate_;
  double slow_;                    ///< seconds, as all that follow
  std::optional<Instant> window_;  ///< when it began
  double silent_ = 0;              ///< for how long somebody was admitted and nothing was answered
  bool quick_start_ = true;
  double broke_at_ = 0;  ///< what could be done when it was too much last
  double quickest_ = 1;  ///< mean of a window, lately
  double came_ = 0;      ///< admitted a second, smoothed: they come in lumps
  double served_ = 0;    ///< answers a second, smoothed
  double visitors_ = 1;  ///< for each answer, smoothed
  double took_ = 0;      ///< all times of this window's answers
  std::uint64_t used_ = 0, asked_ = 0, answered_ = 0;
};

}  // namespace dayaq::services::surge
