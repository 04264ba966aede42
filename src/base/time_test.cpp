#include "base/time.hpp"

#include <gtest/gtest.h>

namespace dayaq {
namespace {

using namespace std::chrono;

TEST(InstantText, RoundTrips) {
  for (const auto text : {"2026-11-21T17:54:00Z", "1970-01-01T00:00:00Z", "2026-11-21T17:54:00.000001Z"}) {
    const auto t = parse_instant(text);
    ASSERT_TRUE(t) << text;
    EXPECT_EQ(format_instant(*t), text);
  }
  EXPECT_EQ(format_instant(*parse_instant("2026-11-21T12:00:00+04:00")), "2026-11-21T08:00:00Z");
}

TEST(InstantText, RefusesWhatIsNotATime) {
  for (const auto text :
       {"", "2026-11-21", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-21T25:00:00Z",
        "2026-11-21T00:00:00", "2026-11-21T00:00:00+4", "yesterday"}) {
    EXPECT_FALSE(parse_instant(text)) << text;
  }
}

TEST(BakuZone, StartsTheDayFourHoursBeforeUtc) {
  const auto zone = Zone::create("Asia/Baku");
  ASSERT_TRUE(zone);
  const Date day = *parse_date("2026-11-21");
  EXPECT_EQ(format_instant(zone->start_of(day)), "2026-11-20T20:00:00Z");
  EXPECT_EQ(zone->day_of(*parse_instant("2026-11-20T20:00:00Z")), day);
  EXPECT_EQ(zone->day_of(*parse_instant("2026-11-20T19:59:59Z")), day - days(1));
  EXPECT_EQ(zone->format_local(*parse_instant("2026-11-21T08:00:00Z")), "2026-11-21 12:00");
  EXPECT_EQ(*zone->parse_local("2026-11-21"), zone->start_of(day));
  EXPECT_EQ(format_instant(*zone->parse_local("2026-11-21T08:00")), "2026-11-21T04:00:00Z");
}

TEST(BakuZone, RemembersTheSummerTimeItHadUntil2015) {
  const auto zone = Zone::create("Asia/Baku");
  EXPECT_EQ(zone->offset_at(*parse_instant("2015-07-01T00:00:00Z")), hours(5));
  EXPECT_EQ(zone->offset_at(*parse_instant("2026-07-01T00:00:00Z")), hours(4));
  EXPECT_FALSE(Zone::create("Asia/Nowhere"));
}

TEST(Age, CountsCompletedYears) {
  EXPECT_EQ(age_on(*parse_date("1960-11-21"), *parse_date("2026-11-20")), 65);
  EXPECT_EQ(age_on(*parse_date("1960-11-21"), *parse_date("2026-11-21")), 66);
  EXPECT_EQ(birthday(*parse_date("2008-02-29"), 18), *parse_date("2026-03-01"));
  EXPECT_EQ(age_on(*parse_date("2008-02-29"), *parse_date("2026-02-28")), 17);
  EXPECT_EQ(age_on(*parse_date("2008-02-29"), *parse_date("2026-03-01")), 18);
}

TEST(PeriodTest, IsHalfOpen) {
  const Period p{*parse_instant("2026-01-01T00:00:00Z"), *parse_instant("2026-02-01T00:00:00Z")};
  EXPECT_TRUE(p.contains(p.from));
  EXPECT_FALSE(p.contains(p.until));
  EXPECT_FALSE(p.overlaps({p.until, instant_max}));
}

}  // namespace
}  // namespace dayaq
