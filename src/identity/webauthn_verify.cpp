#include <algorithm>

#include "crypto/cbor.hpp"
#include "identity/webauthn.hpp"
#include "identity/webauthn_attestation.hpp"

namespace dayaq::identity::webauthn {
namespace {

// The steps that both ceremonies share: 7.1 steps 7 to 10, 7.2 steps 11 to 14.
Result<void> check_client_data(const ClientData& data, std::string_view type, const RelyingParty& party,
                               const Challenge& challenge) {
  // 7.1 (7), 7.2 (11): "Verify that the value of C.type is the string webauthn.create" (webauthn.get).
  if (data.type != type)
    return fail(ErrorKind::forbidden, "webauthn.type", "This answer is to another question.");
  // 7.1 (8), 7.2 (12): "Verify that the value of C.challenge equals the base64url encoding of
  // options.challenge."
  if (!crypto::equal_constant_time(data.challenge, challenge)) {
    return fail(ErrorKind::forbidden, "webauthn.challenge",
                "This answer is old or to another question. Start again.");
  }
  // 7.1 (9), 7.2 (13): "Verify that the value of C.origin matches the Relying Party's origin." A page inside
  // a foreign one isn't ours either.
  if (data.cross_origin || !data.top_origin.empty() ||
      std::ranges::find(party.origins, data.origin) == party.origins.end()) {
    return fail(ErrorKind::forbidden, "webauthn.origin", "This answer comes from another site.", data.origin);
  }
  // 7.1 (10), 7.2 (14), token binding: gone from browsers and from Level 3.
  return {};
}

// 7.1 steps 13 to 15, 7.2 steps 15 to 17, and the backup flags of Level 3.
Result<void> check_authenticator(const AuthenticatorData& data, const RelyingParty& party,
                                 Need verification) {
  // 7.1 (13), 7.2 (15): "Verify that the rpIdHash in authData is the SHA-256 hash of the RP ID expected".
  if (data.rp_id_hash != crypto::sha256(as_bytes(party.id))) {
    return fail(ErrorKind::forbidden, "webauthn.rp_id", "This passkey is for another site.");
  }
  // 7.1 (14), 7.2 (16): "Verify that the User Present bit of the flags in authData is set."
  if (!data.flags.user_present) {
    return fail(ErrorKind::forbidden, "webauthn.user_present", "Touch the key or the phone when it asks.");
  }
  // 7.1 (15), 7.2 (17): "If user verification is required, verify that the User Verified bit is set."
  if (verification == Need::required && !data.flags.user_verified) {
    return fail(ErrorKind::forbidden, "webauthn.user_verified",
                "The phone or key must check who you are (PIN, finger or face).");
  }
  // Level 3, 7.1 (17), 7.2 (18): "If the BE bit is not set, verify that the BS bit is not set."
  if (data.flags.backed_up && !data.flags.backup_eligible) {
    return fail(ErrorKind::forbidden, "webauthn.flags", "The authenticator's answer contradicts itself.");
  }
  return {};
}

bool is_transport(std::string_view name) {
  constexpr std::string_view known[] = {"usb", "nfc", "ble", "internal", "hybrid", "smart-card", "cable"};
  return std::ranges::find(known, name) != std::end(known);
}

}  // namespace

Challenge make_challenge(Random& random) {
  Challenge challenge;
  random.fill(challenge);
  return challenge;
}

Result<Credential> verify_registration(const RegistrationResponse& response,
                                       const RegistrationExpectation& expected) {
  // 7.1 (5), (6): "Let JSONtext be the result of running UTF-8 decode on the value of
  // response.clientDataJSON. Let C be the result of running an implementation-specific JSON parser on
  // JSONtext."
  DAYAQ_TRY(const ClientData client, parse_client_data(response.client_data));
  DAYAQ_TRY_OK(check_client_data(client, "webauthn.create", expected.party, expected.challenge));
  // 7.1 (11): "Let hash be the result of computing a hash over response.clientDataJSON using SHA-256."
  const crypto::Sha256 hash = crypto::sha256(response.client_data);
  // 7.1 (12): "Perform CBOR decoding on the attestationObject to obtain the attestation statement format fmt,
  // the authenticator data authData, and the attestation statement attStmt."
  DAYAQ_TRY(const crypto::cbor::Value object, crypto::cbor::parse(response.attestation_object));
  const auto* format = object.find("fmt");
  const auto* bytes = object.find("authData");
  const auto* statement = object.find("attStmt");
  if (format == nullptr || !format->as_text() || bytes == nullptr || !bytes->as_bytes() ||
      statement == nullptr || statement->kind != crypto::cbor::Kind::map) {
    return fail(ErrorKind::invalid_input, "webauthn.attestation", "What vouches for this key doesn't hold.",
                "the object");
  }
  DAYAQ_TRY(const AuthenticatorData data, parse_authenticator_data(*bytes->as_bytes()));
  DAYAQ_TRY_OK(check_authenticator(data, expected.party, expected.user_verification));
  if (!data.attested) {
    return fail(ErrorKind::invalid_input, "webauthn.authenticator_data",
                "The authenticator's answer can't be read.", "no credential");
  }
  // Level 3, 7.1 (27): "Verify that the credentialId is <= 1023 bytes"; and that it is the one the browser
  // names.
  if (!std::ranges::equal(data.attested->credential_id, response.id))
    return fail(ErrorKind::forbidden, "webauthn.credential", "This passkey isn't the one that was asked for.",
                "another id");
  // 7.1 (16): "Verify that the alg parameter in the credential public key matches the alg of one of the items
  // in options.pubKeyCredParams": ES256, EdDSA, RS256, which are what CoseKey takes.
  const auto key = crypto::CoseKey::parse(data.attested->public_key);
  if (!key) {
    return fail(ErrorKind::invalid_input, "webauthn.key", "This kind of key is not taken here.",
                std::string(key.error().code) + " " + key.error().detail);
  }
  // 7.1 (17): "Verify that the values of the client extension outputs and the authenticator extension outputs
  // are as expected": none is asked for, and those that come unasked are ignored. 7.1 (18) to (20): the
  // attestation by its format, and its trust anchors.
  DAYAQ_TRY(const Attestation attestation, verify_attestation({.format = *format->as_text(),
                                                               .statement = *statement,
                                                               .authenticator_data = *bytes->as_bytes(),
                                                               .data = data,
                                                               .client_data_hash = hash,
                                                               .key = *key,
                                                               .anchors = expected.anchors,
                                                               .now = expected.now}));
  // 7.1 (21): "Assess the attestation trustworthiness".
  if (expected.attestation == AttestationPolicy::required && attestation != Attestation::basic) {
    return fail(ErrorKind::forbidden, "webauthn.untrusted",
                "Only authenticators of known makers are taken here.");
  }
  Credential made{.id = response.id,
                  .public_key = key->encode(),
                  .counter = data.counter,
                  .aaguid = data.attested->aaguid,
                  .flags = data.flags,
                  .attestation = attestation,
                  .transports = {}};
  // 7.1 (23): "It is RECOMMENDED to also store the transports"; unknown ones are of no use to us.
  for (const std::string& transport : response.transports) {
    if (is_transport(transport) && std::ranges::find(made.transports, transport) == made.transports.end()) {
      made.transports.push_back(transport);
    }
  }
  return made;
}

Result<Assertion> verify_assertion(const AssertionResponse& response, const Credential& credential,
                                   const AssertionExpectation& expected) {
  // 7.2 (5): "If options.allowCredentials is not empty, verify that credential.id identifies one of the
  // public key credentials listed in options.allowCredentials."
  if (response.id != credential.id ||
      (!expected.allowed.empty() &&
       std::ranges::find(expected.allowed, response.id) == expected.allowed.end())) {
    return fail(ErrorKind::forbidden, "webauthn.credential",
                "This passkey isn't the one that was asked for.");
  }
  // 7.2 (6): "Identify the user being authenticated and verify that this user is the owner": known before, a
  // user handle must be the same person's; "if the user was not identified before: verify that
  // response.userHandle is present".
  const bool handle_needed = expected.allowed.empty();
  if (response.user_handle.empty()
          ? handle_needed
          : !crypto::equal_constant_time(response.user_handle, expected.user_handle)) {
    return fail(ErrorKind::forbidden, "webauthn.user_handle", "This passkey is another account's.");
  }
  // 7.2 (7): "Using credential.id, look up the corresponding credential public key."
  DAYAQ_TRY(const crypto::CoseKey key, crypto::CoseKey::parse(credential.public_key));
  // 7.2 (8) to (10): cData, authData, sig; JSONtext and C.
  DAYAQ_TRY(const ClientData client, parse_client_data(response.client_data));
  DAYAQ_TRY_OK(check_client_data(client, "webauthn.get", expected.party, expected.challenge));
  DAYAQ_TRY(const AuthenticatorData data, parse_authenticator_data(response.authenticator_data));
  DAYAQ_TRY_OK(check_authenticator(data, expected.party, expected.user_verification));
  // Level 3, 7.2 (19): "Compare currentBe with credentialRecord.backupEligible: they must be equal."
  if (data.flags.backup_eligible != credential.flags.backup_eligible) {
    return fail(ErrorKind::forbidden, "webauthn.flags", "The authenticator's answer contradicts itself.");
  }
  // 7.2 (19): "Let hash be the result of computing a hash over the cData using SHA-256."
  const crypto::Sha256 hash = crypto::sha256(response.client_data);
  // 7.2 (20): "Using credentialPublicKey, verify that sig is a valid signature over the binary concatenation
  // of authData and hash."
  Bytes signed_bytes = response.authenticator_data;
  signed_bytes.insert(signed_bytes.end(), hash.begin(), hash.end());
  if (!key.verify(signed_bytes, response.signature, crypto::EcdsaForm::der))
    return fail(ErrorKind::forbidden, "webauthn.signature",
                "The passkey's signature doesn't fit. Try again.");
  // 7.2 (21): "If authData.signCount is nonzero or stored signCount is nonzero: greater than stored
  // signCount: update stored signCount; less than or equal: this is a signal that the authenticator may be
  // cloned."
  Assertion made{.flags = data.flags, .counter = data.counter};
  if (data.counter != 0 || credential.counter != 0) {
    made.counting = data.counter > credential.counter ? Counter::advanced : Counter::repeated;
  }
  return made;
}

}  // namespace dayaq::identity::webauthn
