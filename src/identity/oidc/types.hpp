// The nouns of the OpenID Provider: clients, what they were granted, the tokens that stand on it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "crypto/jwk.hpp"
#include "crypto/sign.hpp"
#include "identity/account/types.hpp"

namespace dayaq::identity::oidc {

/// Authorization grants a client may use. @see RFC 6749 section 1.3, RFC 8628, CIBA Core
enum class GrantType : std::uint8_t {
  authorization_code,
  refresh_token,
  client_credentials,
  device_code,
  ciba
};
[[nodiscard]] std::string_view to_string(GrantType type);  ///< as the parameter grant_type has it
[[nodiscard]] std::optional<GrantType> parse_grant_type(std::string_view name);

enum class ClientAuthentication : std::uint8_t { none, secret_basic, secret_post, private_key_jwt };
[[nodiscard]] std::string_view to_string(ClientAuthentication method);  ///< "client_secret_basic"
[[nodiscard]] std::optional<ClientAuthentication> parse_client_authentication(std::string_view name);

/// A program that relies on digital IDs, or that calls the API.
struct Client {
  std::string id;  ///< client_id: a code (base/ids.hpp)
  OrganisationCode organisation;
  LocalizedText name;
  LocalizedText purpose;     ///< what for, as the consent page says it
  std::string legal_ground;  ///< the law or contract it asks by
  ClientAuthentication authentication = ClientAuthentication::private_key_jwt;
  crypto::Sha256 secret{};  ///< HMAC-SHA-256 of the secret under the node's key; zeros without one
  crypto::JwkSet keys;      ///< for private_key_jwt and request objects
  std::vector<std::string>
      redirect_uris;  ///< compared exactly; loopback redirects with any port (RFC 8252 7.3)
  std::vector<std::string> post_logout_redirect_uris;
  std::string backchannel_logout_uri;
  std::string backchannel_notification_uri;  ///< CIBA ping; "" for poll
  std::uint8_t grants = 0;                   ///< bit set by GrantType
  std::vector<std::string> scopes;  ///< it may ask: "openid", "profile", "status:student", "persons:read"
  bool pairwise = true;             ///< subjects by sector; false: public
  std::string sector;               ///< host of the sector identifier
  crypto::JwsAlgorithm signing = crypto::JwsAlgorithm::es256;  ///< of ID tokens
  bool fapi = false;                 ///< FAPI 2.0: PAR, DPoP, private_key_jwt, no less
  bool pushed_only = false;          ///< require_pushed_authorization_requests
  bool dpop_bound = false;           ///< dpop_bound_access_tokens
  Assurance least = Assurance::low;  ///< no sign-in below it
  /// legal_ground is a law that says what the client learns: the person is told (audit), but not asked.
  bool by_law = false;
  /// An old program that can't do PKCE, let in one by one: confidential, and a nonce is required instead
  /// (OAuth 2.1 section 7.5.1.2). Never with fapi.
  bool without_pkce = false;
  /// The number of the API key that it is (key_clients.hpp), 0 for others: `secret` is the SHA-256 of the
  /// key's text then.
  std::uint64_t api_key = 0;
  Instant created;
  Instant ended = instant_max;
  [[nodiscard]] bool may(GrantType type) const { return (grants >> unsigned(type) & 1u) != 0; }
};

/// One claim as the claims parameter asks for it. @see OpenID Connect Core section 5.5
struct ClaimWish {
  std::string name;
  bool essential = false;
  bool in_id_token = false;
  bool in_userinfo = false;
};

using GrantId = Id64<struct GrantTag>;

/// What a person has allowed a client, once: codes, tokens and refresh tokens stand on it.
struct Grant {
  GrantId id;
  std::string client;
  PersonId person;      ///< 0 for client credentials
  PersonId acting_for;  ///< 0: themselves
  SessionId session;    ///< 0 with offline_access, device flow and CIBA
  /// Where the person signed in, as `sid` tells the client: with offline_access too, since the client's own
  /// session ends with this one though the grant doesn't. 0 with the device flow and CIBA.
  SessionId signed_in{};
  Instant authenticated;
  Assurance assurance = Assurance::low;
  Methods methods;
  std::vector<std::string> scopes;
  std::vector<ClaimWish> claims;
  std::string nonce;  ///< of the authentication request, "" if none
  std::string jkt;    ///< thumbprint of the DPoP key tokens are bound to, "" for bearer
  Instant expires;    ///< of the whole, refreshes too
};

struct Lifetimes {
  std::chrono::seconds code{60};
  std::chrono::seconds access_token{300};
  std::chrono::seconds id_token{300};
  std::chrono::hours refresh_token{24 * 90};
  std::chrono::seconds pushed_request{90};
  std::chrono::seconds device_code{600};
  std::chrono::seconds ciba{300};
  std::chrono::seconds refresh_retry{60};  ///< in which a refresh token asked again gets the same successor
};

}  // namespace dayaq::identity::oidc
