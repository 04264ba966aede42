// Holds an operator's own records against what its edges settled, and names every difference.
//
// The records are CSV (RFC 4180) with a header line that names the columns in any order:
//
//   day,measure,benefit,traffic_class,units
//   2026-11-21,7,voice,,36000
//   2026-11-21,special-quarantine/learning,data,education,5000000000     (officials alone: by name)
//
// Rows of one day, measure, benefit and class are added up: an operator may count by exchange. Units are
// seconds, messages and octets.
#pragma once

#include <map>

#include "settlement/report.hpp"

namespace dayaq::settlement {

inline constexpr std::size_t reconcile_rows_max = 200'000;
inline constexpr std::size_t reconcile_bytes_max = 16u << 20;

/// What is compared. `measure` is a number, or for officials "regime/code" of all versions together.
struct RecordName {
  Date day;
  std::string measure;
  feed::Benefit kind = feed::Benefit::voice;
  std::string traffic_class;
  bool subscriptions =
      false;  ///< tv_months: subscriptions that used the package in a month, whose first day `day` is
  friend auto operator<=>(const RecordName&, const RecordName&) = default;
};
using Records = std::map<RecordName, std::int64_t>;

/// All rows added up, or all findings, at most a hundred: invalid_input "reconcile.header" (columns missing
/// or unknown), "reconcile.day", "reconcile.measure" (unknown, or by name where numbers are asked for),
/// "reconcile.benefit", "reconcile.traffic_class", "reconcile.units", and the CSV reader's; with their lines.
/// limit "reconcile.rows".
[[nodiscard]] std::expected<Records, Errors> parse_records(std::string_view csv,
                                                           const regime::NumberedLaw& law, Names names);

struct Difference {
  RecordName name;
  std::optional<std::int64_t> here;   ///< nullopt: missing here
  std::optional<std::int64_t> there;  ///< nullopt: missing in the operator's records
};

struct Reconciliation {
  Days days;
  std::uint64_t compared = 0;           ///< names on either side
  std::vector<Difference> differences;  ///< by day and name
  struct Total {
    std::int64_t here = 0;
    std::int64_t there = 0;
  };
  std::map<std::pair<feed::Benefit, bool>, Total> totals;  ///< by RecordName::kind and ::subscriptions
};

/// `here`: sums by day of one operator. Nothing of it outside `days` is looked at.
[[nodiscard]] Reconciliation reconcile(const Report& here, const Records& there, const Days& days,
                                       Names names);
/// From the first day in the records to the last, both included; of subscriptions, their whole months. Empty
/// if there are none.
[[nodiscard]] Days days_of(const Records& records);

[[nodiscard]] std::string reconciliation_json(const Reconciliation& report, std::string_view operator_code);

}  // namespace dayaq::settlement
