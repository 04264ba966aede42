// The answers that the provider's endpoints have in common.
#pragma once

#include "identity/oidc/provider.hpp"

namespace dayaq::identity::oidc {

/// As error_answer, with the nonce that "oauth.use_dpop_nonce" promises.
[[nodiscard]] http::Response error_answer(const Provider& provider, const Error& error, Instant now);
/// A resource refuses an access token: 401 (or 403) with WWW-Authenticate for the scheme it came by.
[[nodiscard]] http::Response token_refused(const Provider& provider, const Error& error, bool dpop,
                                           Instant now);
void never_stored(http::Response& response);
/// Browsers of any site may read it (CORS): nothing here goes by cookies.
void for_browsers(http::Response& response);
void add_nonce(http::Response& response, const Provider& provider, Instant now);

}  // namespace dayaq::identity::oidc
