// Texts that say where a grant's row lies, to this provider alone: codes, refresh tokens, access tokens' ids.
//
//   mac  = HMAC-SHA-256(key 1, kind | person | grant | number)        authenticates, and is the nonce of
//   text = base64url(mac | (person | grant | number) xor HMAC-SHA-256(key 2, mac))      what hides the rest
//
// Deterministic (a synthetic IV, as RFC 5297 has it): the same handle is the same text, so that a refresh
// token asked for again is answered by the same successor, without a row for either. Whoever reads the
// database learns none of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/secret.hpp"
#include "identity/oidc/types.hpp"

namespace dayaq::identity::oidc {

enum class HandleKind : std::uint8_t { code = 1, refresh = 2, access = 3 };

struct Handle {
  HandleKind kind = HandleKind::code;
  PersonId person;           ///< 0 for client credentials
  GrantId grant;             ///< the same
  std::uint64_t number = 0;  ///< of a refresh token its generation, of an access token its id
  friend bool operator==(const Handle&, const Handle&) = default;
};

struct HandleKeys {
  crypto::SecretBytes mac;
  crypto::SecretBytes mask;
};

inline constexpr std::size_t handle_text_size = 75;

[[nodiscard]] std::string write_handle(const HandleKeys& keys, const Handle& handle);
/// Nothing for what isn't such a text of this kind, under these keys.
[[nodiscard]] std::optional<Handle> read_handle(const HandleKeys& keys, HandleKind kind,
                                                std::string_view text);

}  // namespace dayaq::identity::oidc
