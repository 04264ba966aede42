#include "portal/reach_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "portal/shades.hpp"

namespace dayaq::portal {
namespace {

constexpr std::size_t top_max = 8;

struct DistrictReach {
  registry::PlaceIndex place = 0;
  regime::Reach reach;
  std::uint64_t residents = 0;
  [[nodiscard]] double share() const {
    return residents == 0 ? 0 : static_cast<double>(reach.persons) / static_cast<double>(residents);
  }
};

/// The chosen measure of the regime; null for all together.
const regime::Measure* chosen_measure(const TerritoryChoice& choice) {
  const auto& measures = choice.regime.measures;
  const auto found =
      std::ranges::find_if(measures, [&](const auto& m) { return m.code.value() == choice.measure; });
  return found == measures.end() ? nullptr : &*found;
}

/// One for each district of the country, by PlaceIndex; nobody lives where the preview has none.
std::vector<DistrictReach> districts_of(const TerritoryChoice& choice, const Page& page) {
  const std::size_t count = page.site().words().country.district_count();
  std::vector<DistrictReach> districts(count);
  for (std::size_t i = 0; i < count; ++i) districts[i].place = static_cast<registry::PlaceIndex>(i);
  const regime::Measure* measure = chosen_measure(choice);
  const regime::MeasurePreview* one =
      measure == nullptr ? nullptr : measure_preview(choice.preview, measure->code);
  if (measure != nullptr && one == nullptr) return districts;
  const auto& reaches = one == nullptr ? choice.preview.any_by_place : one->by_place;
  for (std::size_t i = 0; i < choice.preview.places.size(); ++i) {
    const registry::PlaceIndex place = choice.preview.places[i];
    if (place >= count) continue;
    districts[place].reach = reaches[i];
    districts[place].residents = choice.preview.living[i];
  }
  return districts;
}

std::string name_of(registry::PlaceIndex place, const Page& page) {
  return page.site().words().country.place(place).name.in(page.language());
}

void add_option(View& view, const std::string& code, const std::string& name, bool selected) {
  View& option = view.add("OPTION");
  option.set("CODE", code);
  option.set("NAME", name);
  if (selected) option.show("SELECTED");
}

void sort_by_persons(std::vector<DistrictReach>& districts) {
  std::ranges::sort(districts, std::ranges::greater{}, [](const DistrictReach& district) {
    return std::pair(district.reach.persons, district.place);
  });
}

void fill_row(View& row, const DistrictReach& district, const Page& page) {
  row.set("PERSONS", page.format().number(signed_of(district.reach.persons)));
  row.set("SHARE", page.format().share(district.share()));
  row.set("LINES", page.format().number(signed_of(district.reach.lines)));
  row.set("COST", page.format().money(signed_of(district.reach.cost_qepik)));
}

/// What the map's colours stand for.
struct MapScale {
  bool cost = false;  ///< manat a month for each resident; else percent of residents

