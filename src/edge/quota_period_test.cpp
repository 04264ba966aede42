#include "edge/quota_period.hpp"

#include <gtest/gtest.h>

namespace dayaq::edge {
namespace {

using feed::QuotaPeriod;

Instant at(const char* text) {
  return *parse_instant(text);
}
std::int32_t day(const char* text) {
  return std::int32_t(parse_date(text)->time_since_epoch().count());
}
QuotaCalendar calendar(const char* zone) {
  return QuotaCalendar(*Zone::create(zone));
}

TEST(QuotaCalendar, DaysWeeksAndMonthsAreTheCountrys) {
  QuotaCalendar baku = calendar("Asia/Baku");  // four hours ahead of UTC
  EXPECT_EQ(baku.at(QuotaPeriod::day, at("2026-11-21T19:59:59Z")).start, day("2026-11-21"));
  EXPECT_EQ(baku.at(QuotaPeriod::day, at("2026-11-21T20:00:00Z")).start, day("2026-11-22"));
  EXPECT_EQ(baku.at(QuotaPeriod::week, at("2026-11-22T19:59:59Z")).start, day("2026-11-16"));
  EXPECT_EQ(baku.at(QuotaPeriod::week, at("2026-11-22T20:00:00Z")).start, day("2026-11-23"));
  EXPECT_EQ(baku.at(QuotaPeriod::month, at("2026-11-30T20:00:00Z")).start, day("2026-12-01"));
  EXPECT_EQ(baku.at(QuotaPeriod::month, at("2026-12-31T20:00:00Z")).start, day("2027-01-01"));
  EXPECT_EQ(baku.at(QuotaPeriod::regime, at("2026-12-31T20:00:00Z")).start, 0);
}

TEST(QuotaCalendar, FollowsAClockThatIsSetBack) {
  QuotaCalendar baku = calendar("Asia/Baku");
  EXPECT_EQ(baku.at(QuotaPeriod::day, at("2026-11-22T01:00:00Z")).start, day("2026-11-22"));
  EXPECT_EQ(baku.at(QuotaPeriod::day, at("2026-11-20T01:00:00Z")).start, day("2026-11-20"));
  EXPECT_EQ(baku.at(QuotaPeriod::day, at("2027-11-22T01:00:00Z")).start, day("2027-11-22"));
}

TEST(QuotaCalendar, ADayOfADaylightChangeHas23Or25Hours) {
  QuotaCalendar paris = calendar("Europe/Paris");
  const Period spring = paris.at(QuotaPeriod::day, at("2026-03-29T12:00:00Z")).period;
  EXPECT_EQ(spring.until - spring.from, std::chrono::hours(23));
  const Period autumn = paris.at(QuotaPeriod::day, at("2026-10-25T12:00:00Z")).period;
  EXPECT_EQ(autumn.until - autumn.from, std::chrono::hours(25));
  EXPECT_EQ(paris.at(QuotaPeriod::day, at("2026-10-25T22:59:59Z")).start, day("2026-10-25"));
  EXPECT_EQ(paris.at(QuotaPeriod::day, at("2026-10-25T23:00:00Z")).start, day("2026-10-26"));
}

TEST(QuotaCalendar, EveryHourOfTenYearsIsInItsOwnPeriod) {
  for (const char* zone : {"Asia/Baku", "Europe/Paris", "America/Sao_Paulo"}) {
    QuotaCalendar here = calendar(zone);
    for (Instant t = at("2015-01-01T00:30:00Z"); t < at("2025-01-01T00:00:00Z"); t += std::chrono::hours(5)) {
      for (const QuotaPeriod kind : {QuotaPeriod::day, QuotaPeriod::week, QuotaPeriod::month}) {
        const QuotaSpan& span = here.at(kind, t);
        ASSERT_TRUE(span.period.contains(t));
        ASSERT_GT(forgotten_on(kind, span.start), here.at(QuotaPeriod::day, t).start);
      }
    }
  }
}

}  // namespace
}  // namespace dayaq::edge
