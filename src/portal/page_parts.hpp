// Parts that several pages share.
#pragma once

#include <string>
#include <vector>

#include "portal/pages.hpp"
#include "portal/site.hpp"

namespace dayaq::portal {

/// TAG, STATE: the tag of a version's standing.
void set_standing(View& view, const regime::RegimeVersion& version, const Page& page);
/// "24 March 2020 to 31 December 2026 · 40 days left"
[[nodiscard]] std::string period_line(const Period& period, const Page& page);
/// A row of a list of facts: FACT with NAME and VALUE.
View& add_fact(View& view, const std::string& name, const std::string& value);
/// The legal basis that most measures share: a page names it once, and at a measure only where it differs.
[[nodiscard]] LocalizedText common_basis(const regime::Regime& regime);
/// The facts that a version's page opens with: period, territory, submission, approval.
void add_version_facts(View& view, const regime::RegimeVersion& version, const Page& page);
/// WHO, FROM, TITLE and the benefits of a measure.
void fill_measure(View& view, const regime::Measure& measure, const Page& page);
/// The table of operators' feeds at FEED_TABLE.
void add_feed_table(View& view, const std::vector<FeedState>& feeds, const Page& page);
/// The section of what a draft changes at PREVIEW.
void add_comparison(View& view, const Comparison& comparison, const Page& page);

}  // namespace dayaq::portal
