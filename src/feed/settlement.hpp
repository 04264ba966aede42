// The settlement's wire format: what an edge tells the centre was used, in signed, numbered, gap-free
// batches.
//
// A batch adds up the journal's records from one number to another: sums per measure, benefit, traffic class
// and civil day. It is made once, kept until the centre has confirmed it, and always sent as the same bytes.
// docs/settlement.md draws them.
#pragma once

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

struct SettlementLine {
  std::uint32_t measure = 0;
  Benefit kind = Benefit::voice;
  Unit unit = Unit::seconds;
  std::string traffic_class;   ///< of the benefit, as in BenefitLine
  std::int32_t day = 0;        ///< civil day of use in the country's zone, days since 1970
  std::int64_t units = 0;      ///< may be negative: reversals of what was settled twice
  std::uint32_t requests = 0;  ///< reports that were added up
  std::uint32_t orphans = 0;   ///< of them: whose beginning this edge had not seen
  friend bool operator==(const SettlementLine&, const SettlementLine&) = default;
};

struct Settlement {
  std::string operator_code;
  std::string edge;          ///< its name, as enrolled
  std::uint64_t number = 0;  ///< 1, 2, 3, ... without gaps, for each edge
  Instant created;
  std::uint64_t first_record = 0,
                last_record = 0;        ///< of the edge's journal; each batch begins where one ended
  std::uint32_t resources_version = 0;  ///< of the list of zero-rated resources in use; 0: none
  std::vector<SettlementLine> lines;
  friend bool operator==(const Settlement&, const Settlement&) = default;
};

/// Signed by the edge's own key. Limits are the caller's to keep (checked).
[[nodiscard]] Bytes encode(const Settlement& settlement, const crypto::SigningKey& key);
/// Strict, the whole of `in`. invalid_input "settlement.magic", "settlement.version", "settlement.truncated",
/// "settlement.limit", "settlement.value"; forbidden "settlement.signature".
[[nodiscard]] Result<Settlement> decode_settlement(BytesView in, std::span<const crypto::PublicKey> keys);

}  // namespace dayaq::feed
