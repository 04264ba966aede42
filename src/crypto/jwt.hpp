// Claims: written canonically without a tree, and checked. @see RFC 7519, RFC 9068, RFC 8725, RFC 8785
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "crypto/jws.hpp"
#include "crypto/jwt_json.hpp"

namespace dayaq::crypto {

/// Writes one object of claims. Members added in ascending order of their names cost nothing more; others are
/// sorted by finish(), so that equal claims are equal bytes (RFC 8785 for ASCII names). If a name comes twice
/// the first one stays: the protocol's own claims are added before configured ones, which can't replace them.
class ClaimsWriter {
 public:
  explicit ClaimsWriter(std::size_t reserve = 512);
  ClaimsWriter& text(std::string_view name, std::string_view value);
  ClaimsWriter& number(std::string_view name, std::int64_t value);
  ClaimsWriter& boolean(std::string_view name, bool value);
  ClaimsWriter& date(std::string_view name, Instant value);  ///< NumericDate: whole seconds, rounded down
  ClaimsWriter& texts(std::string_view name, std::span<const std::string> values);
  /// One audience as a string, several as an array (RFC 7519 section 4.1.3).
  ClaimsWriter& audience(std::span<const std::string> values);
  ClaimsWriter& json(std::string_view name, std::string_view raw);  ///< `raw` must be one JSON value
  /// The object's text; the writer is empty after it and can be used again.
  [[nodiscard]] std::string finish();

 private:
  struct Piece {
    std::string_view::size_type at = 0;
    std::size_t name_size = 0;  ///< with its quotes
    std::size_t size = 0;
  };
  void begin(std::string_view name);
  void end();
  [[nodiscard]] std::string_view name_of(const Piece& piece) const {
    return std::string_view(out_).substr(piece.at + 1, piece.name_size - 2);
  }
  std::string out_;
  std::vector<Piece> pieces_;
  bool sorted_ = true;
};

struct JwtPolicy {
  std::string_view issuer = {};                       ///< exact; empty: not checked
  std::span<const std::string> audiences = {};        ///< one of them must be in `aud`; empty: not checked
  bool only_audience = false;                         ///< `aud` may name nobody else (client assertions)
  std::chrono::seconds skew{30};                      ///< at most 300 s is taken
  std::optional<std::chrono::seconds> life_max = {};  ///< exp - iat (or exp - now without iat)
  std::optional<std::chrono::seconds> age_max = {};   ///< now - iat; makes iat required
  bool expiry_required = true;
  std::span<const std::string_view> required = {};  ///< names that must be there, of whatever kind
};

struct Jwt {
  JsonObject claims;
  std::string issuer;
  std::string subject;
  std::vector<std::string> audience;
  std::optional<Instant> expires;
  std::optional<Instant> not_before;
  std::optional<Instant> issued;
  std::string id;  ///< jti
};

/// Checks a payload that is already verified. unauthenticated but where said
///   - "jwt.format"      not strict JSON, or a registered claim of the wrong kind or over 512 bytes
///   (invalid_input)
///   - "jwt.required"    a claim that must be there isn't
///   - "jwt.issuer", "jwt.audience"
///   - "jwt.expired"     now >= exp + skew
///   - "jwt.not_yet"     now < nbf - skew, or iat > now + skew
///   - "jwt.life"        it lives longer, or is older, than the policy takes
[[nodiscard]] Result<Jwt> check_claims(std::string payload, const JwtPolicy& policy, Instant now);

/// verify_compact, then check_claims.
[[nodiscard]] Result<Jwt> verify_jwt(std::string_view token, const JwkSet& keys, const JwsPolicy& signature,
                                     const JwtPolicy& policy, Instant now);

}  // namespace dayaq::crypto
