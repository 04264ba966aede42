#include "drill/charts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"

namespace dayaq::cli::drill {
namespace {

constexpr std::size_t values_max = 240;

struct Size {
  const char* name;
  double width, height, left, right = 12, top = 12, bottom = 36;
  std::size_t ticks;
};
constexpr Size wide{.name = "wide", .width = 720, .height = 230, .left = 64, .ticks = 12};
constexpr Size narrow{.name = "narrow", .width = 300, .height = 210, .left = 46, .ticks = 5};

/// "12k" where room is short; a blank between thousands otherwise.
std::string short_number(double value, double most) {
  if (most < 10) return fmt::format("{:.3g}", value);
  if (most >= 10'000) return fmt::format("{:.3g}k", value / 1000);
  return fmt::format("{:.0f}", value);
}

double rounded_up(double value) {
  const double power = std::pow(10, std::floor(std::log10(std::max(value, 1e-9))));
  for (const double step : {1.0, 2.0, 2.5, 5.0, 10.0}) {
    if (value <= step * power) return step * power;
  }
  return 10 * power;
}

class Drawing {
 public:
  Drawing(const Chart& chart, const Size& size) : chart_(chart), size_(size), n_(chart.ticks.size()) {
    double most = chart.limit;
    for (const Line& line : chart.lines) {
      for (const double value : line.values) most = std::max(most, value);
    }
    most_ = rounded_up(std::max(most, 1e-3));
  }

  [[nodiscard]] std::string svg() const {
    const std::string id = chart_.id + "-" + size_.name;
    std::string out = fmt::format(
        R"(<svg class="{}" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d"><title id="{}-t">{}</title>)"
        R"(<desc id="{}-d">{}</desc>)",
        size_.name, size_.width, size_.height, id, id, id, escape_html(chart_.title), id,
        escape_html(chart_.what));
    out += shades() + axes();
    if (chart_.limit > 0) {
      out += fmt::format(R"(<line class="limit" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>)", size_.left,
                         size_.width - size_.right, y_at(chart_.limit), y_at(chart_.limit));
    }
    for (const Line& line : chart_.lines) out += drawn(line);
    return out + fmt::format(R"(<text class="tick mid" x="{}" y="{}">{}</text></svg>)",
                             (size_.left + size_.width - size_.right) / 2, size_.height - 3,
                             escape_html(chart_.x_name));
  }

 private:
  [[nodiscard]] double x_at(std::size_t i) const {
    return size_.left +
           (size_.width - size_.left - size_.right) * (n_ < 2 ? 0.5 : double(i) / double(n_ - 1));
  }
  [[nodiscard]] double y_at(double value) const {
    return size_.height - size_.bottom -
           (size_.height - size_.top - size_.bottom) * std::clamp(value / most_, 0.0, 1.0);
  }

  [[nodiscard]] std::string shades() const {
    std::string out;
    const double half = n_ < 2 ? 0 : (size_.width - size_.left - size_.right) / double(n_ - 1) / 2;
    for (std::size_t i = 0; i < chart_.shaded.size(); ++i) {
      if (!chart_.shaded[i]) continue;
      std::size_t last = i;
      while (last + 1 < chart_.shaded.size() && chart_.shaded[last + 1]) ++last;
      const double from = std::max(size_.left, x_at(i) - half);
      const double until = std::min(size_.width - size_.right, x_at(last) + half);
      out += fmt::format(R"(<rect class="fault" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>)", from,
                         size_.top, std::max(1.0, until - from), size_.height - size_.top - size_.bottom);
      i = last;
    }
    return out;
  }

  [[nodiscard]] std::string axes() const {
    std::string out;
    for (int i = 0; i <= 4; ++i) {
      const double y = y_at(most_ * i / 4);
      out += fmt::format(R"(<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>)", size_.left,
                         size_.width - size_.right, y, y);
      out += fmt::format(R"(<text class="tick end" x="{}" y="{:.1f}">{}</text>)", size_.left - 6, y + 4,
                         short_number(most_ * i / 4, most_));
    }
    const std::size_t step = std::max<std::size_t>(1, (n_ + size_.ticks - 1) / size_.ticks);
    for (std::size_t i = 0; i < n_; i += step) {
      out += fmt::format(R"(<text class="tick mid" x="{:.1f}" y="{}">{}</text>)", x_at(i),
                         size_.height - size_.bottom + 16, escape_html(chart_.ticks[i]));
    }
    return out;
  }

  [[nodiscard]] std::string drawn(const Line& line) const {
    std::string out = fmt::format(R"(<polyline class="{}" points=")", line.style);
    for (std::size_t i = 0; i < line.values.size(); ++i) {
      out += fmt::format("{:.0f},{:.1f} ", x_at(i), y_at(line.values[i]));
    }
    out += "\"/>";
    if (n_ > 24) return out;
    for (std::size_t i = 0; i < line.values.size(); ++i) {
      out += fmt::format(R"(<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="2.5"/>)", line.style, x_at(i),
                         y_at(line.values[i]));
    }
    return out;
  }

  const Chart& chart_;
  const Size& size_;
  std::size_t n_;
  double most_ = 1;
};

std::string keys_of(const Chart& chart) {
  const auto key = [](const std::string& drawing, std::string_view name) {
    return fmt::format(R"(<li><svg viewBox="0 0 24 8" aria-hidden="true">{}</svg>{}</li>)", drawing, name);
  };
  const auto line = [](const char* style) {
    return fmt::format(R"(<line class="{}" x1="0" x2="24" y1="4" y2="4"/>)", style);
  };
  std::string out = "<ul class=\"keys\">";
  for (const Line& one : chart.lines) out += key(line(one.style), one.name);
  if (chart.limit > 0) out += key(line("limit"), "what is promised");
  if (std::find(chart.shaded.begin(), chart.shaded.end(), true) != chart.shaded.end()) {
    out += key(R"(<rect class="fault" width="24" height="8"/>)", "a fault");
  }
  return out + "</ul>";
}

/// Neighbours as one, so that the page stays small whatever the play's length.
void thin_out(Chart& chart) {
  const std::size_t group = (chart.ticks.size() + values_max - 1) / values_max;
  if (group < 2) return;
  const auto grouped = [&](const auto& from, const auto& joined) {
    std::decay_t<decltype(from)> out;
    for (std::size_t i = 0; i < from.size(); i += group) {
      out.push_back(joined(from.begin() + std::ptrdiff_t(i),
                           from.begin() + std::ptrdiff_t(std::min(i + group, from.size()))));
    }
    return out;
  };
  for (Line& line : chart.lines) {
    line.values = grouped(line.values, [](auto a, auto b) { return *std::max_element(a, b); });
  }
  chart.ticks = grouped(chart.ticks, [](auto a, auto) { return *a; });
  chart.shaded = grouped(chart.shaded, [](auto a, auto b) { return std::find(a, b, true) != b; });
}

}  // namespace

std::string figure_of(Chart chart) {
  thin_out(chart);
  return fmt::format("<figure><figcaption>{}</figcaption>{}{}{}</figure>", escape_html(chart.title),
                     Drawing(chart, wide).svg(), Drawing(chart, narrow).svg(), keys_of(chart));
}

}  // namespace dayaq::cli::drill
