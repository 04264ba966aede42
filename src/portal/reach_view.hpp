// Reach in views: figures, the map of districts with its legend, bars, the table.
#pragma once

#include <string>
#include <vector>

#include "portal/site.hpp"
#include "regime/preview.hpp"

namespace dayaq::portal {

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

/// What the map of the choice shows, as a sentence.
[[nodiscard]] std::string choice_title(const TerritoryChoice& choice, const Page& page);
/// What the table of the choice shows: the measure's title, or "all measures".
[[nodiscard]] std::string districts_title(const TerritoryChoice& choice, const Page& page);
/// The choice of a measure, all together first.
void add_measure_options(View& view, const TerritoryChoice& choice, const Page& page);
/// The territory section of a page. The map shows of one measure which share of the residents it reaches, of
/// all together what they cost a month for each resident: somebody is reached by something nearly everywhere.
/// Besides the map: legend, the districts with the most persons.
void add_territory(View& view, const TerritoryChoice& choice, const Page& page);
/// Every district with its figures and bars, and the sum: the table that stands for the map.
void add_district_table(View& view, const TerritoryChoice& choice, const Page& page);

}  // namespace dayaq::portal