  [[nodiscard]] double value(const DistrictReach& district) const {
    if (!cost) return district.share() * 100;
    if (district.residents == 0) return 0;
    return static_cast<double>(district.reach.cost_qepik) / 100 / static_cast<double>(district.residents);
  }
  [[nodiscard]] std::string text(std::string_view amount, const Format& format) const {
    return format.fill(cost ? "manat" : "percent", {{"amount", amount}});
  }
  [[nodiscard]] std::string text(double value, const Format& format) const {
    return text(format.decimal(value, cost ? 2 : 1), format);
  }
  [[nodiscard]] std::string range(double from, double until, const Format& format) const {
    if (!cost) until = std::min(until, 100.0);
    if (from == until) return text(from, format);
    const int decimals = until - from >= 0.99 ? 0 : until - from >= 0.099 ? 1 : 2;
    return text(format.fixed(from, decimals) + "–" + format.fixed(until, decimals), format);
  }
};

void add_legend(View& map, const Shades& shades, const MapScale& scale, bool anywhere_none,
                const Format& format) {
  map.set("KEY_NAME", format.text(scale.cost ? "map_key_cost" : "map_key"));
  const auto add = [&](int colour, const std::string& name) {
    View& key = map.add("KEY");
    key.set("SHADE", fmt::format("{}", colour));
    key.set("NAME", name);
  };
  if (anywhere_none) add(0, format.text("map_none"));
  for (int shade = 1; shade <= shades.count(); ++shade) {
    add(shades.colour(shade), scale.range(shades.from(shade), shades.until(shade), format));
  }
}

void add_map(View& view, const std::vector<DistrictReach>& districts, const MapScale& scale,
             const Page& page) {
  const Format& format = page.format();
  std::vector<double> values;
  for (const DistrictReach& district : districts) values.push_back(scale.value(district));
  const Shades shades(values);
  View& map = view.add("MAP");
  map.set("WIDTH", fmt::format("{}", DistrictMap::width));
  map.set("HEIGHT", fmt::format("{}", page.site().map().height()));
  const auto [least, most] = std::ranges::minmax_element(values);
  const auto name_at = [&](auto value) {
    return name_of(districts[static_cast<std::size_t>(value - values.begin())].place, page);
  };
  const std::string count = fmt::format("{}", districts.size());
  map.set("DESC", format.fill("map_desc", {{"count", count},
                                           {"most", name_at(most)},
                                           {"most_share", scale.text(*most, format)},
                                           {"least", name_at(least)},
                                           {"least_share", scale.text(*least, format)}}));
  for (const auto& shape : page.site().map().districts()) {
    if (shape.place >= districts.size()) continue;
    const double value = values[shape.place];
    View& path = map.add("DISTRICT");
    path.set("SHADE", fmt::format("{}", shades.colour(shades.of(value))));
    path.set("PATH", shape.path);
    path.set("LABEL", format.fill("map_label", {{"name", name_of(shape.place, page)},
                                                {"share", scale.text(value, format)}}));
  }
  for (const auto& label : page.site().map().labels()) {
    View& place = map.add("PLACE");
    place.set("X", fmt::format("{}", label.at.x));
    place.set("Y", fmt::format("{}", label.at.y));
    place.set("NAME", name_of(label.place, page));
  }
  add_legend(map, shades, scale, std::ranges::any_of(values, [](double value) { return value <= 0; }),
             format);
}

}  // namespace

std::string bar_width(std::uint64_t value, std::uint64_t longest) {
  if (value == 0 || longest == 0) return "0";
  const double percent = 100.0 * static_cast<double>(value) / static_cast<double>(longest);
  // What is there stays visible.
  return fmt::format("{:.3g}", std::clamp(percent, 0.4, 100.0));
}

void add_figure(View& view, const std::string& name, const std::string& value) {
  View& figure = view.add("FIGURE");
  figure.set("NAME", name);
  figure.set("VALUE", value);
}

const regime::MeasurePreview* measure_preview(const regime::Preview& preview, const MeasureCode& code) {
  const auto found = std::ranges::find_if(preview.measures, [&](const regime::MeasurePreview& measure) {
    return measure.code == code && !measure.ended;
  });
  return found == preview.measures.end() ? nullptr : &*found;
}

std::string choice_title(const TerritoryChoice& choice, const Page& page) {
  const regime::Measure* measure = chosen_measure(choice);
  if (measure == nullptr) return page.format().text("map_what_all");
  return page.format().fill("map_what", {{"title", measure->title.in(page.language())}});
}

std::string districts_title(const TerritoryChoice& choice, const Page& page) {
  const regime::Measure* measure = chosen_measure(choice);
  return measure == nullptr ? page.format().text("map_all") : measure->title.in(page.language());
}

void add_measure_options(View& view, const TerritoryChoice& choice, const Page& page) {
  const regime::Measure* chosen = chosen_measure(choice);
  add_option(view, "", page.format().text("map_all"), chosen == nullptr);
  for (const regime::Measure& measure : choice.regime.measures) {
    add_option(view, measure.code.value(), measure.title.in(page.language()), chosen == &measure);
  }
}

void add_territory(View& view, const TerritoryChoice& choice, const Page& page) {
  std::vector<DistrictReach> districts = districts_of(choice, page);
  View& territory = page.include(view, "TERRITORY", "territory.html");
  territory.set("WHAT", choice_title(choice, page));
  add_map(territory, districts, {.cost = chosen_measure(choice) == nullptr}, page);
  if (!choice.path.empty()) {
    const regime::Measure* chosen = chosen_measure(choice);
    if (chosen != nullptr) territory.add("WHOLE").set("HREF", choice.path);
    View& all = territory.add("ALL");
    all.set("HREF", fmt::format("{}/territory{}{}", choice.path, chosen == nullptr ? "" : "?measure=",
                                chosen == nullptr ? "" : choice.measure));
    all.set("NAME", page.format().fill("map_table", {{"count", fmt::format("{}", districts.size())}}));
  }
  sort_by_persons(districts);
  districts.resize(std::min(districts.size(), top_max));
  for (const DistrictReach& district : districts) {
    View& row = territory.add("TOP");
    row.set("NAME", name_of(district.place, page));
    row.set("PERSONS", page.format().number(signed_of(district.reach.persons)));
    row.set("BAR", bar_width(district.reach.persons, districts.front().reach.persons));
  }
}

void add_district_table(View& view, const TerritoryChoice& choice, const Page& page) {
  std::vector<DistrictReach> districts = districts_of(choice, page);
  sort_by_persons(districts);
  DistrictReach total;
  for (const DistrictReach& district : districts) {
    View& row = view.add("ROW");
    row.set("NAME", name_of(district.place, page));
    row.set("BAR", bar_width(district.reach.persons, districts.front().reach.persons));
    fill_row(row, district, page);
    total.residents += district.residents;
    total.reach.persons += district.reach.persons;
    total.reach.lines += district.reach.lines;
    total.reach.cost_qepik += district.reach.cost_qepik;
  }
  view.set("LINES_NAME",
           page.format().text(chosen_measure(choice) == nullptr ? "figure_lines_sum" : "figure_lines"));
  fill_row(view, total, page);  // a person lives in one district, so the sum counts each once
}

}  // namespace dayaq::portal
