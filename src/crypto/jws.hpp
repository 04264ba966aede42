// Signed tokens in compact form: BASE64URL(header) . BASE64URL(payload) . BASE64URL(signature).
// @see RFC 7515, RFC 8725 (best current practice)
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "crypto/jwk.hpp"
#include "crypto/jwt_json.hpp"

namespace dayaq::crypto {

/// Signs with one key and one header, whose bytes are encoded once. Thread-safe.
class JwsSigner {
 public:
  /// Header: alg, kid, and typ unless empty. The key is shared with the ring it comes from, which may retire
  /// it while a token is being signed.
  JwsSigner(std::shared_ptr<const JwkPrivate> key, std::string_view typ);
  [[nodiscard]] std::string sign(std::string_view payload) const;
  [[nodiscard]] const JwkPrivate& key() const { return *key_; }

 private:
  std::shared_ptr<const JwkPrivate> key_;
  std::string prefix_;  // encoded header and its dot
};

/// Any header, already JSON: for proofs that carry their key. `alg` in it must be the key's; nobody checks
/// that here.
[[nodiscard]] std::string sign_compact(const JwkPrivate& key, std::string_view header_json,
                                       std::string_view payload);

/// A token taken apart, not verified: believe nothing in it yet.
struct JwsParts {
  JsonObject header;
  JwsAlgorithm algorithm = JwsAlgorithm::es256;
  std::string payload;
  Bytes signature;
  std::string signing_input;  ///< the first two parts and the dot between them
};

struct JwsPolicy {
  JwsAlgorithms algorithms;                         ///< an allow-list: what `alg` says is never trusted alone
  std::string_view typ = {};                        ///< what `typ` must be; empty: whatever it is
  std::span<const std::string_view> critical = {};  ///< extensions in `crit` that the caller does check
  std::size_t size_max = 16384;
};

/// RFC 7515 section 5.2, steps 1 to 7 and the header's rules. invalid_input
///   - "jws.size"       over size_max bytes
///   - "jws.format"     not three parts of base64url without padding, or the header isn't strict JSON
///   - "jws.algorithm"  `none`, unknown, or not allowed
///   - "jws.critical"   `crit` names something that the caller doesn't check, or is malformed
///   - "jws.typ"        another `typ` (compared as RFC 7515 section 4.1.9 says, without case)
[[nodiscard]] Result<JwsParts> parse_compact(std::string_view token, const JwsPolicy& policy);

/// Steps 8 and 9 with a key the caller chose. unauthenticated "jws.signature" (also if the algorithm doesn't
/// fit).
[[nodiscard]] Result<void> verify_parts(const JwsParts& parts, const JwkPublic& key);

/// Parses, chooses the key by `kid` (without one: the only key that fits) and verifies. The errors of both,
/// and unauthenticated "jws.key" if no key or more than one comes into question.
[[nodiscard]] Result<JwsParts> verify_compact(std::string_view token, const JwkSet& keys,
                                              const JwsPolicy& policy);

}  // namespace dayaq::crypto
