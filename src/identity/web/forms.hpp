// What keeps forms and redirects honest: CSRF tokens, where a form came from, where a redirect may lead,
// cookies.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace dayaq::identity::web {

/// The node's public address, taken apart once. "https://id.example.az", "http://localhost:8080".
struct PublicUrl {
  std::string origin;     ///< without a slash at the end
  std::string host;       ///< without a port: the WebAuthn RP id
  bool secure = true;     ///< https
  bool loopback = false;  ///< localhost, 127.0.0.1 or [::1]
};
/// invalid_input "node.url": an origin alone (no path), https, or http on loopback.
[[nodiscard]] Result<PublicUrl> parse_public_url(std::string_view url);

/// The hidden field of every form of somebody who is signed in: an HMAC under the session's own token, which
/// no other site can know. It says nothing about the token.
[[nodiscard]] std::string form_token(std::string_view session_token);
/// In constant time.
[[nodiscard]] bool form_token_fits(std::string_view session_token, std::string_view given);

/// Whether a page of ours sent this form, by what the browser says of its origin. Browsers that say nothing
/// pass: the form's token, or the cookie that an attempt to sign in is bound to, decides.
/// @see Fetch Metadata (Sec-Fetch-Site), RFC 6454 (Origin)
[[nodiscard]] bool sent_from_here(const http::Request& request, const PublicUrl& url);

/// The same for a form that leads from a page of ours to another port of this host. Its Origin is hidden ("null") by
/// our own referrer policy; what else protects such a form is what it carries, sealed for one browser.
[[nodiscard]] bool sent_to_door(const http::Request& request, const PublicUrl& url);

inline constexpr std::size_t path_size_max = 8192;
/// A path of this site to go on to, or `otherwise`: never another site, whatever a browser makes of slashes,
/// backslashes and control characters.
[[nodiscard]] std::string safe_path(std::string_view wanted, std::string_view otherwise);

/// `__Host-NAME` over https; NAME alone on cleartext loopback, where browsers refuse the prefix.
[[nodiscard]] std::string cookie_name(const PublicUrl& url, std::string_view name);
/// HttpOnly, SameSite=Lax, Path=/, Secure over https. `seconds` 0: until the browser ends.
[[nodiscard]] std::string cookie(const PublicUrl& url, std::string_view name, std::string_view value,
                                 long seconds);
[[nodiscard]] std::string cookie_gone(const PublicUrl& url, std::string_view name);

/// The origin of a redirect URI as a source of a security policy: "https://shop.example:8443", "app.example:"
/// for a scheme of an app's own. nullopt if it can't stand in one.
[[nodiscard]] std::optional<std::string> policy_source(std::string_view uri);

}  // namespace dayaq::identity::web
