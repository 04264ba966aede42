#include "portal/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

namespace dayaq::portal {
namespace {

constexpr std::array<std::string_view, 12> month_keys{"month_1", "month_2",  "month_3",  "month_4",
                                                      "month_5", "month_6",  "month_7",  "month_8",
                                                      "month_9", "month_10", "month_11", "month_12"};
constexpr std::int64_t qepik_per_manat = 100;

/// Rounded half away from zero.
std::int64_t rounded_manat(std::int64_t qepik) {
  return (qepik < 0 ? qepik - qepik_per_manat / 2 : qepik + qepik_per_manat / 2) / qepik_per_manat;
}

/// Bytes of the first letter in UTF-8.
std::size_t first_letter(std::string_view text) {
  std::size_t length = text.empty() ? 0 : 1;
  while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) ++length;
  return length;
}

}  // namespace

std::string_view azerbaijani_ordinal(std::int64_t number) {
  // The last spoken word decides: bir, iki, üç, dörd, beş, altı, yeddi, səkkiz, doqquz.
  constexpr std::array<std::string_view, 10> by_unit{"",   "ci", "ci", "cü", "cü",
                                                     "ci", "cı", "ci", "ci", "cu"};
  // on, iyirmi, otuz, qırx, əlli, altmış, yetmiş, səksən, doxsan.
  constexpr std::array<std::string_view, 10> by_ten{"", "cu", "ci", "cu", "cı", "ci", "cı", "ci", "ci", "cı"};
  const std::int64_t n = number < 0 ? -number : number;
  if (n == 0) return "cı";  // sıfır
  if (n % 10 != 0) return by_unit[static_cast<std::size_t>(n % 10)];
  if (n % 100 != 0) return by_ten[static_cast<std::size_t>(n / 10 % 10)];
  if (n % 1000 != 0) return "cü";       // yüz
  if (n % 1'000'000 != 0) return "ci";  // min
  return "cu";                          // milyon
}

std::string Format::difference(std::int64_t number) const {
  return number > 0 ? "+" + group_digits(number) : group_digits(number);
}

std::string Format::fixed(double number, int decimals) const {
  std::string digits = fmt::format("{:.{}f}", std::abs(number), decimals);
  const std::size_t point = digits.find('.');
  const std::string fraction = point == std::string::npos ? "" : digits.substr(point + 1);
  digits.resize(std::min(point, digits.size()));
  const bool zero = digits.find_first_not_of('0') == std::string::npos &&
                    fraction.find_first_not_of('0') == std::string::npos;
  std::string out = number < 0 && !zero ? "\u2212" : "";
  out += group_digits(std::stoll(digits));
  return fraction.empty() ? out : out + text("decimal_point") + fraction;
}

std::string Format::decimal(double number, int decimals) const {
  std::string out = fixed(number, decimals);
  if (decimals == 0) return out;
  out.erase(out.find_last_not_of('0') + 1);
  if (out.ends_with(text("decimal_point"))) out.pop_back();
  return out;
}

std::string Format::money(std::int64_t qepik) const {
  const std::int64_t size = qepik < 0 ? -qepik : qepik;
  const std::string_view sign = qepik < 0 ? "\u2212" : "";
  std::string amount;
  if (size < 100 * qepik_per_manat && size % qepik_per_manat != 0) {
    amount = fmt::format("{}{}{:02}", size / qepik_per_manat, text("decimal_point"), size % qepik_per_manat);
  } else {
    amount = group_digits(rounded_manat(size));
  }
  return std::string(sign) + fill("manat", {{"amount", amount}});
}

std::string Format::money_difference(std::int64_t qepik) const {
  return qepik > 0 ? "+" + money(qepik) : money(qepik);
}

std::string Format::money_short(std::int64_t qepik) const {
  constexpr double qepik_per_million = 1e8;
  if (std::abs(static_cast<double>(qepik)) < qepik_per_million) return money(qepik);
  const double millions = static_cast<double>(qepik) / qepik_per_million;
  return (millions < 0 ? "\u2212" : "") + fill("manat_million", {{"amount", decimal(std::abs(millions), 1)}});
}

