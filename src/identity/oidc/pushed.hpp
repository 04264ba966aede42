// Pushed authorization requests: a client hands its request over by itself, before it sends a browser.
// @see RFC 9126; FAPI 2.0 Security Profile section 5.3.2.2
#pragma once

#include "identity/oidc/request.hpp"

namespace dayaq::identity::oidc {

inline constexpr std::string_view pushed_prefix = "urn:ietf:params:oauth:request_uri:";
[[nodiscard]] inline bool is_pushed_uri(std::string_view request_uri) {
  return request_uri.starts_with(pushed_prefix);
}

struct Pushed {
  std::string request_uri;
  std::chrono::seconds expires_in{};
};
/// POST /oauth/par by an authenticated client. `form`: the body; `dpop_jkt`: the key of a DPoP proof sent
/// with it, "" if none (RFC 9449 section 10.1). The errors of the authorization endpoint, told to the client
/// at once. Waits for its row to be durable.
Result<Pushed> push(const Provider& provider, const Client& client, std::string_view form,
                    std::string_view dpop_jkt, Instant now);

/// Takes a pushed request out, for good: whatever happens afterwards, its request_uri never works again. Told
/// to the person: invalid_input "authorize.request_uri" (used, expired, another client's, unknown).
Result<AuthorizationRequest> take_pushed(const Provider& provider, const Client& client,
                                         std::string_view request_uri, Instant now);

}  // namespace dayaq::identity::oidc
