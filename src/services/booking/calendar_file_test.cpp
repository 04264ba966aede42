#include <gtest/gtest.h>

#include <fstream>

#include "base/file.hpp"
#include "services/booking/booking.hpp"
#include "support/registry.hpp"

namespace dayaq::services::booking {
namespace {

using dayaq::test::must;

const std::filesystem::path az = std::filesystem::path(DAYAQ_SOURCE_DIR) / "country/az";

const registry::CountryPack& country() {
  static const registry::CountryPack pack = must(registry::CountryPack::load(az));
  return pack;
}

constexpr std::string_view good = R"(calendar: desk
name: {az: Masa, en: Desk, ru: Стол}
address: {az: Bakı}
organisation: digital-agency
slot_minutes: 30
together: 2
open:
  - {days: [mon, fri], from: "09:00", until: "12:00"}
  - {days: sun, from: "22:00", until: "24:00"}
closed: [2027-01-01, 2026-12-31]
)";

/// "9:1 booking.clock open[0].from": what is wrong with the good file after a change.
std::string fault(std::string_view from, std::string_view to) {
  std::string text(good);
  text.replace(text.find(from), from.size(), to);
  const auto read = parse_calendar(text, country());
  if (read) return "none";
  const Error& first = read.error().front();
  return std::to_string(first.line) + ":" + std::to_string(first.column) + " " + std::string(first.code) +
         " " + first.field;
}

TEST(CalendarFile, IsReadWhole) {
  const auto calendar = parse_calendar(good, country());
  ASSERT_TRUE(calendar);
  EXPECT_EQ(calendar->code, "desk");
  EXPECT_EQ(calendar->name.ru, "Стол");
  EXPECT_EQ(calendar->capacity, 2);
  ASSERT_EQ(calendar->openings.size(), 2u);
  EXPECT_EQ(calendar->openings[0].weekdays, 0b001'0001);
  EXPECT_EQ(calendar->openings[1].until_minute, 1440);
  ASSERT_EQ(calendar->closed.size(), 2u);
  EXPECT_EQ(format_date(calendar->closed[0]), "2026-12-31");
  EXPECT_EQ(calendar->ahead_days, 30);
}

TEST(CalendarFile, SaysWhereItIsWrong) {
  EXPECT_EQ(fault("\"09:00\"", "\"9:00\""), "8:30 booking.clock open[0].from");
  EXPECT_EQ(fault("\"24:00\"", "\"24:01\""), "9:39 booking.clock open[1].until");
  EXPECT_EQ(fault("\"12:00\"", "\"09:20\""), "8:46 booking.hours open[0].until");
  EXPECT_EQ(fault("sun, from: \"22:00\"", "fri, from: \"11:59\""), "9:5 booking.hours open[1]");
  EXPECT_EQ(fault("[mon, fri]", "[mon, fry]"), "8:18 booking.weekday open[0].days[1]");
  EXPECT_EQ(fault("digital-agency", "digital-agencies"), "4:15 booking.organisation organisation");
  EXPECT_EQ(fault("together: 2", "together: 0"), "6:11 file.number together");
  EXPECT_EQ(fault("closed:", "closd:"), "10:1 file.unknown_key closd");
  EXPECT_EQ(fault("2027-01-01", "2027-02-29"), "10:10 booking.date closed[0]");
  EXPECT_EQ(fault("2027-01-01", "2026-12-31"), "10:22 booking.date closed[1]");
  EXPECT_EQ(fault("calendar: desk", "calendar: Desk!").substr(0, 14), "1:11 file.code");
}

TEST(CalendarFile, FindsAllFaultsAtOnce) {
  std::string text(good);
  text.replace(text.find("together: 2"), 11, "together: x");
  text.replace(text.find("fri]"), 4, "fry]");
  const auto read = parse_calendar(text, country());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().size(), 2u);
}

TEST(CalendarFolder, OfTheCountryIsGood) {
  const auto calendars = must(Calendars::load(az / "calendars", country()));
  ASSERT_NE(calendars->find("service-centre-1"), nullptr);
  EXPECT_EQ(calendars->find("service-centre-1")->no_show_percent, 29);
  EXPECT_FALSE(calendars->find("registry-office-ganja")->overbook);
  EXPECT_EQ(calendars->find("nowhere"), nullptr);
  for (const Calendar& calendar : calendars->all()) {
    for (const Language language : languages) {
      EXPECT_FALSE(calendar.name.in(language).empty());
    }
  }
}

TEST(CalendarFolder, ThatIsntThereHasNone) {
  EXPECT_TRUE(must(Calendars::load("/nowhere/calendars", country()))->all().empty());
}

TEST(CalendarFolder, NamesTheFileAtFault) {
  const dayaq::test::TemporaryFolder folder("calendars");
  std::ofstream(folder / "other.yaml") << good;
  auto loaded = Calendars::load(folder.path(), country());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, "booking.code");
  std::ofstream(folder / "other.yaml") << "calendar: [";
  loaded = Calendars::load(folder.path(), country());
  ASSERT_FALSE(loaded);
  EXPECT_TRUE(loaded.error().field.starts_with("other.yaml:1:")) << loaded.error().field;
}

}  // namespace
}  // namespace dayaq::services::booking
