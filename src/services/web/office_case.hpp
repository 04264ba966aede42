// One case on the officer's workbench.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "services/web/official.hpp"
#include "services/web/web.hpp"

namespace dayaq::services::web {

/// A case that this office has now. not_found "case.unknown" for any other: that it exists isn't told.
[[nodiscard]] Result<Case> case_in_office(store::Session& db, const ServicesWeb& services,
                                          const Official& who, CaseId id);
/// "claim", "release", "grant", "refuse", "ask"; nullopt for anything else.
[[nodiscard]] std::optional<Action> office_action(std::string_view name, LocalizedText reason);

/// /office/cases/find, /office/cases/{number} and what is done there.
void add_case_pages(http::Router& router, const ServicesWeb& services);

}  // namespace dayaq::services::web
