// How an edge says to the centre who it is: as an OAuth client that proves itself by a key of its own
// (private_key_jwt, RFC 7523).
//
//   edge:azercell:baku-1:5f0c21d4a9b3e877      operator, name, and the beginning of its key's hash
//
// Since the key is in the id, another key is another client: tokens that were given to the key before are
// refused as soon as the centre knows of the new one. No other client's id has a colon.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/jwk.hpp"
#include "crypto/sign.hpp"

namespace dayaq::feed {

/// The client_id of an edge whose client key this is.
[[nodiscard]] std::string edge_client_id(std::string_view operator_code, std::string_view edge,
                                         const crypto::PublicKey& key);

struct EdgeClientName {
  std::string_view operator_code;  ///< into the text that was parsed
  std::string_view edge;
};
/// What an edge's client_id says; nothing for what isn't one. Who has that key isn't looked at.
[[nodiscard]] std::optional<EdgeClientName> parse_edge_client_id(std::string_view id);

/// A client's id and its private key, as an edge keeps them in one file: a JWK with the member `client_id`.
struct EdgeClient {
  std::string id;
  crypto::JwkPrivate key;

  /// A new key, for EdDSA.
  static EdgeClient make(std::string_view operator_code, std::string_view edge);
  /// What write() wrote. invalid_input "edge.client" names the file; base's errors of reading.
  static Result<EdgeClient> read(const std::filesystem::path& path);
  /// Whole or not at all, for its owner alone. base's errors of writing.
  [[nodiscard]] Result<void> write(const std::filesystem::path& path) const;
  [[nodiscard]] crypto::PublicKey public_key() const;
};
/// As JWK, for a set of keys.
[[nodiscard]] Result<crypto::JwkPublic> edge_client_jwk(const crypto::PublicKey& key);

}  // namespace dayaq::feed
