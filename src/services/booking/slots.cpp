#include <algorithm>

#include "services/booking/booking.hpp"

namespace dayaq::services::booking {

using std::chrono::days;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

Instant at_clock(const Zone& zone, Date day, int minute) {
  const Instant wall = Instant(day) + minutes(minute);
  // Clocks change at most once within two days: what they were set to before, and after.
  const seconds before = zone.offset_at(wall - days(1));
  const seconds after = zone.offset_at(wall + days(1));
  const Instant early = wall - std::max(before, after);
  const Instant late = wall - std::min(before, after);
  for (const Instant t : {early, late}) {
    if (t + zone.offset_at(t) == wall) return t;
  }
  // Skipped: between the two, the clocks jump over it.
  Instant low = early;
  Instant high = late;
  while (high - low > microseconds(1)) {
    const Instant middle = low + (high - low) / 2;
    (zone.offset_at(middle) == before ? low : high) = middle;
  }
  return std::chrono::round<seconds>(high);
}

std::vector<Instant> slot_times(const Calendar& calendar, const Zone& zone, Date day) {
  std::vector<Instant> out;
  if (std::ranges::find(calendar.closed, day) != calendar.closed.end()) return out;
  const unsigned weekday = std::chrono::weekday(day).iso_encoding() - 1;
  for (const Opening& opening : calendar.openings) {
    if ((opening.weekdays >> weekday & 1u) == 0) continue;
    const Instant until = at_clock(zone, day, opening.until_minute);
    const minutes step(calendar.slot_minutes);
    for (Instant t = at_clock(zone, day, opening.from_minute); t + step <= until; t += step) out.push_back(t);
  }
  std::ranges::sort(out);
  return out;
}

Arrival arrival(const Calendar& calendar, Instant booked, Instant came) {
  if (came < booked - minutes(calendar.early_minutes)) return Arrival::early;
  return came > booked + minutes(calendar.late_minutes) ? Arrival::late : Arrival::on_time;
}

}  // namespace dayaq::services::booking
