// Signing keys in a hardware token, or what stands in for one: they are made there, sign there and never
// leave.
//
// ES256 alone: a token signs hashes by CKM_ECDSA, whose result is R || S as JWS wants it. A key's label in
// the token is its kid, so that a token and a folder of key files (key_store.hpp) find each other again. One
// object is a module, loaded once a process; sessions are kept and taken in turn, since a session does one
// thing at a time.
// @see OASIS PKCS #11 Cryptographic Token Interface Base Specification 2.40, sections 5.6, 5.7, 5.11, 5.13
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "crypto/key_store.hpp"
#include "crypto/secret.hpp"

namespace dayaq::crypto {

struct Pkcs11Options {
  std::filesystem::path module;  ///< /usr/lib/softhsm/libsofthsm2.so
  std::string token;             ///< its label
  SecretBytes pin;               ///< of its user
};

/// Loads the module, finds the token and logs in. unavailable "keys.token" with what the token says. Keys
/// that it gave keep it alive.
[[nodiscard]] Result<std::shared_ptr<KeyToken>> open_pkcs11(Pkcs11Options options);

}  // namespace dayaq::crypto
