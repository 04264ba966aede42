// Classes of values for a choropleth map, with bounds that read well.
#pragma once

#include <span>

namespace dayaq::portal {

/// Up to six classes of a width of 1, 2 or 5 times a power of ten, the narrowest that holds all values above
/// zero. Values that are all the same make one class without width.
class Shades {
 public:
  static constexpr int colours = 6;  ///< classes c1 .. c6 of the style sheet; c0 is nothing

  explicit Shades(std::span<const double> values);
  /// The class of a value, from 1; 0 for zero and below.
  [[nodiscard]] int of(double value) const;
  [[nodiscard]] int count() const { return count_; }
  [[nodiscard]] double from(int shade) const { return first_ + width_ * (shade - 1); }
  [[nodiscard]] double until(int shade) const { return first_ + width_ * shade; }
  /// The colour of a class: few classes are spread over all colours. 0 for 0.
  [[nodiscard]] int colour(int shade) const;

 private:
  double first_ = 0;
  double width_ = 0;
  int count_ = 1;
};

}  // namespace dayaq::portal
