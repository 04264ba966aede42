// Grants as they are stored, and the two things that happen once: a code is redeemed, a refresh token is
// followed by another.
//
// A refresh token's number is its generation; the grant's row knows the newest one.
//
//   asked with                  within refresh_retry     later
//   the newest (n)              n + 1 is issued          n + 1 is issued
//   the one before (n - 1)      n again                  the family ends
//   an older one                the family ends          the family ends
//
// The successor is the same text each time (handles.hpp), so that whoever lost the answer, by a cut line or a
// crash on either side, asks again and goes on; and whoever replays a stolen one ends it for both.
// @see RFC 6749 sections 4.1.2, 10.4; RFC 9700 section 4.14
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "identity/oidc/provider.hpp"

namespace dayaq::identity::oidc {

struct StoredGrant {
  Grant grant;
  Instant ended = instant_max;
  bool redeemed = false;
  Instant code_until = instant_min;
  std::uint64_t generation = 0;
  Instant rotated = instant_min;
  std::string redirect_uri;
  std::string code_challenge;
  [[nodiscard]] bool live_at(Instant t) const { return t < ended && t < grant.expires; }
};

/// Any session of the store.
Result<std::optional<StoredGrant>> grant_row(store::Session& db, PersonId person, GrantId id);

/// Stores a grant that needs no code (device flow, CIBA). `generation` 1 if a refresh token goes with it.
Result<void> open_grant(store::Session& db, const Grant& grant, std::uint64_t generation, Instant now);

/// Uses the code up; false if it was used before (then the grant has ended, RFC 6749 section 4.1.2), or its
/// time is over, or the grant has ended. `jkt`: the key its refresh tokens are bound to from here on. Part of
/// a transaction that must be committed either way.
Result<bool> redeem_code(store::Session& db, const Provider& provider, const Grant& grant,
                         std::string_view jkt, std::uint64_t generation, Instant now);

/// Whether the refresh token of this generation may be followed by the next; see the table above. Part of a
/// transaction that must be committed either way.
Result<bool> rotate_refresh(store::Session& db, const Provider& provider, PersonId person, GrantId id,
                            std::uint64_t generation, Instant now);

/// An access token is worth nothing from here on, though its grant stands.
Result<void> revoke_access_token(store::Session& db, const Provider& provider, std::uint64_t id,
                                 Instant expires);

}  // namespace dayaq::identity::oidc
