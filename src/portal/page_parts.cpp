#include "portal/page_parts.hpp"

#include <algorithm>

namespace dayaq::portal {
namespace {

std::string behind_text(const FeedState& feed, const Format& format) {
  if (!feed.received) return format.text("feed_not_connected");
  if (*feed.received >= feed.sequence) return format.text("feed_up_to_date");
  return format.count("feed_behind_by", static_cast<std::int64_t>(feed.sequence - *feed.received));
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
      std::ranges::any_of(feeds, [](const FeedState& feed) { return feed.received.has_value(); });
  View& rows = table.add("FEED_ROWS");
  if (connected) rows.show("CONNECTED");
  for (const FeedState& feed : feeds) {
    View& row = rows.add("OPERATOR");
    row.set("NAME", feed.provider.in(page.language()));
    row.set("SEQUENCE", format.number(static_cast<std::int64_t>(feed.sequence)));
    row.set("LAST", feed.last ? format.date_time(*feed.last) : format.text("never"));
    if (connected) row.add("RECEIVED").set("BEHIND", behind_text(feed, format));
  }
}

}  // namespace dayaq::portal
