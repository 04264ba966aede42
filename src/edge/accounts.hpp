// What each subscription has used of each quota: 40 bytes an account, 4096 small open-addressing tables.
//
// Small tables, so that one grows in microseconds under the edge's lock, and so that one is the piece that a
// checkpoint copies: its mark says up to which record of the journal it counts. Nothing is taken out but when
// a table grows: then periods long past are left behind.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "edge/types.hpp"

namespace dayaq::edge {

struct AccountKey {
  SubscriptionKey key = 0;
  MeasureNumber measure = 0;
  std::uint8_t benefit = 0;  ///< of the measure
  feed::QuotaPeriod period = feed::QuotaPeriod::month;
  std::int32_t start = 0;  ///< QuotaSpan::start
  friend bool operator==(const AccountKey&, const AccountKey&) = default;
};
[[nodiscard]] std::uint64_t hash_of(const AccountKey& key);

/// As it lies in memory and in the checkpoint (where `reserved` is 0: leases say it again).
struct Account {
  std::uint64_t key = 0;  ///< 0: a free place
  std::uint32_t measure = 0;
  std::uint16_t start = 0;  ///< days since 1970, enough until 2149
  std::uint8_t benefit = 0;
  std::uint8_t period = 0;
  std::uint64_t used = 0;      ///< counted by this edge
  std::uint64_t siblings = 0;  ///< counted by the others, as far as known
  std::uint64_t reserved = 0;  ///< slices that this edge has granted and not seen the use of
};
static_assert(sizeof(Account) == 40);

class AccountTable {
 public:
  static constexpr std::size_t shards = 4096;
  struct Shard {
    Account* places = nullptr;
    std::uint32_t capacity = 0;
    std::uint32_t count = 0;
    std::uint64_t mark = 0;  ///< the journal's records up to here are in the checkpoint that it came from
    std::unique_ptr<Account[]> own;  ///< null: the places are a checkpoint's, mapped
  };

  [[nodiscard]] const Account* find(const AccountKey& key) const;
  /// The account, made if it isn't there. Valid until the next call.
  Account& at(const AccountKey& key);
  /// Fetches the cache lines of the subscription's accounts.
  void prefetch(SubscriptionKey key) const;
  /// Whether record `number` isn't yet in what the checkpoint knew of this account.
  [[nodiscard]] bool newer(const AccountKey& key, std::uint64_t number) const {
    return number > shards_[shard_of(hash_of(key))].mark;
  }
  /// Periods forgotten by this civil day may go when a table grows.
  void forget_before(std::int32_t day) { forget_before_ = day; }

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::span<const Shard> all() const { return shards_; }
  /// For recovery: a shard as a checkpoint had it.
  void adopt(std::size_t index, Account* places, std::uint32_t capacity, std::uint32_t count,
             std::uint64_t mark);

 private:
  static std::size_t shard_of(std::uint64_t hash) { return std::size_t(hash >> 52); }
  /// Where the key is, or the free place where it belongs.
  static Account* place(const Shard& shard, const AccountKey& key, std::uint64_t hash);
  void grow(Shard& shard);
  std::vector<Shard> shards_ = std::vector<Shard>(shards);
  std::size_t count_ = 0;
  std::int32_t forget_before_ = std::numeric_limits<std::int32_t>::min();
};

}  // namespace dayaq::edge
