// What the settlements' page asks: what operators delivered in a month and what is owed for it. A small
// interface that apps wires; called from any thread.
//
// Operators and measures come apart on purpose: an operator knows the measures of its subscribers by number
// alone, and could tell which is which from sums of each of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "regime/types.hpp"

namespace dayaq::portal {

/// An amount of one kind of benefit.
struct SettledUse {
  regime::BenefitKind kind = regime::BenefitKind::voice;
  regime::Unit unit = regime::Unit::seconds;
  std::int64_t units = 0;
};

/// What is paid for something that was delivered.
struct SettledPay {
  std::int64_t owed_qepik = 0;  ///< for what is paid by use
  bool by_use = false;          ///< some of it is paid by use
  bool free = false;            ///< some of it is given for free
  bool by_month = false;        ///< some of it is paid by the month of a subscription, not from usage
  bool unknown = false;         ///< some of it no law knows: for an official to look at
};

struct SettledOperator {
  LocalizedText name;
  std::vector<SettledUse> uses;  ///< by kind
  SettledPay pay;
  std::optional<Instant> last;  ///< when its last batch came, of whatever month
};

struct SettledMeasure {
  LocalizedText title;  ///< empty: no law knows it
  std::string regime;   ///< its code
  std::vector<SettledUse> uses;
  SettledPay pay;
};

struct SettledMonth {
  std::vector<Date> months;  ///< that have sums, by their first day, the newest first
  Date shown{};              ///< one of them, if there are any
  std::vector<SettledOperator> operators;
  std::vector<SettledMeasure> measures;
};

/// What operators' subscribers use under a regime just now.
struct UseAMinute {
  regime::BenefitKind kind = regime::BenefitKind::voice;
  double units = 0;  ///< seconds, messages or octets, a minute
};

class Settlements {
 public:
  virtual ~Settlements() = default;
  /// The month that begins on this day, or the newest; empty if there is none such.
  [[nodiscard]] virtual Result<SettledMonth> month(std::optional<Date> first_day) = 0;
  /// By kind; empty while no edge tells.
  [[nodiscard]] virtual std::vector<UseAMinute> now(const RegimeCode& regime) = 0;
};

}  // namespace dayaq::portal
