// The law in words: who a measure is for, what it gives and from whom, as sentences in three languages.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "portal/format.hpp"
#include "regime/traffic.hpp"
#include "regime/types.hpp"
#include "registry/country_pack.hpp"

namespace dayaq::portal {

/// What names are looked up in. Views; the owner must outlive it.
struct Vocabulary {
  const registry::CountryPack& country;
  const regime::TrafficCatalogue& traffic;
  std::function<LocalizedText(regime::OrganisationIndex)> organisation;
  std::function<LocalizedText(std::string_view code)> organisation_by_code;  ///< empty if there is none
};

/// "Persons with the status “Pensioner” and aged 65 or over". A rule is simplified first, so that negations
/// stand right before a condition; alternatives inside of a conjunction stand in parentheses.
[[nodiscard]] std::string who_sentence(const regime::Rule& rule, const Format& format,
                                       const Vocabulary& words);

/// "Free internet (learning resources), 5 GB a month – on mobile lines".
[[nodiscard]] std::string benefit_sentence(const regime::Benefit& benefit, const Format& format,
                                           const Vocabulary& words);

/// The providers' names, or "all operators and providers of the fitting kind".
[[nodiscard]] std::string providers_sentence(const regime::Measure& measure, const Format& format,
                                             const Vocabulary& words);

/// The places' names, or "the whole country".
[[nodiscard]] std::string territory_sentence(const regime::Regime& regime, const Format& format,
                                             const Vocabulary& words);

}  // namespace dayaq::portal
