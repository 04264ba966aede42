// How a client says who it is. @see RFC 6749 section 2.3, RFC 7523 section 3, FAPI 2.0 section 5.3.2.1
#pragma once

#include <memory>
#include <string_view>

#include "identity/oidc/form.hpp"
#include "identity/oidc/provider.hpp"

namespace dayaq::identity::oidc {

/// unauthenticated "oauth.invalid_client"; invalid_input "oauth.invalid_request" for two ways at once. No
/// database: a jti is remembered in memory (replay.hpp), and assertions from before the process began are
/// refused.
Result<std::shared_ptr<const Client>> authenticate_client(const Provider& provider,
                                                          const http::Request& request, const Form& form,
                                                          Instant now);

}  // namespace dayaq::identity::oidc
