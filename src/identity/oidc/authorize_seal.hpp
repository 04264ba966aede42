// What is under way, as a text that only this provider can read or make, for one purpose and until one
// moment.
#pragma once

#include <string>
#include <string_view>

#include "identity/oidc/request.hpp"

namespace dayaq::identity::oidc {

/// How long somebody may take to sign in and to decide.
inline constexpr std::chrono::minutes request_life{30};

/// base64url of AES-GCM under the master key. The purpose is authenticated with it, so that a text made for
/// one step can't stand in at another; where a session belongs to the step, so is its id (no CSRF: another
/// person's form doesn't fit).
[[nodiscard]] std::string seal_text(const Provider& provider, std::string_view purpose, SessionId session,
                                    BytesView content, Instant until);
/// invalid_input "authorize.request" (not ours, damaged, of another step or session), "authorize.expired".
[[nodiscard]] Result<Bytes> open_text(const Provider& provider, std::string_view purpose, SessionId session,
                                      std::string_view sealed, Instant now);

inline constexpr std::string_view purpose_continue = "dayaq/authorize/continue/1";
inline constexpr std::string_view purpose_consent = "dayaq/authorize/consent/1";
inline constexpr std::string_view purpose_pushed = "dayaq/authorize/pushed/1";
inline constexpr std::string_view purpose_logout = "dayaq/authorize/logout/1";
inline constexpr std::string_view purpose_ping = "dayaq/authorize/ping/1";

[[nodiscard]] Result<AuthorizationRequest> open_request(const Provider& provider, std::string_view purpose,
                                                        SessionId session, std::string_view sealed,
                                                        Instant now);

// Lists of names as rows hold them: with a space between them.
[[nodiscard]] std::string join_names(const std::vector<std::string>& names);
[[nodiscard]] std::vector<std::string> split_names(std::string_view text);

/// SHA-256, as the key of a row that stands for a secret.
[[nodiscard]] Bytes hash_of(std::string_view secret);
/// 256 random bits as 43 characters.
[[nodiscard]] std::string draw_secret(Random& random);

}  // namespace dayaq::identity::oidc
