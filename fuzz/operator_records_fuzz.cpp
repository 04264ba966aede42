// links: dayaq::settlement
// An operator's records: whatever is accepted adds up within its bounds, and can be held against nothing.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "settlement/reconcile.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::settlement;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // A law of one measure, number 1, so that rows can be right.
  static const auto law = [] {
    auto version = std::make_shared<regime::RegimeVersion>();
    version->regime.code = RegimeCode("test");
    version->state = regime::RegimeState::approved;
    version->approved = instant_min;
    version->regime.measures.push_back(
        {.code = MeasureCode("calls"),
         .benefits = {{.kind = regime::BenefitKind::voice, .delivered_on = 1}}});
    regime::Law made({version});
    return std::make_shared<const regime::NumberedLaw>(std::move(made),
                                                       std::vector<regime::MeasureNumber>{1});
  }();
  for (const Names names : {Names::numbers, Names::measures}) {
    const auto records = parse_records(text, *law, names);
    if (!records) {
      if (records.error().empty()) std::abort();
      continue;
    }
    for (const auto& [name, units] : *records) {
      if (units > day_units_max || units < -day_units_max) std::abort();
      if (name.day < Days().from || name.day >= Days().until) std::abort();
    }
    const Report nothing{.law = law, .lines = {}, .edges = {}, .owed = {}};
    const auto report = reconcile(nothing, *records, settlement::days_of(*records), names);
    if (report.differences.size() != records->size()) std::abort();
    if (reconciliation_json(report, "o").empty()) std::abort();
  }
  return 0;
}
