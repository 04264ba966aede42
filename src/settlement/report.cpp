#include "settlement/report.hpp"

#include <fmt/format.h>

#include <utility>

#include "regime/file.hpp"

namespace dayaq::settlement {
namespace {

std::string line_json(const ReportLine& line, Names names) {
  const Sum& sum = line.sum;
  std::string out =
      fmt::format(R"({{"operator":"{}","month":"{}",)", sum.name.operator_code, format_month(sum.month));
  if (sum.day) out += fmt::format(R"("day":"{}",)", format_date(*sum.day));
  out += fmt::format(R"("measure":{},"benefit":{},)", sum.name.measure, sum.name.benefit);
  if (line.measure != nullptr) {
    const regime::Regime& regime = line.measure->version->regime;
    out += fmt::format(R"("regime":"{}","version":{},)", regime.code.value(), regime.version);
    if (names == Names::measures) out += fmt::format(R"("code":"{}",)", line.measure->measure->code.value());
  }
  out +=
      fmt::format(R"("gives":"{}","unit":"{}",)", to_string(regime::BenefitKind(sum.name.kind)),
                  counts_subscriptions(sum.name) ? "subscriptions" : to_string(regime::Unit(sum.name.unit)));
  if (!sum.name.traffic_class.empty()) out += fmt::format(R"("traffic":"{}",)", sum.name.traffic_class);
  out += fmt::format(R"("units":{},"requests":{},"orphans":{},"pays":"{}")", sum.units, sum.requests,
                     sum.orphans, to_string(line.price.pays));
  if (line.price.pays == Pays::use || line.price.pays == Pays::month) {
    out += fmt::format(R"(,"cost_qepik":{},"cost_per":{},"percent":{})", line.price.cost_qepik,
                       line.price.per, line.price.percent);
  }
  if (line.owed) out += fmt::format(R"(,"owed_qepik":{})", *line.owed);
  return out + '}';
}

}  // namespace

Result<Report> make_report(store::Session& session, const ReportQuestion& question,
                           std::shared_ptr<const regime::NumberedLaw> law) {
  Report report{.law = std::move(law), .lines = {}, .edges = {}, .owed = {}};
  DAYAQ_TRY(report.edges, SettlementStore::edges(session, question.operator_code));
  DAYAQ_TRY_OK(SettlementStore::each_sum(
      session, question.operator_code, question.days, question.by, [&](const Sum& sum) -> Result<bool> {
        ReportLine line{.sum = sum,
                        .measure = report.law->find(sum.name.measure),
                        .price = price_of(benefit_of(*report.law, sum.name), sum.name.unit),
                        .owed = {}};
        if (question.by == SettlementStore::By::month) {
          line.owed = owed(sum.units, line.price);
          report.owed[sum.name.operator_code] += line.owed.value_or(0);
        }
        report.lines.push_back(std::move(line));
        return true;
      }));
  return report;
}

std::string report_json(const Report& report, Names names) {
  std::string out = R"({"sums":[)";
  const char* comma = "";
  for (const ReportLine& line : report.lines) out += std::exchange(comma, ",") + line_json(line, names);
  out += R"(],"owed":[)";
  comma = "";
  for (const auto& [code, qepik] : report.owed) {
    out += fmt::format(R"({}{{"operator":"{}","owed_qepik":{}}})", std::exchange(comma, ","), code, qepik);
  }
  out += R"(],"edges":[)";
  comma = "";
  for (const EdgeStanding& edge : report.edges) {
    out += fmt::format(R"({}{{"operator":"{}","edge":"{}","number":{},"resources":{},"created":"{}",)"
                       R"("stored":"{}"}})",
                       std::exchange(comma, ","), edge.operator_code, edge.edge, edge.number, edge.resources,
                       format_instant(edge.created), format_instant(edge.stored));
  }
  return out + "]}";
}

}  // namespace dayaq::settlement
