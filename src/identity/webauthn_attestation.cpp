#include "identity/webauthn_attestation.hpp"

#include <algorithm>

#include "crypto/cose_certificate.hpp"

namespace dayaq::identity::webauthn {
namespace {

using crypto::cbor::Kind;
using crypto::cbor::Value;

// id-fido-gen-ce-aaguid, section 8.2.1.
const std::string oid_aaguid = "1.3.6.1.4.1.45724.1.1.4";

std::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorKind::invalid_input, "webauthn.attestation", "What vouches for this key doesn't hold.",
              std::string(what));
}

std::optional<BytesView> bytes_of(const Value& statement, std::string_view name) {
  const Value* found = statement.find(name);
  return found != nullptr ? found->as_bytes() : std::nullopt;
}

Bytes concatenated(BytesView first, BytesView second) {
  Bytes out(first.begin(), first.end());
  out.insert(out.end(), second.begin(), second.end());
  return out;
}

Result<std::vector<BytesView>> certificates(const Value& x5c) {
  std::vector<BytesView> chain;
  if (x5c.kind != Kind::array || x5c.items.empty() || x5c.items.size() > 8) return bad("x5c");
  for (const Value& item : x5c.items) {
    if (!item.as_bytes()) return bad("x5c");
    chain.push_back(*item.as_bytes());
  }
  return chain;
}

Attestation trust(std::span<const BytesView> chain, const AttestationInput& input) {
  return crypto::verify_chain(chain, input.anchors, input.now) ? Attestation::basic : Attestation::untrusted;
}

// Section 8.2.1, packed attestation statement certificate requirements.
Result<void> check_packed_certificate(const crypto::Certificate& certificate, const Aaguid& aaguid) {
  // "Version MUST be set to 3".
  if (certificate.version() != 3) return bad("the certificate's version");
  // "Subject-C: ISO 3166 code; Subject-O: the vendor's legal name; Subject-OU: Authenticator Attestation;
  // Subject-CN: a string of the vendor's choosing".
  if (certificate.subject("C").size() != 2 || certificate.subject("O").empty() ||
      certificate.subject("CN").empty() || certificate.subject("OU") != "Authenticator Attestation") {
    return bad("the certificate's subject");
  }
  // "If the related attestation root certificate is used for multiple authenticator models, the extension OID
  // 1.3.6.1.4.1.45724.1.1.4 MUST be present, containing the AAGUID as a 16-byte OCTET STRING. The extension
  // MUST NOT be marked as critical."
  if (const auto extension = certificate.extension(oid_aaguid)) {
    const BytesView value = extension->value;
    if (extension->critical || value.size() != 18 || value[0] != std::byte(4) || value[1] != std::byte(16) ||
        !std::ranges::equal(value.subspan(2), aaguid)) {
      return bad("the certificate names another model");
    }
  }
  // "The Basic Constraints extension MUST have the CA component set to false."
  if (certificate.is_authority() != false) return bad("the certificate is an authority's");
  return {};
}

// Section 8.2, packed attestation: verification procedure.
Result<Attestation> packed(const AttestationInput& input) {
  // 1. "Verify that attStmt is valid CBOR conforming to the syntax defined above".
  const Value* number = input.statement.find("alg");
  const auto signature = bytes_of(input.statement, "sig");
  if (number == nullptr || !number->as_integer() || !signature) return bad("packed: alg or sig");
  const Bytes signed_bytes = concatenated(input.authenticator_data, input.client_data_hash);
  const auto algorithm = crypto::cose_algorithm(*number->as_integer());
  const Value* x5c = input.statement.find("x5c");
  if (x5c == nullptr) {
    if (input.statement.find("ecdaaKeyId") != nullptr)
      return Attestation::not_verified;  // gone since Level 2
    // 3. "If x5c is not present, self attestation is in use. Validate that alg matches the algorithm of the
    // credentialPublicKey in authenticatorData. Verify that sig is a valid signature over the concatenation
    // of authenticatorData and clientDataHash using the credential public key with alg."
    if (algorithm != input.key.algorithm() ||
        !input.key.verify(signed_bytes, *signature, crypto::EcdsaForm::der)) {
      return bad("self attestation");
    }
    return Attestation::self;
  }
  // 2. "If x5c is present: verify that sig is a valid signature over the concatenation of authenticatorData
  // and clientDataHash using the attestation public key in attestnCert with the algorithm specified in alg."
  DAYAQ_TRY(const auto chain, certificates(*x5c));
  const auto certificate = crypto::Certificate::parse(chain[0]);
  if (!certificate) return bad("x5c");
  const auto key = certificate->key();
  if (!algorithm || !key) return Attestation::not_verified;  // an algorithm that isn't ours, P-384 for one
  if (*algorithm != key->algorithm() || !key->verify(signed_bytes, *signature, crypto::EcdsaForm::der)) {
    return bad("packed: the signature");
  }
  // "Verify that attestnCert meets the requirements in 8.2.1", and that its AAGUID is that of
  // authenticatorData.
  DAYAQ_TRY_OK(check_packed_certificate(*certificate, input.data.attested->aaguid));
  return trust(chain, input);
}

// Section 8.6, FIDO U2F attestation: verification procedure.
Result<Attestation> fido_u2f(const AttestationInput& input) {
  // 1. Conforming to the syntax; U2F knows no models, so that the AAGUID is zeros.
  const auto signature = bytes_of(input.statement, "sig");
  const Value* x5c = input.statement.find("x5c");
  if (!signature || x5c == nullptr || input.data.attested->aaguid != Aaguid{}) return bad("fido-u2f");
  // 2. "Check that x5c has exactly one element and let attCert be that element. ... If certificate public key
  // is not an Elliptic Curve public key over the P-256 curve, terminate this algorithm and return an
  // appropriate error."
  DAYAQ_TRY(const auto chain, certificates(*x5c));
  const auto certificate = crypto::Certificate::parse(chain[0]);
  if (chain.size() != 1 || !certificate) return bad("fido-u2f: x5c");
  const auto key = certificate->key();
  if (!key || key->algorithm() != crypto::CoseAlgorithm::es256) return bad("fido-u2f: the certificate's key");
  // 3, 4. "Convert the COSE_KEY formatted credentialPublicKey to Raw ANSI X9.62 public key format".
  const auto point = input.key.p256_point();
  if (!point) return bad("fido-u2f: the credential's key");
  // 5. "Let verificationData be the concatenation of (0x00 || rpIdHash || clientDataHash || credentialId ||
  // publicKeyU2F)".
  Bytes data{std::byte(0)};
  data = concatenated(data, input.data.rp_id_hash);
  data = concatenated(data, input.client_data_hash);
  data = concatenated(data, input.data.attested->credential_id);
  data.push_back(std::byte(4));
  data = concatenated(data, *point);
  // 6. "Verify the sig using verificationData and the certificate public key".
  if (!key->verify(data, *signature, crypto::EcdsaForm::der)) return bad("fido-u2f: the signature");
  return trust(chain, input);
}

}  // namespace

Result<Attestation> verify_attestation(const AttestationInput& input) {
  // Section 8.7: "none" has an empty map.
  if (input.format == "none") {
    if (input.statement.map_size() != 0) return bad("none, with a statement");
    return Attestation::none;
  }
  if (input.format == "packed") return packed(input);
  if (input.format == "fido-u2f") return fido_u2f(input);
  return Attestation::not_verified;
}

}  // namespace dayaq::identity::webauthn
