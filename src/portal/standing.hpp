// Where a version of a regime stands at a moment, as the pages name it.
#pragma once

#include <memory>
#include <string_view>

#include "portal/ports.hpp"
#include "regime/types.hpp"

namespace dayaq::portal {

enum class Standing : std::uint8_t { draft, submitted, withdrawn, coming, in_force, superseded, ended };

[[nodiscard]] Standing standing_of(const regime::RegimeVersion& version, Instant now);
/// The key of its name in web/text.
[[nodiscard]] std::string_view text_key(Standing standing);
/// The class of its tag in the style sheet.
[[nodiscard]] std::string_view tag_class(Standing standing);

/// The versions of one regime, oldest first.
[[nodiscard]] Versions versions_of(const Versions& all, const RegimeCode& code);
/// The version that a regime's page shows: in force, else coming, else ended, else the latest. Not of an
/// empty list.
[[nodiscard]] std::shared_ptr<const regime::RegimeVersion> leading_version(const Versions& versions,
                                                                           Instant now);
/// One leading version for each regime, by code.
[[nodiscard]] Versions leading_versions(const Versions& all, Instant now);

}  // namespace dayaq::portal
