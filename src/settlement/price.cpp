#include "settlement/price.hpp"

#include <algorithm>
#include <limits>

namespace dayaq::settlement {
namespace {

__extension__ using Wide = __int128;  // both compilers have it, the standard doesn't

}  // namespace

std::string_view to_string(Pays pays) {
  switch (pays) {
    case Pays::use:
      return "use";
    case Pays::free:
      return "free";
    case Pays::month:
      return "month";
    case Pays::unknown:
      break;
  }
  return "unknown";
}

const regime::Benefit* benefit_of(const regime::NumberedLaw& law, const SumName& name) {
  const regime::LawfulMeasure* measure = law.find(name.measure);
  if (measure == nullptr) return nullptr;
  std::size_t place = 0;  // as regime::definition_of counts them
  for (const regime::Benefit& benefit : measure->measure->benefits) {
    if (benefit.delivered_on == 0 || place++ != name.benefit) continue;
    return int(benefit.kind) == int(name.kind) ? &benefit : nullptr;
  }
  return nullptr;
}

Price price_of(const regime::Benefit* benefit, feed::Unit counted) {
  if (benefit == nullptr) return {};
  Price price{.cost_qepik = benefit->cost_qepik,
              .per = std::max<std::uint64_t>(benefit->cost_per, 1),
              .percent = unsigned(std::clamp(benefit->percent, 0, 100))};
  if (benefit->cost_qepik == 0 || price.percent == 0) {
    price.pays = Pays::free;
  } else {
    price.pays = benefit->unit == regime::Unit::none ? Pays::month : Pays::use;
    price.counts_months = price.pays == Pays::month && counted == feed::Unit::none;
  }
  return price;
}

std::optional<std::int64_t> owed(std::int64_t units, const Price& price) {
  if (price.pays == Pays::free) return 0;
  if (price.pays == Pays::unknown || (price.pays == Pays::month && !price.counts_months)) return std::nullopt;
  // Units are below 2^63; a cost below 2^57 qepik leaves room for the percent.
  constexpr std::uint64_t cost_max = std::uint64_t(1) << 56;
  const Wide above = Wide(units) * Wide(std::min(price.cost_qepik, cost_max)) * Wide(price.percent);
  const Wide below = Wide(price.per) * 100;
  const Wide whole = above >= 0 ? (above + below / 2) / below : -((-above + below / 2) / below);
  constexpr Wide most = std::numeric_limits<std::int64_t>::max();
  return std::int64_t(std::clamp(whole, -most, most));
}

}  // namespace dayaq::settlement
