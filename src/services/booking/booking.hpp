// Appointments: calendars of places where people come, their slots, and who has which. No slot is given
// twice.
//
// A calendar is a resource file (country/az/calendars/*.yaml): opening hours, holidays, how long a slot
// lasts, how many come at once, how early one may come and how late. Slots follow from it; only what is
// booked is stored.
#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "registry/country_pack.hpp"
#include "services/booking/no_shows.hpp"
#include "store/database.hpp"

namespace dayaq::services::booking {

[[nodiscard]] std::span<const store::Migration> migrations();

struct Opening {
  std::uint8_t weekdays = 0;  ///< bit 0: Monday
  int from_minute = 0;        ///< of the civil day
  int until_minute = 0;
};

struct Calendar {
  std::string code;
  LocalizedText name;
  LocalizedText address;
  OrganisationCode organisation;
  int slot_minutes = 15;
  int capacity = 1;  ///< how many may come at one time
  std::vector<Opening> openings;
  std::vector<Date> closed;
  int ahead_days = 30;      ///< how far ahead one may book
  int early_minutes = 15;   ///< whoever comes earlier waits
  int late_minutes = 10;    ///< whoever comes later has lost the slot
  int no_show_percent = 0;  ///< of bookings, as assumed until it is known; overbooks as far as it is safe
  bool overbook = true;     ///< false: never, whatever is known
};

/// Reads a calendar's file whole, or says all that is wrong with it, ordered by place: invalid_input file.*
/// and booking.* with line, column and field. @see docs/appointments.md
[[nodiscard]] std::expected<Calendar, Errors> parse_calendar(std::string_view text,
                                                             const registry::CountryPack& country);

/// When the slots of a civil day begin, first to last: none on a closed day. Opening hours are times of the
/// clock on the wall; within them slots follow one another in true time, so that on a day when clocks are put
/// forward none begins at a time that there isn't, and on one when they are put back none is missing.
[[nodiscard]] std::vector<Instant> slot_times(const Calendar& calendar, const Zone& zone, Date day);
/// The first moment at which clocks show this minute of a civil day; if they skip it, when they skip.
[[nodiscard]] Instant at_clock(const Zone& zone, Date day, int minute);

struct Slot {
  Instant at;
  int left = 0;  ///< how many more may come
};
struct Booking {
  std::string calendar;
  Instant at;
  PersonId person;
  std::uint64_t case_id = 0;
  enum class State : std::uint8_t { booked, came, missed, cancelled } state = State::booked;
  int changes = 0;  ///< since it was first booked
  Instant changed;  ///< when it last was; of whom came: when they came
};

/// A civil day and how many may still choose a time on it.
struct DayLeft {
  Date day;
  int left = 0;
};

/// What comes of somebody at the door.
enum class Arrival : std::uint8_t { early, on_time, late };
[[nodiscard]] Arrival arrival(const Calendar& calendar, Instant booked, Instant came);

class Calendars {
 public:
  /// All of the folder; errors with file, line and what to correct. A folder that isn't there: none.
  static Result<std::unique_ptr<Calendars>> load(const std::filesystem::path& folder,
                                                 const registry::CountryPack& country);
  [[nodiscard]] const Calendar* find(std::string_view code) const;
  [[nodiscard]] std::span<const Calendar> all() const;

  /// The slots of a civil day that are still to come, daylight saving and closed days minded.
  Result<std::vector<Slot>> slots(store::Session& session, const Calendar& calendar, Date day,
                                  Instant now) const;
  /// The days with slots still to come, from today on to the last that may be booked; full ones too.
  Result<std::vector<DayLeft>> days(store::Session& session, const Calendar& calendar, Instant now) const;
  /// In the caller's write transaction. The same person and case again gets what they have.
  ///   - conflict "booking.taken"       somebody was faster
  ///   - invalid_input "booking.slot"   no such time
  Result<Booking> book(store::Session& session, const Calendar& calendar, Instant at, PersonId person,
                       std::uint64_t case_id, Instant now) const;
  Result<void> cancel(store::Session& session, PersonId person, std::uint64_t case_id, Instant now) const;
  Result<std::optional<Booking>> of_case(store::Session& session, PersonId person,
                                         std::uint64_t case_id) const;
  /// What came of it: came or missed; may be put right later.
  ///   - not_found "booking.unknown"   there is no booking of this case
  ///   - conflict "booking.cancelled"  it was cancelled
  ///   - conflict "booking.not_yet"    another civil day's, or missed before it was too late to come
  Result<Booking> mark(store::Session& session, PersonId person, std::uint64_t case_id, Booking::State state,
                       Instant now) const;
  /// Of one day, by time; cancelled ones aren't there.
  Result<std::vector<Booking>> day(store::Session& session, const Calendar& calendar, Date day) const;
  /// What came of the bookings of the last ninety days, the calendar's assumption apart.
  Result<Turnout> turnout(store::Session& session, const Calendar& calendar, Instant now) const;
  /// How many may book one slot of it now.
  Result<int> places_of(store::Session& session, const Calendar& calendar, Instant now) const;
  [[nodiscard]] const Zone& zone() const { return country_.zone(); }
  [[nodiscard]] Date today(Instant now) const { return zone().day_of(now); }

 private:
  Result<std::vector<Slot>> slots_between(store::Session& session, const Calendar& calendar, Date from,
                                          Date until, Instant now) const;
  explicit Calendars(const registry::CountryPack& country) : country_(country) {}
  const registry::CountryPack& country_;
  std::vector<Calendar> calendars_;
};

/// One's own appointment, or an office's day, for a calendar program (RFC 5545); names nobody but the place.
/// A booking keeps its UID whatever happens to it; each change raises its SEQUENCE.
[[nodiscard]] std::string ical(const Calendar& calendar, std::span<const Booking> bookings,
                               std::string_view host, Instant now, Language language = Language::az);

}  // namespace dayaq::services::booking
