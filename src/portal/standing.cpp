#include "portal/standing.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace dayaq::portal {

Standing standing_of(const regime::RegimeVersion& version, Instant now) {
  if (version.state == regime::RegimeState::draft) return Standing::draft;
  if (version.state == regime::RegimeState::submitted) {
    return version.superseded <= now ? Standing::withdrawn : Standing::submitted;
  }
  const Period law = version.in_force();
  if (!law.empty() && now < law.from) return Standing::coming;
  if (law.contains(now)) return Standing::in_force;
  const bool replaced = version.ended_by.empty() && version.superseded < version.regime.period.until;
  return replaced ? Standing::superseded : Standing::ended;
}

std::string_view text_key(Standing standing) {
  constexpr std::array<std::string_view, 7> keys{"state_draft",  "state_submitted", "state_withdrawn",
                                                 "state_coming", "state_in_force",  "state_superseded",
                                                 "state_ended"};
  return keys[static_cast<std::size_t>(standing)];
}

std::string_view tag_class(Standing standing) {
  constexpr std::array<std::string_view, 7> classes{"off", "wait", "off", "soon", "go", "off", "off"};
  return classes[static_cast<std::size_t>(standing)];
}

Versions versions_of(const Versions& all, const RegimeCode& code) {
  Versions out;
  std::ranges::copy_if(all, std::back_inserter(out),
                       [&](const auto& version) { return version->regime.code == code; });
  std::ranges::sort(out, {}, [](const auto& version) { return version->regime.version; });
  return out;
}

std::shared_ptr<const regime::RegimeVersion> leading_version(const Versions& versions, Instant now) {
  for (const Standing wanted : {Standing::in_force, Standing::coming, Standing::ended}) {
    for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
      if (standing_of(**version, now) == wanted) return *version;
    }
  }
  return versions.back();
}

Versions leading_versions(const Versions& all, Instant now) {
  std::set<RegimeCode> codes;
  for (const auto& version : all) codes.insert(version->regime.code);
  Versions out;
  for (const RegimeCode& code : codes) out.push_back(leading_version(versions_of(all, code), now));
  return out;
}

}  // namespace dayaq::portal
