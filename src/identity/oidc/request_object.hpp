// Signed requests (JAR): what a client asks can't be changed on its way through the browser.
// @see RFC 9101, OpenID Connect Core section 6, FAPI 2.0 Message Signing section 5.3
#pragma once

#include "identity/oidc/request.hpp"

namespace dayaq::identity::oidc {

/// Opens the parameter `request` of `outer`. What the object says is all that counts; parameters beside it
/// are not looked at, but for client_id, which must agree (RFC 9101 section 6.3).
///   - "oauth.invalid_request_object"  not signed by one of the client's registered keys with ES256, EdDSA,
///     PS256 or RS256 (never `none`; with fapi not RS256); meant for another server or by another client;
///     without an expiry, expired, or living over an hour; nested; a parameter of the wrong kind
[[nodiscard]] Result<Parameters> open_request_object(const Provider& provider, const Client& client,
                                                     const Parameters& outer, Instant now);

/// The same of a token alone. Its parameters: strings as they are, max_age a number, claims an object.
[[nodiscard]] Result<Parameters> read_request_object(std::string_view issuer, const Client& client,
                                                     std::string_view token, Instant now);

}  // namespace dayaq::identity::oidc
