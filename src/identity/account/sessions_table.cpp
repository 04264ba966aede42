#include "identity/account/sessions_table.hpp"

#include <algorithm>
#include <cstring>

namespace dayaq::identity {
namespace {

constexpr SessionTable::Key empty{};
constexpr std::size_t slots_min = 16;
constexpr std::size_t looked_at_to_drop = 16;

}  // namespace

SessionTable::Key SessionTable::key_of(BytesView hash) {
  Key key{};
  DAYAQ_ASSERT(hash.size() >= sizeof key);
  std::memcpy(key.data(), hash.data(), sizeof key);
  if (key == empty) key[0] = 1;
  return key;
}

std::size_t SessionTable::Shard::home(const Key& key) const {
  __extension__ using Wide = unsigned __int128;
  return std::size_t(Wide(key[1]) * slots.size() >> 64);
}

std::size_t SessionTable::Shard::find(const Key& key) const {
  std::size_t index = home(key);
  while (slots[index].key != key && slots[index].key != empty) {
    if (++index == slots.size()) index = 0;
  }
  return index;
}

void SessionTable::Shard::grow() {
  std::vector<Entry> old(std::max(slots_min, slots.size() + slots.size() / 4));
  old.swap(slots);
  for (const Entry& entry : old) {
    if (entry.key != empty) slots[find(entry.key)] = entry;
  }
}

/// Whoever stands behind the hole and can be reached from it only through it moves up, so that no search ends
/// too early.
void SessionTable::Shard::erase_at(std::size_t hole) {
  for (std::size_t next = hole;;) {
    if (++next == slots.size()) next = 0;
    if (slots[next].key == empty) break;
    const std::size_t wanted = home(slots[next].key);
    const bool stays = hole <= next ? (hole < wanted && wanted <= next) : (hole < wanted || wanted <= next);
    if (stays) continue;
    slots[hole] = slots[next];
    hole = next;
  }
  slots[hole] = Entry{};
  --used;
}

void SessionTable::place(Shard& shard, const Entry& entry) {
  if (!shard.slots.empty()) {
    Entry& slot = shard.slots[shard.find(entry.key)];
    if (slot.key == entry.key) {
      slot = entry;
      return;
    }
  }
  if (shard.used >= shard_max_) {
    // Of the next few the one unused longest: it is read again if it is used after all.
    std::size_t oldest = shard.slots.size();
    for (std::size_t looked = 0; looked < looked_at_to_drop;) {
      if (++shard.hand >= shard.slots.size()) shard.hand = 0;
      if (shard.slots[shard.hand].key == empty) continue;
      ++looked;
      if (oldest == shard.slots.size() || shard.slots[shard.hand].seen < shard.slots[oldest].seen) {
        oldest = shard.hand;
      }
    }
    shard.erase_at(oldest);
    size_.fetch_sub(1, std::memory_order_relaxed);
  }
  if ((shard.used + 1) * 5 > shard.slots.size() * 4) shard.grow();
  shard.slots[shard.find(entry.key)] = entry;
  ++shard.used;
  size_.fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t SessionTable::version(const Key& key) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  return shard.version;
}

void SessionTable::put(const Entry& entry) {
  Shard& shard = shard_of(entry.key);
  const std::lock_guard lock(shard.mutex);
  ++shard.version;
  place(shard, entry);
}

bool SessionTable::put_if(const Entry& entry, std::uint64_t version) {
  Shard& shard = shard_of(entry.key);
  const std::lock_guard lock(shard.mutex);
  if (shard.version != version) return false;
  place(shard, entry);
  return true;
}

void SessionTable::erase(const Key& key) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  ++shard.version;
  if (shard.slots.empty()) return;
  const std::size_t index = shard.find(key);
  if (shard.slots[index].key != key) return;
  shard.erase_at(index);
  size_.fetch_sub(1, std::memory_order_relaxed);
}

std::size_t SessionTable::bytes() const {
  std::size_t total = sizeof *this;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    total += shard.slots.capacity() * sizeof(Entry);
  }
  return total;
}

}  // namespace dayaq::identity
