// Who acts for an organisation on these pages: as on the officials' console of the digital ID.
#pragma once

#include <vector>

#include "identity/web/official.hpp"

namespace dayaq::services::web {

using identity::web::identifying_official;
using identity::web::Official;
using identity::web::official;
using identity::web::public_official;

/// All organisations that whoever is signed in represents now; none while they act for somebody.
Result<std::vector<Official>> officials(const identity::web::Visit& visit);

}  // namespace dayaq::services::web
