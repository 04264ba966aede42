// How many may be admitted a second: follows how long answers take. Plain values; time comes in.
//
//   quick         the mean of answers' times is below half of `slow`: nothing waits. A quarter more each half
//                 second in which the rate was used, until answers were slow once; a tenth after that, and a
//                 fiftieth from nine tenths of where it was too much
//   saturated     something waits for workers all the time, so all that can be done is done, and the time
//   says
//                 how much waits. The rate is steered to keep that at `slow`: less by how much the time grew
//                 (that is how much more came than was done) and by how far it is above `slow`
//   silent        somebody was admitted and nothing is answered for two seconds: half
//
// A rate that isn't used doesn't grow: what was never tried isn't promised.
// @see Pan et al.: PIE, RFC 8033 section 4.2: the same two terms, for packets
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
  void follow(double mean, double seconds, bool was_used);

  double min_, max_, rate_;
  double slow_;                    ///< seconds, as all that follow
  std::optional<Instant> window_;  ///< when it began
  double silent_ = 0;              ///< for how long somebody was admitted and nothing was answered
  bool quick_start_ = true;
  double broke_at_ = 0;  ///< the rate that was too much last
  double mean_ = 0;      ///< of answers' times, in the window before
  double took_ = 0;      ///< all times of this window's answers
  std::uint64_t used_ = 0, asked_ = 0, answered_ = 0;
};

}  // namespace dayaq::services::surge
