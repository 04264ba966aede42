#include "edge/leases.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/random.hpp"

namespace dayaq::edge {
namespace {

TEST(Lease, KnowsTheNumbersOfTheLastSixtyFour) {
  Lease lease;
  std::set<std::uint32_t> marked{0};
  SeededRandom random(3);
  std::uint32_t top = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint32_t n = top + 10 - std::uint32_t(random.below(std::min<std::uint64_t>(top + 10, 70)));
    const bool old = top > 64 && n < top - 64;
    ASSERT_EQ(lease.seen(n), old || marked.contains(n)) << n << " of " << top;
    if (old) continue;
    lease.mark(n);
    marked.insert(n);
    top = std::max(top, n);
    ASSERT_EQ(lease.number, top);
  }
}

TEST(LeaseTable, StaysRightWhileLeasesComeAndGo) {
  LeaseTable table;
  std::map<LeaseId, std::uint64_t> model;
  SeededRandom random(4);
  for (int i = 0; i < 200'000; ++i) {
    const LeaseId id{.high = random.below(3), .low = random.below(4096) * 0x9e3779b97f4a7c15u};
    bool made = false;
    if (random.below(3) != 0) {
      Lease& lease = table.at(id, made);
      ASSERT_EQ(made, !model.contains(id));
      lease.holder = 1;
      lease.reserved = model[id] = random.next();
    } else if (Lease* lease = table.find(id)) {
      ASSERT_EQ(lease->reserved, model.at(id));
      table.erase(*lease);
      model.erase(id);
    } else {
      ASSERT_FALSE(model.contains(id));
    }
    ASSERT_EQ(table.size(), model.size());
  }
}

TEST(LeaseTable, ALeaseIsDueOnceAfterItsLastDeadline) {
  LeaseTable table;
  bool made = false;
  constexpr std::int64_t second = 1'000'000;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    Lease& lease = table.at({.high = i, .low = i}, made);
    lease.holder = 1;
    lease.deadline = 10 * second;
    table.watch(lease);
    lease.deadline = std::int64_t(10 + i) * second;  // renewed
    table.watch(lease);
  }
  std::set<std::uint64_t> seen;
  for (std::int64_t now = 0; now < 200; ++now) {
    table.due(now * second, 1000, [&](Lease& lease) {
      EXPECT_LE(lease.deadline, now * second);
      EXPECT_GE(lease.deadline, (now - 2) * second);
      EXPECT_TRUE(seen.insert(lease.id.high).second);
      table.erase(lease);
    });
  }
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace dayaq::edge
