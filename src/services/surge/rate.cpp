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
constexpr double queue = 2;       ///< times what is slow: more than can be answered in that isn't let in
constexpr double fading = 0.995;  ///< of what could be done, each window in which less can

double seconds_of(std::chrono::microseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Rate::Rate(const Options& options)
    : min_(options.rate_min),
      max_(std::max(options.rate_max, options.rate_min)),
      rate_(std::max(options.rate_min, options.rate_max * options.begin)),
      slow_(seconds_of(options.slow)) {}

void Rate::advance(Instant now) {
  if (!window_) window_ = now;
  const auto passed = now - *window_;
  if (passed < window) return;
  end_window(seconds_of(passed));
  std::int64_t& left = left_[windows_ % left_.size()];
  open_ -= left;
  left = unanswered();
  open_ += left;
  ++windows_;
  window_ = now;
  used_ = asked_ = answered_ = refused_ = sent_on_ = 0;
  took_ = 0;
}

void Rate::end_window(double seconds) {
  if (answered_ + refused_ > 0) {
    silent_ = 0;
    came_ += 0.3 * (double(used_) / seconds - came_);
    served_ += (served_ == 0 ? 1 : 0.5) * (double(answered_) / seconds - served_);
    const std::uint64_t worked = asked_ > sent_on_ ? asked_ - sent_on_ : 1;
    visitors_ += 0.1 * (std::min(1.0, double(used_) / double(worked)) - visitors_);
    done_[done_at_++ % done_.size()] = served_ * visitors_;
    follow(took_ / double(answered_ + refused_), seconds / seconds_of(window), came_ >= 0.6 * rate_);
  } else if (sent_on_ > 0) {
    silent_ = 0;
  } else if (asked_ > 0 || silent_ > 0) {
    silent_ += seconds;
    if (silent_ < silence_max) return;
    could_ = std::max(could_, rate_);  // what stands still says nothing of what can be done when it goes on
    rate_ = std::max(min_, rate_ / 2);
    silent_ = asked_ > 0 ? 1e-9 : 0;
  }
}

void Rate::follow(double mean, double windows, bool was_used) {
  quickest_ = std::min(mean, quickest_ * 1.001);
  const double slow = slow_now();
  if (mean < slow / 2) {
    // Workers idle, or soon will: what could be done lately at once, and more than that step by step.
    const double more = mean >= slow / 4 ? 1.03 : could_ == 0 || rate_ < could_ ? 1.2 : 1.1;
    const double next = std::max(rate_ * std::pow(more, std::min(windows, 2.0)), 0.9 * could_);
    if (was_used) rate_ = std::min(max_, next);
    return;
  }
  // What stood still for a moment (a checkpoint, a flush) can do what it did a moment before. (BBR takes the
  // greatest rate of its last rounds for the same reason.)
  const double capacity = std::ranges::max(done_);
  double next = capacity * (1 + std::clamp((slow - mean) / correction, -0.5, 0.05));
  if (was_used) {
    could_ = std::max(capacity, could_ * std::pow(fading, windows));
  } else {  // what is slow isn't slow by those who were admitted: little is learnt of the capacity
    next = std::clamp(next, mean < slow ? rate_ : 0.95 * rate_, rate_);
  }
  rate_ = std::clamp(next, min_, max_);
}

double Rate::slow_now() const {
  return std::clamp(2 * quickest_, slow_, 2.5 * slow_);
}

bool Rate::full() const {
  return served_ > 0 && double(open_ + unanswered()) > queue * slow_now() * rate_ + 1;
}

void Rate::answered(std::chrono::microseconds took, Instant now) {
  ++(took >= refusal ? refused_ : answered_);
  took_ += std::min(seconds_of(took), took_max);
  advance(now);
}

}  // namespace dayaq::services::surge
