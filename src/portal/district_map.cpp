#include "portal/district_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numbers>
#include <utility>

namespace dayaq::portal {
namespace {

constexpr int map_margin = 4;
constexpr double tolerance = 2;  // units; what nobody sees on a screen
constexpr std::size_t labels_max = 7;
constexpr int label_width = 96;  // of an average name
constexpr int label_height = 26;

struct GeoPoint {
  double longitude = 0;
  double latitude = 0;
};
using GeoRing = std::vector<GeoPoint>;

struct Shape {
  registry::PlaceIndex place = 0;
  std::vector<GeoRing> rings;
  double area = 0;  // square degrees, of the outer rings
};

double ring_area(const GeoRing& ring) {
  double sum = 0;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const GeoPoint& a = ring[i];
    const GeoPoint& b = ring[(i + 1) % ring.size()];
    sum += a.longitude * b.latitude - b.longitude * a.latitude;
  }
  return std::abs(sum) / 2;
}

GeoRing read_ring(const boost::json::value& json) {
  GeoRing ring;
  for (const auto& point : json.as_array()) {
    ring.push_back({point.at(0).to_number<double>(), point.at(1).to_number<double>()});
  }
  if (!ring.empty()) ring.pop_back();  // RFC 7946: the last position repeats the first
  return ring;
}

void add_polygon(Shape& shape, const boost::json::value& json) {
  bool outer = true;
  for (const auto& ring : json.as_array()) {
    shape.rings.push_back(read_ring(ring));
    if (std::exchange(outer, false)) shape.area += ring_area(shape.rings.back());
  }
}

// Throws what Boost.JSON throws for anything that isn't there.
std::vector<Shape> read_shapes(const registry::CountryPack& country) {
  std::vector<Shape> shapes;
  const auto document = boost::json::parse(country.districts_geojson());
  for (const auto& feature : document.at("features").as_array()) {
    const auto code = std::string_view(feature.at("properties").at("code").as_string());
    const auto place = country.find_place(code);
    if (!place) throw std::out_of_range("no place " + std::string(code));
    Shape shape{.place = *place, .rings = {}, .area = 0};
    const auto& geometry = feature.at("geometry");
    const auto& coordinates = geometry.at("coordinates");
    if (geometry.at("type").as_string() == "Polygon") {
      add_polygon(shape, coordinates);
    } else {
      for (const auto& polygon : coordinates.as_array()) add_polygon(shape, polygon);
    }
    shapes.push_back(std::move(shape));
  }
  if (shapes.empty()) throw std::out_of_range("no features");
  return shapes;
}

Projection projection_of(const std::vector<Shape>& shapes) {
  double west = 180, south = 90, east = -180, north = -90;
  for (const Shape& shape : shapes) {
    for (const GeoRing& ring : shape.rings) {
      for (const GeoPoint& point : ring) {
        west = std::min(west, point.longitude);
        east = std::max(east, point.longitude);
        south = std::min(south, point.latitude);
        north = std::max(north, point.latitude);
      }
    }
  }
  return {west, south, east, north, DistrictMap::width, map_margin};
}

std::vector<DistrictMap::Label> place_labels(const registry::CountryPack& country,
                                             const Projection& project) {
  std::vector<registry::PlaceIndex> settlements;
  for (std::size_t i = country.district_count(); i < country.places().size(); ++i) {
    const auto index = static_cast<registry::PlaceIndex>(i);
    if (country.place(index).kind == registry::PlaceKind::city) settlements.push_back(index);
  }
  std::ranges::sort(settlements, std::ranges::greater{}, [&](registry::PlaceIndex index) {
    return std::pair(country.place(index).population, index);
  });
  std::vector<DistrictMap::Label> labels;
  for (const auto index : settlements) {
    const auto& place = country.place(index);
    MapPoint at = project(place.longitude, place.latitude);
    at.x = std::clamp(at.x, label_width / 2, DistrictMap::width - label_width / 2);
    const bool free = std::ranges::none_of(labels, [&](const DistrictMap::Label& other) {
      return std::abs(other.at.x - at.x) < label_width && std::abs(other.at.y - at.y) < label_height;
    });
    if (free) labels.push_back({index, at});
    if (labels.size() == labels_max) break;
  }
  return labels;
}

}  // namespace

Projection::Projection(double west, double south, double east, double north, int width, int margin)
    : west_(west),
      north_(north),
      shrink_(std::cos((south + north) / 2 * std::numbers::pi / 180)),
      scale_(1),
      margin_(margin),
      height_(0) {
  scale_ = (width - 2 * margin) / ((east - west) * shrink_);
  height_ = static_cast<int>(std::ceil((north - south) * scale_)) + 2 * margin;
}

MapPoint Projection::operator()(double longitude, double latitude) const {
  return {static_cast<int>(std::lround((longitude - west_) * shrink_ * scale_)) + margin_,
          static_cast<int>(std::lround((north_ - latitude) * scale_)) + margin_};
}

std::string path_data(std::span<const MapRing> rings) {
  std::string out;
  for (const MapRing& ring : rings) {
    if (ring.empty()) continue;
    out += fmt::format("M{} {}l", ring[0].x, ring[0].y);
    bool first = true;
    const auto append = [&](int delta) {
      // A minus sign separates by itself.
      if (!std::exchange(first, false) && delta >= 0) out += ' ';
      out += fmt::format("{}", delta);
    };
    for (std::size_t i = 1; i < ring.size(); ++i) {
      append(ring[i].x - ring[i - 1].x);
      append(ring[i].y - ring[i - 1].y);
    }
    out += 'z';
  }
  return out;
}

Result<DistrictMap> DistrictMap::create(const registry::CountryPack& country) {
  std::vector<Shape> shapes;
  try {
    shapes = read_shapes(country);
  } catch (const std::exception& e) {
    return fail(ErrorKind::internal, "portal.map", "The map of the country's districts can't be read.",
                e.what());
  }
  std::ranges::sort(shapes, std::ranges::greater{},
                    [](const Shape& shape) { return std::pair(shape.area, shape.place); });
  const Projection project = projection_of(shapes);
  DistrictMap map;
  map.height_ = project.height();
  std::vector<MapRing> rings;
  for (const Shape& shape : shapes) {
    for (const GeoRing& ring : shape.rings) {
      MapRing& points = rings.emplace_back();
      for (const GeoPoint& point : ring) points.push_back(project(point.longitude, point.latitude));
    }
  }
  rings = simplified(std::move(rings), tolerance);
  std::size_t first = 0;
  for (const Shape& shape : shapes) {
    map.districts_.push_back({shape.place, path_data(std::span(rings).subspan(first, shape.rings.size()))});
    first += shape.rings.size();
  }
  map.labels_ = place_labels(country, project);
  return map;
}

}  // namespace dayaq::portal
