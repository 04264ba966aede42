// How many of those who booked won't come, and how many more may therefore book.
//
// In one day of 2020 a service centre had 12,458 bookings and 8,827 people who came. Whoever leaves a third
// of the places empty makes others wait for weeks; whoever gives away too many makes those who came wait at
// the door. So a slot takes as many more as are nearly sure not to come: by a low estimate of the share that
// stays away, and only while the chance that more come than there is room for stays under a bound.
#pragma once

#include <cstdint>

namespace dayaq::services::booking {

/// Bookings whose end is known.
struct Turnout {
  std::int64_t came = 0;
  std::int64_t missed = 0;
  [[nodiscard]] std::int64_t all() const { return came + missed; }
};

/// What a calendar's file assumes counts as this many bookings beside the calendar's own.
inline constexpr std::int64_t assumed_weight = 100;
/// The chance, at one slot, that more come than there is room for.
inline constexpr double crowded_at_most = 0.05;

/// The file's assumption and the calendar's own history as one.
[[nodiscard]] Turnout with_assumption(const Turnout& own, int assumed_percent);

/// The least share that stays away, as sure as 97.5 %: Wilson's lower bound at z = 1.96, 0 without bookings.
/// @see E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference (1927)
[[nodiscard]] double least_no_shows(const Turnout& turnout);

/// The chance that more than `room` of `booked` come, if each stays away with the chance `no_shows`, on their
/// own.
[[nodiscard]] double chance_of_crowd(int booked, int room, double no_shows);

/// How many may book a slot with room for `room`: the most for which a crowd stays as rare as
/// `crowded_at_most`, never fewer than `room` nor more than twice as many.
[[nodiscard]] int places(int room, const Turnout& turnout);

}  // namespace dayaq::services::booking
