// The last minutes of an edge, a sample a second, for the charts of its page.
#pragma once

#include <array>
#include <deque>
#include <mutex>
#include <vector>

#include "edge/web/status.hpp"

namespace dayaq::edge::web {

enum class Series : std::uint8_t {
  questions,  ///< answered, a second
  data,       ///< octets used under grants, a second
  calls,      ///< seconds of voice a second: calls in progress under grants
  viewers,    ///< seconds of TV a second
  lag,        ///< milliseconds from the centre's saying to the edge's doing
};
inline constexpr std::size_t series_count = 5;

class History {
 public:
  static constexpr std::size_t seconds_kept = 600;
  static constexpr std::size_t seconds_a_point = 5;

  void add(const Status& status);  ///< once a second
  /// Means over `seconds_a_point`, oldest first; at most seconds_kept / seconds_a_point.
  [[nodiscard]] std::vector<double> points(Series series) const;
  /// Mean of the last `seconds`; 0 before there are two samples.
  [[nodiscard]] double recent(Series series, std::size_t seconds = 10) const;

 private:
  struct Sample {
    Instant at;
    std::array<double, series_count> total{};  ///< counters since the start; lag as it is
  };
  [[nodiscard]] double mean(Series series, std::size_t first, std::size_t last) const;
  mutable std::mutex mutex_;
  std::deque<Sample> samples_;
};

/// Questions decided or judged since the start, over all protocols.
[[nodiscard]] std::uint64_t questions_of(const Status& status);

}  // namespace dayaq::edge::web
