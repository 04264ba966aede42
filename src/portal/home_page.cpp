#include "portal/page_parts.hpp"
#include "portal/reach_view.hpp"

namespace dayaq::portal {
namespace {

/// A regime among others: standing, period, title, summary.
void fill_regime(View& view, const regime::RegimeVersion& version, const Page& page) {
  set_standing(view, version, page);
  view.set("PERIOD", period_line(version.regime.period, page));
  view.set("HREF", "/regimes/" + version.regime.code.value());
  view.set("TITLE", version.regime.title.in(page.language()));
  view.set("SUMMARY", version.regime.summary.in(page.language()));
}

struct Group {
  Standing standing;
  std::string_view text;
};

}  // namespace

Result<std::string> home_page(Page& page, const HomeContent& content) {
  const Format& format = page.format();
  View& view = page.content("home.html");
  if (content.in_force.empty()) view.show("NOTHING");
  std::int64_t measures = 0;
  for (const auto& version : content.in_force) {
    View& card = view.add("REGIME");
    fill_regime(card, *version, page);
    for (const regime::Measure& measure : version->regime.measures) {
      View& line = card.add("MEASURE");
      line.set("TITLE", measure.title.in(page.language()));
      line.set("WHO", who_sentence(measure.who, format, page.site().words()));
      if (measure.period.contains(page.now())) ++measures;
    }
  }
  view.set("AS_OF", format.fill("as_of", {{"time", format.date_time(page.now())}}));
  add_figure(view, format.text("figure_registered_persons"), format.number(signed_of(content.persons)));
  add_figure(view, format.text("figure_registered_lines"), format.number(signed_of(content.lines)));
  add_figure(view, format.text("figure_measures_in_force"), format.number(measures));
  add_figure(view, format.text("figure_audit_entries"), format.number(signed_of(content.audit_entries)));
  return page.render({"/", "", "/"}, format.text("home_page"));
}

Result<std::string> regimes_page(Page& page, const Versions& all) {
  const Format& format = page.format();
  View& view = page.content("regimes.html");
  if (all.empty()) view.show("NOTHING");
  const Versions leading = leading_versions(all, page.now());
  constexpr Group groups[]{{Standing::in_force, "group_in_force"},
                           {Standing::coming, "group_coming"},
                           {Standing::submitted, "group_submitted"},
                           {Standing::ended, "group_ended"}};
  for (const Group& group : groups) {
    View* section = nullptr;
    // An amendment that awaits approval is listed beside the version that is in force.
    for (const auto& version : group.standing == Standing::submitted ? all : leading) {
      if (standing_of(*version, page.now()) != group.standing) continue;
      if (section == nullptr) {
        section = &view.add("GROUP");
        section->set("ID", std::string(group.text));
        section->set("NAME", format.text(group.text));
      }
      View& card = section->add("REGIME");
      fill_regime(card, *version, page);
      if (group.standing == Standing::submitted) card.set("HREF", version_path(*version));
      const auto count = static_cast<std::int64_t>(version->regime.measures.size());
      card.set("LINE", format.fill("regime_line", {{"measures", format.count("measures_count", count)},
                                                   {"version", format.version(version->regime.version)}}));
    }
  }
  return page.render({"/regimes", "", "/regimes"}, format.text("regimes_title"));
}

}  // namespace dayaq::portal
