// Short-lived signed addresses for a CDN, which lets nobody in without asking anybody.
//
//   exp=1800000000~acl=/hls/news/*~data=00c0ffee00c0ffee~hmac=<64 hexadecimal digits>
//
// HMAC-SHA256 under the shared key over all before "~hmac=": the format that CDNs know as token
// authentication 2.0, with the ends of addresses in `acl` and the line's pseudonym in `data`. And, for an
// nginx without an edge beside it, the MD5 of its secure_link module.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace dayaq::edge::tv {

/// @see RFC 2104, FIPS 198-1
[[nodiscard]] std::array<std::byte, 32> hmac_sha256(BytesView key, BytesView message);

struct Token {
  Instant expires;        ///< whole seconds
  std::string prefix;     ///< "/hls/news/"
  std::uint64_t key = 0;  ///< the line's pseudonym
  friend bool operator==(const Token&, const Token&) = default;
};

[[nodiscard]] std::string make_token(BytesView key, const Token& token);
/// invalid_input "tv.token" for what make_token() doesn't write; forbidden "tv.token_signature" under another
/// key; forbidden "tv.token_expired"; forbidden "tv.token_path" for a path that isn't below its prefix.
[[nodiscard]] Result<Token> check_token(BytesView key, std::string_view token, std::string_view path,
                                        Instant now);

/// What nginx compares with `secure_link_md5 "$secure_link_expires$arg_p $arg_l SECRET"`: base64url without
/// padding of the MD5 of "EXPIRES PREFIX LINE SECRET" with single spaces but between EXPIRES and PREFIX.
[[nodiscard]] std::string secure_link(std::string_view secret, const Token& token);
/// The same for a line that nginx knows by itself, "EXPIRES PREFIX LINE SECRET": a pass, which saves nginx
/// the question until it runs out. "MD5.EXPIRES", for a cookie.
[[nodiscard]] std::string make_pass(std::string_view secret, std::string_view prefix, std::string_view line,
                                    Instant expires);

/// A request's address as a path, as nginx sees it when it chooses a location: without the query, decoded,
/// with slashes merged and dot segments resolved. nullopt for a broken escape, a NUL, a way above the root,
/// or no path at all.
[[nodiscard]] std::optional<std::string> normal_path(std::string_view address);

}  // namespace dayaq::edge::tv
