#include "settlement/recent.hpp"

#include <gtest/gtest.h>

namespace dayaq::settlement {
namespace {

using namespace std::chrono_literals;

struct RecentTest : testing::Test {
  void add(std::uint64_t number, std::int64_t units, std::string edge = "baku-1") {
    recent.add({.operator_code = "azercell",
                .edge = std::move(edge),
                .number = number,
                .created = now,
                .lines = {{.measure = 7, .kind = feed::Benefit::voice, .units = units}}});
  }
  [[nodiscard]] double voice() const {
    double sum = 0;
    for (const RecentUse& use : recent.a_minute(now)) sum += use.units;
    return sum;
  }
  Recent recent;
  Instant now = Instant(1'800'000'000s);
};

TEST_F(RecentTest, BatchesEveryTwoSecondsAreAMinutesUse) {
  for (std::uint64_t n = 1; n <= 90; ++n, now += 2s) add(n, 20);
  EXPECT_NEAR(voice(), 600, 1);
}

TEST_F(RecentTest, ABatchAMinuteIsAMinutesUse) {
  for (std::uint64_t n = 1; n <= 3; ++n, now += 60s) add(n, 300);
  EXPECT_NEAR(voice(), 300, 1);
}

TEST_F(RecentTest, TheSameBatchAgainAddsNothing) {
  for (std::uint64_t n = 1; n <= 90; ++n, now += 2s) {
    add(n, 20);
    add(n, 20);
  }
  EXPECT_NEAR(voice(), 600, 1);
}

TEST_F(RecentTest, EdgesAddUpAndWhoeverIsSilentDropsOut) {
  for (std::uint64_t n = 1; n <= 90; ++n, now += 2s) {
    add(n, 20);
    add(n, 10, "baku-2");
  }
  EXPECT_NEAR(voice(), 900, 2);
  now += 4min;
  EXPECT_EQ(voice(), 0);
}

TEST_F(RecentTest, WhatWaitedForDaysIsNotOfNow) {
  add(1, 1);
  now += 72h;
  add(2, 1'000'000);  // three days of use, told at once
  now += 2s;
  add(3, 20);
  EXPECT_EQ(voice(), 20);
  for (std::uint64_t n = 4; n <= 40; ++n, now += 2s) add(n, 20);
  EXPECT_NEAR(voice(), 600, 10);
}

}  // namespace
}  // namespace dayaq::settlement
