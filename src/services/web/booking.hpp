// What the pages of appointments share: the person's (booking_pages.cpp) and the office's
// (calendar_pages.cpp).
#pragma once

#include <span>
#include <string>

#include "services/web/web.hpp"

namespace dayaq::services::web {

/// Of the step that a case waits at; null if it waits for no appointment, or its calendar isn't there.
[[nodiscard]] const booking::Calendar* calendar_of(const ServicesWeb& services, const Case& one);
/// "Monday, 23 November 2026".
[[nodiscard]] std::string weekday_and(const Visit& visit, Date day, const std::string& words);
[[nodiscard]] std::string weekday_and(const Visit& visit, Instant at, const std::string& words);
/// "09:15", as clocks there show it.
[[nodiscard]] std::string clock_of(const ServicesWeb& services, Instant at);
/// An entry of the audit log; the person sees it among theirs.
Result<void> note_booking(store::Session& db, const ServicesWeb& services, std::string_view action,
                          const booking::Booking& booked, const std::string& actor);
/// appointment.ics
[[nodiscard]] http::Response ical_answer(const Visit& visit, const booking::Calendar& calendar,
                                         std::span<const booking::Booking> bookings);

void add_calendar_pages(http::Router& router, const ServicesWeb& services);  ///< of add_booking_pages

}  // namespace dayaq::services::web
