#include "portal/page_parts.hpp"

#include <algorithm>

namespace dayaq::portal {
namespace {

std::string age_text(std::chrono::seconds age, const Format& format) {
  constexpr std::int64_t minute = 60, hour = 3600;
  const std::int64_t seconds = age.count();
  if (seconds < 2 * minute) return format.count("age_seconds", seconds);
  if (seconds < 2 * hour) return format.count("age_minutes", seconds / minute);
  return format.count("age_hours", seconds / hour);
}

std::string edge_text(const FeedEdge& edge, const Format& format) {
  if (!edge.heard) return format.text("feed_not_connected");
  std::string text = format.text("feed_up_to_date");
  if (edge.behind > 0) {
    text = format.fill("feed_behind_for",
                       {{"lines", format.count("feed_behind_by", static_cast<std::int64_t>(edge.behind))},
                        {"age", age_text(edge.age, format)}});
  }
  if (!edge.silent_since) return text;
  const std::string since = format.fill("feed_silent", {{"time", format.date_time(*edge.silent_since)}});
  return edge.behind > 0 ? text + "; " + since : since;
}

void add_edges(View& cell, const FeedState& feed, const Format& format) {
  if (feed.edges.empty()) cell.add("EDGE").set("STATE", format.text("feed_not_connected"));
  for (const FeedEdge& edge : feed.edges) {
    cell.add("EDGE").set("STATE",
                         format.fill("feed_edge", {{"edge", edge.name}, {"state", edge_text(edge, format)}}));
  }
}

}  // namespace

void set_standing(View& view, const regime::RegimeVersion& version, const Page& page) {
  const Standing standing = standing_of(version, page.now());
  view.set("TAG", std::string(tag_class(standing)));
  view.set("STATE", page.format().text(text_key(standing)));
}

std::string period_line(const Period& period, const Page& page) {
  const std::string remaining = page.format().remaining(period, page.now());
  return page.format().period(period) + (remaining.empty() ? "" : " · " + remaining);
}

View& add_fact(View& view, const std::string& name, const std::string& value) {
  View& fact = view.add("FACT");
  fact.set("NAME", name);
  fact.set("VALUE", value);
  return fact;
}

LocalizedText common_basis(const regime::Regime& regime) {
  const auto uses = [&](const regime::Measure& measure) {
    return std::ranges::count(regime.measures, measure.legal_basis, &regime::Measure::legal_basis);
  };
  const auto most = std::ranges::max_element(regime.measures, {}, uses);
  return most == regime.measures.end() ? LocalizedText{} : most->legal_basis;
}

void add_version_facts(View& view, const regime::RegimeVersion& version, const Page& page) {
  const Format& format = page.format();
  const auto decided = [&](Instant at, const std::string& actor) {
    return format.fill("fact_by_at", {{"time", format.date_time(at)}, {"actor", page.actor_name(actor)}});
  };
  add_fact(view, format.text("fact_period"), period_line(version.regime.period, page));
  add_fact(view, format.text("fact_territory"),
           territory_sentence(version.regime, format, page.site().words()));
  add_fact(view, format.text("measure_basis"), common_basis(version.regime).in(page.language()));
  add_fact(view, format.text("fact_submitted"), decided(version.submitted, version.submitted_by));
  if (version.approved != instant_max) {
    add_fact(view, format.text("fact_approved"), decided(version.approved, version.approved_by));
  }
}

void fill_measure(View& view, const regime::Measure& measure, const Page& page) {
  const Format& format = page.format();
  const Vocabulary& words = page.site().words();
  view.set("TITLE", measure.title.in(page.language()));
  view.set("WHO", who_sentence(measure.who, format, words));
  view.set("FROM", providers_sentence(measure, format, words));
  if (measure.benefits.size() == 1) {
    view.add("ONE_BENEFIT").set("TEXT", benefit_sentence(measure.benefits.front(), format, words));
    return;
  }
  View& list = view.add("MANY_BENEFITS");
  for (const regime::Benefit& benefit : measure.benefits) {
    list.add("BENEFIT").set("TEXT", benefit_sentence(benefit, format, words));
  }
}

void add_feed_table(View& view, const std::vector<FeedState>& feeds, const Page& page) {
  const Format& format = page.format();
  View& table = page.include(view, "FEED_TABLE", "feed_table.html");
  if (feeds.empty()) {
    table.show("NO_FEEDS");
    return;
  }
  const bool connected =
      std::ranges::any_of(feeds, [](const FeedState& feed) { return !feed.edges.empty(); });
  View& rows = table.add("FEED_ROWS");
  if (connected) rows.show("CONNECTED");
  for (const FeedState& feed : feeds) {
    View& row = rows.add("OPERATOR");
    row.set("NAME", feed.provider.in(page.language()));
    row.set("SEQUENCE", format.number(static_cast<std::int64_t>(feed.sequence)));
    row.set("LAST", feed.last ? format.date_time(*feed.last) : format.text("never"));
    if (connected) add_edges(row.add("RECEIVED"), feed, format);
  }
}

}  // namespace dayaq::portal
