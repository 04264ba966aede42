// Where answers of the authorization endpoint go: never anywhere that wasn't registered.
// @see RFC 6749 sections 3.1.2 and 4.1.2, RFC 8252 section 7.3, RFC 9207, RFC 9700 section 2.1
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "identity/oidc/authorize.hpp"

namespace dayaq::identity::oidc {

/// Equal byte by byte (RFC 9700 section 2.1); of a registered loopback address (http://127.0.0.1 or
/// http://[::1], never the name "localhost") the port may be any (RFC 8252 section 7.3).
[[nodiscard]] bool redirect_uri_matches(std::string_view registered, std::string_view asked);
[[nodiscard]] bool is_registered_redirect(const Client& client, std::string_view asked);

/// Where and how one request is answered. Only made from what is registered.
struct ResponseTarget {
  std::string redirect_uri;
  std::string state;  ///< echoed as it came; "" if none
  bool form_post = false;
};

using ResponseFields = std::vector<std::pair<std::string, std::string>>;
/// The fields, `state` and `iss` (RFC 9207 section 2), in the query or as a form.
[[nodiscard]] Redirect respond(const ResponseTarget& target, std::string_view issuer, ResponseFields fields);
/// RFC 6749 section 4.1.2.1: `error` is what follows "oauth." in the code; anything else is "server_error",
/// or "temporarily_unavailable" for what may be tried again. The description is the public text in ASCII.
[[nodiscard]] Redirect respond_error(const ResponseTarget& target, std::string_view issuer,
                                     const Error& error);

/// invalid_input with OAuth's own word: `code` is "oauth.invalid_scope" and the like.
[[nodiscard]] inline std::unexpected<Error> refuse(std::string_view code, std::string public_text) {
  return fail(ErrorKind::invalid_input, code, std::move(public_text));
}

}  // namespace dayaq::identity::oidc
