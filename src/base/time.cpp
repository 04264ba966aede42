#include "base/time.hpp"

#include <fmt/format.h>
#include <unicode/timezone.h>

#include <charconv>
#include <map>
#include <memory>
#include <mutex>

namespace dayaq {
namespace {

using namespace std::chrono;

template <class Int>
bool digits(std::string_view text, std::size_t at, std::size_t count, Int& out) {
  if (at + count > text.size()) return false;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
  }
  return std::from_chars(text.data() + at, text.data() + at + count, out).ec == std::errc{};
}

std::unexpected<Error> bad_instant() {
  return fail(ErrorKind::invalid_input, "time.instant",
              "A time must look like 2026-11-21T08:00:00Z or 2026-11-21T12:00:00+04:00.");
}

// ICU's objects are not safe to share while being created; one per name is kept for the process's life.
const icu::TimeZone* icu_zone(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<icu::TimeZone>> zones;
  const std::lock_guard lock(mutex);
  auto& zone = zones[name];
  if (!zone) zone.reset(icu::TimeZone::createTimeZone(icu::UnicodeString::fromUTF8(name)));
  return zone.get();
}

// "2026-11-21T08:00[:00[.123456]]": the length used, or 0.
std::size_t parse_clock_time(std::string_view text, Instant& out) {
  int h = 0;
  int m = 0;
  int s = 0;
  const auto date = parse_date(text.substr(0, std::min<std::size_t>(10, text.size())));
  if (!date || text.size() < 16 || (text[10] != 'T' && text[10] != ' ')) return 0;
  if (!digits(text, 11, 2, h) || text[13] != ':' || !digits(text, 14, 2, m)) return 0;
  std::size_t used = 16;
  std::int64_t micros = 0;
  if (used < text.size() && text[used] == ':') {
    if (!digits(text, used + 1, 2, s)) return 0;
    used += 3;
    if (used < text.size() && text[used] == '.') {
      std::int64_t unit = 100000;
      ++used;
      const std::size_t first = used;
      for (; used < text.size() && text[used] >= '0' && text[used] <= '9'; ++used, unit /= 10) {
        micros += (text[used] - '0') * unit;
      }
      if (used == first) return 0;
    }
  }
  if (h > 23 || m > 59 || s > 60) return 0;
  out = *date + hours(h) + minutes(m) + seconds(s) + microseconds(micros);
  return used;
}

}  // namespace

Instant SystemClock::now() const {
  return time_point_cast<microseconds>(system_clock::now());
}

std::string format_date(Date date) {
  const year_month_day ymd(date);
  return fmt::format("{:04}-{:02}-{:02}", int(ymd.year()), unsigned(ymd.month()), unsigned(ymd.day()));
}

std::string format_instant(Instant t) {
  if (t == instant_max || t == instant_min) return {};
  const auto day = floor<days>(t);
  const hh_mm_ss clock(t - day);
  std::string text = fmt::format("{}T{:02}:{:02}:{:02}", format_date(day), clock.hours().count(),
                                 clock.minutes().count(), clock.seconds().count());
  if (const auto fraction = clock.subseconds().count(); fraction != 0)
    text += fmt::format(".{:06}", fraction);
  return text + 'Z';
}

Result<Date> parse_date(std::string_view text) {
  int y = 0;
  unsigned m = 0;
  unsigned d = 0;
  if (text.size() == 10 && text[4] == '-' && text[7] == '-' && digits(text, 0, 4, y) &&
      digits(text, 5, 2, m) && digits(text, 8, 2, d) && y >= 1800) {
    const year_month_day ymd{year(y), month(m), day(d)};
    if (ymd.ok()) return sys_days(ymd);
  }
  return fail(ErrorKind::invalid_input, "time.date", "A date must look like 2026-11-21.");
}

Result<Instant> parse_instant(std::string_view text) {
  Instant t;
  const std::size_t used = parse_clock_time(text, t);
  if (used < 19) return bad_instant();
  const std::string_view zone = text.substr(used);
  if (zone == "Z" || zone == "z") return t;
  int h = 0;
  int m = 0;
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':' || !digits(zone, 1, 2, h) ||
      !digits(zone, 4, 2, m) || h > 23 || m > 59) {
    return bad_instant();
  }
  const auto offset = hours(h) + minutes(m);
  return zone[0] == '+' ? t - offset : t + offset;
}

Result<Zone> Zone::create(std::string_view iana_name) {
  Zone zone;
  zone.name_ = iana_name;
  if (*icu_zone(zone.name_) == icu::TimeZone::getUnknown()) {
    return fail(ErrorKind::invalid_input, "time.zone",
                "The time zone is not known; use a name such as Asia/Baku.");
  }
  return zone;
}

seconds Zone::offset_at(Instant t) const {
  std::int32_t raw = 0;
  std::int32_t dst = 0;
  UErrorCode status = U_ZERO_ERROR;
  icu_zone(name_)->getOffset(double(floor<milliseconds>(t).time_since_epoch().count()), 0, raw, dst, status);
  DAYAQ_ASSERT(U_SUCCESS(status));
  return seconds((raw + dst) / 1000);
}

Date Zone::day_of(Instant t) const {
  return floor<days>(t + offset_at(t));
}

Instant Zone::start_of(Date day) const {
  std::int32_t raw = 0;
  std::int32_t dst = 0;
  UErrorCode status = U_ZERO_ERROR;
  icu_zone(name_)->getOffset(double(time_point_cast<milliseconds>(day).time_since_epoch().count()), 1, raw,
                             dst, status);
  DAYAQ_ASSERT(U_SUCCESS(status));
  return day - milliseconds(raw + dst);
}

std::string Zone::format_local(Instant t) const {
  if (t == instant_max || t == instant_min) return {};
  const Instant local = t + offset_at(t);
  const auto day = floor<days>(local);
  const hh_mm_ss clock(local - day);
  return fmt::format("{} {:02}:{:02}", format_date(day), clock.hours().count(), clock.minutes().count());
}

Result<Instant> Zone::parse_local(std::string_view text) const {
  if (text.size() == 10) {
    DAYAQ_TRY(const Date day, parse_date(text));
    return start_of(day);
  }
  Instant local;
  if (parse_clock_time(text, local) == text.size() && !text.empty()) {
    const auto day = floor<days>(local);
    return start_of(day) + (local - day);
  }
  return parse_instant(text);
}

int age_on(Date birth, Date day) {
  const year_month_day b(birth);
  const year_month_day d(day);
  int age = int(d.year()) - int(b.year());
  if (d.month() < b.month() || (d.month() == b.month() && d.day() < b.day())) --age;
  return age;
}

Date birthday(Date birth, int years_old) {
  const year_month_day b(birth);
  const year_month_day at = b + years(years_old);
  return at.ok() ? sys_days(at) : sys_days(at.year() / March / 1);
}

}  // namespace dayaq
