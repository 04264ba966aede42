#include "edge/accounts.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/random.hpp"

namespace dayaq::edge {
namespace {

AccountKey key_of(std::uint64_t key, std::int32_t start = 20'000) {
  return {.key = key, .measure = 7, .benefit = 1, .period = feed::QuotaPeriod::day, .start = start};
}

TEST(AccountTable, FindsWhatWasPutInAmongAHundredThousand) {
  AccountTable table;
  SeededRandom random(1);
  std::map<std::uint64_t, std::uint64_t> model;
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t key = random.next() | 1;
    table.at(key_of(key)).used = key / 3;
    model[key] = key / 3;
  }
  EXPECT_EQ(table.size(), model.size());
  for (const auto& [key, used] : model) {
    const Account* account = table.find(key_of(key));
    ASSERT_NE(account, nullptr);
    ASSERT_EQ(account->used, used);
    ASSERT_EQ(table.find(key_of(key, 20'001)), nullptr);
  }
  EXPECT_LT(double(table.bytes()) / double(table.size()), 70.0);
}

TEST(AccountTable, LeavesPeriodsLongPastBehindWhenItGrows) {
  AccountTable table;
  SeededRandom random(2);
  std::vector<std::uint64_t> keys;
  for (int i = 0; i < 50'000; ++i) keys.push_back(random.next() | 1);
  for (std::int32_t day = 20'000; day < 20'060; ++day) {
    table.forget_before(day);
    for (const std::uint64_t key : keys) table.at(key_of(key, day)).used = std::uint64_t(day);
  }
  EXPECT_LT(table.size(), keys.size() * 8);  // of sixty days
  for (const std::uint64_t key : keys) {
    for (std::int32_t day = 20'057; day < 20'060; ++day) {
      const Account* account = table.find(key_of(key, day));
      ASSERT_NE(account, nullptr);
      ASSERT_EQ(account->used, std::uint64_t(day));
    }
  }
}

}  // namespace
}  // namespace dayaq::edge
