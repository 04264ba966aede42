// Text in three languages, with Azerbaijani casing done right.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dayaq {

enum class Language : std::uint8_t { az, en, ru };
inline constexpr std::array<Language, 3> languages{Language::az, Language::en, Language::ru};

[[nodiscard]] std::string_view to_string(Language language);  ///< BCP 47: "az", "en", "ru".
[[nodiscard]] std::optional<Language> parse_language(std::string_view tag);

/// One text for people. Azerbaijani is the source language; a missing translation falls back to it.
struct LocalizedText {
  std::string az;
  std::string en;
  std::string ru;
  [[nodiscard]] const std::string& in(Language language) const;
  friend bool operator==(const LocalizedText&, const LocalizedText&) = default;
};

[[nodiscard]] bool is_utf8(std::string_view text);
/// Casing by the language's rules: az i <-> İ, ı <-> I. @see Unicode SpecialCasing.txt, through ICU.
[[nodiscard]] std::string to_upper(std::string_view text, Language language);
[[nodiscard]] std::string to_lower(std::string_view text, Language language);
/// For searching: Azerbaijani lower case, then diacritics folded to ASCII (ə -> e, ı and İ -> i, ş -> s ...).
[[nodiscard]] std::string fold_for_search(std::string_view text);
/// "1 234 567" with thin spaces for people (all three languages group by three).
[[nodiscard]] std::string group_digits(std::int64_t number);
/// & < > " ' escaped, for HTML text and quoted attributes.
[[nodiscard]] std::string escape_html(std::string_view text);

}  // namespace dayaq
