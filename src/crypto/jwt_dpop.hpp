// Proof of possession for OAuth: DPoP proofs and PKCE. @see RFC 9449, RFC 7636
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "crypto/jwk.hpp"
#include "crypto/jws.hpp"

namespace dayaq::crypto {

/// Remembers one-time identifiers until they can't pass anyway. The server owns it, and decides how durable
/// it is.
class ReplayCache {
 public:
  virtual ~ReplayCache() = default;
  /// True the first time an id is seen, false after that until `until`. An error refuses the request: what
  /// isn't remembered can't be refused next time.
  virtual Result<bool> first_use(std::string_view id, Instant until) = 0;
};

struct DpopRequest {
  std::string_view method;  ///< of the HTTP request, "POST"
  std::string_view url;     ///< as the client sees it, absolute; query and fragment don't count
  std::optional<std::string_view> access_token = {};  ///< at a resource: `ath` must be its hash
  std::optional<std::string_view> thumbprint = {};    ///< the key the token (or the request) is bound to
};

struct DpopPolicy {
  JwsAlgorithms algorithms{JwsAlgorithm::es256, JwsAlgorithm::eddsa, JwsAlgorithm::ps256};
  std::chrono::seconds age_max{60};    ///< how old `iat` may be
  std::chrono::seconds ahead_max{10};  ///< how far the client's clock may be ahead
  std::span<const std::string_view> nonces =
      {};  ///< accepted ones (this period's and the last); empty: not asked
};

struct DpopProof {
  std::string thumbprint;  ///< RFC 7638, for `cnf.jkt`
  std::string id;
  Instant issued;
};

/// RFC 9449 section 4.3 (points 1 and 2, one header and one well-formed token, are the caller's and
/// parse_compact's). invalid_input unless said otherwise; the HTTP surface turns "dpop.nonce" into
/// `use_dpop_nonce` and the rest into `invalid_dpop_proof`.
///   - "dpop.proof"    malformed, another typ or algorithm, no public key or a private one, a bad signature,
///   a
///                     missing claim
///   - "dpop.request"  made for another method or address
///   - "dpop.time"     iat outside the window
///   - "dpop.nonce"    no nonce, or none of the accepted ones
///   - "dpop.token"    ath isn't this token's hash, or the key isn't the one the token is bound to
///   - "dpop.replay"   seen before
///   - whatever the replay cache fails with
[[nodiscard]] Result<DpopProof> check_dpop(std::string_view proof, const DpopRequest& request,
                                           const DpopPolicy& policy, ReplayCache& replays, Instant now);

/// An absolute http(s) address without query and fragment, normalised by syntax and scheme: lower case, no
/// default port, unreserved characters unescaped, dot segments removed, "/" for an empty path. Nothing if it
/// isn't one.
/// @see RFC 9449 section 4.3 point 9, RFC 3986 section 6.2
[[nodiscard]] std::optional<std::string> normalise_htu(std::string_view url);

/// base64url of the SHA-256 of ASCII text: `ath`, `at_hash`'s whole, and PKCE's S256.
[[nodiscard]] std::string sha256_base64url(std::string_view text);

/// RFC 7636 section 4.1: 43 to 128 unreserved characters.
[[nodiscard]] bool is_pkce_verifier(std::string_view verifier);
/// RFC 7636 section 4.2: what an S256 challenge looks like (43 characters of base64url).
[[nodiscard]] bool is_pkce_challenge(std::string_view challenge);
/// Section 4.6, S256 alone: `plain` doesn't exist here. Constant time in the challenge.
[[nodiscard]] bool pkce_matches(std::string_view verifier, std::string_view challenge);

}  // namespace dayaq::crypto
