// A preview as JSON, for the API and the command line. @see docs/api.md
#pragma once

#include <functional>
#include <string>

#include "regime/preview.hpp"
#include "registry/country_pack.hpp"

namespace dayaq::regime {

struct PreviewNames {
  const registry::CountryPack& country;
  std::function<OrganisationCode(OrganisationIndex)> organisation_code;
};

/// {"at","places":[{"code","name","living"}],"measures":[{"regime","version","code","ended","total":{...},
/// "lines":[{"kind","provider","lines"}],"by_place":[{...}]}],"any":{...},"any_by_place":[{...}]}; a reach is
/// {"persons","lines","gained","lost","cost_qepik"}. Lists by place go in step with "places".
[[nodiscard]] std::string preview_json(const Preview& preview, const PreviewNames& names);

}  // namespace dayaq::regime
