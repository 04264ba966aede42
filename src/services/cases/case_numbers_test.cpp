#include "services/cases/case_numbers.hpp"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace dayaq::services {
namespace {

using namespace std::chrono_literals;

constexpr Instant now = Instant(Date(std::chrono::year(2026) / 11 / 21)) + 8h;

TEST(CaseNumbers, AreFoundInTheOrderOfTime) {
  CaseNumbers numbers({.k0 = 1, .k1 = 2});
  std::int64_t before = 0;
  for (int i = 0; i < 1000; ++i) {
    const CaseId id = numbers.draw(now + std::chrono::microseconds(i / 3));
    EXPECT_EQ(parse_case_number(case_number(id)), id);
    const std::int64_t at = numbers.order(id);
    EXPECT_GT(at, before);
    EXPECT_EQ(numbers.order(id, now + 399 * 24h), at);
    EXPECT_FALSE(numbers.order(id, now - 2h)) << "nothing is drawn in the future";
    before = at;
  }
}

TEST(CaseNumbers, SayNothingToWhoHasntTheKey) {
  CaseNumbers numbers({.k0 = 1, .k1 = 2}), others({.k0 = 1, .k1 = 3});
  int ascending = 0, like_theirs = 0, high_bits = 0;
  std::uint64_t before = 0;
  for (int i = 0; i < 4000; ++i) {
    const CaseId id = numbers.draw(now + std::chrono::microseconds(i));
    ascending += id.value() > before ? 1 : 0;
    like_theirs += others.order(id, now) ? 1 : 0;
    high_bits += id.value() >> 53 != 0 ? 1 : 0;
    before = id.value();
  }
  EXPECT_NEAR(ascending, 2000, 300);
  EXPECT_LT(like_theirs, 40);
  EXPECT_NEAR(high_bits, 2000, 300);
}

TEST(CaseNumbers, AreOnlyOnceThoughDrawnByManyAtOnce) {
  CaseNumbers numbers({.k0 = 5, .k1 = 6});
  std::vector<std::vector<std::uint64_t>> drawn(4);
  std::vector<std::thread> all;
  for (auto& mine : drawn) {
    all.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) mine.push_back(numbers.draw(now).value());
    });
  }
  for (std::thread& one : all) one.join();
  std::set<std::uint64_t> different;
  for (const auto& mine : drawn) different.insert(mine.begin(), mine.end());
  EXPECT_EQ(different.size(), 20'000u);
}

TEST(CaseNumbers, ThatWereChosenStandForThemselves) {
  const CaseNumbers numbers({.k0 = 5, .k1 = 6});
  const CaseId large(0x7fffffffffffff);
  EXPECT_EQ(numbers.order(large), 0x7fffffffffffff);
  EXPECT_FALSE(numbers.order(large, now));
  int taken_for_ours = 0;
  for (std::uint64_t i = 1; i <= 1000; ++i) taken_for_ours += numbers.order(CaseId(i), now) ? 1 : 0;
  EXPECT_LT(taken_for_ours, 20);
}

}  // namespace
}  // namespace dayaq::services
