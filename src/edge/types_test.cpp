#include "edge/types.hpp"

#include <gtest/gtest.h>

namespace dayaq::edge {
namespace {

TEST(ServiceTable, DataOfClassAllCoversEveryClassButNotTheOtherWayRound) {
  ServiceTable table;
  const ServiceIndex voice = *table.add({.kind = feed::Benefit::voice});
  const ServiceIndex lessons = *table.add({.kind = feed::Benefit::data, .traffic_class = "education"});
  const ServiceIndex any = *table.add({.kind = feed::Benefit::data, .traffic_class = "all"});
  EXPECT_EQ(*table.add({.kind = feed::Benefit::voice}), voice);
  const auto bit = [](ServiceIndex index) { return std::uint64_t(1) << index; };
  EXPECT_EQ(table.covered_by({.kind = feed::Benefit::data, .traffic_class = "all"}), bit(lessons) | bit(any));
  EXPECT_EQ(table.covered_by({.kind = feed::Benefit::data, .traffic_class = "education"}), bit(lessons));
  EXPECT_EQ(table.covered_by({.kind = feed::Benefit::messages}), 0u);
}

TEST(ServiceTable, RefusesASixtyFifth) {
  ServiceTable table;
  for (int i = 0; i < 64; ++i)
    ASSERT_TRUE(table.add({.kind = feed::Benefit::tv, .traffic_class = std::to_string(i)}));
  const auto one_more = table.add({.kind = feed::Benefit::voice});
  ASSERT_FALSE(one_more);
  EXPECT_EQ(one_more.error().code, "edge.services");
}

TEST(LeaseId, TellsOriginsSessionsAndPartsApart) {
  EXPECT_EQ(lease_id("pgw", "s;1", 7), lease_id("pgw", "s;1", 7));
  EXPECT_NE(lease_id("pgw", "s;1", 7), lease_id("pgw", "s;1", 8));
  EXPECT_NE(lease_id("pgw", "s;1"), lease_id("pg", "ws;1"));
}

}  // namespace
}  // namespace dayaq::edge
