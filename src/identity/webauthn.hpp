// WebAuthn, the relying party's side: what a browser is asked for, and what it answers is checked.
//
//   a challenge is made ── options to create() ──> browser ── RegistrationResponse ──> verify_registration
//                       ── options to get()    ──> browser ── AssertionResponse    ──> verify_assertion
//
// Plain functions: the caller keeps the challenge (once, with an expiry), the credentials and their counters.
//
// @see W3C Web Authentication Level 2, sections 7.1 and 7.2; backup flags and toJSON forms: Level 3
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "crypto/cose.hpp"

namespace dayaq::identity::webauthn {

using Challenge = std::array<std::byte, 32>;  ///< section 13.4.3 asks for at least 16 random bytes
using Aaguid = std::array<std::byte, 16>;     ///< the authenticator's model; zeros if it doesn't say

[[nodiscard]] Challenge make_challenge(Random& random);

enum class Need : std::uint8_t { required, preferred, discouraged };

/// Who we are to browsers. Part of the configuration, checked at the start.
struct RelyingParty {
  std::string id;                    ///< a domain: "id.example.az"
  std::string name;                  ///< for people
  std::vector<std::string> origins;  ///< exact: "https://id.example.az"; what a page's origin may be
};

// ── clientDataJSON (section 5.8.1) ──

inline constexpr std::size_t client_data_size_max = 4096;

struct ClientData {
  std::string type;  ///< "webauthn.create" or "webauthn.get"
  Bytes challenge;   ///< decoded
  std::string origin;
  bool cross_origin = false;
  std::string top_origin;  ///< Level 3: empty if absent
};

/// One JSON object in UTF-8 with each member once; members that we don't know are skipped, nested up to 4
/// deep.
///   - invalid_input "webauthn.client_data"
[[nodiscard]] Result<ClientData> parse_client_data(BytesView json);

// ── authenticatorData (section 6.1) ──
//
//   rpIdHash 32 | flags 1 | signCount 4, big-endian | attested credential data, if AT | extensions, if ED
//   attested:     aaguid 16 | length 2 | credential id | COSE_Key

inline constexpr std::size_t credential_id_size_max = 1023;  ///< section 4, credential id

struct AuthenticatorFlags {
  bool user_present = false;     ///< UP, bit 0
  bool user_verified = false;    ///< UV, bit 2
  bool backup_eligible = false;  ///< BE, bit 3: may be synced to other devices
  bool backed_up = false;        ///< BS, bit 4
  friend bool operator==(const AuthenticatorFlags&, const AuthenticatorFlags&) = default;
};

/// Views into the bytes parsed.
struct AttestedCredential {
  Aaguid aaguid{};
  BytesView credential_id;
  BytesView public_key;  ///< a COSE_Key, its bytes
};

struct AuthenticatorData {
  crypto::Sha256 rp_id_hash{};
  AuthenticatorFlags flags;
  std::uint32_t counter = 0;
  std::optional<AttestedCredential> attested;
  BytesView extensions;  ///< a CBOR map, its bytes; empty if there are none
};

/// All of `bytes`; nothing may follow. invalid_input "webauthn.authenticator_data", or those of crypto::cbor.
[[nodiscard]] Result<AuthenticatorData> parse_authenticator_data(BytesView bytes);

// ── Attestation (section 8) ──

enum class Attestation : std::uint8_t {
  none,          ///< nothing was said about the authenticator
  self,          ///< signed by the credential itself: of some authenticator
  basic,         ///< signed by a certificate that leads to one of the anchors
  untrusted,     ///< signed by a certificate, in order, that leads to none
  not_verified,  ///< a format that isn't checked here: tpm, android-key, apple, ...
};

enum class AttestationPolicy : std::uint8_t {
  optional,  ///< what is present and can be verified must be right; all of the above pass
  required,  ///< `basic` alone passes
};

// ── Registration (section 7.1) ──

/// What a person's account keeps of a passkey.
struct Credential {
  Bytes id;
  Bytes public_key;  ///< COSE_Key in deterministic CBOR
  std::uint32_t counter = 0;
  Aaguid aaguid{};
  AuthenticatorFlags flags;
  Attestation attestation = Attestation::none;
  std::vector<std::string> transports;  ///< "usb", "nfc", "ble", "internal", "hybrid", "smart-card"
  friend bool operator==(const Credential&, const Credential&) = default;
};

struct RegistrationResponse {
  Bytes id;
  Bytes client_data;         ///< clientDataJSON as it came
  Bytes attestation_object;  ///< CBOR
  std::vector<std::string> transports;
};

struct RegistrationExpectation {
  const RelyingParty& party;
  Challenge challenge{};
  Need user_verification = Need::required;
  AttestationPolicy attestation = AttestationPolicy::optional;
  std::span<const Bytes> anchors = {};  ///< certificates of authenticators' makers, DER
  Instant now;
};

/// Section 7.1. The caller has still to see that no account has a credential of this id (step 22).
///   - invalid_input "webauthn.client_data", "webauthn.attestation", "webauthn.authenticator_data",
///     "webauthn.key" or those of crypto::cbor: not what a browser sends
///   - forbidden "webauthn.type", "webauthn.challenge", "webauthn.origin", "webauthn.rp_id",
///     "webauthn.user_present", "webauthn.user_verified", "webauthn.flags": not what was asked for
///   - forbidden "webauthn.untrusted": the policy wants an attestation that leads to an anchor
[[nodiscard]] Result<Credential> verify_registration(const RegistrationResponse& response,
                                                     const RegistrationExpectation& expected);

// ── Assertion (section 7.2) ──

struct AssertionResponse {
  Bytes id;
  Bytes client_data;
  Bytes authenticator_data;
  Bytes signature;
  Bytes user_handle;  ///< empty if it gave none
};

enum class Counter : std::uint8_t {
  unused,    ///< both zero: this authenticator doesn't count (synced passkeys)
  advanced,  ///< larger than the one stored
  repeated,  ///< not larger: perhaps there are two of this authenticator (step 21); the caller decides
};

struct AssertionExpectation {
  const RelyingParty& party;
  Challenge challenge{};
  Need user_verification = Need::required;
  std::span<const Bytes> allowed = {};  ///< credential ids that were offered; empty: a discoverable login
  BytesView user_handle = {};           ///< of the account that has the credential
};

struct Assertion {
  AuthenticatorFlags flags;
  std::uint32_t counter = 0;  ///< to be stored, unless `repeated`
  Counter counting = Counter::unused;
};

/// Section 7.2. `credential` is the stored one that response.id names.
///   - as verify_registration, and
///   - forbidden "webauthn.credential"   not one of those offered, or not the one given
///   - forbidden "webauthn.user_handle"  of another account, or none in a discoverable login
///   - forbidden "webauthn.signature"
[[nodiscard]] Result<Assertion> verify_assertion(const AssertionResponse& response,
                                                 const Credential& credential,
                                                 const AssertionExpectation& expected);

}  // namespace dayaq::identity::webauthn
