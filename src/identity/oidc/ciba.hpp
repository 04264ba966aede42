// CIBA: a client that knows a person (a bank's call centre) asks for their confirmation on their own phone or
// page.
//
//   client ── POST /oauth/bc-authorize ──> pending ── decide_ciba ──> granted | refused
//   person <── message (Outbox) ──┘                        └── ping to the client, if it registered one
//   client ── POST /oauth/token (poll_ciba) ──> pending, slow_down, ... the grant, once ──> used
//
// 1. The answer is the same whether or not there is such a person: who asks for nobody waits until the
// expiry.
// 2. A person isn't flooded: of one client a new request replaces the one that waits, and there is a limit an
// hour.
// @see OpenID Connect Client-Initiated Backchannel Authentication Flow - Core 1.0 (poll and ping)
#pragma once

#include <string>
#include <string_view>

#include "identity/oidc/device.hpp"

namespace dayaq::identity::oidc {

/// As poll_device, for grant_type urn:openid:params:grant-type:ciba.
Result<Poll> poll_ciba(store::Session& db, const Provider& provider, const Client& client,
                       std::string_view auth_req_id, Instant now);

struct CibaAuthorization {
  std::string auth_req_id;  ///< 256 bits
  std::chrono::seconds expires_in{};
  std::chrono::seconds interval{};
};
/// `form`: the body of the request, form-encoded; the client was authenticated. CIBA Core section 13:
///   - "oauth.invalid_request", "oauth.invalid_scope", "oauth.unauthorized_client"
///   - "oauth.invalid_binding_message"   over 64 characters, or not plain text
///   - limit "oauth.slow_down"           too many requests of this client about this hint in the last hour
Result<CibaAuthorization> begin_ciba(const Provider& provider, const Client& client, std::string_view form,
                                     Instant now);

/// Remembers whom a client that may use CIBA means by its `sub`, so that an id_token_hint finds them. Part of
/// the transaction that grants.
Result<void> note_subject(store::Session& db, const Provider& provider, const Client& client,
                          PersonId person);

}  // namespace dayaq::identity::oidc
