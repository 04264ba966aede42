#include "settlement/price.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "settlement/settlement_test_support.hpp"

namespace dayaq::settlement {
namespace {

using feed::Benefit;

SumName named(std::string_view code, std::uint8_t benefit, Benefit kind) {
  return {
      .operator_code = "azercell", .measure = test::measure_number(code), .benefit = benefit, .kind = kind};
}
Price price(std::string_view code, std::uint8_t benefit, Benefit kind) {
  return price_of(benefit_of(*test::quarantine_law(), named(code, benefit, kind)));
}

TEST(Price, IsTheBenefitsOfTheMeasuresNumber) {
  const Price voice = price("health-workers-calls", 0, Benefit::voice);
  EXPECT_EQ(voice.pays, Pays::use);
  EXPECT_EQ(owed(3600, voice), 180) << "3 qepik a minute";
  EXPECT_EQ(owed(7, price("health-workers-calls", 1, Benefit::messages)), 7) << "1 qepik a message";
  EXPECT_EQ(owed(1'000'000'000, price("learning-resources", 0, Benefit::data)), 50)
      << "0.05 qepik a megabyte";
  EXPECT_EQ(owed(1'000'000'000, price("learners-internet", 0, Benefit::data)), 50)
      << "half of 0.1 qepik a megabyte, as in the preview";
}

TEST(Price, CountsPlacesAsTheFeedsDefinitionDoes) {
  // The first benefit of video-reception is a room, which no operator delivers.
  EXPECT_EQ(price("video-reception", 0, Benefit::data).pays, Pays::use);
  EXPECT_EQ(price("video-reception", 1, Benefit::data).pays, Pays::unknown);
  EXPECT_EQ(price("video-reception", 0, Benefit::room).pays, Pays::unknown);
}

TEST(Price, OfAMonthOfTelevisionIsOwedForSubscriptionsAndNotForWhatTheyWatched) {
  const Price watched = price("home-tv", 0, Benefit::tv);
  EXPECT_EQ(watched.pays, Pays::month);
  EXPECT_EQ(owed(100'000, watched), std::nullopt);
  const Price months =
      price_of(benefit_of(*test::quarantine_law(), named("home-tv", 0, Benefit::tv)), feed::Unit::none);
  EXPECT_EQ(months.pays, Pays::month);
  ASSERT_GT(months.cost_qepik, 0u);
  EXPECT_EQ(owed(40, months), std::int64_t(40 * months.cost_qepik * months.percent / (months.per * 100)));
  EXPECT_EQ(owed(0, months), 0);
}

TEST(Price, OfWhatNoLawHasIsUnknown) {
  const SumName nothing{.operator_code = "azercell", .measure = 4711};
  EXPECT_EQ(price_of(benefit_of(*test::quarantine_law(), nothing)).pays, Pays::unknown);
  EXPECT_EQ(owed(60, Price{}), std::nullopt);
  EXPECT_EQ(price("health-workers-calls", 0, Benefit::data).pays, Pays::unknown) << "of another kind";
}

TEST(Price, IsNothingForWhatIsGivenForFree) {
  regime::Benefit free{.kind = regime::BenefitKind::data, .unit = regime::Unit::octets};
  EXPECT_EQ(price_of(&free).pays, Pays::free);
  EXPECT_EQ(owed(1'000'000'000, price_of(&free)), 0);
  free.cost_qepik = 5;
  free.percent = 0;
  EXPECT_EQ(price_of(&free).pays, Pays::free);
}

TEST(Price, IsRoundedOnceHalfAwayFromZero) {
  const Price minute{.pays = Pays::use, .cost_qepik = 3, .per = 60, .percent = 100};
  EXPECT_EQ(owed(9, minute), 0);
  EXPECT_EQ(owed(10, minute), 1);
  EXPECT_EQ(owed(29, minute), 1);
  EXPECT_EQ(owed(30, minute), 2);
  EXPECT_EQ(owed(-10, minute), -1);
  EXPECT_EQ(owed(-9, minute), 0);
  EXPECT_EQ(owed(1, {.pays = Pays::use, .cost_qepik = 1, .per = 1, .percent = 50}), 1);
}

TEST(Price, StaysInBoundsWhateverIsAskedOfIt) {
  const Price dear{.pays = Pays::use, .cost_qepik = ~std::uint64_t(0), .per = 1, .percent = 100};
  EXPECT_EQ(owed(std::numeric_limits<std::int64_t>::max(), dear), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(owed(-std::numeric_limits<std::int64_t>::max(), dear), -std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(owed(1'000'000'000'000'000, {.pays = Pays::use, .cost_qepik = 7, .per = 1'000'000}),
            7'000'000'000);
}

TEST(Month, IsCountedThroughTheYears) {
  EXPECT_EQ(format_month(month_of(test::date(2026, 11, 30))), "2026-11");
  EXPECT_EQ(month_of(test::date(2027, 1, 1)), month_of(test::date(2026, 12, 31)) + 1);
  EXPECT_EQ(first_day(month_of(test::date(2028, 2, 29))), test::date(2028, 2, 1));
}

}  // namespace
}  // namespace dayaq::settlement
