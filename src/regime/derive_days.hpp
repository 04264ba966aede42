// The first instants of civil days, remembered: asking ICU costs a microsecond, and a population has 45,000
// birthdays.
#pragma once

#include <atomic>
#include <memory>

#include "base/time.hpp"

namespace dayaq::regime {

/// Thread-safe. Days of the years 1850 to 2299 are remembered, others asked for each time.
class DayStarts {
 public:
  explicit DayStarts(const Zone& zone);
  [[nodiscard]] Instant start_of(Date day) const;
  [[nodiscard]] const Zone& zone() const { return zone_; }

 private:
  Zone zone_;
  std::unique_ptr<std::atomic<std::int64_t>[]> starts_;
};

}  // namespace dayaq::regime
