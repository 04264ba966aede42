// The pages' texts in three languages: web/text/{az,en,ru}.yaml, and beside each
// {az,en,ru}.PART.yaml, one a part of the house.
//
//   nav_home: Ana səhifə
//   as_of: "As of {time} (Baku time)."
//   measures_count: {one: "{n} measure", other: "{n} measures"}
//
// A text with forms is chosen by a number, by the plural rules of CLDR for whole numbers: az and en have one
// and other, ru has one, few and many. All three languages have the same keys, and what a text names in
// braces is named in all three; Texts::load refuses anything else, so that a page can't lack a word.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/text.hpp"

namespace dayaq::portal {

enum class Plural : std::uint8_t { one, few, many, other };
/// @see CLDR plural rules, cardinals, for whole numbers.
[[nodiscard]] Plural plural_of(std::int64_t number, Language language);
[[nodiscard]] std::string_view to_string(Plural plural);

class Texts {
 public:
  using Names = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// Reads az.yaml, az.PART.yaml and so on. not_found "portal.texts" without the folder; invalid_input
  /// "portal.texts" names the file, and the key that is missing, has other names in braces, or lacks a plural
  /// form.
  static Result<Texts> load(const std::filesystem::path& folder);
  /// The same from the three files' contents.
  static Result<Texts> parse(std::string_view az, std::string_view en, std::string_view ru);

  /// A text without forms, as it stands. A key that isn't there is a defect of the program: it ends.
  [[nodiscard]] const std::string& text(std::string_view key, Language language) const;
  /// The text with its names in braces filled in.
  [[nodiscard]] std::string fill(std::string_view key, Language language, Names names) const;
  /// The form for `number`, with {n} (digits grouped) or {count} (digits as they are) filled in.
  [[nodiscard]] std::string count(std::string_view key, Language language, std::int64_t number) const;
  /// Calls f(key, text) for each text that stands by itself: no forms, nothing to fill in.
  void each_plain(Language language,
                  const std::function<void(const std::string&, const std::string&)>& f) const;
  [[nodiscard]] const std::vector<std::string>& keys() const { return keys_; }  ///< sorted

 private:
  struct Entry {
    std::string other;  ///< the whole text if it has no forms
    std::vector<std::pair<Plural, std::string>> forms;
    bool plain = true;
  };
  using Catalogue = std::map<std::string, Entry, std::less<>>;

  static Result<Catalogue> read(std::string_view yaml, Language language);
  [[nodiscard]] const Entry& entry(std::string_view key, Language language) const;

  std::vector<std::string> keys_;                 // sorted
  std::vector<Entry> entries_[languages.size()];  // in their order
};

}  // namespace dayaq::portal
