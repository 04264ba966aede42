// The device flow: a TV box shows a code, its owner types it on another screen.
//
//   device ── POST /oauth/device_authorization ──> pending ── decide_device ──> granted | refused
//   device ── POST /oauth/token (poll_device) ──> pending, slow_down, ... the grant, once ──> used
//
// 1. One decision: a code that was decided, or used, can't be decided again.
// 2. A poll sooner than the interval makes the interval 5 seconds longer (RFC 8628 section 3.5).
// 3. The grant is given once; afterwards the code is worth nothing.
// @see RFC 8628
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "identity/oidc/provider.hpp"

namespace dayaq::identity::oidc {

/// What a poll of the token endpoint found (device flow and CIBA).
struct Poll {
  enum class State : std::uint8_t {
    granted,  ///< `grant` is to be stored and answered with tokens, in the same transaction
    pending,
    slow_down,
    denied,
    expired,
  };
  State state = State::pending;
  Grant grant;
};
/// What the token endpoint answers when it isn't granted: "oauth.authorization_pending", "oauth.slow_down",
/// "oauth.access_denied", "oauth.expired_token" (RFC 8628 section 3.5, CIBA Core section 11).
[[nodiscard]] Error error_of(Poll::State state);

/// Part of the token endpoint's transaction, which must be committed whatever was found (a refusal is a
/// value, since a transaction that fails leaves no trace, and when a device last asked has to be remembered).
///   - invalid_input "oauth.invalid_grant"  unknown, another client's, or used
Result<Poll> poll_device(store::Session& db, const Provider& provider, const Client& client,
                         std::string_view device_code, Instant now);

/// A request begun by a client that was authenticated.
struct DeviceAuthorization {
  std::string device_code;  ///< 256 bits, for the device alone
  std::string user_code;    ///< "WDJB-MJHT": 8 of the 20 letters of RFC 8628 section 6.1
  std::chrono::seconds expires_in{};
  std::chrono::seconds interval{};
};
/// `form`: the body of the request, form-encoded. The errors of a token endpoint: "oauth.invalid_scope",
/// "oauth.unauthorized_client", "oauth.invalid_request". Waits for its row to be durable.
Result<DeviceAuthorization> begin_device(const Provider& provider, const Client& client,
                                         std::string_view form, Instant now);

}  // namespace dayaq::identity::oidc
