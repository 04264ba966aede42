#include "identity/oidc/types.hpp"

#include <array>

namespace dayaq::identity::oidc {
namespace {

constexpr std::array<std::string_view, 4> authentication_names{"none", "client_secret_basic",
                                                               "client_secret_post", "private_key_jwt"};
// RFC 6749 sections 4.1.3, 6, 4.4.2; RFC 8628 section 3.4; CIBA Core section 10.1
constexpr std::array<std::string_view, 5> grant_names{
    "authorization_code", "refresh_token", "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code", "urn:openid:params:grant-type:ciba"};

}  // namespace

std::string_view to_string(ClientAuthentication method) {
  return authentication_names[static_cast<std::size_t>(method)];
}

std::optional<ClientAuthentication> parse_client_authentication(std::string_view name) {
  for (std::size_t i = 0; i < authentication_names.size(); ++i) {
    if (authentication_names[i] == name) return static_cast<ClientAuthentication>(i);
  }
  return std::nullopt;
}

std::string_view to_string(GrantType type) {
  return grant_names[static_cast<std::size_t>(type)];
}

std::optional<GrantType> parse_grant_type(std::string_view name) {
  for (std::size_t i = 0; i < grant_names.size(); ++i) {
    if (grant_names[i] == name) return static_cast<GrantType>(i);
  }
  return std::nullopt;
}

}  // namespace dayaq::identity::oidc
