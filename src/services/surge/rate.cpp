#include "services/surge/rate.hpp"

#include <algorithm>
#include <cmath>

#include "services/surge/admission.hpp"

namespace dayaq::services::surge {
namespace {

using namespace std::chrono_literals;

constexpr auto window = 250ms;
constexpr double silence_max = 2;
constexpr double took_max = 1;    ///< what is slower, or was refused for want of workers, counts as this
constexpr double correction = 1;  ///< within how many seconds what waits too much is worked off

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
    came_ += 0.3 * (double(used_) / seconds - came_);
    served_ += 0.5 * (double(answered_) / seconds - served_);
    visitors_ +=
        0.1 * (std::min(1.0, double(used_) / double(std::max<std::uint64_t>(asked_, 1))) - visitors_);
    follow(took_ / double(answered_), seconds / seconds_of(window), came_ >= 0.6 * rate_);
  } else if (asked_ > 0 || silent_ > 0) {
    silent_ += seconds;
    if (silent_ < silence_max) return;
    quick_start_ = false;
    broke_at_ = rate_;
    rate_ = std::max(min_, rate_ / 2);
    silent_ = asked_ > 0 ? 1e-9 : 0;
  }
}

void Rate::follow(double mean, double windows, bool was_used) {
  quickest_ = std::min(mean, quickest_ * 1.001);
  const double slow = std::clamp(2 * quickest_, slow_, 2.5 * slow_);
  if (mean < slow / 2) {
    const double more = quick_start_ ? 1.12 : rate_ < 0.9 * broke_at_ ? 1.05 : 1.01;
    if (was_used) rate_ = std::min(max_, rate_ * std::pow(more, std::min(windows, 2.0)));
    return;
  }
  const double capacity = served_ * visitors_;
  double next = capacity * (1 + std::clamp((slow - mean) / correction, -0.5, 0.05));
  if (was_used) {
    quick_start_ = false;
    broke_at_ = capacity;
  } else {  // what is slow isn't slow by those who were admitted: little is learnt of the capacity
    next = std::clamp(next, mean < slow ? rate_ : 0.95 * rate_, rate_);
  }
  rate_ = std::clamp(next, min_, max_);
}

void Rate::answered(std::chrono::microseconds took, Instant now) {
  ++answered_;
  took_ += std::min(seconds_of(took), took_max);
  advance(now);
}

}  // namespace dayaq::services::surge
