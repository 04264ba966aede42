#include "portal/simplify.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace dayaq::portal {
namespace {

using Neighbours = std::map<MapPoint, std::set<MapPoint>>;

void drop_repeated(MapRing& ring) {
  ring.erase(std::ranges::unique(ring).begin(), ring.end());
  while (ring.size() > 1 && ring.back() == ring.front()) ring.pop_back();
}

double distance_to_line(MapPoint p, MapPoint a, MapPoint b) {
  const double dx = b.x - a.x, dy = b.y - a.y;
  const double length = std::hypot(dx, dy);
  if (length == 0) return std::hypot(p.x - a.x, p.y - a.y);
  return std::abs((p.x - a.x) * dy - (p.y - a.y) * dx) / length;
}

/// Marks the points of arc[first, last] that are kept between its two ends.
void keep_far_points(const MapRing& arc, std::size_t first, std::size_t last, double tolerance,
                     std::vector<bool>& keep) {
  std::size_t farthest = first;
  double distance = tolerance;
  for (std::size_t i = first + 1; i < last; ++i) {
    const double d = distance_to_line(arc[i], arc[first], arc[last]);
    if (d > distance) {
      distance = d;
      farthest = i;
    }
  }
  if (farthest == first) return;
  keep[farthest] = true;
  keep_far_points(arc, first, farthest, tolerance, keep);
  keep_far_points(arc, farthest, last, tolerance, keep);
}

/// An arc between two fixed points. It is walked from the same end in both rings that share it.
MapRing simplified_arc(MapRing arc, double tolerance) {
  const bool reversed =
      arc.front() > arc.back() || (arc.front() == arc.back() && arc[1] > arc[arc.size() - 2]);
  if (reversed) std::ranges::reverse(arc);
  std::vector<bool> keep(arc.size(), false);
  keep.front() = keep.back() = true;
  keep_far_points(arc, 0, arc.size() - 1, tolerance, keep);
  MapRing out;
  for (std::size_t i = 0; i < arc.size(); ++i) {
    if (keep[i]) out.push_back(arc[i]);
  }
  if (reversed) std::ranges::reverse(out);
  return out;
}

/// Indexes of the points that stay: where borders meet; of a ring that meets nothing, two points far apart.
std::vector<std::size_t> fixed_points(const MapRing& ring, const Neighbours& neighbours) {
  std::vector<std::size_t> fixed;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    if (neighbours.at(ring[i]).size() > 2) fixed.push_back(i);
  }
  if (fixed.size() >= 2) return fixed;
  const auto least = static_cast<std::size_t>(std::ranges::min_element(ring) - ring.begin());
  const auto far = std::ranges::max_element(ring, {}, [&](MapPoint p) {
    return std::pair(std::hypot(p.x - ring[least].x, p.y - ring[least].y), p);
  });
  std::set<std::size_t> all(fixed.begin(), fixed.end());
  all.insert(least);
  all.insert(static_cast<std::size_t>(far - ring.begin()));
  return {all.begin(), all.end()};
}

}  // namespace

std::vector<MapRing> simplified(std::vector<MapRing> rings, double tolerance) {
  Neighbours neighbours;
  for (MapRing& ring : rings) {
    drop_repeated(ring);
    for (std::size_t i = 0; i < ring.size(); ++i) {
      const MapPoint next = ring[(i + 1) % ring.size()];
      neighbours[ring[i]].insert(next);
      neighbours[next].insert(ring[i]);
    }
  }
  for (MapRing& ring : rings) {
    if (ring.size() >= 3) {
      const std::vector<std::size_t> fixed = fixed_points(ring, neighbours);
      MapRing out;
      for (std::size_t i = 0; i < fixed.size(); ++i) {
        const std::size_t from = fixed[i];
        const std::size_t to = i + 1 < fixed.size() ? fixed[i + 1] : fixed[0] + ring.size();
        MapRing arc;
        for (std::size_t j = from; j <= to; ++j) arc.push_back(ring[j % ring.size()]);
        const MapRing kept = simplified_arc(std::move(arc), tolerance);
        out.insert(out.end(), kept.begin(), kept.end() - 1);
      }
      ring = std::move(out);
    }
    if (ring.size() < 3) ring.clear();
  }
  return rings;
}

}  // namespace dayaq::portal
