// Permits that prove themselves: a CWT (RFC 8392) in COSE_Sign1 with Ed25519 (RFC 9052), small enough for a
// QR code and for one SMS.
//
//   payload = { 2 (sub): national id, 4 (exp): s, 5 (nbf): s, 7 (cti): 8 bytes, -70001: kind, -70002: detail
//   } unprotected header = { 4 (kid): the first 4 bytes of SHA-256 of the public key }
//
// The text form is base45 (RFC 9285) behind "DP1:" for QR codes (alphanumeric mode), base64url behind "DP1."
// for SMS. Kinds are numbers; what they are called in three languages is in the list of keys. @see
// docs/permits.md
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "crypto/cose.hpp"

namespace dayaq::services::permit {

/// What a permit says.
struct Claims {
  std::string subject;     ///< national id, so that an inspector compares it with the card
  std::uint64_t id = 0;    ///< cti: PermitId
  Period valid;            ///< whole seconds
  std::uint16_t kind = 0;  ///< number of the permit's kind
  std::string detail;      ///< "bazar; AZ-BA": what else an inspector must see; at most 40 bytes
};

/// Signs permits. Thread-safe.
class Issuer {
 public:
  explicit Issuer(crypto::CoseSigner key);
  [[nodiscard]] Bytes issue(const Claims& claims) const;
  [[nodiscard]] Bytes key_id() const;  ///< 4 bytes
  [[nodiscard]] crypto::CoseKey public_key() const;

 private:
  crypto::CoseSigner key_;
  Bytes key_id_;
};

/// "DP1:..." (base45, for QR) and "DP1...." (base64url, for SMS).
[[nodiscard]] std::string qr_text(BytesView token);
[[nodiscard]] std::string sms_text(BytesView token);
/// Either; white space and line breaks within are forgiven. invalid_input "permit.text".
[[nodiscard]] Result<Bytes> parse_text(std::string_view text);

/// Keys that are trusted, by key id.
class Keys {
 public:
  void add(crypto::CoseKey key);
  [[nodiscard]] const crypto::CoseKey* find(BytesView key_id) const;

 private:
  std::vector<std::pair<Bytes, crypto::CoseKey>> keys_;
};

/// The claims of a token whose signature fits.
///   - invalid_input "permit.token"      not a permit
///   - not_found "permit.key"            signed with a key that isn't known
///   - invalid_input "permit.signature"  forged or damaged
[[nodiscard]] Result<Claims> verify(BytesView token, const Keys& keys);

enum class Verdict : std::uint8_t { valid, ended, not_yet, revoked };
[[nodiscard]] std::string_view to_string(Verdict verdict);

}  // namespace dayaq::services::permit
