// Which quota period a moment is in: civil days, weeks and months of the country's zone.
#pragma once

#include <array>

#include "base/time.hpp"
#include "feed/block.hpp"

namespace dayaq::edge {

struct QuotaSpan {
  std::int32_t start = 0;  ///< its first civil day, days since 1970; 0 for `regime`
  Period period;           ///< `regime`: always
};

/// The current day, week and month are kept and made again when `now` leaves them, forwards or backwards: a
/// question costs two comparisons. Not thread-safe.
class QuotaCalendar {
 public:
  explicit QuotaCalendar(Zone zone) : zone_(std::move(zone)) {}
  const QuotaSpan& at(feed::QuotaPeriod kind, Instant now) {
    QuotaSpan& span = spans_[std::size_t(kind)];
    if (!span.period.contains(now)) [[unlikely]]
      span = make(kind, now);
    return span;
  }

 private:
  [[nodiscard]] QuotaSpan make(feed::QuotaPeriod kind, Instant now) const;
  Zone zone_;
  std::array<QuotaSpan, 4> spans_{{{.start = 0, .period = {.from = instant_max, .until = instant_min}},
                                   {.start = 0, .period = {.from = instant_max, .until = instant_min}},
                                   {.start = 0, .period = {.from = instant_max, .until = instant_min}},
                                   {}}};
};

/// A civil day by which every use of the period that began on `start` has long been reported: two days after
/// its end. `regime`: never.
[[nodiscard]] std::int32_t forgotten_on(feed::QuotaPeriod kind, std::int32_t start);

}  // namespace dayaq::edge