std::string Format::share(double share) const {
  return fill("percent", {{"amount", decimal(share * 100, 1)}});
}

std::string Format::quantity(std::uint64_t amount, regime::Unit unit) const {
  const auto whole = static_cast<std::int64_t>(amount);
  switch (unit) {
    case regime::Unit::seconds:
      return count("minutes", (whole + 59) / 60);
    case regime::Unit::messages:
      return count("messages", whole);
    case regime::Unit::octets: {
      const auto octets = static_cast<double>(amount);
      if (octets >= 1e9) return fill("gigabytes", {{"amount", decimal(octets / 1e9, 1)}});
      if (octets >= 1e6) return fill("megabytes", {{"amount", decimal(octets / 1e6, 1)}});
      return fill("kilobytes", {{"amount", decimal(octets / 1e3, 1)}});
    }
    case regime::Unit::qepik:
      return money(whole);
    case regime::Unit::percent:
      return fill("percent", {{"amount", number(whole)}});
    case regime::Unit::none:
      break;
  }
  return number(whole);
}

std::string Format::day_text(Date day, std::string_view key, std::string_view time) const {
  const std::chrono::year_month_day civil(day);
  const std::string number = fmt::format("{}", static_cast<unsigned>(civil.day()));
  const std::string& month = text(month_keys[static_cast<unsigned>(civil.month()) - 1]);
  const std::string year = ordinal(static_cast<int>(civil.year()));
  return fill(key, {{"day", number}, {"month", month}, {"year", year}, {"time", time}});
}

std::string Format::date(Date day) const {
  return day_text(day, "date", "");
}

std::string Format::date_time(Instant t) const {
  const std::string local = zone_.format_local(t);
  return day_text(zone_.day_of(t), "date_time", std::string_view(local).substr(local.find(' ') + 1));
}

std::string Format::boundary(Instant t, bool is_end) const {
  const Date day = zone_.day_of(t);
  if (zone_.start_of(day) != t) return date_time(t);
  return date(is_end ? day - std::chrono::days(1) : day);
}

std::string Format::period(const Period& period) const {
  const bool has_from = period.from != instant_min;
  const bool has_until = period.until != instant_max;
  if (!has_from && !has_until) return text("period_always");
  if (!has_until) return fill("period_from", {{"from", boundary(period.from, false)}});
  if (!has_from) return fill("period_until", {{"until", boundary(period.until, true)}});
  return fill("period_both",
              {{"from", boundary(period.from, false)}, {"until", boundary(period.until, true)}});
}

std::string Format::remaining(const Period& period, Instant now) const {
  const Date today = zone_.day_of(now);
  if (now < period.from) {
    const auto days = (zone_.day_of(period.from) - today).count();
    return days == 0 ? text("period_starts_today") : count("period_starts_in", days);
  }
  if (period.until == instant_max) return "";
  if (now >= period.until) return text("period_ended");
  const auto days = (zone_.day_of(period.until - std::chrono::microseconds(1)) - today).count();
  return days == 0 ? text("period_ends_today") : count("period_ends_in", days);
}

std::string Format::ordinal(int number) const {
  if (language_ != Language::az) return fmt::format("{}", number);
  return fmt::format("{}-{}", number, azerbaijani_ordinal(number));
}

std::string Format::version(int number) const {
  return fill("version", {{"number", fmt::format("{}", number)}});
}

std::string Format::capitalised(std::string_view sentence) const {
  const std::size_t first = first_letter(sentence);
  return to_upper(sentence.substr(0, first), language_) + std::string(sentence.substr(first));
}

std::string Format::uncapitalised(std::string_view sentence) const {
  const std::size_t first = first_letter(sentence);
  return to_lower(sentence.substr(0, first), language_) + std::string(sentence.substr(first));
}

}  // namespace dayaq::portal
