#include "regime/file_quantity.hpp"

#include <fmt/format.h>

#include <array>
#include <numeric>
#include <optional>

namespace dayaq::regime {
namespace {

struct UnitWord {
  std::string_view word;
  Unit unit;
  std::uint64_t factor;
};

// From the smallest of each kind to the largest: format_quantity goes through them from the end.
constexpr std::array unit_words{
    UnitWord{"s", Unit::seconds, 1},
    UnitWord{"min", Unit::seconds, 60},
    UnitWord{"h", Unit::seconds, 3600},
    UnitWord{"SMS", Unit::messages, 1},
    UnitWord{"B", Unit::octets, 1},
    UnitWord{"KB", Unit::octets, 1'000},
    UnitWord{"MB", Unit::octets, 1'000'000},
    UnitWord{"GB", Unit::octets, 1'000'000'000},
    UnitWord{"TB", Unit::octets, 1'000'000'000'000},
    UnitWord{"qepik", Unit::qepik, 1},
    UnitWord{"AZN", Unit::qepik, 100},
    UnitWord{"%", Unit::percent, 1},
};

constexpr std::uint64_t amount_max = 1'000'000'000'000'000;  // a petabyte, thirty million years of calls

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::unexpected<Error> not_a_quantity() {
  return fail(ErrorKind::invalid_input, "regime.quantity",
              "A quantity is a number and a unit, such as `300 min`, `2 GB`, `100 SMS` or `15 AZN`.");
}

std::unexpected<Error> too_large() {
  return fail(ErrorKind::invalid_input, "regime.range",
              "This quantity is too large. Check its number and its unit.");
}

/// mantissa / 10^decimals, and what follows the number.
struct Number {
  std::uint64_t mantissa = 0;
  std::uint64_t scale = 1;
  std::string_view rest;
};

Result<Number> take_number(std::string_view text) {
  text = trim(text);
  if (text.starts_with('-') || text.starts_with("\u2212")) {
    return fail(ErrorKind::invalid_input, "regime.negative",
                "A quantity can't be negative. Write it without the minus.");
  }
  Number out;
  bool fraction = false;
  std::size_t digits = 0;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.' && !fraction && digits > 0) {
      fraction = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    out.mantissa = out.mantissa * 10 + static_cast<std::uint64_t>(c - '0');
    if (fraction) out.scale *= 10;
    if (++digits > 15 || out.scale > 1'000'000) return too_large();
  }
  if (digits == 0 || (fraction && out.scale == 1)) return not_a_quantity();
  out.rest = trim(text.substr(i));
  return out;
}

Result<UnitWord> find_unit(std::string_view word) {
  for (const UnitWord& known : unit_words) {
    if (known.word == word) return known;
  }
  if (word.empty()) return not_a_quantity();
  return fail(ErrorKind::invalid_input, "regime.unit",
              "This unit isn't known. Use s, min, h, SMS, KB, MB, GB, TB, qepik, AZN or %.");
}

Result<Quantity> whole(const Number& number, const UnitWord& unit) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(number.mantissa, unit.factor, &product)) return too_large();
  if (product % number.scale != 0) {
    return fail(ErrorKind::invalid_input, "regime.quantity",
                "This isn't a whole number of the smallest unit. Use fewer decimals or a smaller unit.");
  }
  if (product / number.scale > amount_max) return too_large();
  return Quantity{.amount = product / number.scale, .unit = unit.unit};
}

}  // namespace

Result<Quantity> parse_quantity(std::string_view text) {
  DAYAQ_TRY(const Number number, take_number(text));
  DAYAQ_TRY(const UnitWord unit, find_unit(number.rest));
  return whole(number, unit);
}

Result<Price> parse_price(std::string_view text) {
  const std::size_t split = text.find(" per ");
  if (split == std::string_view::npos) {
    if (auto bad = take_number(text); !bad && bad.error().code == "regime.negative") {
      return std::unexpected(std::move(bad).error());
    }
    return fail(
        ErrorKind::invalid_input, "regime.quantity",
        "A cost is money per unit, such as `2 qepik per min`, `1 qepik per 10 MB` or `3.5 AZN per month`.");
  }
  DAYAQ_TRY(const Number money, take_number(text.substr(0, split)));
  DAYAQ_TRY(const UnitWord money_unit, find_unit(money.rest));
  if (money_unit.unit != Unit::qepik) {
    return fail(ErrorKind::invalid_input, "regime.unit", "A cost starts with money: qepik or AZN.");
  }
  const std::string_view per = trim(text.substr(split + 5));
  Quantity portion{.amount = 1, .unit = Unit::none};
  if (per != "month") {
    const bool counted = !per.empty() && per.front() >= '0' && per.front() <= '9';
    DAYAQ_TRY(portion, counted ? parse_quantity(per) : parse_quantity(fmt::format("1 {}", per)));
    if (portion.amount == 0) return not_a_quantity();
  }
  Price out{.per = portion.unit};
  if (__builtin_mul_overflow(money.mantissa, money_unit.factor, &out.cost_qepik) ||
      __builtin_mul_overflow(portion.amount, money.scale, &out.cost_per) || out.cost_qepik > amount_max) {
    return too_large();
  }
  const std::uint64_t common = std::gcd(out.cost_qepik, out.cost_per);
  out.cost_qepik /= common;
  out.cost_per /= common;
  return out;
}

Unit unit_of(BenefitKind kind) {
  switch (kind) {
    case BenefitKind::voice:
    case BenefitKind::room:
      return Unit::seconds;
    case BenefitKind::messages:
      return Unit::messages;
    case BenefitKind::data:
      return Unit::octets;
    case BenefitKind::deferral:
    case BenefitKind::discount:
      return Unit::qepik;
    case BenefitKind::tv:
      return Unit::none;
  }
  return Unit::none;
}

std::string_view units_accepted(Unit unit) {
  switch (unit) {
    case Unit::seconds:
      return "time: s, min or h";
    case Unit::messages:
      return "messages: SMS";
    case Unit::octets:
      return "traffic: KB, MB, GB or TB";
    case Unit::qepik:
      return "money: qepik or AZN";
    case Unit::percent:
      return "per cent: %";
    case Unit::none:
      break;
  }
  return "no quantity at all";
}

std::string format_quantity(std::uint64_t amount, Unit unit) {
  for (std::size_t i = unit_words.size(); i-- > 0;) {
    const UnitWord& word = unit_words[i];
    if (word.unit != unit || word.word == "h") continue;  // calls are counted in minutes everywhere
    if (amount < word.factor && word.factor > 1) continue;
    if (amount % word.factor == 0) return fmt::format("{} {}", amount / word.factor, word.word);
    if (word.factor >= 10 && amount % (word.factor / 10) == 0) {
      return fmt::format("{}.{} {}", amount / word.factor, amount % word.factor / (word.factor / 10),
                         word.word);
    }
  }
  return fmt::format("{}", amount);
}

}  // namespace dayaq::regime
