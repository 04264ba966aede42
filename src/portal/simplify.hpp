// Fewer points for a map whose areas share borders.
#pragma once

#include <vector>

namespace dayaq::portal {

struct MapPoint {
  int x = 0;
  int y = 0;
  friend auto operator<=>(const MapPoint&, const MapPoint&) = default;
};
/// A closed ring; the first point isn't repeated at the end.
using MapRing = std::vector<MapPoint>;

/// Drops points that lie within `tolerance` of the line without them (Douglas-Peucker), but keeps each point
/// where three borders meet, and simplifies a border that two rings share alike in both: neither gaps nor
/// overlaps arise. Points that fall together are dropped first; a ring that is left with fewer than three
/// points becomes empty.
[[nodiscard]] std::vector<MapRing> simplified(std::vector<MapRing> rings, double tolerance);

}  // namespace dayaq::portal
