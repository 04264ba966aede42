// What a client learns about a person, and by which words it asks.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "identity/oidc/provider.hpp"

namespace dayaq::identity::oidc {

/// The scope that covers a claim ("profile" for "birthdate"), "" if there is no such claim.
[[nodiscard]] std::string_view scope_of_claim(std::string_view claim);
/// Claims that everybody may be asked for; "status:CODE" are besides these.
[[nodiscard]] std::span<const std::string_view> known_claims();
/// Whether anything about the person beyond their subject goes with the grant.
[[nodiscard]] bool releases_claims(const Grant& grant);
/// The authentication methods as RFC 8176 names them.
[[nodiscard]] std::vector<std::string> amr_of(Methods methods);
/// Whose data it is: the person's who signed in, or of whom they act for.
[[nodiscard]] inline PersonId subject_of(const Grant& grant) {
  return grant.acting_for == PersonId() ? grant.person : grant.acting_for;
}

}  // namespace dayaq::identity::oidc
