// What the engine remembers, as a function of the journal: apply() is called with each record once, in order,
// while it runs and again at a start, and is all that changes accounts, leases and rights.
//
// Rights. Where an operator has several edges, each may grant a part of every quota: at first quota / edges.
// A `transfer` record moves rights from one edge to another: it is subtracted at the giver when it is
// journaled, and added at the receiver when that has learned of it, so that the rights of all edges never sum
// up to more than the quota, however long a message takes. A lease that moves to another edge takes the
// rights for its slice along (plan_copy()). An edge grants while used + reserved <= rights (+ open bound).
//
// What an account has `used` is changed by its own edge's records alone; the others follow. So a refund that
// a sibling was asked for gives the units back when the edge that had debited them hears of it, and journals
// a `credit`: nobody else can grant them a second time meanwhile. An event that two edges counted apart
// stands on both accounts; a refund gives both back, each by its own record, and the reversal takes back what
// is still there.
#pragma once

#include <array>
#include <optional>
#include <unordered_map>
#include <vector>

#include "edge/accounts.hpp"
#include "edge/engine.hpp"
#include "edge/leases.hpp"

namespace dayaq::edge {

/// Bits of Record::verdict and Lease::verdict.
namespace verdict_bit {
inline constexpr std::uint8_t account = 0x01;  ///< the benefit has a quota
inline constexpr std::uint8_t period_shift = 1;
inline constexpr std::uint8_t last = 0x08;
inline constexpr std::uint8_t limited_after = 0x10;
inline constexpr std::uint8_t keep_open = 0x20;
inline constexpr std::uint8_t cumulative = 0x40;
}  // namespace verdict_bit

inline constexpr std::size_t edges_max = 16;

struct HashOfAccount {
  std::size_t operator()(const AccountKey& key) const { return std::size_t(hash_of(key)); }
};

/// What several edges share of an account; only of accounts where it isn't zero.
struct Shared {
  std::int64_t rights = 0;     ///< transferred here, less what was given away
  std::uint64_t reserved = 0;  ///< slices that siblings have granted, as far as known
};

struct SiblingState {
  std::uint64_t position = 0;  ///< of its journal: applied
  std::uint64_t safe = 0;      ///< of ours: what it knew before it journaled all that we have of it
  std::uint64_t taken = 0;     ///< of ours: it has on disk
  std::int64_t heard = 0;      ///< engine's time
  bool ever = false;
};

class EngineState {
 public:
  /// @param others, joined  the siblings' numbers, a bit each; as in EngineOptions
  EngineState(std::uint8_t edge, std::uint8_t edges, std::uint32_t others, std::int32_t joined)
      : edge_(edge), edges_(edges), others_(others), joined_(joined) {}

  void apply(const Record& record, std::uint64_t number);
  /// What this edge journals together with a sibling's record, before that is applied: reversals of what both
  /// counted, and the rights that go with a lease that moved there.
  void plan_copy(const Record& copy, std::vector<Record>& out) const;
  /// The edge whose account a debit stands on: as known here, else as is `said`.
  [[nodiscard]] std::uint8_t debited_by(const LeaseId& debit, std::uint64_t said) const;
  /// What this edge journals when a sibling's refund is heard of and the debit stands on its own account.
  [[nodiscard]] std::optional<Record> credit_for_refund(const Record& refund) const;
  /// The same with an event that is counted here after its refund was heard of.
  [[nodiscard]] std::optional<Record> credit_for_event(const Record& event) const;

  /// Units that this edge may still grant of the quota, and whether it is only for want of rights that it
  /// isn't more.
  struct Left {
    std::uint64_t units = 0;
    std::uint64_t known = 0;  ///< by all that is known, whoever may grant it
    std::uint64_t mine = 0;   ///< by right, without the open bound
  };
  /// A report that is about to be journaled: left() counts it in.
  struct Pending {
    const Lease* released = nullptr;  ///< whose reservation ends with it
    AccountKey account;
    std::uint64_t used = 0;
  };
  Pending pending;
  [[nodiscard]] Left left(const AccountKey& account, const feed::BenefitLine& line) const;
  /// Spare rights of this edge for a sibling that has only `theirs`: half the difference.
  [[nodiscard]] std::uint64_t to_give(const AccountKey& account, std::uint64_t quota,
                                      std::uint64_t theirs) const;

  /// Whether numbers are missing between what is known of the lease and an own record: they went to a sibling
  /// that isn't heard, and with them the use of the slice granted here.
  [[nodiscard]] bool leaves_gap(const Lease& lease, const Record& own) const;
  /// Forgets what was counted of the lease and no sibling can have counted as well.
  void prune(Lease& lease) const;
  /// Gives back what it reserved, and forgets it.
  void erase(Lease& lease);
  [[nodiscard]] std::uint64_t safe() const;  ///< over all siblings; the journal's end if there are none

  AccountTable accounts;
  LeaseTable leases;
  std::unordered_map<AccountKey, Shared, HashOfAccount> shared;
  std::uint64_t shared_mark = 0;  ///< transfers up to here are in `shared` already
  std::array<SiblingState, edges_max + 1> siblings{};
  std::uint64_t settled = 0;
  bool recovering = false;   ///< the journal is being read at a start
  std::int64_t time_us = 0;  ///< engine's time: doesn't go back, and doesn't jump
  std::uint8_t edge() const { return edge_; }
  std::uint8_t edges() const { return edges_; }
  [[nodiscard]] bool is_sibling(std::uint8_t edge) const {
    return edge <= edges_max && (others_ >> edge & 1) != 0;
  }

 private:
  void apply_lease(const Record& record, std::uint64_t number, bool own);
  void move(Lease& lease, const Record& record, bool own, bool fresh);
  void apply_refund(const Record& record, std::uint64_t number, bool own);
  void apply_reversal(const Record& record, std::uint64_t number, bool own);
  void apply_closed(const Record& record, std::uint64_t number);
  void apply_kept(const Record& record, std::uint64_t number);
  void apply_transfer(const Record& record, std::uint64_t number, bool own);
  void add_used(const AccountKey& account, std::int64_t units, bool own, std::uint64_t number);
  void reserve(const AccountKey& account, std::uint8_t holder, std::int64_t units);
  void release(Lease& lease);
  void set_deadline(Lease& lease);
  [[nodiscard]] bool moves(const Lease& lease, const Record& record) const;

  std::uint8_t edge_;
  std::uint8_t edges_;
  std::uint32_t others_;
  std::int32_t joined_;
};

[[nodiscard]] AccountKey account_of(const Record& record);
/// A refund is a lease of its own, named by its debit; of the refund, the debit.
[[nodiscard]] LeaseId refund_lease(const LeaseId& debit);

}  // namespace dayaq::edge
