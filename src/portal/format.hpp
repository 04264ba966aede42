// Numbers, money, quantities, dates and periods as people read them in each language.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "base/time.hpp"
#include "portal/texts.hpp"
#include "regime/types.hpp"

namespace dayaq::portal {

/// The Azerbaijani ordinal suffix of a number by vowel harmony of its last word: 3 "cü", 2020 "ci", 2026
/// "cı".
[[nodiscard]] std::string_view azerbaijani_ordinal(std::int64_t number);

/// A view of texts, language and zone; make one for each page.
class Format {
 public:
  Format(const Texts& texts, Language language, const Zone& zone)
      : texts_(texts), language_(language), zone_(zone) {}
  [[nodiscard]] Language language() const { return language_; }
  [[nodiscard]] const Texts& texts() const { return texts_; }

  [[nodiscard]] const std::string& text(std::string_view key) const { return texts_.text(key, language_); }
  [[nodiscard]] std::string fill(std::string_view key, Texts::Names names) const {
    return texts_.fill(key, language_, names);
  }
  [[nodiscard]] std::string count(std::string_view key, std::int64_t number) const {
    return texts_.count(key, language_, number);
  }

  [[nodiscard]] std::string number(std::int64_t number) const { return group_digits(number); }
  /// "+1 234", "−1 234" (U+2212), "0".
  [[nodiscard]] std::string difference(std::int64_t number) const;
  /// Digits with the language's decimal sign, at most `decimals`, without trailing zeros: 12.5 "12,5".
  [[nodiscard]] std::string decimal(double number, int decimals) const;
  /// The same with just `decimals` digits: 2 "2,00".
  [[nodiscard]] std::string fixed(double number, int decimals) const;
  /// Qepik as manat: below 100 manat to the qepik, else to the manat.
  [[nodiscard]] std::string money(std::int64_t qepik) const;
  /// The same with a sign, for what changes.
  [[nodiscard]] std::string money_difference(std::int64_t qepik) const;
  /// From a million manat on with one decimal and the word: "196,9 mln ₼"; else as money().
  [[nodiscard]] std::string money_short(std::int64_t qepik) const;
  /// 0.413 "41,3 %".
  [[nodiscard]] std::string share(double share) const;
  /// "300 minutes", "2 GB" (1 GB is 10^9 octets), "100 SMS", "15 ₼".
  [[nodiscard]] std::string quantity(std::uint64_t amount, regime::Unit unit) const;

  [[nodiscard]] std::string date(Date day) const;
  /// Date and time of day, in the country's zone.
  [[nodiscard]] std::string date_time(Instant t) const;
  /// First and last day in words (an end at midnight is the day before, since `until` isn't part of the
  /// period), or with the time of day where it isn't midnight.
  [[nodiscard]] std::string period(const Period& period) const;
  /// "40 days left", "starts in 3 days", "ended"; "" if the period has no end and runs.
  [[nodiscard]] std::string remaining(const Period& period, Instant now) const;
  /// "3-cü" in Azerbaijani, where a number that counts in order carries its suffix; "3" elsewhere.
  [[nodiscard]] std::string ordinal(int number) const;
  /// "Version 2".
  [[nodiscard]] std::string version(int number) const;
  /// The first letter raised by the language's rules (az: i to İ).
  [[nodiscard]] std::string capitalised(std::string_view sentence) const;
  /// The same, lowered: for a name in the middle of a sentence.
  [[nodiscard]] std::string uncapitalised(std::string_view sentence) const;

 private:
  [[nodiscard]] std::string day_text(Date day, std::string_view key, std::string_view time) const;
  [[nodiscard]] std::string boundary(Instant t, bool is_end) const;

  const Texts& texts_;
  Language language_;
  const Zone& zone_;
};

}  // namespace dayaq::portal
