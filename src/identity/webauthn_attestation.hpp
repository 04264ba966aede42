// Attestation statements: who vouches for an authenticator.  @see WebAuthn Level 2 section 8
#pragma once

#include "crypto/cbor.hpp"
#include "identity/webauthn.hpp"

namespace dayaq::identity::webauthn {

struct AttestationInput {
  std::string_view format;
  const crypto::cbor::Value& statement;
  BytesView authenticator_data;   ///< its bytes
  const AuthenticatorData& data;  ///< has attested credential data
  crypto::Sha256 client_data_hash{};
  const crypto::CoseKey& key;  ///< the credential's
  std::span<const Bytes> anchors;
  Instant now;
};

/// What the statement is worth. invalid_input "webauthn.attestation" if it is damaged or its signature
/// doesn't fit.
[[nodiscard]] Result<Attestation> verify_attestation(const AttestationInput& input);

}  // namespace dayaq::identity::webauthn
