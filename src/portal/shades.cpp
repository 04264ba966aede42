#include "portal/shades.hpp"

#include <algorithm>
#include <cmath>

namespace dayaq::portal {
namespace {

constexpr double slack = 1e-9;  // of a class: a value on a bound isn't moved by rounding

}  // namespace

Shades::Shades(std::span<const double> values) {
  double least = 0, most = 0;
  for (const double value : values) {
    if (value <= 0) continue;
    least = least == 0 ? value : std::min(least, value);
    most = std::max(most, value);
  }
  first_ = least;
  if (most - least <= most * slack) return;
  for (double power = std::pow(10, std::floor(std::log10((most - least) / colours)));; power *= 10) {
    for (const double width : {power, 2 * power, 5 * power}) {
      first_ = std::floor(least / width + slack) * width;
      width_ = width;
      count_ = std::max(1, static_cast<int>(std::ceil((most - first_) / width - slack)));
      if (count_ <= colours) return;
    }
  }
}

int Shades::of(double value) const {
  if (value <= 0) return 0;
  if (width_ == 0) return 1;
  return std::clamp(static_cast<int>(std::floor((value - first_) / width_ + slack)) + 1, 1, count_);
}

int Shades::colour(int shade) const {
  if (shade == 0) return 0;
  if (count_ == 1) return colours / 2 + 1;
  return 1 + (shade - 1) * (colours - 1) / (count_ - 1);
}

}  // namespace dayaq::portal
