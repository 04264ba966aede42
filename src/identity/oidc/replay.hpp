// One-time ids of proofs and assertions, remembered in memory until they couldn't pass anyway.
//
// Kept is a hash of 128 bits under a key of this process, so that nobody can make two ids meet. After a
// restart nothing is remembered; what was made before it is refused instead (TokenState::made_before_start),
// so that nothing passes twice. @see RFC 9449 section 11.1, RFC 7523 section 3 point 7
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/random.hpp"
#include "base/siphash.hpp"
#include "base/time.hpp"
#include "crypto/jwt_dpop.hpp"

namespace dayaq::identity::oidc {

/// Thread-safe: shards with a lock each.
class ReplayMemory {
 public:
  explicit ReplayMemory(std::size_t ids_max = 4 << 20);

  /// True the first time. Ids of different uses are told apart by the caller, who puts the use before the id.
  /// unavailable "oauth.temporarily_unavailable" if there are too many, rather than forget one.
  Result<bool> first_use(std::string_view id, Instant until, Instant now);
  [[nodiscard]] std::size_t size() const;

 private:
  using Key = std::array<std::uint64_t, 2>;
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept { return static_cast<std::size_t>(key[0]); }
  };
  /// Ids by the ten seconds in which they end: whole slots are dropped at once.
  struct Slot {
    std::int64_t number = 0;
    std::unordered_set<Key, KeyHash> ids;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::deque<Slot> slots;  ///< by number
    std::size_t size = 0;
  };
  static constexpr std::size_t shard_count = 16;

  const std::size_t per_shard_max_;
  SipKey first_, second_;
  std::array<Shard, shard_count> shards_;
};

/// The memory as the crypto room asks for it, for one request.
class ReplaysAt final : public crypto::ReplayCache {
 public:
  ReplaysAt(ReplayMemory& memory, std::string_view use, Instant now)
      : memory_(memory), use_(use), now_(now) {}
  Result<bool> first_use(std::string_view id, Instant until) override {
    return memory_.first_use(use_ + '\n' + std::string(id), until, now_);
  }

 private:
  ReplayMemory& memory_;
  std::string use_;
  Instant now_;
};

}  // namespace dayaq::identity::oidc
