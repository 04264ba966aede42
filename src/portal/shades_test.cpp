#include "portal/shades.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace dayaq::portal {
namespace {

TEST(Shades, HaveRoundBoundsThatHoldAllValues) {
  const std::vector<double> values{41.2, 45, 52.9, 60.1, 69.9};
  const Shades shades(values);
  EXPECT_EQ(shades.count(), 6);
  EXPECT_DOUBLE_EQ(shades.from(1), 40);
  EXPECT_DOUBLE_EQ(shades.until(1), 45);
  EXPECT_DOUBLE_EQ(shades.until(6), 70);
  EXPECT_EQ(shades.of(41.2), 1);
  EXPECT_EQ(shades.of(45), 2);
  EXPECT_EQ(shades.of(69.9), 6);
  EXPECT_EQ(shades.of(0), 0);
}

TEST(Shades, FitSmallAndLargeValuesAlike) {
  const std::vector<double> small{2.11, 2.14, 2.26};
  EXPECT_NEAR(Shades(small).until(1) - Shades(small).from(1), 0.05, 1e-12);
  const std::vector<double> large{1200, 99'000};
  EXPECT_NEAR(Shades(large).until(1) - Shades(large).from(1), 20'000, 1e-6);
  for (const auto& values : {small, large}) {
    const Shades shades(values);
    EXPECT_LE(shades.from(1), values.front());
    EXPECT_GE(shades.until(shades.count()), values.back());
  }
}

TEST(Shades, MakeOneClassOfValuesThatAreAllTheSame) {
  const std::vector<double> values{100, 0, 100};
  const Shades shades(values);
  EXPECT_EQ(shades.count(), 1);
  EXPECT_EQ(shades.from(1), 100);
  EXPECT_EQ(shades.until(1), 100);
  EXPECT_EQ(shades.of(100), 1);
  EXPECT_EQ(shades.of(0), 0);
}

TEST(Shades, SpreadFewClassesOverAllColours) {
  const std::vector<double> values{1, 2.9};
  const Shades shades(values);
  EXPECT_EQ(shades.colour(1), 1);
  EXPECT_EQ(shades.colour(shades.count()), Shades::colours);
  EXPECT_EQ(shades.colour(0), 0);
  const std::vector<double> nothing{0, 0};
  EXPECT_EQ(Shades(nothing).of(0), 0);
}

}  // namespace
}  // namespace dayaq::portal
