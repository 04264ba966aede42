// Quantities as people write them in regime files: `300 min`, `2 GB`, `100 SMS`, `15 AZN`, `2 qepik per min`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "regime/types.hpp"

namespace dayaq::regime {

struct Quantity {
  std::uint64_t amount = 0;
  Unit unit = Unit::none;
};

/// A number, a space, a unit: s, min, h (seconds); SMS (messages); B, KB, MB, GB, TB (octets; 1 MB is
/// 1,000,000); qepik, AZN (qepik); % (percent). Up to six decimals if the result is whole. Errors:
/// "regime.quantity" (no number and unit), "regime.negative", "regime.unit" (unknown), "regime.range".
[[nodiscard]] Result<Quantity> parse_quantity(std::string_view text);

/// What one unit costs: `cost_qepik` per `cost_per`, in lowest terms. `per` is Unit::none for "per month".
struct Price {
  std::uint64_t cost_qepik = 0;
  std::uint64_t cost_per = 1;
  Unit per = Unit::none;
};

/// "2 qepik per min", "0.05 qepik per MB", "1 qepik per 10 MB", "3.5 AZN per month". Errors as for
/// quantities.
[[nodiscard]] Result<Price> parse_price(std::string_view text);

/// The unit in which a kind of benefit is counted.
[[nodiscard]] Unit unit_of(BenefitKind kind);
/// "seconds: s, min, h", for sentences about a wrong unit.
[[nodiscard]] std::string_view units_accepted(Unit unit);
/// The largest unit that gives a whole number or one decimal: "300 min", "1.5 GB", "100 SMS".
[[nodiscard]] std::string format_quantity(std::uint64_t amount, Unit unit);

}  // namespace dayaq::regime
