// Instants, periods, dates and the clock. UTC inside; the country pack's zone only at the surface.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace dayaq {

using Instant = std::chrono::sys_time<std::chrono::microseconds>;  ///< UTC; stored as BIGINT microseconds.
using Date = std::chrono::sys_days;  ///< A calendar day; stored as days since 1970.

inline constexpr Instant instant_min = Instant::min();
inline constexpr Instant instant_max = Instant::max();  ///< "without end".

/// Half-open: from <= t < until.
struct Period {
  Instant from = instant_min;
  Instant until = instant_max;
  [[nodiscard]] constexpr bool contains(Instant t) const { return from <= t && t < until; }
  [[nodiscard]] constexpr bool empty() const { return until <= from; }
  [[nodiscard]] constexpr bool overlaps(const Period& other) const {
    return from < other.until && other.from < until;
  }
  friend bool operator==(const Period&, const Period&) = default;
};

[[nodiscard]] constexpr std::int64_t to_micros(Instant t) {
  return t.time_since_epoch().count();
}
[[nodiscard]] constexpr Instant from_micros(std::int64_t micros) {
  return Instant(std::chrono::microseconds(micros));
}

/// Time comes in as a parameter: use-cases take a `const Clock&`.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override;
};

/// A clock that stands still until told otherwise. Not thread-safe to set while others read.
class FixedClock final : public Clock {
 public:
  explicit FixedClock(Instant t) : now_(t) {}
  [[nodiscard]] Instant now() const override { return now_; }
  void set(Instant t) { now_ = t; }
  void advance(std::chrono::microseconds by) { now_ += by; }

 private:
  Instant now_;
};

/// RFC 3339, "2026-11-21T17:54:00Z" (fraction only when not zero). instant_max is "" (no end).
[[nodiscard]] std::string format_instant(Instant t);
/// RFC 3339 with `Z` or a numeric offset. invalid_input "time.instant".
[[nodiscard]] Result<Instant> parse_instant(std::string_view text);
/// "2026-11-21". invalid_input "time.date" for anything else, years 1800..9999.
[[nodiscard]] Result<Date> parse_date(std::string_view text);
[[nodiscard]] std::string format_date(Date date);

/// A country's civil time. @see IANA tz database, through ICU.
class Zone {
 public:
  /// invalid_input "time.zone" if ICU doesn't know the name.
  static Result<Zone> create(std::string_view iana_name);
  [[nodiscard]] const std::string& name() const { return name_; }
  /// The civil day in which t falls.
  [[nodiscard]] Date day_of(Instant t) const;
  /// The first instant of a civil day.
  [[nodiscard]] Instant start_of(Date day) const;
  /// Seconds east of UTC at t.
  [[nodiscard]] std::chrono::seconds offset_at(Instant t) const;
  /// "2026-11-21 21:54" for people.
  [[nodiscard]] std::string format_local(Instant t) const;
  /// A date ("2026-11-21": the start of that civil day), a local time ("2026-11-21T08:00") or RFC 3339.
  [[nodiscard]] Result<Instant> parse_local(std::string_view text) const;

 private:
  std::string name_;
};

/// Completed years of age on a day. Someone born on 29 February is a year older on 1 March of a common year
/// (Azerbaijan: Civil Code, Article 25 counts full years).
[[nodiscard]] int age_on(Date birth, Date day);
/// The first day on which someone born on `birth` is `years` old.
[[nodiscard]] Date birthday(Date birth, int years);

}  // namespace dayaq
