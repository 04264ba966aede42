#include <algorithm>

#include "services/booking/booking.hpp"
#include "services_booking_schema_sql.hpp"

namespace dayaq::services::booking {
namespace {

using registry::bucket_of;
using State = Booking::State;
using DayCount = std::chrono::days;
using std::chrono::minutes;
using store::Row;

constexpr DayCount history_days{90};

std::int64_t key(PersonId person) {
  return static_cast<std::int64_t>(person.value());
}
std::int64_t key(std::uint64_t case_id) {
  return static_cast<std::int64_t>(case_id);
}
std::int64_t day_number(Date day) {
  return day.time_since_epoch().count();
}

/// calendar, at, state, changes, changed
Booking booking_from(const Row& row, PersonId person, std::uint64_t case_id) {
  return {.calendar = std::string(row.text(0)),
          .at = from_micros(row.integer(1)),
          .person = person,
          .case_id = case_id,
          .state = static_cast<State>(row.integer(2)),
          .changes = static_cast<int>(row.integer(3)),
          .changed = from_micros(row.integer(4))};
}

Result<void> put(store::Session& session, const Booking& booking) {
  return session.exec(
      "INSERT INTO booking (bucket, person_id, case_id, calendar, at, state, changes, changed) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (bucket, person_id, case_id) DO UPDATE SET "
      "calendar = excluded.calendar, at = excluded.at, state = excluded.state, changes = excluded.changes, "
      "changed = excluded.changed",
      {bucket_of(booking.person), key(booking.person), key(booking.case_id), booking.calendar,
       to_micros(booking.at), std::int64_t(booking.state), std::int64_t(booking.changes),
       to_micros(booking.changed)});
}

Result<void> count_outcome(store::Session& session, const std::string& calendar, Date day, int came,
                           int missed) {
  return session.exec(
      "INSERT INTO booking_outcome (calendar, day, came, missed) VALUES ($1, $2, $3, $4) "
      "ON CONFLICT (calendar, day) DO UPDATE SET came = booking_outcome.came + excluded.came, "
      "missed = booking_outcome.missed + excluded.missed",
      {calendar, day_number(day), std::int64_t(came), std::int64_t(missed)});
}

std::unexpected<Error> unknown() {
  return fail(ErrorKind::not_found, "booking.unknown", "No time was chosen for this case.");
}

bool stands(const Calendar* calendar, const Booking& booking, Instant now) {
  if (booking.state == State::came) return true;
  return booking.state == State::booked &&
         (calendar == nullptr || now <= booking.at + minutes(calendar->late_minutes));
}

}  // namespace

std::span<const store::Migration> migrations() {
  static constexpr store::Migration all[] = {{"services_booking", 1, schema_sql}};
  return all;
}

Result<Turnout> Calendars::turnout(store::Session& session, const Calendar& calendar, Instant now) const {
  DAYAQ_TRY(const auto found,
            session.one("SELECT CAST(COALESCE(SUM(came), 0) AS BIGINT), CAST(COALESCE(SUM(missed), 0) AS "
                        "BIGINT) FROM booking_outcome WHERE calendar = $1 AND day >= $2",
                        {calendar.code, day_number(today(now) - history_days)}, [](const Row& row) {
                          return Turnout{.came = row.integer(0), .missed = row.integer(1)};
                        }));
  return found.value_or(Turnout{});
}

Result<int> Calendars::places_of(store::Session& session, const Calendar& calendar, Instant now) const {
  if (!calendar.overbook) return calendar.capacity;
  DAYAQ_TRY(const Turnout own, turnout(session, calendar, now));
  return places(calendar.capacity, with_assumption(own, calendar.no_show_percent));
}

/// Of the days from .. until, both among them.
Result<std::vector<Slot>> Calendars::slots_between(store::Session& session, const Calendar& calendar,
                                                   Date from, Date until, Instant now) const {
  std::vector<Slot> out;
  DAYAQ_TRY(const int room, places_of(session, calendar, now));
  for (Date day = from; day <= until; day += DayCount(1)) {
    for (const Instant at : slot_times(calendar, zone(), day)) {
      if (at > now) out.push_back({.at = at, .left = room});
    }
  }
  if (out.empty()) return out;
  DAYAQ_TRY_OK(
      session.query("SELECT at, taken FROM booking_slot WHERE calendar = $1 AND at >= $2 AND at <= $3",
                    {calendar.code, to_micros(out.front().at), to_micros(out.back().at)},
                    [&](const Row& row) -> Result<bool> {
                      const Instant at = from_micros(row.integer(0));
                      const auto slot = std::ranges::lower_bound(out, at, {}, &Slot::at);
                      if (slot != out.end() && slot->at == at) {
                        slot->left = std::max(0, room - static_cast<int>(row.integer(1)));
                      }
                      return true;
                    }));
  return out;
}

Result<std::vector<Slot>> Calendars::slots(store::Session& session, const Calendar& calendar, Date day,
                                           Instant now) const {
  const Date first = today(now);
  if (day < first || day > first + DayCount(calendar.ahead_days)) return std::vector<Slot>();
  return slots_between(session, calendar, day, day, now);
}

Result<std::vector<DayLeft>> Calendars::days(store::Session& session, const Calendar& calendar,
                                             Instant now) const {
  const Date first = today(now);
  DAYAQ_TRY(const auto slots,
            slots_between(session, calendar, first, first + DayCount(calendar.ahead_days), now));
  std::vector<DayLeft> out;
  for (const Slot& slot : slots) {
    const Date day = zone().day_of(slot.at);
    if (out.empty() || out.back().day != day) out.push_back({.day = day});
    out.back().left += slot.left;
  }
  return out;
}

Result<Booking> Calendars::book(store::Session& session, const Calendar& calendar, Instant at,
                                PersonId person, std::uint64_t case_id, Instant now) const {
  DAYAQ_TRY(const auto before, of_case(session, person, case_id));
  if (before && stands(find(before->calendar), *before, now)) return *before;
  const Date day = zone().day_of(at);
  const Date first = today(now);
  const std::vector<Instant> times = day < first || day > first + DayCount(calendar.ahead_days)
                                         ? std::vector<Instant>()
                                         : slot_times(calendar, zone(), day);
  if (at <= now || std::ranges::find(times, at) == times.end()) {
    return fail_field("booking.slot", "at", "There is no such time to choose. Choose one of those shown.");
  }
  DAYAQ_TRY(const int room, places_of(session, calendar, now));
  DAYAQ_TRY_OK(session.exec(
      "INSERT INTO booking_slot (calendar, at, taken) VALUES ($1, $2, 0) ON CONFLICT (calendar, at) DO "
      "NOTHING",
      {calendar.code, to_micros(at)}));
  DAYAQ_TRY(const auto got,
            session.change("UPDATE booking_slot SET taken = taken + 1 WHERE calendar = $1 AND "
                           "at = $2 AND taken < $3",
                           {calendar.code, to_micros(at), std::int64_t(room)}));
  if (got == 0) {
    return fail(ErrorKind::conflict, "booking.taken",
                "Somebody was faster: this time is taken. Choose another one.");
  }
  const Booking booking{.calendar = calendar.code,
                        .at = at,
                        .person = person,
                        .case_id = case_id,
                        .state = State::booked,
                        .changes = before ? before->changes + 1 : 0,
                        .changed = now};
  DAYAQ_TRY_OK(put(session, booking));
  return booking;
}

Result<void> Calendars::cancel(store::Session& session, PersonId person, std::uint64_t case_id,
                               Instant now) const {
  DAYAQ_TRY(auto booking, of_case(session, person, case_id));
  if (!booking) return unknown();
  if (booking->state == State::cancelled) return {};
  if (booking->state != State::booked) {
    return fail(ErrorKind::conflict, "booking.over", "This appointment is over already.");
  }
  DAYAQ_TRY_OK(
      session.exec("UPDATE booking_slot SET taken = taken - 1 WHERE calendar = $1 AND at = $2 AND taken > 0",
                   {booking->calendar, to_micros(booking->at)}));
  booking->state = State::cancelled;
  booking->changed = now;
  ++booking->changes;
  return put(session, *booking);
}

Result<std::optional<Booking>> Calendars::of_case(store::Session& session, PersonId person,
                                                  std::uint64_t case_id) const {
  return session.one(
      "SELECT calendar, at, state, changes, changed FROM booking WHERE bucket = $1 AND person_id = $2 AND "
      "case_id = $3",
      {bucket_of(person), key(person), key(case_id)},
      [&](const Row& row) { return booking_from(row, person, case_id); });
}

Result<Booking> Calendars::mark(store::Session& session, PersonId person, std::uint64_t case_id,
                                Booking::State state, Instant now) const {
  DAYAQ_ASSERT(state == State::came || state == State::missed);
  DAYAQ_TRY(auto booking, of_case(session, person, case_id));
  if (!booking) return unknown();
  if (booking->state == state) return *booking;
  if (booking->state == State::cancelled) {
    return fail(ErrorKind::conflict, "booking.cancelled", "This appointment was cancelled.");
  }
  const Calendar* calendar = find(booking->calendar);
  const minutes late(calendar == nullptr ? 0 : calendar->late_minutes);
  const Date day = zone().day_of(booking->at);
  if (today(now) < day || (state == State::missed && now <= booking->at + late)) {
    return fail(ErrorKind::conflict, "booking.not_yet", "It is too early to say what came of it.");
  }
  const int was_came = booking->state == State::came ? 1 : 0;
  const int was_missed = booking->state == State::missed ? 1 : 0;
  const int is_came = state == State::came ? 1 : 0;
  DAYAQ_TRY_OK(count_outcome(session, booking->calendar, day, is_came - was_came, 1 - is_came - was_missed));
  booking->state = state;
  booking->changed = now;
  DAYAQ_TRY_OK(put(session, *booking));
  return *booking;
}

Result<std::vector<Booking>> Calendars::day(store::Session& session, const Calendar& calendar,
                                            Date day) const {
  std::vector<Booking> out;
  DAYAQ_TRY_OK(session.query(
      "SELECT calendar, at, state, changes, changed, person_id, case_id FROM booking WHERE calendar = $1 AND "
      "at >= $2 AND at < $3 AND state <> 3 ORDER BY at, case_id",
      {calendar.code, to_micros(at_clock(zone(), day, 0)), to_micros(at_clock(zone(), day + DayCount(1), 0))},
      [&](const Row& row) -> Result<bool> {
        out.push_back(booking_from(row, PersonId(static_cast<std::uint64_t>(row.integer(5))),
                                   static_cast<std::uint64_t>(row.integer(6))));
        return true;
      }));
  return out;
}

}  // namespace dayaq::services::booking
