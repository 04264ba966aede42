#include "edge/engine_state.hpp"

#include <algorithm>

namespace dayaq::edge {
namespace {

constexpr std::int64_t second_us = 1'000'000;
constexpr std::int64_t tombstone_us = 600 * second_us;         ///< what ended is known that long
constexpr std::int64_t refund_us = 2 * 24 * 3600 * second_us;  ///< longer than Engine::refund_within
constexpr std::int64_t unreserved_us = 7200 * second_us;       ///< what holds nothing, likewise

constexpr std::uint64_t quota_max = std::uint64_t(1) << 62;  // of octets: nobody counts so many
constexpr std::uint64_t refund_of = 0x7265'6675'6e64'0000;   // tells a refund's lease from its debit's

bool has_account(std::uint8_t verdict) {
  return (verdict & verdict_bit::account) != 0;
}
bool is_cumulative(std::uint8_t verdict) {
  return (verdict & verdict_bit::cumulative) != 0;
}

/// Units that both an own and a sibling's report of one lease counted; the upper end of them in `to`.
std::uint64_t overlap(const Counted& own, const Record& other, std::uint64_t& to) {
  to = 0;
  if (other.used == 0 || own.cumulative != is_cumulative(other.verdict)) return 0;
  if (!own.cumulative) return own.number == other.number ? own.used : 0;
  const std::uint64_t from = std::max(own.to - own.used, other.cumulative - other.used);
  to = std::min(own.to, other.cumulative);
  return to > from ? to - from : 0;
}

bool counted_here(const Lease& lease, const Record& copy) {
  std::uint64_t to = 0;
  return lease.counted &&
         std::ranges::any_of(*lease.counted, [&](const Counted& own) { return overlap(own, copy, to) != 0; });
}

void subtract(std::uint64_t& from, std::uint64_t units) {
  from -= std::min(from, units);
}

}  // namespace

AccountKey account_of(const Record& record) {
  return {.key = record.key,
          .measure = record.measure,
          .benefit = record.benefit,
          .period = feed::QuotaPeriod(record.verdict >> verdict_bit::period_shift & 3),
          .start = record.period_start};
}

void EngineState::add_used(const AccountKey& account, std::int64_t units, bool own, std::uint64_t number) {
  if (!accounts.newer(account, number)) return;
  Account& of = accounts.at(account);
  (own ? of.used : of.siblings) += std::uint64_t(units);
}

void EngineState::reserve(const AccountKey& account, std::uint8_t holder, std::int64_t units) {
  if (units == 0) return;
  std::uint64_t& reserved = holder == edge_ ? accounts.at(account).reserved : shared[account].reserved;
  if (units > 0) {
    reserved += std::uint64_t(units);
  } else {
    subtract(reserved, std::uint64_t(-units));
  }
  if (holder == edge_ || reserved != 0) return;
  if (const auto at = shared.find(account); at->second.rights == 0) shared.erase(at);
}

void EngineState::release(Lease& lease) {
  if (has_account(lease.verdict)) reserve(lease.account, lease.holder, -std::int64_t(lease.reserved));
  lease.reserved = 0;
}

void EngineState::set_deadline(Lease& lease) {
  const std::int64_t validity = lease.until > lease.at ? (lease.until - lease.at).count() : 0;
  const std::int64_t keep = lease.phase == Phase::refund || lease.twice ? refund_us
                            : lease.ended                               ? tombstone_us
                            : lease.slice == 0                          ? unreserved_us
                                                                        : 2 * validity;
  // After a start all have their time again: how long nobody was here, a clock that may have been set can't
  // say.
  lease.deadline = time_us + keep;
  leases.watch(lease);
}

bool EngineState::moves(const Lease& lease, const Record& record) const {
  if (is_cumulative(record.verdict)) return record.cumulative >= lease.cumulative;
  // Two edges may both have answered one number: each keeps what it reserved until the next number shows.
  if (record.number != lease.number) return record.number > lease.number;
  return lease.holder == record.edge ||
         (lease.outcome != Outcome::granted && record.outcome == Outcome::granted);
}

bool EngineState::leaves_gap(const Lease& lease, const Record& own) const {
  const auto bits = std::uint8_t(lease.verdict | own.verdict);
  return edges_ > 1 && lease.holder == edge_ && lease.reserved != 0 && has_account(lease.verdict) &&
         !is_cumulative(bits) && own.number > lease.number + 1 &&
         (lease.held == 0 || lease.held_account == lease.account);
}

void EngineState::move(Lease& lease, const Record& record, bool own, bool fresh) {
  if (own && !fresh && leaves_gap(lease, record)) {
    lease.held += lease.reserved;
    lease.held_account = lease.account;
    lease.reserved = 0;
  } else {
    release(lease);
  }
  lease.account = account_of(record);
  lease.service = record.service;
  lease.outcome = record.outcome;
  lease.verdict = record.verdict;
  lease.holder = record.edge;
  lease.phase = record.phase;
  lease.ended = record.phase == Phase::stop || record.phase == Phase::event || record.phase == Phase::refund;
  lease.reserved = record.reserved;
  lease.slice = record.phase == Phase::event ? record.used : record.reserved;
  lease.at = record.at;
  lease.until = record.until;
  if (has_account(lease.verdict)) reserve(lease.account, lease.holder, std::int64_t(lease.reserved));
}

void EngineState::apply_lease(const Record& record, std::uint64_t number, bool own) {
  bool fresh = false;
  Lease& lease = leases.at(record.lease, fresh);
  if (record.used != 0 && has_account(record.verdict)) {
    add_used(account_of(record), std::int64_t(record.used), own, number);
  }
  const bool twice = !own && counted_here(lease, record);
  if (twice && record.phase == Phase::event) lease.twice = true;
  if (fresh || moves(lease, record)) {
    move(lease, record, own, fresh);
  } else if (!own && !twice && lease.held != 0 && record.used != 0) {
    const std::uint64_t used = std::min(lease.held, record.used);
    reserve(lease.held_account, edge_, -std::int64_t(used));
    lease.held -= used;
  }
  if (fresh) {
    lease.number = record.number;
    if (!is_cumulative(record.verdict)) lease.earlier = own ? record.origin : record.cumulative;
  }
  lease.mark(record.number);
  if (is_cumulative(record.verdict)) lease.cumulative = std::max(lease.cumulative, record.cumulative);
  lease.record = number;
  if (own && edges_ > 1 && record.used != 0) {
    if (!lease.counted) lease.counted = std::make_unique<std::vector<Counted>>();
    prune(lease);
    lease.counted->push_back({.record = number,
                              .number = record.number,
                              .cumulative = is_cumulative(record.verdict),
                              .has_account = has_account(record.verdict),
                              .service = record.service,
                              .used = record.used,
                              .to = record.cumulative,
                              .account = account_of(record)});
  }
  set_deadline(lease);
}

void EngineState::apply_refund(const Record& record, std::uint64_t number, bool own) {
  bool fresh = false;
  Lease& lease = leases.at(record.lease, fresh);
  const bool credit = record.plain() == RecordKind::credit;
  const bool gives_back = has_account(record.verdict) && (credit || record.reserved == record.edge);
  if (gives_back) add_used(account_of(record), -std::int64_t(record.used), own, number);
  if (fresh) {
    Record event = record;
    event.reserved = 0;
    move(lease, event, own, true);
    lease.ended = true;
    lease.slice = record.used;
    lease.number = record.number;
  }
  if (gives_back && own) lease.cumulative = record.used;
  lease.mark(record.number);
  lease.record = number;
  if (own && edges_ > 1) {
    if (!lease.counted) lease.counted = std::make_unique<std::vector<Counted>>();
    prune(lease);
    // A credit is settled by nobody, but known until no sibling can refund the same again.
    lease.counted->push_back({.record = number,
                              .number = record.number,
                              .refund = true,
                              .service = record.service,
                              .used = credit ? 0 : record.used,
                              .account = account_of(record)});
  }
  set_deadline(lease);
}

LeaseId refund_lease(const LeaseId& debit) {
  return {.high = debit.high ^ refund_of, .low = debit.low};
}

std::uint8_t EngineState::debited_by(const LeaseId& debit, std::uint64_t said) const {
  const Lease* lease = leases.find(debit);
  return lease != nullptr && lease->phase == Phase::event ? lease->holder : std::uint8_t(said);
}

std::optional<Record> EngineState::credit_for_refund(const Record& refund) const {
  const LeaseId id = refund_lease(refund.lease);
  if (refund.phase != Phase::refund || debited_by(id, refund.reserved) != edge_) return std::nullopt;
  if (const Lease* known = leases.find(refund.lease); known != nullptr && known->cumulative != 0)
    return std::nullopt;
  Record credit = refund;
  if (const Lease* debit = leases.find(id); debit != nullptr && debit->phase == Phase::event) {
    credit.service = debit->service;
    credit.measure = debit->account.measure;
    credit.benefit = debit->account.benefit;
    credit.period_start = debit->account.start;
    credit.verdict = debit->verdict;
    credit.used = std::min(refund.used, debit->slice);
  }
  if (!has_account(credit.verdict)) return std::nullopt;
  credit.kind = RecordKind::credit;
  credit.edge = edge_;
  credit.reserved = credit.origin = 0;
  return credit;
}

std::optional<Record> EngineState::credit_for_event(const Record& event) const {
  const Lease* refund = edges_ > 1 ? leases.find(refund_lease(event.lease)) : nullptr;
  if (refund == nullptr || refund->cumulative != 0 || !has_account(event.verdict)) return std::nullopt;
  Record credit = event;
  credit.kind = RecordKind::credit;
  credit.phase = Phase::refund;
  credit.lease = refund->id;
  credit.number = refund->number;
  credit.used = std::min(event.used, refund->slice);
  credit.until = event.at;
  return credit;
}

void EngineState::apply_reversal(const Record& record, std::uint64_t number, bool own) {
  if (has_account(record.verdict)) {
    add_used(account_of(record), -std::int64_t(record.used - record.reserved), own, number);
  }
  Lease* lease = leases.find(record.lease);
  if (!own || lease == nullptr) return;
  if (lease->phase == Phase::event && record.origin != 0) lease->holder = std::uint8_t(record.origin);
  if (!lease->counted) return;
  std::vector<Counted>& counted = *lease->counted;
  std::uint64_t to = 0;
  const auto at = std::ranges::find_if(
      counted, [&](const Counted& one) { return overlap(one, record, to) == record.used; });
  if (at == counted.end()) return;
  const Counted whole = *at;
  counted.erase(at);
  if (!whole.cumulative) return;
  const std::uint64_t above = whole.to - record.cumulative;
  const std::uint64_t below = whole.used - above - record.used;
  Counted part = whole;
  if (above != 0) {
    part.used = above;
    counted.push_back(part);
  }
  if (below != 0) {
    part.used = below;
    part.to = record.cumulative - record.used;
    counted.push_back(part);
  }
}

void EngineState::apply_closed(const Record& record, std::uint64_t number) {
  Lease* lease = leases.find(record.lease);
  if (lease == nullptr || lease->holder != record.edge || lease->number > record.number) return;
  release(*lease);
  lease->ended = true;
  lease->at = record.at;
  lease->record = number;
  set_deadline(*lease);
}

void EngineState::apply_kept(const Record& record, std::uint64_t number) {
  bool fresh = false;
  Lease& lease = leases.at(record.lease, fresh);
  lease.record = number;
  if (!recovering) return;  // it says what is known
  if (lease.held != 0) reserve(lease.held_account, edge_, -std::int64_t(lease.held));
  lease.held = 0;
  release(lease);
  move(lease, record, false, true);
  lease.ended = record.orphan;  // a kept record has no beginning to miss: the flag says that it has ended
  lease.number = record.number;
  const bool one_shot = record.phase == Phase::event || record.phase == Phase::refund;
  lease.earlier = one_shot ? 0 : record.used;
  if (one_shot) lease.slice = record.used;
  lease.cumulative = record.cumulative;
  lease.held = one_shot ? 0 : record.origin;
  lease.twice = one_shot && record.origin != 0;
  lease.held_account = lease.account;
  reserve(lease.held_account, edge_, std::int64_t(lease.held));
  set_deadline(lease);
}

void EngineState::apply_transfer(const Record& record, std::uint64_t number, bool own) {
  if (number <= shared_mark || (!own && record.reserved != edge_)) return;
  const AccountKey account = account_of(record);
  Shared& of = shared[account];
  of.rights += own ? -std::int64_t(record.used) : std::int64_t(record.used);
  if (of.rights == 0 && of.reserved == 0) shared.erase(account);
}

void EngineState::apply(const Record& record, std::uint64_t number) {
  const bool own = !record.copied();
  if (!own && record.edge <= edges_max) {
    SiblingState& from = siblings[record.edge];
    from.position = std::max(from.position, record.origin);
  }
  switch (record.plain()) {
    case RecordKind::lease:
      if (record.phase == Phase::refund) return apply_refund(record, number, own);
      return apply_lease(record, number, own);
    case RecordKind::reversal:
      return apply_reversal(record, number, own);
    case RecordKind::closed:
      return apply_closed(record, number);
    case RecordKind::kept:
      return apply_kept(record, number);
    case RecordKind::transfer:
      return apply_transfer(record, number, own);
    case RecordKind::credit:
      return apply_refund(record, number, own);
    case RecordKind::want:
      return;
  }
}

void EngineState::plan_copy(const Record& copy, std::vector<Record>& out) const {
  if (copy.plain() != RecordKind::lease) return;
  if (const auto credit = credit_for_refund(copy)) out.push_back(*credit);
  const Lease* lease = leases.find(copy.lease);
  if (lease == nullptr || copy.used == 0) return;
  bool twice = false;
  if (lease->counted) {
    for (const Counted& own : *lease->counted) {
      std::uint64_t to = 0;
      const std::uint64_t both = overlap(own, copy, to);
      if (both == 0) continue;
      twice = true;
      if (copy.edge > edge_) continue;  // the one with the lower number keeps it
      Record reversal;
      reversal.kind = RecordKind::reversal;
      reversal.phase = own.refund ? Phase::refund : Phase::start;
      reversal.benefit = own.account.benefit;
      reversal.service = own.service;
      reversal.edge = edge_;
      reversal.number = own.number;
      reversal.lease = copy.lease;
      reversal.key = own.account.key;
      reversal.measure = own.account.measure;
      reversal.period_start = own.account.start;
      reversal.used = both;
      reversal.cumulative = to;
      if (lease->phase == Phase::event) {
        const Lease* refund = leases.find(refund_lease(copy.lease));
        reversal.reserved = refund == nullptr ? 0 : std::min(refund->cumulative, both);
        reversal.origin = copy.edge;
      }
      reversal.at = copy.at;
      reversal.until = copy.at;
      reversal.verdict = std::uint8_t((own.has_account ? verdict_bit::account : 0) |
                                      (own.cumulative ? verdict_bit::cumulative : 0) |
                                      std::uint8_t(own.account.period) << verdict_bit::period_shift);
      out.push_back(reversal);
    }
  }
  if (twice || copy.phase == Phase::refund) return;
  const bool moved = moves(*lease, copy);
  const bool from_slice = moved && lease->holder == edge_ && has_account(lease->verdict);
  const std::uint64_t granted = from_slice ? lease->reserved : moved ? 0 : lease->held;
  const AccountKey& account = from_slice ? lease->account : lease->held_account;
  const std::uint64_t give = std::min(granted, copy.used);
  if (give == 0 || !has_account(copy.verdict) || account != account_of(copy)) return;
  Record transfer = copy;
  transfer.kind = RecordKind::transfer;
  transfer.edge = edge_;
  transfer.origin = 0;
  transfer.used = give;
  transfer.cumulative = 0;
  transfer.reserved = copy.edge;
  out.push_back(transfer);
}

EngineState::Left EngineState::left(const AccountKey& account, const feed::BenefitLine& line) const {
  const Account* of = accounts.find(account);
  std::int64_t own = of == nullptr ? 0 : std::int64_t(of->used + of->reserved);
  std::int64_t theirs = of == nullptr ? 0 : std::int64_t(of->siblings);
  std::int64_t rights = 0;
  if (edges_ > 1) {
    if (const auto at = shared.find(account); at != shared.end()) {
      theirs += std::int64_t(at->second.reserved);
      rights = at->second.rights;
    }
  }
  if (pending.released != nullptr && has_account(pending.released->verdict) &&
      pending.released->account == account) {
    (pending.released->holder == edge_ ? own : theirs) -= std::int64_t(pending.released->reserved);
  }
  if (pending.used != 0 && pending.account == account) own += std::int64_t(pending.used);
  const auto quota = std::int64_t(std::min(line.quota, quota_max));
  const auto known = std::uint64_t(std::max<std::int64_t>(0, quota - own - theirs));
  if (edges_ == 1) return {.units = known, .known = known, .mine = known};
  std::int64_t part = quota / edges_ + (edge_ == 1 ? quota % edges_ : 0);
  if (account.start < joined_) part = 0;
  const std::int64_t mine = part + rights - own;
  const std::int64_t bound = line.when_silent == feed::WhenSilent::open ? std::int64_t(line.open_bound) : 0;
  return {.units = std::min(known, std::uint64_t(std::max<std::int64_t>(0, mine + bound))),
          .known = known,
          .mine = std::uint64_t(std::max<std::int64_t>(0, mine))};
}

std::uint64_t EngineState::to_give(const AccountKey& account, std::uint64_t quota,
                                   std::uint64_t theirs) const {
  feed::BenefitLine line;
  line.limited = true;
  line.quota = quota;
  const std::uint64_t mine = left(account, line).mine;
  return mine > theirs ? (mine - theirs + 1) / 2 : 0;
}

void EngineState::prune(Lease& lease) const {
  if (!lease.counted) return;
  const std::uint64_t known = safe();
  std::erase_if(*lease.counted, [&](const Counted& one) { return one.record <= known; });
}

void EngineState::erase(Lease& lease) {
  release(lease);
  if (lease.held != 0) reserve(lease.held_account, edge_, -std::int64_t(lease.held));
  leases.erase(lease);
}

std::uint64_t EngineState::safe() const {
  std::uint64_t least = ~std::uint64_t(0);
  for (std::uint8_t i = 1; i <= edges_max; ++i) {
    if (is_sibling(i)) least = std::min(least, siblings[i].safe);
  }
  return least;
}

}  // namespace dayaq::edge
