// Consents in the store. What a person sees of them is in authorize.hpp.
#pragma once

#include "identity/oidc/request.hpp"

namespace dayaq::identity::oidc {

/// How long a consent stands unless it is withdrawn.
inline constexpr std::chrono::hours consent_life{24 * 365};

Result<std::optional<Consent>> consent_of(store::Session& db, PersonId person, PersonId acting_for,
                                          std::string_view client, Instant now);

/// Whether it answers everything that is asked for: each scope agreed to, each claim agreed to or left out.
[[nodiscard]] bool covers(const Consent& consent, const std::vector<std::string>& scopes,
                          const std::vector<ClaimWish>& claims);

/// Adds to what stands (a claim left out now is left out from here on) and makes it stand for consent_life
/// again. Part of a transaction; writes the audit entry "identity.consent" about the person whose data it is.
Result<void> record_consent(store::Session& db, const Provider& provider, Consent consent, Instant now);

/// What of a request the person agreed to: scopes and claims without those left out. A scope of one claim
/// ("status:student") goes with its claim.
struct Agreed {
  std::vector<std::string> scopes;
  std::vector<ClaimWish> claims;
};
[[nodiscard]] Agreed without(const std::vector<std::string>& scopes, const std::vector<ClaimWish>& claims,
                             const std::vector<std::string>& left_out);

/// What a person may leave out: claims that the client didn't call essential, and scopes of one status.
[[nodiscard]] std::vector<std::string> optional_claims(const std::vector<std::string>& scopes,
                                                       const std::vector<ClaimWish>& claims);

/// Why a grant is: what decides about its scopes and claims is the same for a browser, a TV box and a call
/// centre.
[[nodiscard]] Grant grant_of(const Provider& provider, const Client& client, const Session& session,
                             Agreed agreed, Instant now);

}  // namespace dayaq::identity::oidc
