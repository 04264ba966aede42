// Reach in views: figures, the map of districts with its legend, bars, the table.
#pragma once

#include <string>
#include <vector>

#include "portal/site.hpp"
#include "regime/preview.hpp"

namespace dayaq::portal {

/// Shares of residents in up to six classes of a round width, so that a legend reads well.
class Shades {
 public:
  explicit Shades(const std::vector<double>& shares);
  /// 1 .. count() for a share; 0 for nobody.
  [[nodiscard]] int of(double share) const;
  [[nodiscard]] int count() const { return count_; }
  [[nodiscard]] double from(int shade) const { return first_ + width_ * (shade - 1); }
  [[nodiscard]] double until(int shade) const { return first_ + width_ * shade; }

 private:
  double first_ = 0;
  double width_ = 1;
  int count_ = 1;
};

[[nodiscard]] inline std::int64_t signed_of(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}

/// The length of a bar, in percent of the longest.
[[nodiscard]] std::string bar_width(std::uint64_t value, std::uint64_t longest);

/// A <dt>/<dd> pair in a strip of figures.
void add_figure(View& view, const std::string& name, const std::string& value);

/// What is shown of a regime's reach by territory.
struct TerritoryChoice {
  const regime::Regime& regime;
  const regime::Preview& preview;
  std::string measure;  ///< a measure's code; "" or unknown for all together
  std::string path;     ///< of the regime's page, for links; "" shows neither choice nor link
};

/// A measure in a preview; null if the preview doesn't count it.
[[nodiscard]] const regime::MeasurePreview* measure_preview(const regime::Preview& preview,
                                                            const MeasureCode& code);

/// "The colour shows which share of each district's residents at least one measure reaches."
[[nodiscard]] std::string choice_title(const TerritoryChoice& choice, const Page& page);
/// The choice of a measure, all together first.
void add_measure_options(View& view, const TerritoryChoice& choice, const Page& page);
/// The territory section of a page: map, legend, the districts with the most persons.
void add_territory(View& view, const TerritoryChoice& choice, const Page& page);
/// Every district with its figures and bars, and the sum: the table that stands for the map.
void add_district_table(View& view, const TerritoryChoice& choice, const Page& page);

}  // namespace dayaq::portal
