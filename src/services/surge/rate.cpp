#include "services/surge/rate.hpp"

#include <algorithm>

#include "services/surge/admission.hpp"

namespace dayaq::services::surge {
namespace {

using namespace std::chrono_literals;

constexpr auto window = 500ms;
constexpr auto peace = 1s;
constexpr auto silence_max = 2s;

}  // namespace

Rate::Rate(const Options& options)
    : min_(options.rate_min),
      max_(std::max(options.rate_max, options.rate_min)),
      rate_(std::max(options.rate_min, options.rate_max / 10)),
      slow_(options.slow) {}

void Rate::advance(Instant now) {
  if (!window_) window_ = now;
  const auto passed = now - *window_;
  if (passed < window) return;
  const double wanted = rate_ * std::chrono::duration<double>(passed).count();
  if (asked_ > 0 && answered_ == 0) {
    if (!silent_) silent_ = *window_;
    if (now - *silent_ >= silence_max && now >= peace_) lower(now);
  } else {
    if (answered_ > 0) silent_.reset();
    if (slow_answers_ == 0 && answered_ > 0 && double(used_) >= 0.8 * wanted) {
      const double more = quick_start_ ? 1.25 : rate_ < 0.9 * broke_at_ ? 1.1 : 1.02;
      rate_ = std::min(max_, rate_ * more);
    }
  }
  window_ = now;
  used_ = asked_ = answered_ = slow_answers_ = 0;
}

void Rate::answered(std::chrono::microseconds took, Instant now) {
  ++answered_;
  if (took <= slow_) return;
  ++slow_answers_;
  const bool many = slow_answers_ >= 3 && slow_answers_ * 20 > answered_;
  if (many && now >= peace_) lower(now);
}

void Rate::lower(Instant now) {
  const double served = asked_ == 0 ? 1 : double(answered_) / double(asked_);
  broke_at_ = rate_;
  rate_ = std::max(min_, rate_ * std::clamp(0.95 * served, 0.5, 0.95));
  quick_start_ = false;
  peace_ = now + peace;
}

}  // namespace dayaq::services::surge
