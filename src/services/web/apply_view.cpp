// One question as a page shows it.
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "http/encoding.hpp"
#include "services/web/apply.hpp"

namespace dayaq::services::web {
namespace {

using portal::View;

/// Names of settlements as they are searched. Made once of the country that the program runs with.
struct FoldedPlaces {
  struct Name {
    std::string folded;
    registry::PlaceIndex place = 0;
  };
  std::vector<Name> names;

  explicit FoldedPlaces(const registry::CountryPack& country) {
    for (std::size_t i = 0; i < country.places().size(); ++i) {
      const registry::Place& place = country.places()[i];
      if (place.kind == registry::PlaceKind::district) continue;
      const std::size_t first = names.size();
      for (const Language language : languages) {
        std::string folded = fold_for_search(place.name.in(language));
        const auto own = std::span(names).subspan(first);
        if (std::ranges::find(own, folded, &Name::folded) == own.end()) {
          names.push_back({std::move(folded), registry::PlaceIndex(i)});
        }
      }
    }
  }
};

/// What is expected, said below the question; "" if it goes without saying.
std::string hint_of(const Visit& visit, const Field& field) {
  const portal::Format& format = visit.page.format();
  switch (field.kind) {
    case FieldKind::number:
      return visit.fill("sv_hint_number",
                        {{"min", format.number(field.min)}, {"max", format.number(field.max)}});
    case FieldKind::text:
      return field.max > 0 ? visit.fill("sv_hint_text", {{"max", format.number(field.max)}}) : std::string();
    case FieldKind::place:
      return visit.text("sv_hint_place");
    case FieldKind::national_id:
      return visit.text("sv_hint_national_id");
    case FieldKind::phone:
      return visit.text("sv_hint_phone");
    case FieldKind::choices:
      return visit.text("sv_hint_choices");
    case FieldKind::document:
      return visit.fill("sv_hint_file",
                        {{"kinds", file_kinds(field)}, {"size", file_size_words(visit, field)}});
    default:
      return {};
  }
}

/// The ids of what describes the control, for who can't see where it stands.
std::string described_by(bool hint, bool wrong) {
  return fmt::format("{}{}{}", hint ? "answer-hint" : "", hint && wrong ? " " : "",
                     wrong ? "answer-wrong" : "");
}

struct Filling {
  Visit& visit;
  View& view;  ///< of the line or the group
  bool hint = false;
  const std::optional<Wrong>& wrong;

