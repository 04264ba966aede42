// What edges have settled just now, in memory: for the page that shows a regime at work. The sums that count
// are in the database.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "feed/settlement.hpp"

namespace dayaq::settlement {

struct RecentUse {
  std::uint32_t measure = 0;
  feed::Benefit kind = feed::Benefit::voice;
  double units = 0;  ///< a minute
};

/// Thread-safe.
class Recent {
 public:
  static constexpr std::chrono::minutes window{1};
  /// A batch that has been stored, now or before: the same one again adds nothing. What it holds is taken as
  /// used between the edge's batch before and this one.
  void add(const feed::Settlement& batch);
  /// By measure and kind, per minute, over the last `window` that edges have told about. An edge that settles
  /// less often than once in `late` isn't in it: what it tells is not of now.
  static constexpr std::chrono::minutes late{3};
  [[nodiscard]] std::vector<RecentUse> a_minute(Instant now) const;

 private:
  struct Batch {
    Instant from, until;
    std::vector<RecentUse> lines;  ///< units: in all
  };
  struct Edge {
    std::uint64_t number = 0;
    Instant until = instant_min;
    std::deque<Batch> batches;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Edge> edges_;
};

}  // namespace dayaq::settlement
