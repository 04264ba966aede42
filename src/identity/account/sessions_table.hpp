// Live sessions in memory: open addressing keyed by the token's hash, 72 bytes a slot, four fifths full at
// most.
//
// 64 shards with a lock each, so that lookups of different sessions hardly ever wait for one another; a shard
// grows by a quarter, so that never more than a third of its slots is empty.
//
//   home(key) = key[1] * slots >> 64;  then the next slot, and so on, up to an empty one
//
// Keys are SHA-256 of what this program drew at random: nobody can choose them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "base/bytes.hpp"

namespace dayaq::identity {

class SessionTable {
 public:
  using Key = std::array<std::uint64_t, 2>;  ///< the first half of the token's SHA-256; never zeros

  struct Entry {
    Key key{};
    std::uint64_t person = 0;
    std::uint64_t id = 0;
    std::uint64_t acting_for = 0;
    std::uint64_t authenticator = 0;
    std::int64_t authenticated = 0;  ///< microseconds since 1970
    std::int64_t expires = 0;        ///< microseconds since 1970
    std::uint32_t seen = 0;          ///< seconds since 1970
    std::uint16_t methods = 0;
    std::uint8_t assurance = 0;
  };
  static_assert(sizeof(Entry) == 72);

  explicit SessionTable(std::size_t entries_max) : shard_max_(entries_max / shards_count + 1) {}

  [[nodiscard]] static Key key_of(BytesView hash);

  /// Calls use(Entry&) on the one with this key, under its shard's lock: it must be short, and may change
  /// what isn't the key. False if there is none.
  template <class F>
  bool with(const Key& key, F&& use) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    if (shard.slots.empty()) return false;
    Entry& slot = shard.slots[shard.find(key)];
    if (slot.key != key) return false;
    use(slot);
    return true;
  }

  /// Changes of a shard by commits; see put_if.
  [[nodiscard]] std::uint64_t version(const Key& key);
  /// Inserts or replaces: what a commit made so.
  void put(const Entry& entry);
  /// Inserts what was read from the database, unless a commit changed something since `version` was taken:
  /// then what was read may be older than what memory was told, and must be read again.
  [[nodiscard]] bool put_if(const Entry& entry, std::uint64_t version);
  void erase(const Key& key);

  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t bytes() const;

 private:
  static constexpr std::size_t shards_count = 64;

  struct alignas(64) Shard {
    std::mutex mutex;
    std::vector<Entry> slots;
    std::size_t used = 0;
    std::size_t hand = 0;  ///< where the search for one to drop goes on
    std::uint64_t version = 0;

    [[nodiscard]] std::size_t home(const Key& key) const;
    /// Its slot, or the empty one where it would stand.
    [[nodiscard]] std::size_t find(const Key& key) const;
    void grow();
    void erase_at(std::size_t index);
  };

  [[nodiscard]] Shard& shard_of(const Key& key) { return shards_[key[0] % shards_count]; }
  void place(Shard& shard, const Entry& entry);

  const std::size_t shard_max_;
  std::atomic<std::size_t> size_{0};
  mutable std::array<Shard, shards_count> shards_;
};

}  // namespace dayaq::identity
