#include "regime/preview_json.hpp"

#include <fmt/format.h>

#include <iterator>

#include "http/encoding.hpp"

namespace dayaq::regime {
namespace {

void put_reach(std::string& out, const Reach& reach) {
  fmt::format_to(std::back_inserter(out),
                 R"({{"persons":{},"lines":{},"gained":{},"lost":{},"cost_qepik":{}}})", reach.persons,
                 reach.lines, reach.gained, reach.lost, reach.cost_qepik);
}

template <class List, class Put>
void put_list(std::string& out, const List& list, Put&& put) {
  out += '[';
  const char* comma = "";
  for (const auto& item : list) {
    out += comma;
    put(item);
    comma = ",";
  }
  out += ']';
}

void put_reaches(std::string& out, const std::vector<Reach>& reaches) {
  put_list(out, reaches, [&](const Reach& reach) { put_reach(out, reach); });
}

}  // namespace

std::string preview_json(const Preview& preview, const PreviewNames& names) {
  std::string out = fmt::format(R"({{"at":"{}","places":)", format_instant(preview.at));
  std::size_t index = 0;
  put_list(out, preview.places, [&](PlaceIndex place) {
    const registry::Place& known = names.country.place(place);
    fmt::format_to(std::back_inserter(out),
                   R"({{"code":"{}","name":{{"az":{},"en":{},"ru":{}}},"living":{}}})", known.code,
                   http::json_string(known.name.az), http::json_string(known.name.in(Language::en)),
                   http::json_string(known.name.in(Language::ru)), preview.living[index++]);
  });
  out += R"(,"measures":)";
  put_list(out, preview.measures, [&](const MeasurePreview& measure) {
    fmt::format_to(std::back_inserter(out), R"({{"regime":"{}","version":{},"code":"{}","ended":{},"total":)",
                   measure.regime, measure.version, measure.code, measure.ended);
    put_reach(out, measure.total);
    out += R"(,"lines":)";
    put_list(out, measure.lines, [&](const ReachedLines& lines) {
      fmt::format_to(std::back_inserter(out), R"({{"kind":"{}","provider":"{}","lines":{}}})",
                     registry::to_string(lines.kind), names.organisation_code(lines.provider), lines.lines);
    });
    out += R"(,"by_place":)";
    put_reaches(out, measure.by_place);
    out += '}';
  });
  out += R"(,"any":)";
  put_reach(out, preview.any);
  out += R"(,"any_by_place":)";
  put_reaches(out, preview.any_by_place);
  return out + "}";
}

}  // namespace dayaq::regime