  void question(const Field& field, const std::string& hint_words) {
    view.set("QUESTION", field.title.in(visit.page.language()));
    if (!hint_words.empty()) view.add("HINT").set("WORDS", hint_words);
    if (wrong) view.add("BAD").set("WORDS", wrong->words);
    hint = !hint_words.empty();
  }
  void describe(View& control) const {
    if (hint || wrong) control.add("DESCRIBED").set("BY", described_by(hint, wrong.has_value()));
    if (wrong) control.show("BAD");
  }
};

void add_option(View& group, std::size_t at, std::string_view type, std::string_view code,
                const std::string& name, bool chosen) {
  View& option = group.add("OPTION");
  option.set("TYPE", std::string(type));
  option.set("ID", at == 0 ? std::string("answer") : fmt::format("answer-{}", at + 1));
  option.set("CODE", std::string(code));
  option.set("NAME", name);
  if (chosen) option.show("CHOSEN");
}

/// Radio buttons or check boxes.
void fill_group(Visit& visit, View& view, const Field& field, const std::string& value,
                const std::optional<Wrong>& wrong) {
  View& group = view.add("GROUP");
  Filling filling{visit, group, false, wrong};
  filling.question(field, hint_of(visit, field));
  if (filling.hint || wrong) group.add("DESCRIBED").set("BY", described_by(filling.hint, wrong.has_value()));
  if (field.kind == FieldKind::yes_no) {
    add_option(group, 0, "radio", "yes", visit.text("sv_yes"), value == "yes");
    add_option(group, 1, "radio", "no", visit.text("sv_no"), value == "no");
    return;
  }
  const std::string padded = " " + value + " ";
  for (std::size_t i = 0; i < field.choices.size(); ++i) {
    const Choice& choice = field.choices[i];
    add_option(group, i, field.kind == FieldKind::choices ? "checkbox" : "radio", choice.code,
               choice.title.in(visit.page.language()), padded.contains(" " + choice.code + " "));
  }
}

/// The places that fit what was typed; to type another, the page is opened anew.
void fill_places(Visit& visit, const registry::CountryPack& country, View& view, const Field& field,
                 const std::optional<Wrong>& wrong) {
  View& group = view.add("GROUP");
  Filling filling{visit, group, false, wrong};
  filling.question(field, {});
  group.add("DESCRIBED").set("BY", "answer-wrong");
  for (std::size_t i = 0; i < wrong->places.size(); ++i) {
    const std::string code = country.place(wrong->places[i]).code.value();
    add_option(group, i, "radio", code, answer_words(visit.page.format(), country, field, code), false);
  }
  View& other = view.add("OTHER_PLACE");
  other.set("HREF", std::string(visit.request.path));
  other.set("NAME", visit.text("sv_other_place"));
}

void fill_input(Visit& visit, View& view, const Field& field, const std::string& value,
                const std::optional<Wrong>& wrong) {
  View& line = view.add("LINE");
  Filling filling{visit, line, false, wrong};
  filling.question(field, hint_of(visit, field));
  if (field.kind == FieldKind::text && (field.max == 0 || field.max > 120)) {
    View& area = line.add("AREA");
    area.set("VALUE", value);
    area.set("MAX", field.max > 0 ? field.max : 500);
    filling.describe(area);
    return;
  }
  View& input = line.add("INPUT");
  input.set("VALUE", value);
  input.set("TYPE", field.kind == FieldKind::date ? "date" : field.kind == FieldKind::phone ? "tel" : "text");
  input.set("WIDTH", field.kind == FieldKind::text || field.kind == FieldKind::place ? "w-line" : "w-short");
  if (field.kind == FieldKind::number) input.add("MODE").set("OF", "numeric");
  if (field.kind == FieldKind::national_id) input.show("PLAIN");
  if (field.kind == FieldKind::text) input.add("MAX").set("OF", field.max);
  filling.describe(input);
}

Result<void> fill_file(Visit& visit, const ServicesWeb& services, const Applying& applying, View& view,
                       const Field& field, const std::string& value, const std::optional<Wrong>& wrong) {
  view.show("FILE_FORM");
  View& line = view.add("LINE");
  Filling filling{visit, line, false, wrong};
  filling.question(field, hint_of(visit, field));
  View& file = line.add("FILE");
  std::string accept;
  for (const std::string& type : field.types) accept += fmt::format("{}.{}", accept.empty() ? "" : ",", type);
  file.set("ACCEPT", accept);
  if (!value.empty()) {
    DAYAQ_TRY(std::string name, shown_answer(visit, services, applying.person, field, value));
    file.add("KEPT").set("NAME", std::move(name));
  }
  filling.describe(file);
  return {};
}

}  // namespace

std::string file_kinds(const Field& field) {
  std::string out;
  for (const std::string& type : field.types) out += (out.empty() ? "" : ", ") + to_upper(type, Language::en);
  return out;
}

std::string file_size_words(const Visit& visit, const Field& field) {
  return visit.page.format().decimal(double(field.bytes_max) / 1e6, 1);
}

std::vector<registry::PlaceIndex> places_like(const registry::CountryPack& country, std::string_view typed,
                                              std::size_t most) {
  static const FoldedPlaces all(country);
  const std::string wanted = fold_for_search(http::trim(typed));  // keyboards put a space behind a word
  std::vector<registry::PlaceIndex> exact, begin;
  if (wanted.size() < 2) return exact;
  for (const FoldedPlaces::Name& name : all.names) {
    if (!name.folded.starts_with(wanted)) continue;
    auto& list = name.folded == wanted ? exact : begin;
    if (std::ranges::find(exact, name.place) == exact.end() &&
        std::ranges::find(list, name.place) == list.end()) {
      list.push_back(name.place);
    }
  }
  const auto larger = [&](registry::PlaceIndex a, registry::PlaceIndex b) {
    const auto pa = country.place(a).population, pb = country.place(b).population;
    return pa != pb ? pa > pb : a < b;
  };
  std::ranges::sort(exact, larger);
  std::ranges::sort(begin, larger);
  for (const registry::PlaceIndex place : begin) {
    if (std::ranges::find(exact, place) == exact.end()) exact.push_back(place);
  }
  if (exact.size() > most) exact.resize(most);
  return exact;
}

Result<void> fill_question(Visit& visit, const ServicesWeb& services, const Applying& applying, View& view,
                           const Field& field, const std::string& value, const std::optional<Wrong>& wrong) {
  if (wrong) {
    View& shown = view.add("WRONG");
    shown.set("WORDS", wrong->words);
    shown.set("AT", "answer");
  }
  if (!field.required) view.show("OPTIONAL");
  if (const std::string& help = field.help.in(visit.page.language()); !help.empty()) {
    view.add("HELP").set("WORDS", help);
  }
  const registry::CountryPack& country = services.cases.context().country;
  switch (field.kind) {
    case FieldKind::choice:
    case FieldKind::choices:
    case FieldKind::yes_no:
      fill_group(visit, view, field, wrong ? wrong->typed : value, wrong);
      return {};
    case FieldKind::document:
      return fill_file(visit, services, applying, view, field, value, wrong);
    case FieldKind::place:
      if (wrong && !wrong->places.empty()) {
        fill_places(visit, country, view, field, wrong);
        return {};
      }
      if (const auto place = country.find_place(value); place && !wrong) {
        fill_input(visit, view, field, country.place(*place).name.in(visit.page.language()), wrong);
        return {};
      }
      [[fallthrough]];
    default:
      fill_input(visit, view, field, wrong ? wrong->typed : value, wrong);
      return {};
  }
}

}  // namespace dayaq::services::web
