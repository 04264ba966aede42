// Sums as they are shown: named and priced by the law, with totals.
#pragma once

#include <map>

#include "settlement/price.hpp"
#include "settlement/store.hpp"

namespace dayaq::settlement {

struct ReportLine {
  Sum sum;
  const regime::LawfulMeasure* measure = nullptr;  ///< into Report::law; null if the law has none such
  Price price;
  /// In qepik, rounded for this line; nullopt if it isn't paid for by use. Of a day: nullopt, since it is
  /// rounded for months.
  std::optional<std::int64_t> owed;
};

struct Report {
  std::shared_ptr<const regime::NumberedLaw> law;  // shared: what the lines point into
  std::vector<ReportLine> lines;                   ///< by operator, month (day) and name
  std::vector<EdgeStanding> edges;
  std::map<std::string, std::int64_t> owed;  ///< of each operator that has a line, in qepik; empty by day
};

struct ReportQuestion {
  std::string operator_code;  ///< "" for all
  Days days;
  SettlementStore::By by = SettlementStore::By::month;
};

Result<Report> make_report(store::Session& session, const ReportQuestion& question,
                           std::shared_ptr<const regime::NumberedLaw> law);

/// With the measures' own names only for officials: an operator knows measures by number, since a name may
/// tell why somebody is granted it.
enum class Names : std::uint8_t { numbers, measures };
[[nodiscard]] std::string report_json(const Report& report, Names names);

}  // namespace dayaq::settlement
