#include "services/web/ministry_figures.hpp"

#include <gtest/gtest.h>

namespace dayaq::services::web {
namespace {

Date day(int number) {
  return Date(std::chrono::days(number));
}

TEST(MinistryFigures, SumsAndSharesOfTheAnswered) {
  const std::vector<Cases::DayFigures> days{
      {.day = day(1), .submitted = 10, .granted = 6, .refused = 2, .late = 2, .seconds_to_answer = 800},
      {.day = day(2), .submitted = 5, .granted = 0, .refused = 0, .late = 0, .seconds_to_answer = 0}};
  const ServiceSums sums = sum(days);
  EXPECT_EQ(sums.submitted, 15);
  EXPECT_EQ(sums.answered(), 8);
  EXPECT_DOUBLE_EQ(sums.late_share(), 0.25);
  EXPECT_DOUBLE_EQ(sums.granted_share(), 0.75);
  EXPECT_EQ(sums.mean_time(), std::chrono::seconds(100));
  EXPECT_EQ(sum({}).mean_time(), std::chrono::seconds(0));
  EXPECT_DOUBLE_EQ(sum({}).late_share(), 0);
}

TEST(MinistryFigures, DaysWithoutFiguresAreThere) {
  const std::vector<Cases::DayFigures> days{{.day = day(2), .submitted = 3}};
  const auto all = every_day(days, day(1), day(4));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].submitted, 0);
  EXPECT_EQ(all[1].submitted, 3);
  EXPECT_EQ(all[2].day, day(3));
}

TEST(MinistryFigures, StopsComeInTheOrderOfTheFormAndTheWorstIsByNumber) {
  Service service;
  service.form.resize(2);
  service.form[0].code = "where";
  service.form[1].code = "why";
  const std::vector<QuestionFigures> counted{
      {"*", 40, 40}, {"gone", 3, 1}, {"why", 60, 40}, {"", 100, 90}, {"where", 90, 95}};
  const auto rows = stops(service, counted);
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[0].field, "");
  EXPECT_EQ(rows[1].field, "where");
  EXPECT_DOUBLE_EQ(rows[1].stopped(), 0);  // gone back to and answered again
  EXPECT_EQ(rows[2].field, "why");
  EXPECT_EQ(rows[3].field, "*");
  EXPECT_EQ(rows[4].field, "gone");
  ASSERT_NE(worst_stop(rows), nullptr);
  EXPECT_EQ(worst_stop(rows)->field, "why");
  EXPECT_EQ(worst_stop({}), nullptr);
}

TEST(MinistryFigures, TheChartHasABarForEachFigureAndEscapesItsLabels) {
  const std::vector<Cases::DayFigures> days{{.day = day(1), .submitted = 4, .granted = 1, .refused = 1},
                                            {.day = day(2)}};
  const std::string drawn = chart(days, "4", "<1>", "2");
  EXPECT_NE(drawn.find(R"(class="in")"), std::string::npos);
  EXPECT_NE(drawn.find(R"(class="out")"), std::string::npos);
  EXPECT_EQ(drawn.find("<1>"), std::string::npos);
  std::size_t bars = 0;
  for (std::size_t at = drawn.find("<rect"); at != std::string::npos; at = drawn.find("<rect", at + 1))
    ++bars;
  EXPECT_EQ(bars, 2u);
  EXPECT_EQ(chart({}, "1", "", "").find("<rect"), std::string::npos);
}

}  // namespace
}  // namespace dayaq::services::web
