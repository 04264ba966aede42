// Opening and recovery, the clock, what siblings say. Verdicts: engine_decide.cpp.
#include "edge/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/log.hpp"
#include "edge/engine_core.hpp"

namespace dayaq::edge {
namespace {

constexpr std::int64_t second_us = 1'000'000;
constexpr auto step_min = std::chrono::minutes(5);  ///< a larger one is the clock's, not time that passed
constexpr std::int64_t checkpoint_us = 600 * second_us;
constexpr std::size_t due_max = 20'000;  ///< leases looked at under one hold of the lock

/// The siblings' numbers, a bit each.
std::uint32_t others_of(const EngineOptions& options) {
  std::uint32_t others = 0;
  for (const std::uint8_t sibling : options.siblings) others |= std::uint32_t(1) << sibling;
  if (options.siblings.empty()) others = (std::uint32_t(2) << options.edges) - 2;
  return others & ~(std::uint32_t(1) << options.edge);
}

bool numbered(const EngineOptions& options) {
  const auto good = [](std::uint8_t number) { return number >= 1 && number <= edges_max; };
  return good(options.edge) && good(options.edges) && std::ranges::all_of(options.siblings, good) &&
         std::popcount(others_of(options)) == options.edges - 1;
}

}  // namespace

EngineCore::EngineCore(EngineOptions options, const ServiceTable& services, Replica& replica,
                       Journal& journal, QuotaCalendar calendar)
    : options_(std::move(options)),
      services_(services),
      replica_(replica),
      journal_(journal),
      calendar_(std::move(calendar)),
      state_(options_.edge, options_.edges, others_of(options_), options_.joined) {}

EngineCore::~EngineCore() {
  stop_saving();
}

Result<std::unique_ptr<Engine>> Engine::open(const EngineOptions& options, const ServiceTable& services,
                                             Replica& replica, Journal& journal, Instant now) {
  if (!numbered(options)) {
    return fail(ErrorKind::invalid_input, "engine.edges",
                "An operator has 1 to 16 edges, and each a number from 1 to 16 that no other has.");
  }
  DAYAQ_TRY(const Zone zone, Zone::create(options.zone));
  auto engine = std::make_unique<EngineCore>(options, services, replica, journal, QuotaCalendar(zone));
  DAYAQ_TRY_OK(engine->recover(now));
  return engine;
}

void EngineCore::pass_time(Instant now) {
  const auto passed = now - last_now_;
  if (passed > passed.zero() && passed <= step_min) state_.time_us += passed.count();
  last_now_ = now;
}

/// A lease of its own, named by subscription, benefit and month, so that it is counted once whichever edge
/// saw the first use, and however often (engine.hpp, 2).
std::optional<Record> EngineCore::month_begun_by(const Record& use) {
  if (use.kind != RecordKind::lease || use.used == 0 || use.measure == 0 || use.service >= services_.size() ||
      services_.at(use.service).kind != feed::Benefit::tv || use.phase == Phase::refund) {
    return std::nullopt;
  }
  const Measure* measure = replica_.measure(use.measure);
  if (measure == nullptr || use.benefit >= std::min<std::size_t>(measure->benefits.size(), month_of_use) ||
      measure->benefits[use.benefit].unit != feed::Unit::none) {
    return std::nullopt;
  }
  Record month = use;
  month.phase = Phase::event;
  month.outcome = Outcome::granted;
  month.benefit = std::uint8_t(use.benefit | month_of_use);
  month.orphan = false;
  month.number = 0;
  month.period_start = calendar_.at(feed::QuotaPeriod::month, use.at).start;
  month.used = 1;
  month.cumulative = month.reserved = month.origin = 0;
  month.until = month.at;
  month.verdict = std::uint8_t(verdict_bit::account | std::uint8_t(feed::QuotaPeriod::month)
                                                          << verdict_bit::period_shift);
  month.lease = lease_id("month of use",
                         fmt::format("{:x} {} {} {}", use.key, use.measure, use.benefit, month.period_start));
  const Account* counted = state_.accounts.find(account_of(month));
  if (counted != nullptr && std::int64_t(counted->used + counted->siblings) > 0) return std::nullopt;
  return month;
}

std::uint64_t EngineCore::write_down(std::span<const Record> records) {
  for (const Record& record : records) {
    const auto month = month_begun_by(record);
    if (!month) continue;
    written_.assign(records.begin(), records.end());
    written_.insert(written_.begin(), *month);  // the last record's number is the answer's
    records = written_;
    break;
  }
  const std::uint64_t last = journal_.append_all(records);
  const bool writable = journal_.health() == Journal::Health::ok;
  // Without a number (not even memory takes it any more) the books go on here, and a restart forgets it.
  std::uint64_t number = last == 0 ? journal_.last() : last - records.size();
  for (const Record& record : records) state_.apply(record, last == 0 ? number : ++number);
  if (writable && last != 0) {
    alarmed_ = false;
    return last;
  }
  ++counts_.unjournaled;
  if (!alarmed_) {
    alarmed_ = true;
    log::error("edge.unjournaled",
               "usage is granted that is not on disk: count it from the operator's records");
  }
  return 0;
}

std::optional<Engine::LeaseView> EngineCore::lease(const LeaseId& id) const {
  const Lease* lease = state_.leases.find(id);
  if (lease == nullptr) return std::nullopt;
  return LeaseView{.key = lease->account.key,
                   .service = lease->service,
                   .measure = lease->account.measure,
                   .reserved = lease->reserved,
                   .cumulative = lease->cumulative,
                   .number = lease->number,
                   .until = lease->until,
                   .ended = lease->ended};
}

void EngineCore::apply_sibling(std::uint64_t number, const Record& record, Instant now) {
  pass_time(now);
  if (!state_.is_sibling(record.edge) || record.copied()) return;
  SiblingState& from = state_.siblings[record.edge];
  if (number <= from.position) return;
  if (record.kind == RecordKind::want) {
    from.position = number;
    give_rights(record, now);
    return;
  }
  if (!record.counts() && record.kind != RecordKind::closed && record.kind != RecordKind::transfer &&
      record.kind != RecordKind::credit) {
    return;
  }
  std::vector<Record> records{record};
  Record& copy = records.front();
  copy.kind = RecordKind(std::uint8_t(record.kind) | sibling_copy);
  if (record.kind == RecordKind::lease && copy.phase != Phase::refund &&
      (copy.verdict & verdict_bit::cumulative) == 0) {
    copy.cumulative = record.origin;  // its window
  }
  copy.origin = number;
  const Record planned = copy;
  state_.plan_copy(planned, records);
  const std::uint64_t last = journal_.append_all(records);
  missed_[record.edge] = last == 0;
  if (last == 0) return;
  std::uint64_t at = last - records.size();
  for (const Record& one : records) {
    state_.apply(one, ++at);
    if (one.kind == RecordKind::reversal) ++counts_.reversed;
  }
}

void EngineCore::sibling_heard(std::uint8_t edge, Instant now) {
  pass_time(now);
  if (!state_.is_sibling(edge)) return;
  state_.siblings[edge].heard = state_.time_us;
  state_.siblings[edge].ever = true;
}

void EngineCore::sibling_stands(std::uint8_t edge, std::uint64_t ours, std::uint64_t kept) {
  if (!state_.is_sibling(edge) || missed_[edge]) return;
  SiblingState& of = state_.siblings[edge];
  of.safe = std::max(of.safe, std::min(ours, journal_.last()));
  of.taken = std::max(of.taken, std::min(kept, journal_.last()));
}

std::uint64_t EngineCore::sibling_sequence(std::uint8_t edge) const {
  return edge <= edges_max ? state_.siblings[edge].position : 0;
}

bool EngineCore::all_siblings_heard() const {
  const std::int64_t silence =
      std::chrono::duration_cast<std::chrono::microseconds>(options_.sibling_silence).count();
  for (std::uint8_t i = 1; i <= edges_max; ++i) {
    const SiblingState& of = state_.siblings[i];
    if (state_.is_sibling(i) && (!of.ever || state_.time_us - of.heard > silence)) return false;
  }
  return true;
}

void EngineCore::ask_for_rights(const Choice& choice, std::uint64_t slice, Instant now) {
  if (options_.edges == 1 || choice.of == nullptr || !choice.of->line->limited) return;
  const std::uint64_t mine = choice.left.mine - std::min(choice.left.mine, slice);
  const std::uint64_t known = choice.left.known - std::min(choice.left.known, slice);
  // Enough for two more slices, or no less than the others have: nothing to ask for.
  if (mine >= 2 * default_slice(choice.of->line->kind) || known < 2 * mine + 1) return;
  if (asked_.size() > 100'000) asked_.clear();
  std::int64_t& asked = asked_[choice.of->account];
  if (asked != 0 && state_.time_us - asked < second_us / 2) return;
  asked = state_.time_us;
  Record want;
  want.kind = RecordKind::want;
  want.edge = options_.edge;
  want.key = choice.of->account.key;
  want.at = want.until = now;
  charge_to(want, *choice.of);
  want.reserved = mine;
  write_down({&want, 1});
}

void EngineCore::give_rights(const Record& want, Instant now) {
  const Measure* measure = replica_.measure(want.measure);
  if (measure == nullptr || want.benefit >= measure->benefits.size()) return;
  const feed::BenefitLine& line = measure->benefits[want.benefit];
  const std::uint64_t give = line.limited ? state_.to_give(account_of(want), line.quota, want.reserved) : 0;
  if (give == 0) return;
  Record transfer = want;
  transfer.kind = RecordKind::transfer;
  transfer.edge = options_.edge;
  transfer.at = transfer.until = now;
  transfer.used = give;
  transfer.reserved = want.edge;
  // A gift that isn't journaled would be forgotten here and used there.
  if (journal_.health() == Journal::Health::ok) write_down({&transfer, 1});
}

void EngineCore::close(Lease& lease, Instant now) {
  Record record;
  record.kind = RecordKind::closed;
  record.service = lease.service;
  record.edge = options_.edge;
  record.number = lease.number;
  record.lease = lease.id;
  record.at = record.until = now;
  record.cumulative = lease.cumulative;
  charge_to(record, lease);
  write_down({&record, 1});
}

void EngineCore::lease_due(Lease& lease, Instant now) {
  const auto later = [&](std::int64_t seconds) {
    lease.deadline = state_.time_us + seconds * second_us;
    state_.leases.watch(lease);
  };
  state_.prune(lease);
  const bool doubtful = lease.counted && !lease.counted->empty();  // a sibling may have counted it as well
  if (!lease.ended && lease.holder == options_.edge && lease.slice != 0) {
    // Its use may have been reported to a sibling that isn't heard.
    return all_siblings_heard() ? close(lease, now) : later(10);
  }
  if (doubtful || (!lease.ended && lease.reserved != 0)) return later(60);
  state_.erase(lease);
}

void EngineCore::tick(Instant now) {
  pass_time(now);
  state_.accounts.forget_before(calendar_.at(feed::QuotaPeriod::day, now).start);
  state_.leases.due(state_.time_us, due_max, [&](Lease& lease) { lease_due(lease, now); });
  const std::uint64_t last = journal_.last();
  const bool much = last - asked_at_ >= options_.checkpoint_records;
  const bool long_ago = last != asked_at_ && state_.time_us - asked_time_ >= checkpoint_us;
  if (!much && !long_ago) return;
  asked_at_ = last;
  asked_time_ = state_.time_us;
  ask_to_save();
}

void EngineCore::settled_through(std::uint64_t number) {
  state_.settled = std::max(state_.settled, number);
}

Engine::Counts EngineCore::counts() const {
  Counts counts = counts_;
  counts.leases = state_.leases.size();
  counts.accounts = state_.accounts.size();
  return counts;
}

}  // namespace dayaq::edge
