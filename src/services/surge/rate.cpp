#include "services/surge/rate.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "services/surge/admission.hpp"

namespace dayaq::services::surge {
namespace {

using namespace std::chrono_literals;

constexpr auto window = 250ms;
constexpr double silence_max = 2;
constexpr double took_max = 1;    ///< what is slower, or was refused for want of workers, counts as this
constexpr double correction = 1;  ///< within how many seconds what waits too much is worked off
constexpr double damping = 0.5;  ///< how much of a window's growth is believed: one window may be an accident

double seconds_of(std::chrono::microseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Rate::Rate(const Options& options)
    : min_(options.rate_min),
      max_(std::max(options.rate_max, options.rate_min)),
      rate_(std::max(options.rate_min, options.rate_max / 10)),
      slow_(seconds_of(options.slow)) {}

void Rate::advance(Instant now) {
  if (!window_) window_ = now;
  const auto passed = now - *window_;
  if (passed < window) return;
  end_window(seconds_of(passed));
  window_ = now;
  used_ = asked_ = answered_ = 0;
  took_ = 0;
}

void Rate::end_window(double seconds) {
  if (answered_ > 0) {
    silent_ = 0;
    follow(took_ / double(answered_), seconds, double(used_) >= 0.8 * rate_ * seconds);
  } else if (asked_ > 0 || silent_ > 0) {
    silent_ += seconds;
    if (silent_ < silence_max) return;
    quick_start_ = false;
    broke_at_ = rate_;
    rate_ = std::max(min_, rate_ / 2);
    silent_ = asked_ > 0 ? 1e-9 : 0;
  }
}

void Rate::follow(double mean, double seconds, bool was_used) {
  const double grown = mean - std::exchange(mean_, mean);
  if (mean < slow_ / 2) {
    if (!was_used) return;
    // Each half second's growth, for as much of one as has passed.
    const double more = quick_start_ ? 1.25 : rate_ < 0.9 * broke_at_ ? 1.1 : 1.02;
    rate_ = std::min(max_, rate_ * std::pow(more, std::min(seconds * 2, 1.0)));
    return;
  }
  quick_start_ = false;
  const double by = (slow_ - mean) / correction - damping * grown / seconds;
  if (by < 0) broke_at_ = rate_;
  const double times = std::clamp(1 + by * std::min(seconds * 2, 1.0), 0.8, was_used ? 1.05 : 1.0);
  rate_ = std::clamp(rate_ * times, min_, max_);
}

void Rate::answered(std::chrono::microseconds took, Instant now) {
  ++answered_;
  took_ += std::min(seconds_of(took), took_max);
  advance(now);
}

}  // namespace dayaq::services::surge
