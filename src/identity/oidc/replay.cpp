#include "identity/oidc/replay.hpp"

#include <algorithm>

namespace dayaq::identity::oidc {
namespace {

std::int64_t slot_of(Instant t) {
  return std::chrono::floor<std::chrono::seconds>(t.time_since_epoch()).count() / 10;
}

SipKey draw_key(Random& random) {
  std::array<std::byte, 16> bytes{};
  random.fill(bytes);
  return sip_key(bytes);
}

}  // namespace

ReplayMemory::ReplayMemory(std::size_t ids_max)
    : per_shard_max_(std::max<std::size_t>(1, ids_max / shard_count)) {
  SystemRandom random;  // of this process alone: nothing that is kept depends on it
  first_ = draw_key(random);
  second_ = draw_key(random);
}

Result<bool> ReplayMemory::first_use(std::string_view id, Instant until, Instant now) {
  const Key key{siphash(first_, id), siphash(second_, id)};
  Shard& shard = shards_[key[1] % shard_count];
  const std::int64_t number = slot_of(until);
  const std::lock_guard lock(shard.mutex);
  while (!shard.slots.empty() && shard.slots.front().number < slot_of(now)) {
    shard.size -= shard.slots.front().ids.size();
    shard.slots.pop_front();
  }
  // One id may come with another expiry each time (an assertion signed anew): all slots are asked.
  for (const Slot& slot : shard.slots) {
    if (slot.ids.contains(key)) return false;
  }
  if (shard.size >= per_shard_max_) {
    return fail(ErrorKind::unavailable, "oauth.temporarily_unavailable",
                "The service is busy. Please try again in a moment.", "the replay memory is full");
  }
  const auto at = std::ranges::lower_bound(shard.slots, number, {}, &Slot::number);
  Slot& slot =
      at != shard.slots.end() && at->number == number ? *at : *shard.slots.insert(at, Slot{number, {}});
  slot.ids.insert(key);
  ++shard.size;
  return true;
}

std::size_t ReplayMemory::size() const {
  std::size_t out = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    out += shard.size;
  }
  return out;
}

}  // namespace dayaq::identity::oidc
