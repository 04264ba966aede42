// The country's districts as SVG paths, from the country pack's GeoJSON.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "portal/simplify.hpp"
#include "registry/country_pack.hpp"

namespace dayaq::portal {

/// Equirectangular, with longitudes shortened by the cosine of the middle latitude: true to shape for a
/// country that spans a few degrees. North is up; y grows downwards as in SVG.
class Projection {
 public:
  /// Fits the bounds (degrees) into `width` units with `margin` around; the height follows.
  Projection(double west, double south, double east, double north, int width, int margin);
  [[nodiscard]] MapPoint operator()(double longitude, double latitude) const;
  [[nodiscard]] int height() const { return height_; }

 private:
  double west_, north_, shrink_, scale_;
  int margin_, height_;
};

/// Closed rings as SVG path data with relative lines: "M10 5l3-2 4 1z". Empty rings are left out.
[[nodiscard]] std::string path_data(std::span<const MapRing> rings);

class DistrictMap {
 public:
  struct District {
    registry::PlaceIndex place = 0;
    std::string path;
  };
  struct Label {
    registry::PlaceIndex place = 0;
    MapPoint at;
  };
  static constexpr int width = 600;

  /// internal "portal.map" if the text is no FeatureCollection of (multi)polygons with a known `code` each.
  static Result<DistrictMap> create(const registry::CountryPack& country);
  [[nodiscard]] int height() const { return height_; }
  /// The largest first, so that a small one that lies in it is drawn on top.
  [[nodiscard]] const std::vector<District>& districts() const { return districts_; }
  /// The most populous settlements whose names don't run into each other.
  [[nodiscard]] const std::vector<Label>& labels() const { return labels_; }

 private:
  int height_ = 0;
  std::vector<District> districts_;
  std::vector<Label> labels_;
};

}  // namespace dayaq::portal
