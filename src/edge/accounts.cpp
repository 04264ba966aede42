#include "edge/accounts.hpp"

#include <algorithm>

#include "edge/quota_period.hpp"

namespace dayaq::edge {
namespace {

bool is(const Account& account, const AccountKey& key) {
  return account.key == key.key && account.measure == key.measure &&
         account.start == std::uint16_t(key.start) && account.benefit == key.benefit &&
         account.period == std::uint8_t(key.period);
}

AccountKey key_of(const Account& account) {
  return {.key = account.key,
          .measure = account.measure,
          .benefit = account.benefit,
          .period = feed::QuotaPeriod(account.period),
          .start = account.start};
}

}  // namespace

std::uint64_t hash_of(const AccountKey& key) {
  // Of the subscription alone, a keyed hash already, so that its accounts lie side by side and can be fetched
  // before it is known which is needed. Stirred, since the replica's table orders by it as well.
  std::uint64_t hash = key.key * 0x9e3779b97f4a7c15u;
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93u;
  return hash ^ hash >> 32;
}

Account* AccountTable::place(const Shard& shard, const AccountKey& key, std::uint64_t hash) {
  std::uint32_t at = std::uint32_t((hash & 0xffffffffu) * shard.capacity >> 32);
  while (shard.places[at].key != 0 && !is(shard.places[at], key)) at = at + 1 == shard.capacity ? 0 : at + 1;
  return &shard.places[at];
}

const Account* AccountTable::find(const AccountKey& key) const {
  const std::uint64_t hash = hash_of(key);
  const Shard& shard = shards_[shard_of(hash)];
  if (shard.count == 0) return nullptr;
  const Account* found = place(shard, key, hash);
  return found->key == 0 ? nullptr : found;
}

void AccountTable::prefetch(SubscriptionKey key) const {
  const std::uint64_t hash = hash_of({.key = key});
  const Shard& shard = shards_[shard_of(hash)];
  if (shard.count == 0) return;
  const auto* at = reinterpret_cast<const char*>(&shard.places[(hash & 0xffffffffu) * shard.capacity >> 32]);
  __builtin_prefetch(at);
  __builtin_prefetch(at + 64);
}

Account& AccountTable::at(const AccountKey& key) {
  const std::uint64_t hash = hash_of(key);
  Shard& shard = shards_[shard_of(hash)];
  if (shard.capacity != 0) {
    Account* found = place(shard, key, hash);
    if (found->key != 0) return *found;
  }
  if ((shard.count + 1) * 4ull > shard.capacity * 3ull) grow(shard);
  Account* free = place(shard, key, hash);
  *free = {.key = key.key,
           .measure = key.measure,
           .start = std::uint16_t(key.start),
           .benefit = key.benefit,
           .period = std::uint8_t(key.period)};
  ++shard.count;
  ++count_;
  return *free;
}

void AccountTable::grow(Shard& shard) {
  const auto stays = [&](const Account& account) {
    return account.key != 0 && (account.reserved != 0 || forgotten_on(feed::QuotaPeriod(account.period),
                                                                      account.start) > forget_before_);
  };
  const std::span<const Account> old(shard.places, shard.capacity);
  const auto staying = std::size_t(std::ranges::count_if(old, stays));
  Shard bigger;
  bigger.mark = shard.mark;
  bigger.capacity = std::uint32_t(std::max<std::size_t>(4, (staying + 1) * 3 / 2));
  if (staying >= 64) bigger.capacity = std::uint32_t(staying * 8 / 5);  // 62 to 75 parts of 100 are in use
  bigger.own = std::make_unique<Account[]>(bigger.capacity);
  bigger.places = bigger.own.get();
  for (const Account& account : old) {
    if (!stays(account)) continue;
    const AccountKey key = key_of(account);
    *place(bigger, key, hash_of(key)) = account;
    ++bigger.count;
  }
  count_ -= shard.count - bigger.count;
  shard = std::move(bigger);
}

std::size_t AccountTable::bytes() const {
  std::size_t sum = sizeof(Shard) * shards;
  for (const Shard& shard : shards_) sum += shard.capacity * sizeof(Account);
  return sum;
}

void AccountTable::adopt(std::size_t index, Account* places, std::uint32_t capacity, std::uint32_t count,
                         std::uint64_t mark) {
  Shard& shard = shards_[index];
  count_ = count_ - shard.count + count;
  shard.own.reset();
  shard.places = places;
  shard.capacity = capacity;
  shard.count = count;
  shard.mark = mark;
}

}  // namespace dayaq::edge
