#include "edge/quota_period.hpp"

#include <limits>

namespace dayaq::edge {

using std::chrono::days;
using std::chrono::months;
using std::chrono::year_month_day;

QuotaSpan QuotaCalendar::make(feed::QuotaPeriod kind, Instant now) const {
  const Date today = zone_.day_of(now);
  Date first = today;
  Date next = today + days(1);
  switch (kind) {
    case feed::QuotaPeriod::day:
      break;
    case feed::QuotaPeriod::week:
      first = today - (std::chrono::weekday(today) - std::chrono::Monday);
      next = first + days(7);
      break;
    case feed::QuotaPeriod::month: {
      const year_month_day date(today);
      first = date.year() / date.month() / 1;
      next = year_month_day(date.year() / date.month() / 1) + months(1);
      break;
    }
    case feed::QuotaPeriod::regime:
      return {};
  }
  return {.start = std::int32_t(first.time_since_epoch().count()),
          .period = {.from = zone_.start_of(first), .until = zone_.start_of(next)}};
}

std::int32_t forgotten_on(feed::QuotaPeriod kind, std::int32_t start) {
  switch (kind) {
    case feed::QuotaPeriod::day:
      return start + 3;
    case feed::QuotaPeriod::week:
      return start + 9;
    case feed::QuotaPeriod::month:
      return start + 33;
    case feed::QuotaPeriod::regime:
      break;
  }
  return std::numeric_limits<std::int32_t>::max();
}

}  // namespace dayaq::edge
