// Permits that prove themselves: a CWT (RFC 8392) in COSE_Sign1 with Ed25519 (RFC 9052), small enough for a
// QR code and for a message.
//
//   payload     { 2 (sub): national id, 4 (exp): s, 5 (nbf): s, 7 (cti): 8 bytes, -70001: [kind, detail] }
//   unprotected { 4 (kid): the first 4 bytes of SHA-256 of the public key's 32 bytes }
//
// For QR codes the text is base45 (RFC 9285, alphanumeric mode) of the whole COSE_Sign1 behind "DP1:". For
// SMS it is base64url of kid | payload | signature behind "DP1.": what is the same in every permit is left
// out, so that one with a short detail fits 160 characters. Kinds are numbers; what they are called in three
// languages is in the list of keys (list.hpp). @see docs/permits.md
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
  friend bool operator==(const Claims&, const Claims&) = default;
};

inline constexpr std::size_t subject_max = 20, detail_max = 40;  ///< bytes

/// An Ed25519 key's 32 bytes, and the first 4 of their SHA-256.
[[nodiscard]] Bytes raw_key(const crypto::CoseKey& key);
[[nodiscard]] Bytes key_id_of(const crypto::CoseKey& key);

/// Signs permits. Thread-safe. A copy goes on with the key of its moment.
class Issuer {
 public:
  explicit Issuer(crypto::CoseSigner key);  ///< Ed25519 (DAYAQ_ASSERT)
  Issuer(const Issuer& other) : signer_(other.held()) {}
  Issuer& operator=(const Issuer&) = delete;
  ~Issuer() = default;
  /// From here on this key signs.
  void use(crypto::CoseSigner key);
  /// A subject or detail that is too long is cut at a whole character; times are cut to whole seconds,
  /// of which a permit lasts one at least; one without end ends with the year 9999.
  [[nodiscard]] Bytes issue(const Claims& claims) const;
  /// Signs something else with the same key: the list of revoked permits.
  [[nodiscard]] Bytes sign(BytesView payload, BytesView external_aad) const;
  /// The same permit under the key that signs now; what signed `token` isn't looked at. invalid_input
  /// "permit.token".
  [[nodiscard]] Result<Bytes> sign_again(BytesView token) const;
  [[nodiscard]] Bytes key_id() const;  ///< 4 bytes
  [[nodiscard]] crypto::CoseKey public_key() const;

 private:
  struct Signer {
    crypto::CoseSigner key;
    Bytes id;
  };
  [[nodiscard]] static std::shared_ptr<const Signer> signer_of(crypto::CoseSigner key);
  [[nodiscard]] std::shared_ptr<const Signer> held() const;

  mutable std::mutex mutex_;
  std::shared_ptr<const Signer> signer_;  // shared with whoever signs while another takes over
};

/// "DP1:..." (base45, for QR) and "DP1...." (base64url, for SMS; of a token that isn't an Issuer's: qr_text).
[[nodiscard]] std::string qr_text(BytesView token);
[[nodiscard]] std::string sms_text(BytesView token);
/// Either, as the whole token. Line breaks are forgiven, in the SMS form all white space; a blank in the QR
/// form is one of its letters. invalid_input "permit.text".
[[nodiscard]] Result<Bytes> parse_text(std::string_view text);

/// Keys that are trusted, by key id.
class Keys {
 public:
  void add(crypto::CoseKey key);
  /// The first with that id; 4 bytes may be shared by several keys, of which verify() tries each.
  [[nodiscard]] const crypto::CoseKey* find(BytesView key_id) const;
  [[nodiscard]] const std::vector<std::pair<Bytes, crypto::CoseKey>>& all() const { return keys_; }
  /// Whatever a key of this id (4 bytes) has signed counts for nothing; its place in all() is lost.
  void withdraw(Bytes key_id);
  [[nodiscard]] const std::vector<Bytes>& withdrawn() const { return withdrawn_; }  ///< ascending
  [[nodiscard]] bool is_withdrawn(BytesView key_id) const;

 private:
  std::vector<std::pair<Bytes, crypto::CoseKey>> keys_;
  std::vector<Bytes> withdrawn_;
};

/// The claims of a token whose signature fits.
///   - invalid_input "permit.token"      not a permit
///   - not_found "permit.key"            signed with a key that isn't known
///   - forbidden "permit.key_withdrawn"  signed, or forged, with a key that was withdrawn
///   - invalid_input "permit.signature"  forged or damaged
[[nodiscard]] Result<Claims> verify(BytesView token, const Keys& keys);

enum class Verdict : std::uint8_t { valid, ended, not_yet, revoked };
[[nodiscard]] std::string_view to_string(Verdict verdict);  ///< "not_yet"
/// By the clock alone: what is revoked, a list says.
[[nodiscard]] Verdict judge(const Claims& claims, Instant now);

}  // namespace dayaq::services::permit
