// The country pack with its organisations, for the fuzzers of e-services.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "regime_country.hpp"

namespace dayaq::fuzz {

/// Organisations have the indexes of their order in the pack.
inline regime::FileContext service_files() {
  const registry::CountryPack& pack = country().pack;
  regime::FileContext files = country().files();
  files.providers.find = [&pack](std::string_view code) -> std::optional<regime::ProviderNames::Provider> {
    for (std::size_t i = 0; i < pack.organisations().size(); ++i) {
      const registry::Organisation& one = pack.organisations()[i];
      if (one.code.value() == code)
        return regime::ProviderNames::Provider{one.code, static_cast<registry::OrganisationIndex>(i),
                                               one.kind};
    }
    return std::nullopt;
  };
  files.providers.codes = [] { return std::vector<std::string>{"digital-agency", "tabib"}; };
  return files;
}

}  // namespace dayaq::fuzz
