#include "regime/law_directory.hpp"

namespace dayaq::regime {

using registry::OrganisationDirectory;

ProviderNames provider_names(const OrganisationDirectory& directory) {
  return {.find = [&directory](std::string_view code) -> std::optional<ProviderNames::Provider> {
            const auto index = directory.find(code);
            if (!index) return std::nullopt;
            const auto organisation = directory.at(*index);
            return ProviderNames::Provider{organisation->code, *index, organisation->kind};
          },
          .codes =
              [&directory] {
                std::vector<std::string> codes;
                for (const auto& organisation : directory.all()) codes.push_back(organisation->code.value());
                return codes;
              }};
}

LawJsonContext law_json_context(const registry::CountryPack& country, const StatusWording& wording,
                                const OrganisationDirectory& directory) {
  return {.country = country, .wording = wording, .organisation_code = [&directory](OrganisationIndex index) {
            return directory.at(index)->code;
          }};
}

ExplainContext explain_context(const registry::CountryPack& country, const StatusWording& wording,
                               const Zone& zone, const OrganisationDirectory& directory) {
  return {.country = country,
          .wording = wording,
          .zone = zone,
          .organisation_name = [&directory](OrganisationIndex index) { return directory.at(index)->name; },
          .issuers =
              [&directory](StatusIndex status) {
                std::vector<OrganisationIndex> out;
                for (std::size_t i = 0; i < directory.size(); ++i) {
                  const auto index = static_cast<OrganisationIndex>(i);
                  if (directory.may_issue(index, status)) out.push_back(index);
                }
                return out;
              }};
}

}  // namespace dayaq::regime
