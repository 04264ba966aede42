#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "portal/page_parts.hpp"
#include "portal/reach_view.hpp"

namespace dayaq::portal {
namespace {

std::string path_of(const regime::RegimeVersion& version) {
  return "/regimes/" + version.regime.code.value();
}

/// The query that chooses a measure: only a code that the regime has, so that no foreign text gets into
/// links.
std::string query_of(const RegimeContent& content) {
  const auto& measures = content.shown->regime.measures;
  const bool known =
      std::ranges::any_of(measures, [&](const auto& m) { return m.code.value() == content.measure; });
  return known ? "measure=" + content.measure : "";
}

void add_note(View& view, std::string_view kind, const std::string& text) {
  View& note = view.add("NOTE");
  note.set("KIND", std::string(kind));
  note.set("TEXT", text);
}

void add_notes(View& view, const RegimeContent& content, const Page& page) {
  const Format& format = page.format();
  switch (standing_of(*content.shown, page.now())) {
    case Standing::coming:
      add_note(view, "soon", format.text("note_not_in_force"));
      break;
    case Standing::ended:
      add_note(view, "off", format.text("note_ended"));
      break;
    default:
      break;
  }
  for (const auto& version : content.versions) {
    if (standing_of(*version, page.now()) != Standing::submitted) continue;
    View& note = view.add("NOTE");
    note.set("KIND", "wait");
    note.set("TEXT",
             format.fill("note_submitted_version", {{"number", format.ordinal(version->regime.version)}}));
    View& link = note.add("LINK");
    link.set("HREF", version_path(*version));
    link.set("NAME", format.text("note_submitted_link"));
  }
}

void add_versions(View& view, const RegimeContent& content, const Page& page) {
  for (const auto& version : content.versions) {
    View& item = view.add("VERSION_LINK");
    item.set("HREF", version_path(*version));
    item.set("NAME", page.format().version(version->regime.version));
    item.set("STATE", page.format().text(text_key(standing_of(*version, page.now()))));
  }
}

void add_reach(View& view, const RegimeContent& content, const Page& page) {
  const Format& format = page.format();
  View& section = view.add("REACHED");
  const regime::Reach& any = content.preview->any;
  add_figure(section, format.text("figure_persons"), format.number(signed_of(any.persons)));
  add_figure(section, format.text("figure_lines_sum"), format.number(signed_of(any.lines)));
  add_figure(section, format.text("figure_cost"), format.money_short(signed_of(any.cost_qepik)));
  add_figure(section, format.text("figure_measures"),
             format.number(static_cast<std::int64_t>(content.shown->regime.measures.size())));
}

/// What is used just now: shown only while an edge tells of something.
void add_uses(View& view, const RegimeContent& content, const Page& page) {
  struct Shown {
    regime::BenefitKind kind;
    std::string_view name;
    double scale;
  };
  static constexpr Shown all[] = {{regime::BenefitKind::voice, "now_calls", 1.0 / 60},
                                  {regime::BenefitKind::messages, "now_messages", 1},
                                  {regime::BenefitKind::data, "now_data", 1e-6},
                                  {regime::BenefitKind::tv, "now_tv", 1.0 / 60}};
  View* section = nullptr;
  for (const Shown& shown : all) {
    const auto use = std::ranges::find(content.uses, shown.kind, &UseAMinute::kind);
    if (use == content.uses.end() || use->units <= 0) continue;
    if (section == nullptr) section = &view.add("NOW");
    const double units = use->units * shown.scale;
    add_figure(*section, page.format().text(shown.name),
               page.format().number(std::max<std::int64_t>(1, std::llround(units))));
  }
}

void add_measures(View& view, const RegimeContent& content, const Page& page) {
  const Format& format = page.format();
  std::uint64_t longest = 0;
  if (content.preview != nullptr) {
    for (const auto& measure : content.preview->measures) longest = std::max(longest, measure.total.persons);
  }
  const LocalizedText basis = common_basis(content.shown->regime);
  for (const regime::Measure& measure : content.shown->regime.measures) {
    View& item = view.add("MEASURE");
    item.set("ID", measure.code.value());
    fill_measure(item, measure, page);
    if (measure.period != content.shown->regime.period) {
      item.add("OWN_PERIOD").set("PERIOD", format.period(measure.period));
    }
    if (measure.legal_basis != basis) {
      item.add("BASIS").set("TEXT", measure.legal_basis.in(page.language()));
    }
    const auto* reach =
        content.preview == nullptr ? nullptr : measure_preview(*content.preview, measure.code);
    if (reach == nullptr) continue;
    View& figures = item.add("REACH");
    figures.set("PERSONS", format.number(signed_of(reach->total.persons)));
    figures.set("LINES", format.number(signed_of(reach->total.lines)));
    figures.set("COST", format.money(signed_of(reach->total.cost_qepik)));
    figures.set("HREF", fmt::format("{}?measure={}", path_of(*content.shown), measure.code));
    figures.set("BAR", bar_width(reach->total.persons, longest));
  }
}

void add_trail(View& view, const RegimeContent& content, const Page& page) {
  if (content.decisions.empty()) return;
  const Format& format = page.format();
  View& trail = view.add("TRAIL");
  std::string leaves;
  for (const Decision& decision : content.decisions) {
    View& row = trail.add("ENTRY");
    row.set("AT", format.date_time(decision.at));
    const std::string& action = format.text(decision.kind == Decision::Kind::submitted  ? "action_submit"
                                            : decision.kind == Decision::Kind::approved ? "action_approve"
                                                                                        : "action_end");
    row.set("ACTION", fmt::format("{} · {}", action, format.version(decision.version)));
    row.set("ACTOR", page.actor_name(decision.actor));
    if (!decision.entry) {
      row.show("NO_PROOF");
      continue;
    }
    View& proof = row.add("PROOF");
    proof.set("HREF", fmt::format("/v1/audit/proofs/inclusion?index={}&size={}", decision.entry->index,
                                  content.log_size));
    proof.set("NAME",
              format.fill("proof_link", {{"index", format.number(signed_of(decision.entry->index))}}));
    leaves += decision.entry->leaf + "\n";
  }
  if (!leaves.empty()) trail.add("LEAVES").set("TEXT", leaves);
}

}  // namespace

Result<std::string> regime_page(Page& page, const RegimeContent& content) {
  const regime::RegimeVersion& shown = *content.shown;
  View& view = page.content("regime.html");
  set_standing(view, shown, page);
  view.set("VERSION", page.format().version(shown.regime.version));
  view.set("TITLE", shown.regime.title.in(page.language()));
  view.set("SUMMARY", shown.regime.summary.in(page.language()));
  add_notes(view, content, page);
  add_version_facts(view, shown, page);
  add_versions(view, content, page);
  if (content.preview != nullptr) add_reach(view, content, page);
  add_uses(view, content, page);
  add_measures(view, content, page);
  if (content.preview != nullptr) {
    add_territory(view, {shown.regime, *content.preview, content.measure, path_of(shown)}, page);
  }
  add_feed_table(view, content.feeds, page);
  add_trail(view, content, page);
  return page.render({path_of(shown), query_of(content), "/regimes"}, shown.regime.title.in(page.language()));
}

Result<std::string> districts_page(Page& page, const RegimeContent& content) {
  const regime::RegimeVersion& shown = *content.shown;
  DAYAQ_ASSERT(content.preview != nullptr);
  View& view = page.content("districts.html");
  view.set("REGIME_HREF", path_of(shown));
  view.set("REGIME_TITLE", shown.regime.title.in(page.language()));
  const TerritoryChoice choice{shown.regime, *content.preview, content.measure, path_of(shown)};
  view.set("CHOICE", districts_title(choice, page));
  add_measure_options(view, choice, page);
  add_district_table(view, choice, page);
  return page.render({path_of(shown) + "/territory", query_of(content), "/regimes"},
                     shown.regime.title.in(page.language()));
}

}  // namespace dayaq::portal
