#include "services/web/drop_off.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "services/cases/cases_test_support.hpp"
#include "services/web/ministry_figures.hpp"

namespace dayaq::services::web {
namespace {

using dayaq::test::must;
using namespace std::chrono_literals;

struct DropOffTest : testing::TestWithParam<store::Engine> {
  test::CasesNode node{GetParam(), migrations()};
  const Zone& zone = node.node.pack.zone();
  const Date today{std::chrono::sys_days{std::chrono::year(2026) / 3 / 14}};
  const Instant noon = zone.start_of(today) + 12h;
  DropOff drop_off{zone};

  std::vector<QuestionFigures> stored(std::string_view service, Date from, Date until) {
    return must(
        node.read([&](store::Session& session) { return question_figures(session, service, from, until); }));
  }
  static const QuestionFigures* find(const std::vector<QuestionFigures>& all, std::string_view field) {
    const auto found = std::ranges::find(all, field, &QuestionFigures::field);
    return found == all.end() ? nullptr : &*found;
  }
};

TEST_P(DropOffTest, WhatWasShownAndAnsweredAddsUpOverFlushes) {
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 5; ++i) drop_off.shown("pass", "reason", noon);
    for (int i = 0; i < 3; ++i) drop_off.answered("pass", "reason", noon + 1h);
    drop_off.shown("pass", last_page, noon);
    drop_off.shown("help", "reason", noon);
    EXPECT_TRUE(drop_off.flush(node.node.db()));
  }
  EXPECT_TRUE(drop_off.flush(node.node.db()));  // nothing is counted twice
  const auto all = stored("pass", today, today + std::chrono::days(1));
  ASSERT_EQ(all.size(), 2u) << "of this service alone";
  const QuestionFigures* reason = find(all, "reason");
  ASSERT_NE(reason, nullptr);
  EXPECT_EQ(reason->shown, 10);
  EXPECT_EQ(reason->answered, 6);
  ASSERT_NE(find(all, last_page), nullptr);
  EXPECT_EQ(find(all, last_page)->shown, 2);
  EXPECT_EQ(find(all, last_page)->answered, 0);
}

TEST_P(DropOffTest, DaysAreThoseOfTheCountry) {
  const Instant midnight = zone.start_of(today + std::chrono::days(1));
  drop_off.shown("pass", "reason", midnight - 1s);
  drop_off.shown("pass", "reason", midnight);
  EXPECT_TRUE(drop_off.flush(node.node.db()));
  const auto day = [&](int number) {
    const Date from = today + std::chrono::days(number);
    const auto all = stored("pass", from, from + std::chrono::days(1));
    return all.empty() ? std::int64_t{0} : all.front().shown;
  };
  EXPECT_EQ(day(0), 1);
  EXPECT_EQ(day(1), 1);
  EXPECT_EQ(day(2), 0);
}

TEST_P(DropOffTest, FiguresHaveWhatIsNotStoredYet) {
  drop_off.shown("pass", "reason", noon);
  EXPECT_TRUE(drop_off.flush(node.node.db()));
  drop_off.shown("pass", "reason", noon);
  drop_off.answered("pass", "reason", noon);
  drop_off.shown("pass", first_page, noon);
  drop_off.shown("pass", "reason", noon - 24h);
  drop_off.shown("help", "reason", noon);
  const Date end = today + std::chrono::days(1);
  const auto all = drop_off.with_waiting(stored("pass", today, end), "pass", today, end);
  ASSERT_EQ(all.size(), 2u);
  ASSERT_NE(find(all, "reason"), nullptr);
  EXPECT_EQ(find(all, "reason")->shown, 2) << "not yesterday's, not another service's";
  EXPECT_EQ(find(all, "reason")->answered, 1);
  ASSERT_NE(find(all, first_page), nullptr);
  EXPECT_EQ(find(all, first_page)->shown, 1);
}

TEST_P(DropOffTest, WhatCouldNotBeStoredIsKeptForTheNextTime) {
  drop_off.shown("pass", "reason", noon);
  const auto hide = [&] {
    EXPECT_TRUE(node.write([](store::Session& session) {
      return session.exec("ALTER TABLE service_questions RENAME TO service_questions_hidden", {});
    }));
  };
  const auto show = [&] {
    EXPECT_TRUE(node.write([](store::Session& session) {
      return session.exec("ALTER TABLE service_questions_hidden RENAME TO service_questions", {});
    }));
  };
  hide();
  EXPECT_FALSE(drop_off.flush(node.node.db()));
  drop_off.answered("pass", "reason", noon);  // and it goes on counting meanwhile
  show();
  EXPECT_TRUE(drop_off.flush(node.node.db()));
  const auto all = stored("pass", today, today + std::chrono::days(1));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all.front().shown, 1);
  EXPECT_EQ(all.front().answered, 1);
}

INSTANTIATE_TEST_SUITE_P(Engines, DropOffTest, testing::ValuesIn(dayaq::test::engines),
                         [](auto& i) { return dayaq::test::name_of(i.param); });

}  // namespace
}  // namespace dayaq::services::web
