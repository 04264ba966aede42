#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>

#include "services/booking/booking.hpp"
#include "support/registry.hpp"

namespace dayaq::services::booking {
namespace {

using dayaq::test::must;
using namespace std::chrono_literals;

Calendar centre() {
  Calendar calendar;
  calendar.name = {.az = "1 saylı xidmət mərkəzi; \"ƏÖÜ\"", .en = "Service centre No. 1", .ru = {}};
  calendar.address = {
      .az = "Bakı, Nəsimi rayonu, çox uzun bir küçə adı ki sətrə sığmır və bükülməlidir, ev 1\\2",
      .en = "Baku",
      .ru = {}};
  return calendar;
}

const Instant now = must(parse_instant("2026-11-23T06:10:00Z"));
const Booking booking{.calendar = "centre",
                      .at = must(parse_instant("2026-11-24T05:00:00Z")),
                      .person = PersonId(1),
                      .case_id = 0x2a,
                      .changes = 2,
                      .changed = now};

TEST(Ical, FoldsAfter75OctetsAndNeverWithinACharacter) {
  const std::string text = ical(centre(), std::array{booking}, "dayaq.test", now);
  std::size_t from = 0;
  int folded = 0;
  while (from < text.size()) {
    const std::size_t end = text.find("\r\n", from);
    ASSERT_NE(end, std::string::npos);
    const std::string_view line = std::string_view(text).substr(from, end - from);
    EXPECT_LE(line.size(), 75u);
    EXPECT_TRUE(is_utf8(line)) << line;
    EXPECT_EQ(line.find('\n'), std::string_view::npos);
    folded += line.starts_with(' ') ? 1 : 0;
    from = end + 2;
  }
  EXPECT_GE(folded, 1);
}

TEST(Ical, KeepsTheUidThroughChanges) {
  Booking later = booking;
  later.at += 24h;
  later.changes = 4;
  later.state = Booking::State::cancelled;
  const std::string text = ical(centre(), std::array{later}, "dayaq.test", now);
  EXPECT_NE(text.find("UID:0000000000002a@dayaq.test\r\n"), std::string::npos);
  EXPECT_NE(text.find("SEQUENCE:4\r\n"), std::string::npos);
  EXPECT_NE(text.find("STATUS:CANCELLED\r\n"), std::string::npos);
  EXPECT_EQ(text.find("VALARM"), std::string::npos);
}

/// Debian's python3-icalendar, which nobody here wrote, reads it and says what it read.
TEST(Ical, IsReadByAForeignParser) {
  const dayaq::test::TemporaryFolder folder("ical");
  Booking other = booking;
  other.case_id = 43;
  other.state = Booking::State::came;
  std::ofstream(folder / "day.ics") << ical(centre(), std::array{booking, other}, "dayaq.test", now);
  std::ofstream(folder / "read.py") << R"(
import sys, icalendar
cal = icalendar.Calendar.from_ical(open(sys.argv[1], 'rb').read())
print(cal['version'], cal['method'], cal.errors)
for e in cal.walk('VEVENT'):
    print(e['uid'], e['dtstart'].dt.isoformat(), e['dtend'].dt - e['dtstart'].dt, e['sequence'], e['status'],
          e['summary'], '|', e['location'], '|', len(e.walk('VALARM')), e.errors)
)";
  const std::string command =
      "/usr/bin/python3 " + (folder / "read.py").string() + " " + (folder / "day.ics").string() + " 2>&1";
  std::string said;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::array<char, 4096> buffer{};
  while (std::fgets(buffer.data(), int(buffer.size()), pipe) != nullptr) said += buffer.data();
  ASSERT_EQ(::pclose(pipe), 0) << said;
  const std::string place =
      " 1 saylı xidmət mərkəzi; \"ƏÖÜ\" | Bakı, Nəsimi rayonu, çox uzun bir küçə adı ki "
      "sətrə sığmır və bükülməlidir, ev 1\\2 | ";
  EXPECT_EQ(said,
            "2.0 PUBLISH []\n"
            "0000000000002a@dayaq.test 2026-11-24T05:00:00+00:00 0:15:00 2 CONFIRMED" +
                place +
                "1 []\n"
                "0000000000002b@dayaq.test 2026-11-24T05:00:00+00:00 0:15:00 2 CONFIRMED" +
                place + "0 []\n");
}

}  // namespace
}  // namespace dayaq::services::booking
