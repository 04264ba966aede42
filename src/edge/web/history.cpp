#include "edge/web/history.hpp"

#include <algorithm>

namespace dayaq::edge::web {

std::uint64_t questions_of(const Status& status) {
  const Engine::Counts& c = status.engine;
  std::uint64_t total = c.granted + c.not_covered + c.used_up + c.limited + c.refused + c.repeated;
  if (status.tv) total += status.tv->allowed + status.tv->denied;
  if (status.radius) total += status.radius->access;
  return total;
}

void History::add(const Status& status) {
  using enum feed::Benefit;
  Sample sample{.at = status.at};
  sample.total = {double(questions_of(status)), double(status.engine.used[std::size_t(data)]),
                  double(status.engine.used[std::size_t(voice)]), double(status.engine.used[std::size_t(tv)]),
                  double(status.feed_lag.count())};
  const std::scoped_lock lock(mutex_);
  if (!samples_.empty() && sample.at <= samples_.back().at) samples_.clear();  // the clock was set back
  samples_.push_back(sample);
  if (samples_.size() > seconds_kept + 1) samples_.pop_front();
}

double History::mean(Series series, std::size_t first, std::size_t last) const {
  const auto at = std::size_t(series);
  if (series == Series::lag) {
    double most = 0;
    for (std::size_t i = first + 1; i <= last; ++i) most = std::max(most, samples_[i].total[at]);
    return most;
  }
  const double seconds = double((samples_[last].at - samples_[first].at).count()) / 1e6;
  return seconds <= 0 ? 0 : std::max(0.0, samples_[last].total[at] - samples_[first].total[at]) / seconds;
}

std::vector<double> History::points(Series series) const {
  const std::scoped_lock lock(mutex_);
  std::vector<double> out;
  if (samples_.size() < 2) return out;
  // Whole points, counted from the newest sample, so that what was drawn doesn't change as time passes.
  std::size_t last = samples_.size() - 1;
  while (last >= seconds_a_point) {
    out.push_back(mean(series, last - seconds_a_point, last));
    last -= seconds_a_point;
  }
  std::ranges::reverse(out);
  return out;
}

double History::recent(Series series, std::size_t seconds) const {
  const std::scoped_lock lock(mutex_);
  if (samples_.size() < 2) return 0;
  const std::size_t last = samples_.size() - 1;
  return mean(series, last - std::min(seconds, last), last);
}

}  // namespace dayaq::edge::web
