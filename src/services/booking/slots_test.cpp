#include <gtest/gtest.h>

#include <set>

#include "services/booking/booking.hpp"
#include "support/registry.hpp"

namespace dayaq::services::booking {
namespace {

using dayaq::test::must;
using namespace std::chrono_literals;

Zone zone(const char* name) {
  return must(Zone::create(name));
}
Date date(const char* text) {
  return must(parse_date(text));
}
Instant at(const char* text) {
  return must(parse_instant(text));
}

/// Open all seven days from .. until.
Calendar open(int from, int until, int slot = 15) {
  Calendar calendar;
  calendar.slot_minutes = slot;
  calendar.openings = {{.weekdays = 0x7f, .from_minute = from, .until_minute = until}};
  return calendar;
}
constexpr int whole_day = 24 * 60;

TEST(SlotTimes, OfAnOrdinaryDayFillTheOpeningHours) {
  const auto times = slot_times(open(9 * 60, 10 * 60), zone("Asia/Baku"), date("2026-11-23"));
  ASSERT_EQ(times.size(), 4u);
  EXPECT_EQ(times.front(), at("2026-11-23T05:00:00Z"));
  EXPECT_EQ(times.back(), at("2026-11-23T05:45:00Z"));
}

TEST(SlotTimes, LeaveOutARestTooShortForASlot) {
  EXPECT_EQ(slot_times(open(9 * 60, 10 * 60, 25), zone("Asia/Baku"), date("2026-11-23")).size(), 2u);
}

TEST(SlotTimes, AreNoneOnClosedDaysAndOtherDaysOfTheWeek) {
  Calendar calendar = open(9 * 60, 10 * 60);
  calendar.closed = {date("2026-12-31")};
  EXPECT_TRUE(slot_times(calendar, zone("Asia/Baku"), date("2026-12-31")).empty());
  EXPECT_FALSE(slot_times(calendar, zone("Asia/Baku"), date("2026-12-30")).empty());
  calendar.openings[0].weekdays = 0b10'0000;  // Saturday
  EXPECT_TRUE(slot_times(calendar, zone("Asia/Baku"), date("2026-11-27")).empty());
  EXPECT_FALSE(slot_times(calendar, zone("Asia/Baku"), date("2026-11-28")).empty());
}

/// Clocks as they were and are put forward and back; also at midnight, by half an hour, and not at all.
struct Change {
  const char* zone;
  const char* day;
  std::size_t quarters;
};
struct ClockChanges : testing::TestWithParam<Change> {};
INSTANTIATE_TEST_SUITE_P(
    Days, ClockChanges,
    testing::Values(Change{"Asia/Baku", "2026-03-29", 96},   // none since 2016
                    Change{"Asia/Baku", "2026-10-25", 96},   //
                    Change{"Asia/Baku", "2015-03-29", 92},   // 04:00 -> 05:00
                    Change{"Asia/Baku", "2015-10-25", 100},  // 05:00 -> 04:00
                    Change{"Asia/Baku", "2016-03-27", 96},   // called off ten days before
                    Change{"Europe/Berlin", "2027-03-28", 92}, Change{"Europe/Berlin", "2027-10-31", 100},
                    Change{"America/Sao_Paulo", "2018-11-04", 92},    // midnight is skipped
                    Change{"America/Sao_Paulo", "2018-02-17", 100},   // the day's last hour comes twice
                    Change{"Australia/Lord_Howe", "2026-10-04", 94},  // by half an hour
                    Change{"Australia/Lord_Howe", "2026-04-05", 98}));

TEST_P(ClockChanges, LoseNoSlotAndMakeNoneThatIsntThere) {
  const Zone z = zone(GetParam().zone);
  const Date day = date(GetParam().day);
  const auto times = slot_times(open(0, whole_day), z, day);
  EXPECT_EQ(times.size(), GetParam().quarters);
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(z.day_of(times[i]), day);
    if (i > 0) {
      EXPECT_EQ(times[i] - times[i - 1], 15min);
    }
  }
  // The days beside it take up where this one begins and ends.
  const auto before = slot_times(open(0, whole_day), z, day - std::chrono::days(1));
  const auto after = slot_times(open(0, whole_day), z, day + std::chrono::days(1));
  EXPECT_EQ(before.back() + 15min, times.front());
  EXPECT_EQ(times.back() + 15min, after.front());
}

TEST_P(ClockChanges, KeepOfficeHoursByTheClockOnTheWall) {
  const Zone z = zone(GetParam().zone);
  const auto times = slot_times(open(9 * 60, 18 * 60), z, date(GetParam().day));
  ASSERT_EQ(times.size(), 36u);
  EXPECT_TRUE(z.format_local(times.front()).ends_with("09:00"));
  EXPECT_TRUE(z.format_local(times.back()).ends_with("17:45"));
}

TEST(AtClock, GoesOnWhereClocksAreWhenTheySkipTheMinute) {
  const Zone berlin = zone("Europe/Berlin");
  EXPECT_EQ(at_clock(berlin, date("2027-03-28"), 150), at("2027-03-28T01:00:00Z"));  // 02:30 isn't; 03:00 is
  EXPECT_EQ(at_clock(berlin, date("2027-10-31"), 150), at("2027-10-31T00:30:00Z"));  // the first 02:30
  EXPECT_EQ(at_clock(zone("Asia/Baku"), date("2026-11-23"), 0), at("2026-11-22T20:00:00Z"));
}

TEST(ArrivalAtTheDoor, IsEarlyOrLateByTheCalendarsRules) {
  Calendar calendar;
  calendar.early_minutes = 15;
  calendar.late_minutes = 10;
  const Instant booked = at("2026-11-23T05:00:00Z");
  EXPECT_EQ(arrival(calendar, booked, booked - 15min - 1s), Arrival::early);
  EXPECT_EQ(arrival(calendar, booked, booked - 15min), Arrival::on_time);
  EXPECT_EQ(arrival(calendar, booked, booked), Arrival::on_time);
  EXPECT_EQ(arrival(calendar, booked, booked + 10min), Arrival::on_time);
  EXPECT_EQ(arrival(calendar, booked, booked + 10min + 1s), Arrival::late);
}

/// A day of 2020: of 8,827 who came 43 % came about two hours early, 497 late.
TEST(ArrivalAtTheDoor, TellsTheCrowdOfADayOf2020Apart) {
  const Calendar calendar;
  const Instant booked = at("2020-11-23T05:00:00Z");
  SeededRandom random(2020);
  constexpr int came = 8827;
  constexpr int early = came * 43 / 100;
  constexpr int late = 497;
  std::array<int, 3> counted{};
  for (int i = 0; i < came; ++i) {
    auto t = booked - std::chrono::minutes(random.below(15));
    if (i < early) t = booked - 105min - std::chrono::minutes(random.below(30));
    if (i >= early && i < early + late) t = booked + 11min + std::chrono::minutes(random.below(60));
    ++counted[std::size_t(arrival(calendar, booked, t))];
  }
  EXPECT_EQ(counted[std::size_t(Arrival::early)], early);
  EXPECT_EQ(counted[std::size_t(Arrival::late)], late);
  EXPECT_EQ(counted[std::size_t(Arrival::on_time)], came - early - late);
}

}  // namespace
}  // namespace dayaq::services::booking
