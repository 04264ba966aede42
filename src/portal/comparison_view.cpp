// What a draft changes: persons and cost of each measure beside what is in force.
#include <algorithm>
#include <set>

#include "portal/page_parts.hpp"
#include "portal/reach_view.hpp"

namespace dayaq::portal {
namespace {

/// A measure of the draft, of what is in force, or of both (by its code).
struct ComparedMeasure {
  std::string title;
  regime::Reach before;
  regime::Reach after;
  bool in_force = false;
  bool in_draft = false;
};

regime::Reach reach_in(const regime::Preview& preview, const MeasureCode& code) {
  const regime::MeasurePreview* found = measure_preview(preview, code);
  return found == nullptr ? regime::Reach{} : found->total;
}

std::vector<ComparedMeasure> compared(const Comparison& comparison, const Page& page) {
  std::vector<ComparedMeasure> out;
  for (const regime::Measure& measure : comparison.draft.measures) {
    out.push_back({measure.title.in(page.language()), reach_in(comparison.before, measure.code),
                   reach_in(comparison.after, measure.code),
                   measure_preview(comparison.before, measure.code) != nullptr, true});
  }
  if (comparison.in_force == nullptr) return out;
  for (const regime::Measure& measure : comparison.in_force->regime.measures) {
    const bool kept = std::ranges::any_of(
        comparison.draft.measures, [&](const regime::Measure& other) { return other.code == measure.code; });
    if (kept) continue;
    out.push_back(
        {measure.title.in(page.language()), reach_in(comparison.before, measure.code), {}, true, false});
  }
  return out;
}

std::int64_t difference(std::uint64_t after, std::uint64_t before) {
  return signed_of(after) - signed_of(before);
}

void add_mark(View& row, std::string_view tag, const std::string& name) {
  View& mark = row.add("MARK");
  mark.set("TAG", std::string(tag));
  mark.set("NAME", name);
}

void fill_row(View& row, const ComparedMeasure& measure, std::uint64_t longest, const Page& page) {
  const Format& format = page.format();
  row.set("TITLE", measure.title);
  if (!measure.in_force) add_mark(row, "soon", format.text("preview_new"));
  if (!measure.in_draft) add_mark(row, "bad", format.text("preview_removed"));
  row.set("PERSONS_BEFORE", format.number(signed_of(measure.before.persons)));
  row.set("PERSONS_AFTER", format.number(signed_of(measure.after.persons)));
  row.set("PERSONS_DELTA", format.difference(difference(measure.after.persons, measure.before.persons)));
  row.set("BAR_BEFORE", bar_width(measure.before.persons, longest));
  row.set("BAR_AFTER", bar_width(measure.after.persons, longest));
  row.set("COST_AFTER", format.money(signed_of(measure.after.cost_qepik)));
  row.set("COST_DELTA",
          format.money_difference(difference(measure.after.cost_qepik, measure.before.cost_qepik)));
}

/// Where costs and expected use come from; once where benefits say the same.
void add_assumptions(View& view, const regime::Measure& measure, const Page& page) {
  std::set<std::string> said;
  View* list = nullptr;
  for (const regime::Benefit& benefit : measure.benefits) {
    const std::string& text = benefit.assumption.in(page.language());
    if (text.empty() || !said.insert(text).second) continue;
    if (list == nullptr) list = &view.add("ASSUMPTIONS");
    list->add("ASSUMPTION").set("TEXT", text);
  }
}

void add_totals(View& view, const Comparison& comparison, const Page& page) {
  const Format& format = page.format();
  const regime::Reach& before = comparison.before.any;
  const regime::Reach& after = comparison.after.any;
  add_figure(view, format.text("preview_persons_after"), format.number(signed_of(after.persons)));
  add_figure(view, format.text("preview_persons_change"),
             format.difference(difference(after.persons, before.persons)));
  add_figure(view, format.text("preview_cost_after"), format.money_short(signed_of(after.cost_qepik)));
  const std::int64_t cost = difference(after.cost_qepik, before.cost_qepik);
  add_figure(view, format.text("preview_cost_change"), (cost > 0 ? "+" : "") + format.money_short(cost));
}

}  // namespace

void add_comparison(View& view, const Comparison& comparison, const Page& page) {
  const Format& format = page.format();
  View& part = page.include(view, "PREVIEW", "preview.html");
  part.set("BASIS", comparison.in_force == nullptr
                        ? format.text("preview_against_nothing")
                        : format.fill("preview_against_version",
                                      {{"number", format.ordinal(comparison.in_force->regime.version)}}));
  add_totals(part, comparison, page);
  const std::vector<ComparedMeasure> measures = compared(comparison, page);
  std::uint64_t longest = 0;
  for (const ComparedMeasure& measure : measures) {
    longest = std::max({longest, measure.before.persons, measure.after.persons});
  }
  for (const ComparedMeasure& measure : measures) fill_row(part.add("MEASURE"), measure, longest, page);
  for (const regime::Measure& measure : comparison.draft.measures) {
    View& detail = part.add("DETAIL");
    fill_measure(detail, measure, page);
    add_assumptions(detail, measure, page);
  }
  add_territory(part, {comparison.draft, comparison.after, "", ""}, page);
}

}  // namespace dayaq::portal
