#include "services/booking/no_shows.hpp"

#include <algorithm>
#include <cmath>

namespace dayaq::services::booking {

Turnout with_assumption(const Turnout& own, int assumed_percent) {
  const std::int64_t missed = assumed_weight * assumed_percent / 100;
  return {.came = own.came + assumed_weight - missed, .missed = own.missed + missed};
}

double least_no_shows(const Turnout& turnout) {
  if (turnout.all() <= 0 || turnout.missed <= 0) return 0;
  constexpr double z = 1.96;
  const auto n = static_cast<double>(turnout.all());
  const double share = static_cast<double>(turnout.missed) / n;
  const double centre = share + z * z / (2 * n);
  const double spread = z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return std::max(0.0, (centre - spread) / (1 + z * z / n));
}

double chance_of_crowd(int booked, int room, double no_shows) {
  if (booked <= room) return 0;
  if (no_shows <= 0) return 1;
  if (no_shows >= 1) return 0;
  // A crowd is fewer than booked - room who stay away: the binomial's lower tail, term by term, in logarithms
  // so that no term is lost.
  const double ratio = std::log(no_shows) - std::log1p(-no_shows);
  double term = booked * std::log1p(-no_shows);
  double chance = 0;
  for (int away = 0; away < booked - room; ++away) {
    chance += std::exp(term);
    term += std::log(double(booked - away)) - std::log(double(away + 1)) + ratio;
  }
  return std::min(1.0, chance);
}

int places(int room, const Turnout& turnout) {
  const double no_shows = least_no_shows(turnout);
  int booked = room;
  while (booked < 2 * room && chance_of_crowd(booked + 1, room, no_shows) <= crowded_at_most) ++booked;
  return booked;
}

}  // namespace dayaq::services::booking
