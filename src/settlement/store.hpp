// The settlement room's SQL. Errors are the session's own.
#pragma once

#include <functional>
#include <span>

#include "settlement/types.hpp"
#include "store/database.hpp"

namespace dayaq::settlement {

[[nodiscard]] std::span<const store::Migration> migrations();

/// What a sum of a day may not exceed, either way, so that months of them can be added: 72 petabytes.
inline constexpr std::int64_t day_units_max = std::int64_t(1) << 56;

struct SettlementStore {
  /// The edge's last batch; nullopt if it has sent none.
  static Result<std::optional<EdgeStanding>> last(store::Session& session, std::string_view operator_code,
                                                  std::string_view edge);
  /// A stored batch's bytes; nullopt if there is none of this number.
  static Result<std::optional<Bytes>> content(store::Session& session, std::string_view operator_code,
                                              std::string_view edge, std::uint64_t number);
  static Result<void> insert(store::Session& session, const feed::Settlement& batch, BytesView content,
                             Instant now);
  /// Adds one line to its day's sum. limit "settlement.too_much" beyond day_units_max.
  static Result<void> add(store::Session& session, std::string_view operator_code,
                          const feed::SettlementLine& line);

  /// All edges, or those of one operator ("" for all), by operator and name.
  static Result<std::vector<EdgeStanding>> edges(store::Session& session, std::string_view operator_code);
  /// The months that have sums, the newest first.
  static Result<std::vector<Month>> months(store::Session& session);
  /// Sums of the days asked for, by operator, month and name; one a month, or one a day.
  enum class By : std::uint8_t { month, day };
  static Result<void> each_sum(store::Session& session, std::string_view operator_code, const Days& days,
                               By by, const std::function<Result<bool>(const Sum&)>& on_sum);
};

}  // namespace dayaq::settlement
