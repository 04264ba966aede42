// How many may be admitted a second: follows how long answers take. Plain values; time comes in.
//
// - Quick: the mean of answers' times is below half of `slow`, so nothing waits. If the rate was used it is
//   at once nine tenths of what could be done lately; it grows by a fifth each window until it is that (or
//   until something waited for the first time), then by a tenth, and by 3 % when something soon waits.
// - Saturated: something waits for workers all the time, so all that can be done is done. What is answered a
//   second, the greatest of the last five windows, is the capacity, and the mean says how much waits. The
//   rate becomes that capacity, less what works off within a second what waits too much.
// - Silent: somebody was admitted and nothing is answered for two seconds. Half.
//
// What could be done is remembered for about half a minute: after a standstill (a checkpoint, a slow disk)
// the rate is soon where it was, and doesn't creep. A rate that isn't used doesn't grow: what was never tried
// isn't promised. Where an answer takes long though nothing waits (a slow disk), twice the quickest mean seen
// is not yet slow.
//
// However the rate errs, nobody else is let in while so many have no answer yet that they wait twice as long
// as what is slow (full()): what stands still for a moment isn't flooded meanwhile, and whoever was let
// in isn't refused for want of workers, to ask again and again.
#pragma once

#include <array>
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
  /// `refusal` and more: it was refused for want of workers. That is slow, and nothing that was done.
  void answered(std::chrono::microseconds took, Instant now);
  static constexpr std::chrono::hours refusal{1};
  void sent_on() { ++sent_on_; }  ///< what was asked was answered without work: no silence
  [[nodiscard]] double a_second() const { return rate_; }
  /// So many of the last seconds' askings are not answered yet that more would wait too long.
  [[nodiscard]] bool full() const;

 private:
  [[nodiscard]] std::int64_t unanswered() const {  ///< of this window; below 0 if more was answered
    return std::int64_t(asked_) - std::int64_t(answered_ + refused_ + sent_on_);
  }
  void end_window(double seconds);
  void follow(double mean, double windows, bool was_used);
  [[nodiscard]] double slow_now() const;

  double min_, max_, rate_;
  double slow_;                    ///< seconds, as all that follow
  std::optional<Instant> window_;  ///< when it began
  double silent_ = 0;              ///< for how long somebody was admitted and nothing was answered
  double could_ = 0;  ///< what could be done lately, when all was done that could be: half in half a minute
  double quickest_ = 1;           ///< mean of a window, lately
  double came_ = 0;               ///< admitted a second, smoothed: they come in lumps
  double served_ = 0;             ///< answers a second, smoothed
  double visitors_ = 1;           ///< for each answer, smoothed
  double took_ = 0;               ///< all times of this window's answers
  std::array<double, 5> done_{};  ///< `served_` times `visitors_` of the last windows that had answers
  std::size_t done_at_ = 0;       ///< where the oldest of them stands
  /// Asked and not answered, by windows of the last five seconds: whoever hangs up before their answer isn't
  /// counted as waiting for ever.
  std::array<std::int64_t, 20> left_{};
  std::int64_t open_ = 0;  ///< their sum
  std::size_t windows_ = 0;
  std::uint64_t used_ = 0, asked_ = 0, answered_ = 0, refused_ = 0, sent_on_ = 0;
};

}  // namespace dayaq::services::surge
