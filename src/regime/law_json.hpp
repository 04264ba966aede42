// Regimes and their versions as JSON: what the API answers. Explanations have theirs in explain.hpp.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "regime/lifecycle.hpp"
#include "regime/rule_text.hpp"

namespace dayaq::regime {

struct LawJsonContext {
  const registry::CountryPack& country;
  const StatusWording& wording;
  std::function<OrganisationCode(OrganisationIndex)> organisation_code;
};

/// Who may see what: officials also see who submitted and approved, and the file.
enum class LawView : std::uint8_t { everybody, officials };

/// A whole version. Instants are RFC 3339; quantities are in the smallest unit, with the unit's name beside.
[[nodiscard]] std::string regime_json(const RegimeVersion& version, Instant now, LawView view,
                                      const LawJsonContext& context);
/// {"regimes": [...]}: code, version, state, title, periods of each.
[[nodiscard]] std::string regime_list_json(const std::vector<VersionHandle>& versions, Instant now,
                                           LawView view);
/// {"regime": ..., "notices": [...]} of a checked or submitted file.
[[nodiscard]] std::string regime_checked_json(const RegimeVersion& version,
                                              const std::vector<std::string>& notices, Instant now,
                                              const LawJsonContext& context);

/// {"traffic_classes": [...]}: code, name, meaning, and `everything`, domains and prefixes, or channels.
[[nodiscard]] std::string traffic_json(const TrafficCatalogue& traffic);

/// {"version": 2}: the version that an official has read and approves. invalid_input "regime.body".
[[nodiscard]] Result<int> read_approval(std::string_view body);
/// {"at": "2026-06-01T00:00:00Z"}, {} or an empty body: when a regime ends; nullopt for at once.
/// invalid_input "regime.body".
[[nodiscard]] Result<std::optional<Instant>> read_ending(std::string_view body);

/// "in_force", "coming" (approved, its hour is still to come), "over", "submitted", "withdrawn", "draft".
[[nodiscard]] std::string_view standing(const RegimeVersion& version, Instant now);

}  // namespace dayaq::regime
