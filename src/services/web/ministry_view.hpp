// One service as its ministry sees it.
#pragma once

#include <string_view>

#include "services/web/official.hpp"
#include "services/web/web.hpp"

namespace dayaq::services::web {

/// The text and tone of a version's state.
[[nodiscard]] std::string_view version_state_key(ServiceState state);
[[nodiscard]] std::string_view version_state_tone(ServiceState state);

/// Figures, versions, and the forms that suspend it and take it up again. not_found "service.unknown" for
/// another organisation's.
Result<http::Response> service_page(Visit& visit, const ServicesWeb& services, const Official& who,
                                    const std::string& code, std::string_view note_key, bool bad);

}  // namespace dayaq::services::web
