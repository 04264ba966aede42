#include <fmt/format.h>

#include "services/booking/booking.hpp"

namespace dayaq::services::booking {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// A time in UTC: "20261121T080000Z". Calendar programs show it in their own zone, and none need be
/// described.
/// @see RFC 5545 section 3.3.5, form #2
std::string utc(Instant t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<seconds>(t) - day);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", int(date.year()), unsigned(date.month()),
                     unsigned(date.day()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

/// @see RFC 5545 section 3.3.11
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == ';' || c == ',') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) >= ' ') {
      out += c;
    }
  }
  return out;
}

/// A content line, folded after 75 octets at most and never within a character. @see RFC 5545 section 3.1
void add_line(std::string& out, std::string_view line) {
  std::size_t room = 75;
  while (line.size() > room) {
    std::size_t end = room;
    while (end > 1 && (static_cast<unsigned char>(line[end]) & 0xc0u) == 0x80) --end;
    out += line.substr(0, end);
    out += "\r\n ";
    line.remove_prefix(end);
    room = 74;  // the space that begins a continued line counts
  }
  out += line;
  out += "\r\n";
}

void add_reminder(std::string& out, std::string_view summary) {
  add_line(out, "BEGIN:VALARM");
  add_line(out, "ACTION:DISPLAY");
  add_line(out, "TRIGGER:-P1D");
  add_line(out, fmt::format("DESCRIPTION:{}", summary));
  add_line(out, "END:VALARM");
}

}  // namespace

std::string ical(const Calendar& calendar, std::span<const Booking> bookings, std::string_view host,
                 Instant now, Language language) {
  std::string out;
  add_line(out, "BEGIN:VCALENDAR");
  add_line(out, "VERSION:2.0");
  add_line(out, "PRODID:-//Dayaq//Appointments//EN");
  add_line(out, "CALSCALE:GREGORIAN");
  add_line(out, "METHOD:PUBLISH");
  const std::string summary = escaped(calendar.name.in(language));
  for (const Booking& booking : bookings) {
    add_line(out, "BEGIN:VEVENT");
    add_line(out, fmt::format("UID:{:014x}@{}", booking.case_id, host));
    add_line(out, fmt::format("DTSTAMP:{}", utc(now)));
    add_line(out, fmt::format("DTSTART:{}", utc(booking.at)));
    add_line(out, fmt::format("DTEND:{}", utc(booking.at + minutes(calendar.slot_minutes))));
    add_line(out, fmt::format("SEQUENCE:{}", booking.changes));
    add_line(out, fmt::format("LAST-MODIFIED:{}", utc(booking.changed)));
    const bool off = booking.state == Booking::State::cancelled;
    add_line(out, off ? "STATUS:CANCELLED" : "STATUS:CONFIRMED");
    add_line(out, fmt::format("SUMMARY:{}", summary));
    add_line(out, fmt::format("LOCATION:{}", escaped(calendar.address.in(language))));
    if (booking.state == Booking::State::booked) add_reminder(out, summary);
    add_line(out, "END:VEVENT");
  }
  add_line(out, "END:VCALENDAR");
  return out;
}

}  // namespace dayaq::services::booking
