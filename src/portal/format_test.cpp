#include "portal/format.hpp"

#include <gtest/gtest.h>

#include "portal/portal_test_support.hpp"

namespace dayaq::portal {
namespace {

struct Formats : testing::Test {
  Result<Texts> texts = Texts::load(std::filesystem::path(DAYAQ_SOURCE_DIR) / "web" / "text");
  const Zone& zone = test::Country::az().zone;
  Format az{*texts, Language::az, zone};
  Format en{*texts, Language::en, zone};
  Format ru{*texts, Language::ru, zone};
  static Instant at(std::string_view text) { return *parse_instant(text); }
  Instant local(std::string_view text) const { return *zone.parse_local(text); }
};

TEST(AzerbaijaniOrdinal, GoesByTheLastSpokenWord) {
  const std::pair<int, std::string_view> cases[]{
      {1, "ci"},   {2, "ci"},    {3, "cü"},    {4, "cü"},    {5, "ci"},    {6, "cı"},
      {7, "ci"},   {8, "ci"},    {9, "cu"},    {10, "cu"},   {20, "ci"},   {30, "cu"},
      {40, "cı"},  {50, "ci"},   {60, "cı"},   {70, "ci"},   {80, "ci"},   {90, "cı"},
      {100, "cü"}, {1000, "ci"}, {2000, "ci"}, {2026, "cı"}, {2023, "cü"}, {2040, "cı"}};
  for (const auto& [number, suffix] : cases) EXPECT_EQ(azerbaijani_ordinal(number), suffix) << number;
}

TEST_F(Formats, WriteDatesWithTheWordsOfTheLanguage) {
  const Date day = std::chrono::sys_days{std::chrono::year{2026} / 11 / 21};
  EXPECT_EQ(az.date(day), "21 noyabr 2026-cı il");
  EXPECT_EQ(en.date(day), "21 November 2026");
  EXPECT_EQ(ru.date(day), "21 ноября 2026 года");
}

TEST_F(Formats, WriteTimesInTheCountrysZone) {
  EXPECT_EQ(az.date_time(at("2026-11-21T21:30:00Z")), "22 noyabr 2026-cı il, saat 01:30");
  EXPECT_EQ(en.date_time(at("2026-11-21T17:54:00Z")), "21 November 2026, 21:54");
}

TEST_F(Formats, NameTheLastDayOfAPeriodThatEndsAtMidnight) {
  const Period days{local("2026-03-24"), local("2027-03-24")};
  EXPECT_EQ(en.period(days), "24 March 2026 to 23 March 2027");
  EXPECT_EQ(az.period(days), "24 mart 2026-cı il – 23 mart 2027-ci il");
  const Period hours{local("2026-03-24T06:00"), local("2026-03-25T18:30")};
  EXPECT_EQ(en.period(hours), "24 March 2026, 06:00 to 25 March 2026, 18:30");
  EXPECT_EQ(en.period({days.from, instant_max}), "from 24 March 2026, with no end set");
  EXPECT_EQ(en.period({}), "No time limit");
}

TEST_F(Formats, SayHowManyDaysRemain) {
  const Period days{local("2026-03-24"), local("2026-04-10")};
  EXPECT_EQ(ru.remaining(days, local("2026-04-08T23:00")), "остался 1 день");
  EXPECT_EQ(ru.remaining(days, local("2026-04-01T12:00")), "осталось 8 дней");
  EXPECT_EQ(en.remaining(days, local("2026-04-09T23:59")), "ends today");
  EXPECT_EQ(en.remaining(days, local("2026-04-10")), "ended");
  EXPECT_EQ(en.remaining(days, local("2026-03-21T10:00")), "starts in 3 days");
  EXPECT_EQ(en.remaining({local("2026-03-24T12:00"), instant_max}, local("2026-03-24T10:00")),
            "starts today");
  EXPECT_EQ(en.remaining({days.from, instant_max}, local("2026-04-01")), "");
}

TEST_F(Formats, WriteQepikAsManat) {
  EXPECT_EQ(az.money(0), "0 ₼");
  EXPECT_EQ(az.money(1205), "12,05 ₼");
  EXPECT_EQ(en.money(1205), "₼12.05");
  EXPECT_EQ(az.money(1200), "12 ₼");
  EXPECT_EQ(az.money(123'456'78), "123\u202f457 ₼");
  EXPECT_EQ(az.money(-1205), "\u221212,05 ₼");
  EXPECT_EQ(en.money_difference(500), "+₼5");
  EXPECT_EQ(en.money_difference(-500), "\u2212₼5");
  EXPECT_EQ(az.money_short(196'912'345'67), "196,9 mln ₼");
  EXPECT_EQ(az.money_short(-200'000'000'00), "\u2212200 mln ₼");
  EXPECT_EQ(az.money_short(99'999'999), "1\u202f000\u202f000 ₼");
}

TEST_F(Formats, WriteNumbersSharesAndDifferences) {
  EXPECT_EQ(az.number(10'200'000), "10\u202f200\u202f000");
  EXPECT_EQ(az.share(0.41349), "41,3 %");
  EXPECT_EQ(en.share(1), "100%");
  EXPECT_EQ(az.difference(12), "+12");
  EXPECT_EQ(az.difference(-1200), "\u22121\u202f200");
  EXPECT_EQ(az.difference(0), "0");
  EXPECT_EQ(az.decimal(-0.04, 1), "0");
  EXPECT_EQ(az.decimal(200, 0), "200");
  EXPECT_EQ(en.decimal(-1234.5, 2), "\u22121\u202f234.5");
  EXPECT_EQ(en.fixed(2, 2), "2.00");
}

TEST_F(Formats, WriteQuantitiesWithTheirUnits) {
  using regime::Unit;
  EXPECT_EQ(ru.quantity(300 * 60, Unit::seconds), "300 минут");
  EXPECT_EQ(en.quantity(60, Unit::seconds), "1 minute");
  EXPECT_EQ(az.quantity(1'500'000'000, Unit::octets), "1,5 GB");
  EXPECT_EQ(ru.quantity(250'000, Unit::octets), "250 КБ");
  EXPECT_EQ(az.quantity(100, Unit::messages), "100 SMS");
  EXPECT_EQ(az.quantity(4000, Unit::qepik), "40 ₼");
}

TEST_F(Formats, RaiseTheFirstLetterByTheLanguagesRules) {
  EXPECT_EQ(az.capitalised("internet"), "İnternet");
  EXPECT_EQ(az.capitalised("ırmaq"), "Irmaq");
  EXPECT_EQ(en.capitalised("internet"), "Internet");
  EXPECT_EQ(ru.capitalised("лица"), "Лица");
  EXPECT_EQ(az.uncapitalised("İctimai kanallar"), "ictimai kanallar");
  EXPECT_EQ(az.capitalised(""), "");
}

}  // namespace
}  // namespace dayaq::portal
