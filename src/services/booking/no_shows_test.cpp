#include "services/booking/no_shows.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.hpp"

namespace dayaq::services::booking {
namespace {

/// A service centre on one day of 2020.
constexpr Turnout measured{.came = 8827, .missed = 12458 - 8827};

TEST(LeastNoShows, OfTheMeasuredDayIsALittleUnderWhatWasCounted) {
  const double share = double(measured.missed) / double(measured.all());
  EXPECT_NEAR(share, 0.2915, 0.0001);
  EXPECT_NEAR(least_no_shows(measured), 0.2836,
              0.0001);  // statsmodels: proportion_confint(3631, 12458, wilson)
}

TEST(LeastNoShows, TrustsFewBookingsLittle) {
  EXPECT_EQ(least_no_shows({}), 0);
  EXPECT_EQ(least_no_shows({.came = 50, .missed = 0}), 0);
  EXPECT_NEAR(least_no_shows({.came = 7, .missed = 3}), 0.1078, 0.0001);
  EXPECT_NEAR(least_no_shows({.came = 700, .missed = 300}), 0.2724, 0.0001);
}

/// The same figure by counting: persons who come or don't, drawn one by one.
TEST(ChanceOfCrowd, IsWhatDrawingPeopleGives) {
  SeededRandom random(7);
  constexpr int rounds = 200'000;
  for (const auto& [booked, room] : {std::pair{25, 20}, std::pair{27, 20}, std::pair{4, 3}}) {
    int crowds = 0;
    for (int i = 0; i < rounds; ++i) {
      int came = 0;
      for (int person = 0; person < booked; ++person) came += random.unit() >= 0.29 ? 1 : 0;
      crowds += came > room ? 1 : 0;
    }
    EXPECT_NEAR(chance_of_crowd(booked, room, 0.29), double(crowds) / rounds, 0.004) << booked;
  }
}

TEST(ChanceOfCrowd, HasSensibleEnds) {
  EXPECT_EQ(chance_of_crowd(20, 20, 0.3), 0);
  EXPECT_EQ(chance_of_crowd(21, 20, 0), 1);
  EXPECT_EQ(chance_of_crowd(21, 20, 1), 0);
  EXPECT_NEAR(chance_of_crowd(1, 0, 0.25), 0.75, 1e-12);
  EXPECT_NEAR(chance_of_crowd(2000, 1000, 0.1), 1, 1e-9);  // no term is lost on the way
}

TEST(Places, AreTheMostThatKeepCrowdsRare) {
  const int booked = places(20, measured);
  EXPECT_EQ(booked, 23);
  const double p = least_no_shows(measured);
  EXPECT_LE(chance_of_crowd(booked, 20, p), crowded_at_most);
  EXPECT_GT(chance_of_crowd(booked + 1, 20, p), crowded_at_most);
}

TEST(Places, OfASmallOfficeAreItsChairs) {
  EXPECT_EQ(places(1, measured), 1);
  EXPECT_EQ(places(2, measured), 2);
}

TEST(Places, AreNeverTwiceTheRoomHoweverFewCome) {
  EXPECT_EQ(places(20, {.came = 1, .missed = 9999}), 40);
}

TEST(Places, WithoutHistoryFollowTheAssumptionWithCare) {
  EXPECT_EQ(places(20, with_assumption({}, 0)), 20);
  const int assumed = places(20, with_assumption({}, 29));
  EXPECT_GT(assumed, 20);
  EXPECT_LT(assumed, places(20, measured));
  // A thousand people who all came outweigh what the file says.
  EXPECT_EQ(places(20, with_assumption({.came = 1000}, 29)), 20);
}

}  // namespace
}  // namespace dayaq::services::booking
