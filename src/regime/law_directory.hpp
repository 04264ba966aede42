// The law's views of a node's organisations.
#pragma once

#include "regime/explain.hpp"
#include "regime/file.hpp"
#include "regime/law_json.hpp"
#include "registry/organisations.hpp"

namespace dayaq::regime {

/// What regime files name under `from`.
[[nodiscard]] ProviderNames provider_names(const registry::OrganisationDirectory& directory);

/// What JSON needs. References; their owners must outlive it.
[[nodiscard]] LawJsonContext law_json_context(const registry::CountryPack& country,
                                              const StatusWording& wording,
                                              const registry::OrganisationDirectory& directory);

/// What explanations need. References; their owners must outlive it.
[[nodiscard]] ExplainContext explain_context(const registry::CountryPack& country,
                                             const StatusWording& wording, const Zone& zone,
                                             const registry::OrganisationDirectory& directory);

}  // namespace dayaq::regime
