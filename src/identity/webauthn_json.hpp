// WebAuthn as the browser's script passes it on: options for parseCreationOptionsFromJSON() and
// parseRequestOptionsFromJSON(), answers as PublicKeyCredential.toJSON() writes them.
// @see WebAuthn Level 3 section 5.1
#pragma once

#include "identity/webauthn.hpp"

namespace dayaq::identity::webauthn {

struct KnownCredential {
  Bytes id;
  std::vector<std::string> transports;
};

struct CreationOptions {
  const RelyingParty& party;
  Bytes user_handle;         ///< 1 to 64 bytes that say nothing about the person (section 14.6.1)
  std::string user_name;     ///< what the person would type to be found
  std::string display_name;  ///< for people
  Challenge challenge{};
  std::vector<KnownCredential> exclude = {};  ///< what this account has already
  Need user_verification = Need::required;
  AttestationPolicy attestation = AttestationPolicy::optional;
  std::chrono::milliseconds timeout{300'000};
};

struct RequestOptions {
  const RelyingParty& party;
  Challenge challenge{};
  std::vector<KnownCredential> allow = {};  ///< empty: discoverable
  Need user_verification = Need::required;
  std::chrono::milliseconds timeout{300'000};
};

[[nodiscard]] std::string to_json(const CreationOptions& options);
[[nodiscard]] std::string to_json(const RequestOptions& options);

inline constexpr std::size_t response_size_max = 128 * 1024;

/// RegistrationResponseJSON, AuthenticationResponseJSON. invalid_input "webauthn.response".
[[nodiscard]] Result<RegistrationResponse> parse_registration(std::string_view json);
[[nodiscard]] Result<AssertionResponse> parse_assertion(std::string_view json);

}  // namespace dayaq::identity::webauthn
