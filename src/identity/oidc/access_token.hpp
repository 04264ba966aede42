// The tokens that are signed: access tokens as RFC 9068 has them, ID tokens as OpenID Connect Core section 2.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "identity/oidc/grants.hpp"
#include "identity/oidc/token_cache.hpp"

namespace dayaq::identity::oidc {

struct SignedToken {
  std::string text;
  std::uint64_t id = 0;
  std::chrono::seconds life{};
};

/// An access token. A person's: `grant` with its id and person; client credentials: no id, no person.
/// `jkt`: the thumbprint of the DPoP key it is bound to (RFC 9449 section 6), "" for bearer.
/// Errors: not_found "keys.none".
Result<SignedToken> sign_access_token(const Provider& provider, const Client& client, const Grant& grant,
                                      std::string_view scopes, std::string_view jkt, Instant now);

/// `claims`: what was asked for in the ID token. `nonce`: "" when it is refreshed (Core section 12.2).
Result<std::string> sign_id_token(const Provider& provider, const Client& client, const Grant& grant,
                                  std::string_view access_token, const std::vector<Claim>& claims,
                                  std::string_view nonce, Instant now);

/// unauthenticated "auth.token" unless it is one of this provider's, not expired, not revoked, its client
/// still there and its key still published. A token seen before costs no signature check. Whoever uses it
/// still asks for the proof of its key (jkt).
Result<std::shared_ptr<const AccessToken>> verify_access_token(const Provider& provider,
                                                               std::string_view token, Instant now);

/// The proof in a request's DPoP header: its key's thumbprint, "" if there is no header.
///   - invalid_input "oauth.invalid_dpop_proof"
///   - invalid_input "oauth.use_dpop_nonce"      the answer's DPoP-Nonce says which
struct DpopAsked {
  std::string_view url;                               ///< of the endpoint
  std::optional<std::string_view> access_token = {};  ///< at a resource
  std::optional<std::string_view> thumbprint = {};    ///< the key it must be
  bool nonce = false;                                 ///< it must carry one of ours
};
Result<std::string> check_proof(const Provider& provider, const http::Request& request,
                                const DpopAsked& asked, Instant now);

/// The scopes with single spaces between them.
[[nodiscard]] std::string join_scopes(const std::vector<std::string>& scopes);

}  // namespace dayaq::identity::oidc
