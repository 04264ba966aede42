// Line charts as SVG, for a page without scripts: once for wide and once for narrow windows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dayaq::cli::drill {

struct Line {
  const char* style;  ///< class of the style sheet, a to d: colour and dashes, so that print tells them apart
  const char* name;
  std::vector<double> values;
};

struct Chart {
  std::string id, title;
  std::string what;  ///< a sentence that says what is to be seen, for who doesn't see it
  std::string x_name;
  std::vector<std::string> ticks = {};  ///< one for each value; some are shown
  std::vector<Line> lines = {};
  std::vector<bool> shaded = {};
  double limit = 0;  ///< a promise, as a level line; 0: none
};

/// A figure with its caption and key. Of more than 240 values, neighbours are drawn as one: the greatest.
[[nodiscard]] std::string figure_of(Chart chart);

}  // namespace dayaq::cli::drill
