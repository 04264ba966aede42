#include "regime/population_profiles.hpp"

#include <algorithm>

#include "base/result.hpp"

namespace dayaq::regime {
namespace {

std::uint64_t hash_of(std::span<const LineGrant> grants) {
  std::uint64_t hash = grants.size();
  for (const LineGrant& grant : grants) {
    hash = (hash ^ std::uint64_t(to_micros(grant.until)) ^ std::uint64_t(grant.measure) << 32) *
           0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  return hash;
}

}  // namespace

Profiles::Profiles() : entries_(1) {}

ProfileId Profiles::take(std::span<const LineGrant> grants) {
  if (grants.empty()) return 0;
  const std::uint64_t hash = hash_of(grants);
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    Entry& entry = entries_[it->second];
    if (std::ranges::equal(entry.grants, grants)) {
      ++entry.users;
      return it->second;
    }
  }
  ProfileId id = ProfileId(entries_.size());
  if (free_.empty()) {
    entries_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  entries_[id] = {.grants = {grants.begin(), grants.end()}, .hash = hash, .users = 1};
  by_hash_.emplace(hash, id);
  return id;
}

void Profiles::leave(ProfileId id) {
  if (id == 0) return;
  Entry& entry = entries_[id];
  DAYAQ_ASSERT(entry.users > 0);
  if (--entry.users > 0) return;
  const auto [first, last] = by_hash_.equal_range(entry.hash);
  for (auto it = first; it != last; ++it) {
    if (it->second != id) continue;
    by_hash_.erase(it);
    break;
  }
  entry = {};
  free_.push_back(id);
}

}  // namespace dayaq::regime
