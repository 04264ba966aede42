// links: dayaq::services_booking
// Calendars' files: whatever the bytes are, the reader ends with a calendar or with errors that point into
// the text. The slots of a calendar that is read follow one another, each within its day.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "regime_country.hpp"
#include "services/booking/booking.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::services::booking;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto calendar = parse_calendar(text, fuzz::country().pack);
  if (!calendar) {
    DAYAQ_ASSERT(!calendar.error().empty());
    for (const Error& error : calendar.error()) {
      DAYAQ_ASSERT(error.kind == ErrorKind::invalid_input && !error.public_text.empty());
      DAYAQ_ASSERT(error.line <= std::uint32_t(std::count(text.begin(), text.end(), '\n')) + 1);
    }
    return 0;
  }
  DAYAQ_ASSERT(is_code(calendar->code) && !calendar->openings.empty() && calendar->capacity > 0);
  for (const char* name : {"Asia/Baku", "Europe/Berlin", "America/Sao_Paulo"}) {
    const Zone zone = fuzz::must(Zone::create(name));
    for (const Date day : {fuzz::must(parse_date("2015-03-29")), fuzz::must(parse_date("2018-11-04")),
                           fuzz::must(parse_date("2027-10-31"))}) {
      Instant last = instant_min;
      for (const Instant t : slot_times(*calendar, zone, day)) {
        DAYAQ_ASSERT(zone.day_of(t) == day);
        DAYAQ_ASSERT(last == instant_min || t - last >= std::chrono::minutes(calendar->slot_minutes));
        last = t;
      }
    }
  }
  return 0;
}
