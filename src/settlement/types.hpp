// The settlement room's nouns: what an operator's edges settled, and what is paid for it.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/time.hpp"
#include "crypto/sign.hpp"
#include "feed/settlement.hpp"

namespace dayaq::settlement {

/// Months counted from January of year 0: 2026-11 is 24322.
using Month = std::int32_t;
[[nodiscard]] Month month_of(Date day);
[[nodiscard]] Date first_day(Month month);
[[nodiscard]] std::string format_month(Month month);  ///< "2026-11"

/// Half-open: days, not moments.
struct Days {
  Date from{std::chrono::days(0)};
  Date until{std::chrono::days(feed::settlement_day_max + 1)};
};

/// What a sum is of. The measure's number is the law's, for good: it tells regime, version and measure.
struct SumName {
  std::string operator_code;
  std::uint32_t measure = 0;
  std::uint8_t benefit = 0;  ///< its place among those that operators deliver
  feed::Benefit kind = feed::Benefit::voice;
  feed::Unit unit = feed::Unit::seconds;
  std::string traffic_class;
  friend auto operator<=>(const SumName&, const SumName&) = default;
};

/// A sum of subscriptions, each once in the month in which it first used a TV package: what is paid by the
/// month.
[[nodiscard]] inline bool counts_subscriptions(const SumName& name) {
  return name.kind == feed::Benefit::tv && name.unit == feed::Unit::none;
}

struct Sum {
  SumName name;
  Month month = 0;
  std::optional<Date> day;  ///< nullopt: of the whole month, or of what was asked of it
  std::int64_t units = 0;
  std::int64_t requests = 0;
  std::int64_t orphans = 0;
};

/// How far one edge has settled.
struct EdgeStanding {
  std::string operator_code;
  std::string edge;
  std::uint64_t number = 0;  ///< of its last batch
  std::uint64_t last_record = 0;
  std::uint32_t resources = 0;  ///< version of the list of zero-rated resources that it counted by; 0: none
  Instant created;              ///< by the edge
  Instant stored;               ///< here
};

/// Who may sign for an edge. Implemented where edges are enrolled.
class EdgeKeys {
 public:
  virtual ~EdgeKeys() = default;
  /// The edge's public keys: none if it isn't enrolled, two while it changes its key. Any thread.
  [[nodiscard]] virtual std::vector<crypto::PublicKey> keys_of(std::string_view operator_code,
                                                               std::string_view edge) const = 0;
};

}  // namespace dayaq::settlement
