// Who calls the API and the pages: access tokens, the sessions of digital IDs and, while they last, API keys.
//
//   Authorization: Bearer dyq_...   an API key (registry/api_key.hpp), deprecated: its holder fetches tokens
//   with it Authorization: Bearer JWT       an access token of this provider that is bound to no key
//   Authorization: DPoP JWT         one that is bound to a key, with a proof made for this very request
//   Cookie: __Host-session          a person in a browser, for pages alone
//
// All but a session that isn't in memory is said from memory. What is revoked, a client that has ended and a
// grant whose session has ended are refused from the commit on that says so.
// @see RFC 6750, RFC 9068 section 4, RFC 9449 section 7
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/principal.hpp"
#include "identity/oidc/provider.hpp"
#include "identity/oidc/token_cache.hpp"

namespace dayaq::identity::oidc {

class Access final : public http::Authenticator {
 public:
  enum class PlainKeys : std::uint8_t {
    taken,
    of_administrators,  ///< an organisation's own fetch tokens first; unauthenticated "auth.key" else
  };
  /// `keys` knows API keys. Both outlive this.
  Access(const Provider& provider, const http::Authenticator& keys, PlainKeys plain = PlainKeys::taken);

  [[nodiscard]] Result<http::Principal> authenticate(const http::Credentials& credentials) const override;
  [[nodiscard]] std::optional<Result<http::Principal>> at_once(
      const http::Credentials& credentials) const override;
  [[nodiscard]] std::string dpop_nonce() const override;

 private:
  [[nodiscard]] Result<http::Principal> by_token(const http::Credentials& credentials) const;
  [[nodiscard]] std::string_view session_token(const http::Credentials& credentials) const;

  const Provider& provider_;
  const http::Authenticator& keys_;
  const PlainKeys plain_;
  const std::string session_cookie_;
};

/// What a verified token lets its holder do here: its scopes that its client may still have. A person's token
/// gives a person's scopes alone, and a program's never gives them.
[[nodiscard]] std::uint32_t api_scopes(const AccessToken& token, const Client& client);

}  // namespace dayaq::identity::oidc
