// What the state owes for what was settled, by the law that the measure's number names.
//
//   owed = units * cost * percent / (per * 100)
//
// cost and per are the benefit's ("3 qepik per min": 3 per 60 seconds), percent what the measure covers of
// the price: the same as in a preview. It is rounded once, half away from zero, for each sum of one operator,
// measure number, benefit and month. Totals add what was rounded, so that every page and every answer about
// whole months agrees to the qepik.
#pragma once

#include <functional>

#include "regime/decision.hpp"
#include "settlement/types.hpp"

namespace dayaq::settlement {

/// How a benefit is paid for.
enum class Pays : std::uint8_t {
  use,    ///< by the units used
  free,   ///< not at all: the operator gives it
  month,  ///< by the subscription and month, however much is used: sums that count subscriptions are owed for
  unknown,  ///< no law has such a measure or benefit: for a person to look at
};
[[nodiscard]] std::string_view to_string(Pays pays);

struct Price {
  Pays pays = Pays::unknown;
  std::uint64_t cost_qepik = 0;
  std::uint64_t per = 1;
  unsigned percent = 100;
  bool counts_months = false;  ///< the sum is of subscriptions, each once a month, not of what they used
};

/// The law with all measures that ever were, by number. Any thread.
using LawNow = std::function<std::shared_ptr<const regime::NumberedLaw>()>;

/// The benefit that a sum is of; null if the law has none such.
[[nodiscard]] const regime::Benefit* benefit_of(const regime::NumberedLaw& law, const SumName& name);
/// `counted`: the sum's unit; none: subscriptions, each once in its month.
[[nodiscard]] Price price_of(const regime::Benefit* benefit, feed::Unit counted = feed::Unit::seconds);
/// In qepik; nullopt if nothing is owed by these units. Negative for negative units.
[[nodiscard]] std::optional<std::int64_t> owed(std::int64_t units, const Price& price);

}  // namespace dayaq::settlement
