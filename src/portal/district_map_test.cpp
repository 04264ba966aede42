#include "portal/district_map.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "portal/portal_test_support.hpp"

namespace dayaq::portal {
namespace {

TEST(Projection, PutsNorthUpAndKeepsTheShape) {
  const Projection project(44, 38, 50, 42, 600, 0);
  EXPECT_EQ(project(44, 42), (MapPoint{0, 0}));
  EXPECT_EQ(project(50, 42), (MapPoint{600, 0}));
  // At 40 degrees north a degree of longitude is 0.766 of a degree of latitude: 600 / 6 / 0.766 = 130.5
  // units.
  EXPECT_EQ(project(44, 41).y, 131);
  EXPECT_EQ(project.height(), 523);
}

TEST(PathData, WritesRelativeLines) {
  const std::vector<MapRing> rings{{{10, 5}, {13, 3}, {17, 4}}, {}, {{0, 0}, {0, 9}, {-9, 9}}};
  EXPECT_EQ(path_data(rings), "M10 5l3-2 4 1zM0 0l0 9-9 0z");
}

TEST(Simplified, DropsWhatLiesOnALineAndKeepsCorners) {
  const auto rings = simplified({{{0, 0}, {5, 0}, {10, 0}, {10, 0}, {10, 10}, {5, 11}, {0, 10}}}, 1.5);
  EXPECT_EQ(rings.front(), (MapRing{{0, 0}, {10, 0}, {10, 10}, {0, 10}}));
}

TEST(Simplified, LeavesASharedBorderAlikeInBothRings) {
  // Two squares side by side; the border between them bends a little at one point and much at another.
  const MapRing left{{0, 0}, {10, 0}, {11, 3}, {14, 6}, {10, 10}, {0, 10}};
  const MapRing right{{20, 10}, {10, 10}, {14, 6}, {11, 3}, {10, 0}, {20, 0}};
  const auto rings = simplified({left, right}, 1.5);
  const auto has = [](const MapRing& ring, MapPoint point) {
    return std::ranges::find(ring, point) != ring.end();
  };
  for (const MapPoint point : {MapPoint{10, 0}, MapPoint{14, 6}, MapPoint{10, 10}}) {
    EXPECT_TRUE(has(rings[0], point) && has(rings[1], point));
  }
  EXPECT_EQ(has(rings[0], {11, 3}), has(rings[1], {11, 3}));
  EXPECT_FALSE(has(rings[0], {11, 3}));
}

TEST(Simplified, EmptiesARingThatFallsTogether) {
  EXPECT_TRUE(simplified({{{1, 1}, {1, 1}, {2, 2}}}, 1).front().empty());
}

TEST(DistrictMap, DrawsEveryDistrictOfTheCountryWithinItsFrame) {
  const auto& country = test::Country::az().pack;
  const auto map = DistrictMap::create(country);
  ASSERT_TRUE(map) << map.error().detail;
  ASSERT_EQ(map->districts().size(), country.district_count());
  std::size_t bytes = 0;
  for (const auto& district : map->districts()) {
    EXPECT_TRUE(district.path.starts_with('M')) << country.place(district.place).code.value();
    bytes += district.path.size();
  }
  EXPECT_LT(bytes, 9000u);
  EXPECT_GT(map->height(), 300);
  EXPECT_LT(map->height(), 800);
  EXPECT_EQ(country.place(map->labels().front().place).name.az, "Bakı");
  for (const auto& label : map->labels()) {
    EXPECT_TRUE(label.at.x > 0 && label.at.x < DistrictMap::width && label.at.y > 0 &&
                label.at.y < map->height());
  }
}

}  // namespace
}  // namespace dayaq::portal
