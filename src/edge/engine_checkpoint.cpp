// The background thread that saves accounts, so that the journal's files may go and a start is short.
//
// A round: (1) leases that nothing was written about since the last round began are written again; so every
// lease that lives has a record since then. (2) Each shard of accounts is copied under the lock, some tens of
// microseconds, and written without it. (3) What the copies count is waited for on the journal's disk, then
// the file takes the old one's place. A start reads the journal from where the round before this one began.
#include <algorithm>
#include <limits>

#include "base/log.hpp"
#include "edge/accounts_checkpoint.hpp"
#include "edge/engine_core.hpp"

namespace dayaq::edge {
namespace {

constexpr std::uint32_t leases_at_once = 256;
/// Edges that are apart for long would make a start ever longer; beyond this many records (a few gigabytes)
/// a start forgets what it would need to take back its part of what both counted.
constexpr std::uint64_t replay_max = 20'000'000;

Bytes encode_extras(const EngineState& state, std::uint64_t mark) {
  Bytes out;
  put_le(out, mark);
  put_le(out, state.settled);
  for (const SiblingState& sibling : state.siblings) {
    put_le(out, sibling.position);
    put_le(out, sibling.safe);
    put_le(out, sibling.taken);
  }
  for (const auto& [key, shared] : state.shared) {
    if (shared.rights == 0) continue;
    put_le(out, key.key);
    put_le(out, key.measure);
    put_le(out, key.start);
    put_le(out, key.benefit);
    put_le(out, std::uint8_t(key.period));
    put_le(out, shared.rights);
  }
  return out;
}

bool decode_extras(BytesView in, EngineState& state) {
  if (!take_le(in, state.shared_mark) || !take_le(in, state.settled)) return false;
  for (SiblingState& sibling : state.siblings) {
    if (!take_le(in, sibling.position) || !take_le(in, sibling.safe) || !take_le(in, sibling.taken))
      return false;
  }
  while (!in.empty()) {
    AccountKey key;
    std::uint8_t period = 0;
    std::int64_t rights = 0;
    if (!take_le(in, key.key) || !take_le(in, key.measure) || !take_le(in, key.start) ||
        !take_le(in, key.benefit) || !take_le(in, period) || !take_le(in, rights) || period > 3) {
      return false;
    }
    key.period = feed::QuotaPeriod(period);
    state.shared[key].rights = rights;
  }
  return true;
}

}  // namespace

Result<void> EngineCore::recover(Instant now) {
  last_now_ = now;
  state_.time_us = to_micros(now);
  state_.recovering = true;
  std::uint64_t after = journal_.first_kept() - 1;
  if (!options_.folder.empty()) {
    DAYAQ_TRY(mapped_, MappedCheckpoint::load(options_.folder / "accounts.table", state_.accounts));
    if (mapped_) {
      if (!decode_extras(mapped_->extras(), state_)) {
        return fail(ErrorKind::conflict, "accounts.damaged", "The saved accounts are damaged.", "extras");
      }
      after = mapped_->replay_after();
      if (journal_.last() < state_.shared_mark) {
        return fail(
            ErrorKind::conflict, "accounts.ahead",
            "The saved accounts (accounts.table) count more than the journal holds: files of the journal "
            "are missing. Restore them, or move both away and settle from the operator's own records.");
      }
    }
  }
  if (!mapped_ && after != 0) {
    return fail(ErrorKind::conflict, "accounts.missing",
                "The saved accounts (accounts.table) are gone, and the journal doesn't reach back to its "
                "beginning: restore the file.");
  }
  DAYAQ_TRY_OK(journal_.read(after, [&](std::uint64_t number, const Record& record) {
    state_.apply(record, number);
    return true;
  }));
  state_.recovering = false;
  round_began_ = after;
  if (!options_.folder.empty()) saver_ = std::thread([this] { save_when_asked(); });
  return {};
}

void EngineCore::stop_saving() {
  {
    const std::lock_guard lock(saver_mutex_);
    stopping_ = true;
  }
  saver_wakes_.notify_all();
  if (saver_.joinable()) saver_.join();
}

void EngineCore::ask_to_save() {
  {
    const std::lock_guard lock(saver_mutex_);
    save_asked_ = true;
  }
  saver_wakes_.notify_all();
}

bool EngineCore::stopping() {
  const std::lock_guard lock(saver_mutex_);
  return stopping_;
}

void EngineCore::save_when_asked() {
  for (;;) {
    {
      std::unique_lock lock(saver_mutex_);
      saver_wakes_.wait(lock, [&] { return save_asked_ || stopping_; });
      if (stopping_) return;
      save_asked_ = false;
    }
    if (const auto saved = save_round(); !saved) {
      log::error("edge.accounts_not_saved", "the accounts could not be saved", saved.error());
    }
  }
}

std::uint64_t EngineCore::keep_leases(std::uint64_t before) {
  std::uint64_t oldest = std::numeric_limits<std::uint64_t>::max();
  std::uint32_t slots = 0;
  {
    const std::lock_guard lock(mutex_);
    slots = state_.leases.slots();
  }
  for (std::uint32_t from = 0; from < slots && !stopping(); from += leases_at_once) {
    const std::lock_guard lock(mutex_);
    for (std::uint32_t i = from; i < std::min(slots, from + leases_at_once); ++i) {
      const Lease& lease = state_.leases.slot(i);
      if (lease.holder == 0 || (lease.record > before && lease.held == 0)) continue;
      if (lease.held != 0 && lease.held_account != lease.account) {
        oldest = std::min(oldest, lease.record);  // one record can't say both: the old ones stay
        continue;
      }
      Record record;
      record.kind = RecordKind::kept;
      record.phase = lease.phase;
      record.outcome = lease.outcome;
      record.orphan = lease.ended;
      record.edge = lease.holder;
      record.number = lease.number;
      record.lease = lease.id;
      record.at = lease.at;
      record.until = lease.until;
      record.cumulative = lease.cumulative;
      charge_to(record, lease);
      record.verdict = lease.verdict;
      const bool one_shot = lease.phase == Phase::event || lease.phase == Phase::refund;
      record.used = one_shot ? lease.slice : lease.earlier;
      record.reserved = lease.reserved;
      record.origin = one_shot ? std::uint64_t(lease.twice) : lease.held;
      write_down({&record, 1});
    }
  }
  return oldest;
}

Result<void> EngineCore::save_round() {
  std::uint64_t began = 0;
  std::uint64_t before = 0;
  {
    const std::lock_guard lock(mutex_);
    began = journal_.last();
    before = round_began_;
  }
  const std::uint64_t oldest = keep_leases(before);
  DAYAQ_TRY(auto writer, CheckpointWriter::create(options_.folder / "accounts.table"));
  std::vector<Account> places;
  std::uint64_t mark = 0;
  for (std::size_t i = 0; i < AccountTable::shards; ++i) {
    if (stopping()) return {};
    std::uint32_t count = 0;
    {
      const std::lock_guard lock(mutex_);
      const AccountTable::Shard& shard = state_.accounts.all()[i];
      places.assign(shard.places, shard.places + shard.capacity);
      count = shard.count;
      mark = journal_.last();
    }
    for (Account& account : places) account.reserved = 0;
    DAYAQ_TRY_OK(writer->add(places, count, mark));
  }
  Bytes extras;
  std::uint64_t replay_after = std::min(before, oldest - 1);
  {
    const std::lock_guard lock(mutex_);
    mark = journal_.last();
    extras = encode_extras(state_, mark);
    const std::uint64_t forget = began > replay_max ? began - replay_max : 0;
    replay_after = std::min(replay_after, std::max(state_.safe(), forget));
  }
  while (journal_.durable() < mark) {  // it counts nothing that a crash could still take away
    std::unique_lock lock(saver_mutex_);
    if (saver_wakes_.wait_for(lock, std::chrono::milliseconds(20), [&] { return stopping_; })) return {};
  }
  DAYAQ_TRY_OK(writer->finish(replay_after, extras));
  std::uint64_t through = replay_after;
  {
    const std::lock_guard lock(mutex_);
    round_began_ = began;
    through = std::min(through, state_.settled);
    for (std::uint8_t i = 1; i <= edges_max; ++i) {
      if (state_.is_sibling(i)) through = std::min(through, state_.siblings[i].taken);
    }
  }
  journal_.drop_through(through);
  return {};
}

}  // namespace dayaq::edge
