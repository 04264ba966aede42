// The settlement's wire format: what an edge tells the centre was used, in signed, numbered, gap-free
// batches.
//
// A batch adds up the journal's records from one number to another: sums per measure, benefit, traffic class
// and civil day. It is made once, kept until the centre has confirmed it, and always sent as the same bytes.
// docs/settlement.md draws them.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "crypto/sign.hpp"
#include "feed/block.hpp"

namespace dayaq::feed {

inline constexpr std::uint16_t settlement_version = 1;
inline constexpr std::size_t settlement_lines_max = 65536;
inline constexpr std::size_t settlement_bytes_max = 8u << 20;
/// Of one line, either way: what sums up to more stands in two batches. (Nine petabytes.)
inline constexpr std::int64_t settlement_units_max = std::int64_t(1) << 53;
inline constexpr std::int32_t settlement_day_max = 100'000;  ///< in the year 2243

/// A sum. What is named by (measure, benefit, kind, unit, traffic_class, day) stands in a batch once, and
/// lines are in that order.
struct SettlementLine {
  std::uint32_t measure = 0;
  std::uint8_t benefit =
      0;  ///< its place among the benefits of the measure's Definition: what is paid for it
  Benefit kind = Benefit::voice;
  Unit unit = Unit::seconds;   ///< tv, which has no unit in a Definition: seconds
  std::string traffic_class;   ///< of the benefit, as in BenefitLine
  std::int32_t day = 0;        ///< civil day of use in the country's zone, days since 1970
  std::int64_t units = 0;      ///< may be negative: reversals of what was settled twice
  std::uint32_t requests = 0;  ///< reports that were added up, reversals among them
  std::uint32_t orphans = 0;   ///< of them: whose beginning this edge had not seen
  friend bool operator==(const SettlementLine&, const SettlementLine&) = default;
};

[[nodiscard]] std::strong_ordering compare_names(const SettlementLine& a, const SettlementLine& b);

struct Settlement {
  std::string operator_code;  ///< is_code()
  std::string edge;           ///< its name, as enrolled; is_code()
  std::uint64_t number = 0;   ///< 1, 2, 3, ... without gaps, for each edge
  Instant created;
  std::uint64_t first_record = 0,
                last_record = 0;        ///< of the edge's journal; each batch begins where one ended
  std::uint32_t resources_version = 0;  ///< of the list of zero-rated resources in use; 0: none
  std::vector<SettlementLine> lines;
  friend bool operator==(const Settlement&, const Settlement&) = default;
};

/// Signed by the edge's own key. Limits and the lines' order are the caller's to keep (checked, ends the
/// program).
[[nodiscard]] Bytes encode(const Settlement& settlement, const crypto::SigningKey& key);
/// Strict, the whole of `in`. invalid_input "settlement.magic", "settlement.version", "settlement.truncated",
/// "settlement.limit", "settlement.value"; forbidden "settlement.signature".
[[nodiscard]] Result<Settlement> decode_settlement(BytesView in, std::span<const crypto::PublicKey> keys);

/// Who says to have made it, before its signature can be looked at: operator, edge and number alone.
[[nodiscard]] Result<Settlement> decode_settlement_header(BytesView in);

}  // namespace dayaq::feed
