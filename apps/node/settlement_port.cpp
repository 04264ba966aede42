#include "settlement_port.hpp"

#include <algorithm>
#include <map>

#include "settlement/report.hpp"

namespace dayaq::node {
namespace {

using settlement::Pays;

void add_use(std::vector<portal::SettledUse>& uses, const settlement::Sum& sum) {
  if (settlement::counts_subscriptions(sum.name)) return;  // what is owed says it
  const auto kind = regime::BenefitKind(sum.name.kind);
  const auto unit = regime::Unit(sum.name.unit);
  const auto same =
      std::ranges::find_if(uses, [&](const auto& use) { return use.kind == kind && use.unit == unit; });
  if (same == uses.end()) {
    uses.push_back({.kind = kind, .unit = unit, .units = sum.units});
  } else {
    same->units += sum.units;
  }
}

void add_pay(portal::SettledPay& pay, const settlement::ReportLine& line) {
  pay.owed_qepik += line.owed.value_or(0);
  pay.by_use |= line.price.pays == Pays::use;
  pay.free |= line.price.pays == Pays::free;
  pay.by_month |= line.price.pays == Pays::month;
  pay.unknown |= line.price.pays == Pays::unknown;
}

/// Those to whom most is owed first, then as they were.
template <class Row>
std::vector<Row> sorted(std::map<std::string, Row> rows) {
  std::multimap<std::int64_t, Row, std::greater<>> by_owed;
  for (auto& [name, row] : rows) {
    std::ranges::sort(row.uses, {}, &portal::SettledUse::kind);
    const std::int64_t owed = row.pay.owed_qepik;
    by_owed.emplace(owed, std::move(row));
  }
  std::vector<Row> out;
  for (auto& [owed, row] : by_owed) out.push_back(std::move(row));
  return out;
}

}  // namespace

Result<portal::SettledMonth> SettledSums::month(std::optional<Date> first_day) {
  portal::SettledMonth out;
  settlement::Report report;
  DAYAQ_TRY_OK(node_.core.database->read([&](store::Session& session) -> Result<void> {
    DAYAQ_TRY(const auto months, settlement::SettlementStore::months(session));
    if (months.empty()) return {};
    for (const settlement::Month month : months) out.months.push_back(settlement::first_day(month));
    out.shown = first_day.value_or(out.months.front());
    const settlement::Month month = settlement::month_of(out.shown);
    DAYAQ_TRY(report,
              settlement::make_report(
                  session,
                  {.operator_code = "",
                   .days = {.from = settlement::first_day(month), .until = settlement::first_day(month + 1)},
                   .by = settlement::SettlementStore::By::month},
                  node_.keeper->live().read([](const regime::LiveState& state) { return state.law; })));
    return {};
  }));
  std::map<std::string, portal::SettledOperator> operators;
  std::map<std::string, portal::SettledMeasure> measures;
  for (const settlement::ReportLine& line : report.lines) {
    const std::string& code = line.sum.name.operator_code;
    portal::SettledOperator& one = operators[code];
    if (const auto index = node_.core.organisations->find(code)) {
      one.name = node_.core.organisations->at(*index)->name;
    }
    add_use(one.uses, line.sum);
    add_pay(one.pay, line);
    std::string name;
    if (line.measure != nullptr) {
      name = line.measure->version->regime.code.value() + "/" + line.measure->measure->code.value();
    }
    portal::SettledMeasure& measure = measures[name];
    if (line.measure != nullptr) {
      measure.title = line.measure->measure->title;
      measure.regime = line.measure->version->regime.code.value();
    }
    add_use(measure.uses, line.sum);
    add_pay(measure.pay, line);
  }
  for (const settlement::EdgeStanding& edge : report.edges) {
    const auto found = operators.find(edge.operator_code);
    if (found == operators.end()) continue;
    found->second.last = std::max(found->second.last.value_or(instant_min), edge.stored);
  }
  out.operators = sorted(std::move(operators));
  out.measures = sorted(std::move(measures));
  return out;
}

std::vector<portal::UseAMinute> SettledSums::now(const RegimeCode& regime) {
  const auto law = node_.keeper->live().read([](const regime::LiveState& state) { return state.law; });
  std::map<regime::BenefitKind, double> sums;
  for (const settlement::RecentUse& use : node_.recent.a_minute(node_.core.clock.now())) {
    const regime::LawfulMeasure* measure = law->find(use.measure);
    if (measure == nullptr || measure->version->regime.code != regime) continue;
    sums[static_cast<regime::BenefitKind>(use.kind)] += use.units;
  }
  std::vector<portal::UseAMinute> out;
  for (const auto& [kind, units] : sums) out.push_back({.kind = kind, .units = units});
  return out;
}

}  // namespace dayaq::node
