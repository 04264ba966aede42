// What each session of the network holds, by LeaseId: which numbers were counted, the last verdict, the
// reservation. One table; leases lie in a slab, so that pointers stay while the table grows.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "edge/accounts.hpp"

namespace dayaq::edge {

/// Usage that this edge counted and a sibling may have counted as well: kept until it is sure that none has.
struct Counted {
  std::uint64_t record = 0;  ///< its number in the journal
  std::uint32_t number = 0;  ///< of the request; cumulative reports: see `to`
  bool cumulative = false;
  bool has_account = false;
  bool refund = false;
  ServiceIndex service = no_service;
  std::uint64_t used = 0;
  std::uint64_t to = 0;  ///< cumulative: the counter after it; it counted (to - used, to]
  AccountKey account;
};

struct Lease {
  LeaseId id;
  AccountKey account;  ///< of the last verdict; its measure is 0 if there was none that granted
  ServiceIndex service = no_service;
  Outcome outcome = Outcome::granted;
  std::uint8_t verdict = 0;  ///< VerdictBit
  std::uint8_t holder = 0;   ///< the edge that granted `reserved` or counts the event; 0: the slot is free
  Phase phase = Phase::start;
  bool ended = false;  ///< kept for a while, so that what is sent again is known
  bool twice = false;  ///< an event that two edges counted: known for as long as it can be refunded
  std::uint32_t number = 0;
  std::uint64_t earlier = 0;     ///< bit i: number - 1 - i was counted
  std::uint64_t reserved = 0;    ///< of `account`
  std::uint64_t slice = 0;       ///< as answered
  std::uint64_t cumulative = 0;  ///< the counter; a refund: what this edge's account has had back
  std::uint64_t held = 0;        ///< granted here, and its use was reported to a sibling that is not heard
  AccountKey held_account;
  Instant at;
  Instant until;
  std::int64_t deadline = 0;  ///< engine's time, microseconds
  std::int64_t timer = 0;     ///< the second for which a timer is set; 0: none
  std::uint64_t record = 0;   ///< of the journal, the last about it
  std::unique_ptr<std::vector<Counted>> counted;

  [[nodiscard]] bool seen(std::uint32_t n) const {
    if (n >= number) return n == number;
    const std::uint32_t back = number - n - 1;
    return back >= 64 || (earlier >> back & 1) != 0;
  }
  void mark(std::uint32_t n);
  /// `earlier` as it will be after mark(n).
  [[nodiscard]] std::uint64_t window_after(std::uint32_t n) const;
};

class LeaseTable {
 public:
  [[nodiscard]] Lease* find(const LeaseId& id) const;
  /// The lease, made (holder 0) if it isn't there.
  Lease& at(const LeaseId& id, bool& made);
  void erase(Lease& lease);
  void prefetch(const LeaseId& id) const;
  [[nodiscard]] std::size_t size() const { return count_; }
  /// Slots 0..slots(): for walking over all in steps; free ones have holder 0.
  [[nodiscard]] std::uint32_t slots() const { return std::uint32_t(pages_.size() * page); }
  [[nodiscard]] Lease& slot(std::uint32_t index) const { return pages_[index / page][index % page]; }

  /// Calls `on_due` for up to `most` leases whose deadline has passed. on_due sets a new deadline and calls
  /// watch(), or erases the lease.
  template <class OnDue>
  void due(std::int64_t now_us, std::size_t most, OnDue&& on_due);
  /// Sees to it that due() finds the lease after its deadline.
  void watch(Lease& lease);

 private:
  static constexpr std::uint32_t page = 1024;
  static constexpr std::uint32_t none = 0xffffffff;
  [[nodiscard]] std::size_t home(const LeaseId& id) const { return id.low & (index_.size() - 1); }
  void grow();
  [[nodiscard]] std::uint32_t index_of(const Lease& lease) const;

  std::vector<std::uint32_t> index_;  ///< slots by hash; a power of two, at most half full
  std::vector<std::unique_ptr<Lease[]>> pages_;
  std::vector<std::uint32_t> free_;
  std::size_t count_ = 0;
  std::map<std::int64_t, std::vector<LeaseId>> timers_;
};

template <class OnDue>
void LeaseTable::due(std::int64_t now_us, std::size_t most, OnDue&& on_due) {
  const std::int64_t second = now_us / 1'000'000;
  while (!timers_.empty() && timers_.begin()->first <= second && most > 0) {
    auto first = timers_.begin();
    const std::int64_t set_for = first->first;
    std::vector<LeaseId>& ids = first->second;
    std::vector<LeaseId> batch;
    const std::size_t take = std::min(most, ids.size());
    batch.assign(ids.end() - std::ptrdiff_t(take), ids.end());
    ids.resize(ids.size() - take);
    if (ids.empty()) timers_.erase(first);
    most -= take;
    for (const LeaseId& id : batch) {
      Lease* lease = find(id);
      if (lease == nullptr || lease->timer != set_for) continue;
      lease->timer = 0;
      if (lease->deadline > now_us) {
        watch(*lease);
      } else {
        on_due(*lease);
      }
    }
  }
}

}  // namespace dayaq::edge
