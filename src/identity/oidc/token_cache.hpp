// Access tokens whose signature was verified once, by the SHA-256 of their text.
//
// Bounded, sharded, and each entry ends with its token. What may change meanwhile (revocation, the client,
// the signing key) is asked each time and is not kept here.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "crypto/sign.hpp"
#include "identity/oidc/types.hpp"

namespace dayaq::identity::oidc {

/// What a verified access token says.
struct AccessToken {
  std::string client;
  PersonId person;      ///< who signed in; 0 for client credentials
  PersonId acting_for;  ///< 0: themselves
  GrantId grant;        ///< 0 for client credentials
  std::uint64_t id = 0;
  std::string subject;
  std::vector<std::string> scopes;
  std::string jkt;  ///< "" for a bearer token
  std::string kid;  ///< of the key that signed it
  std::uint64_t session = 0;
  Assurance assurance = Assurance::none;
  Instant authenticated;
  Instant expires;
  std::string introspection;  ///< the answer of RFC 7662, ready
};

class TokenCache {
 public:
  explicit TokenCache(std::size_t entries_max = 1 << 18);
  /// Null if it isn't there, or has expired.
  [[nodiscard]] std::shared_ptr<const AccessToken> find(const crypto::Sha256& token, Instant now);
  void put(const crypto::Sha256& token, std::shared_ptr<const AccessToken> verified, Instant now);
  [[nodiscard]] std::size_t size() const;

 private:
  struct Hash {
    std::size_t operator()(const crypto::Sha256& key) const noexcept;
  };
  struct Shard {
    mutable std::mutex mutex;
    // Shared with requests that still use an entry when it is dropped.
    std::unordered_map<crypto::Sha256, std::shared_ptr<const AccessToken>, Hash> entries;
  };
  static constexpr std::size_t shard_count = 16;
  const std::size_t per_shard_max_;
  std::array<Shard, shard_count> shards_;
};

}  // namespace dayaq::identity::oidc
