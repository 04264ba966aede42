#include "identity/oidc/token_cache.hpp"

#include <algorithm>
#include <cstring>

namespace dayaq::identity::oidc {

std::size_t TokenCache::Hash::operator()(const crypto::Sha256& key) const noexcept {
  std::size_t out = 0;
  std::memcpy(&out, key.data(), sizeof out);
  return out;
}

TokenCache::TokenCache(std::size_t entries_max)
    : per_shard_max_(std::max<std::size_t>(1, entries_max / shard_count)) {}

std::shared_ptr<const AccessToken> TokenCache::find(const crypto::Sha256& token, Instant now) {
  Shard& shard = shards_[std::to_integer<std::size_t>(token.back()) % shard_count];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.entries.find(token);
  if (found == shard.entries.end()) return nullptr;
  if (now < found->second->expires) return found->second;
  shard.entries.erase(found);
  return nullptr;
}

void TokenCache::put(const crypto::Sha256& token, std::shared_ptr<const AccessToken> verified, Instant now) {
  Shard& shard = shards_[std::to_integer<std::size_t>(token.back()) % shard_count];
  const std::lock_guard lock(shard.mutex);
  if (shard.entries.size() >= per_shard_max_) {
    std::erase_if(shard.entries, [&](const auto& entry) { return entry.second->expires <= now; });
  }
  // All are live: any one goes, and costs one signature check when it comes back.
  if (shard.entries.size() >= per_shard_max_) shard.entries.erase(shard.entries.begin());
  shard.entries.insert_or_assign(token, std::move(verified));
}

std::size_t TokenCache::size() const {
  std::size_t out = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    out += shard.entries.size();
  }
  return out;
}

}  // namespace dayaq::identity::oidc
