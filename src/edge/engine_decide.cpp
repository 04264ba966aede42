// Verdicts: which grant pays, how much of it, and what is written down before the answer goes out.
#include <algorithm>

#include "base/log.hpp"
#include "edge/engine_core.hpp"

namespace dayaq::edge {

using std::chrono::seconds;

bool EngineCore::candidates(SubscriptionKey key, LineKind line, ServiceIndex service, Instant now) {
  grants_.clear();
  candidates_.clear();
  if (!replica_.find(key, now, grants_)) return false;
  if (service >= services_max) return true;
  const std::uint64_t bit = std::uint64_t(1) << service;
  for (const GrantInForce& grant : grants_) {
    if ((grant.measure->any & bit) == 0) continue;
    const Instant until = std::min(grant.until, grant.measure->period.until);
    for (std::size_t i = 0; i < grant.measure->benefits.size(); ++i) {
      const feed::BenefitLine& benefit = grant.measure->benefits[i];
      if ((grant.measure->covers[i] & bit) == 0 || (benefit.delivered_on >> unsigned(line) & 1) == 0)
        continue;
      Candidate& candidate = candidates_.emplace_back();
      candidate.measure = grant.measure;
      candidate.line = &benefit;
      candidate.grant_until = until;
      candidate.account.key = key;
      candidate.account.measure = grant.measure->number;
      candidate.account.benefit = std::uint8_t(i);
      candidate.period_until = until;
      if (!benefit.limited) continue;
      const QuotaSpan& span = calendar_.at(benefit.quota_period, now);
      candidate.account.period = benefit.quota_period;
      candidate.account.start = span.start;
      candidate.period_until = std::min(until, span.period.until);
    }
  }
  if (candidates_.size() > 1) {
    std::ranges::sort(candidates_, [](const Candidate& a, const Candidate& b) {
      if (a.line->limited != b.line->limited) return !a.line->limited;
      if (a.period_until != b.period_until) return a.period_until < b.period_until;
      if (a.measure->number != b.measure->number) return a.measure->number < b.measure->number;
      return a.account.benefit < b.account.benefit;
    });
  }
  return true;
}

EngineCore::Choice EngineCore::choose(SubscriptionKey key, LineKind line, ServiceIndex service, Instant now,
                                      std::uint64_t least) {
  Choice choice;
  if (!candidates(key, line, service, now)) {
    choice.cover = Cover::unknown;
    return choice;
  }
  for (const Candidate& candidate : candidates_) {
    EngineState::Left left;
    if (candidate.line->limited) {
      left = state_.left(candidate.account, *candidate.line);
      if (left.units < least) {
        if (choice.of == nullptr) choice = {.cover = Cover::used_up, .of = &candidate, .left = left};
        if (candidate.line->when_used_up == feed::WhenUsedUp::limited) choice.cover = Cover::limited;
        continue;
      }
    }
    return {.cover = Cover::granted, .of = &candidate, .left = left};
  }
  return choice;
}

std::uint64_t EngineCore::default_slice(feed::Benefit kind) const {
  switch (kind) {
    case feed::Benefit::voice:
      return options_.slices.voice_seconds;
    case feed::Benefit::messages:
      return options_.slices.messages;
    case feed::Benefit::tv:
      return options_.slices.tv_seconds;
    default:
      return options_.slices.data_octets;
  }
}

seconds EngineCore::validity_of(feed::Benefit kind) const {
  switch (kind) {
    case feed::Benefit::voice:
    case feed::Benefit::messages:
      return options_.slices.voice_validity;
    case feed::Benefit::tv:
      return options_.slices.tv_validity;
    default:
      return options_.slices.data_validity;
  }
}

Verdict EngineCore::refusal(Cover cover) {
  Verdict verdict;
  switch (cover) {
    case Cover::unknown:
      verdict.outcome = Outcome::unknown;
      break;
    case Cover::used_up:
      verdict.outcome = Outcome::used_up;
      break;
    case Cover::limited:
      verdict.outcome = Outcome::limited;
      break;
    default:
      break;
  }
  return verdict;
}

Verdict EngineCore::grant(const Choice& choice, std::uint64_t wanted, Instant now) const {
  const Candidate& of = *choice.of;
  Verdict verdict;
  verdict.outcome = Outcome::granted;
  verdict.measure = of.measure->number;
  verdict.keep_open = of.line->when_silent == feed::WhenSilent::open;
  verdict.slice = wanted != 0 ? wanted : default_slice(of.line->kind);
  if (of.line->limited) {
    verdict.slice = std::min(verdict.slice, choice.left.units);
    // Rights may still come from a sibling that is heard: then it isn't the end.
    const bool ends =
        verdict.slice == choice.left.known || (verdict.slice == choice.left.units && !all_siblings_heard());
    verdict.last = ends;
    verdict.limited_after = ends && of.line->when_used_up == feed::WhenUsedUp::limited;
  } else {
    verdict.unlimited = true;
  }
  verdict.validity = validity_of(of.line->kind);
  if (of.grant_until - now < verdict.validity) {
    verdict.validity = std::max(seconds(1), std::chrono::floor<seconds>(of.grant_until - now));
  }
  return verdict;
}

Verdict EngineCore::again(const Lease& lease, const Ask& ask) {
  Verdict verdict;
  verdict.repeated = true;
  verdict.sequence = lease.record > journal_.durable() ? lease.record : 0;
  const bool granted = lease.outcome == Outcome::granted && lease.account.measure != 0;
  verdict.measure = granted ? lease.account.measure : 0;
  verdict.unlimited = granted && (lease.verdict & verdict_bit::account) == 0;
  verdict.keep_open = (lease.verdict & verdict_bit::keep_open) != 0;
  verdict.outcome = lease.outcome;
  // The answer to an older question gives nothing more: what the lease holds was answered to a later one.
  if (!ask.cumulative && ask.number != lease.number) return verdict;
  if (lease.ended && lease.phase != Phase::event) return verdict;
  verdict.last = (lease.verdict & verdict_bit::last) != 0;
  verdict.limited_after = (lease.verdict & verdict_bit::limited_after) != 0;
  verdict.slice = lease.slice;
  verdict.validity = std::chrono::floor<seconds>(lease.until - lease.at);
  return verdict;
}

EngineCore::Use EngineCore::use_of(const Ask& ask, const Lease* lease) const {
  Use use{.units = ask.used, .orphan = lease == nullptr, .charged = false};
  if (ask.cumulative && lease != nullptr) use.units = ask.used - std::min(ask.used, lease->cumulative);
  if (ask.phase == Phase::start) {
    use.orphan = false;
    if (ask.cumulative) use.units = 0;  // where the counter stands when it begins to be ours
  }
  if (lease == nullptr) return use;
  // What a network used after a refusal is not ours to count, unless a sibling answered in between.
  const bool refused = lease->outcome != Outcome::granted &&
                       (options_.edges == 1 || ask.cumulative || ask.number <= lease->number + 1);
  if (refused || lease->account.measure == 0) use.units = 0;
  use.charged = use.units != 0;
  return use;
}

Record EngineCore::record_for(const Ask& ask, const Use& use, Instant now) const {
  Record record;
  record.phase = ask.phase;
  record.service = ask.service;
  record.orphan = use.orphan;
  record.edge = options_.edge;
  record.number = ask.number;
  record.lease = ask.lease;
  record.key = ask.key;
  record.used = use.units;
  record.cumulative = ask.cumulative ? ask.used : 0;
  record.at = now;
  record.until = now;
  record.verdict = ask.cumulative ? verdict_bit::cumulative : std::uint8_t(0);
  return record;
}

void EngineCore::charge_to(Record& record, const Candidate& candidate) const {
  record.measure = candidate.account.measure;
  record.benefit = candidate.account.benefit;
  record.period_start = candidate.account.start;
  record.verdict &= verdict_bit::cumulative;
  if (candidate.line->limited) {
    record.verdict |= std::uint8_t(verdict_bit::account | std::uint8_t(candidate.account.period)
                                                              << verdict_bit::period_shift);
  }
  if (candidate.line->when_silent == feed::WhenSilent::open) record.verdict |= verdict_bit::keep_open;
}

void EngineCore::charge_to(Record& record, const Lease& lease) const {
  record.key = lease.account.key;
  record.service = lease.service;
  record.measure = lease.account.measure;
  record.benefit = lease.account.benefit;
  record.period_start = lease.account.start;
  record.verdict = std::uint8_t((record.verdict & verdict_bit::cumulative) |
                                (lease.verdict & (verdict_bit::account | verdict_bit::keep_open)) |
                                std::uint8_t(lease.account.period) << verdict_bit::period_shift);
}

void EngineCore::put_verdict(Record& record, const Verdict& verdict, const Candidate& candidate) const {
  charge_to(record, candidate);
  record.outcome = verdict.outcome;
  record.reserved = verdict.slice;
  record.until = record.at + verdict.validity;
  if (verdict.last) record.verdict |= verdict_bit::last;
  if (verdict.limited_after) record.verdict |= verdict_bit::limited_after;
}

bool EngineCore::must_refuse() const {
  return journal_.health() != Journal::Health::ok && options_.when_disk_full == WhenDiskFull::refuse;
}

void EngineCore::commit(std::span<const Record> records, Verdict& verdict) {
  verdict.sequence = write_down(records);
}

Verdict EngineCore::decide(const Ask& ask, Instant now) {
  pass_time(now);
  const Lease* lease = state_.leases.find(ask.lease);
  if (lease != nullptr) {
    const bool twice = ask.cumulative
                           ? (ask.phase == Phase::start ||
                              (ask.phase == Phase::stop && lease->ended && ask.used <= lease->cumulative))
                           : lease->seen(ask.number);
    if (twice) {
      const Verdict verdict = again(*lease, ask);
      ++counts_.repeated;
      return verdict;
    }
  }
  Verdict verdict;
  switch (ask.phase) {
    case Phase::refund:
      return {};
    case Phase::event:
      verdict = decide_event(ask, now);
      break;
    case Phase::stop:
      verdict = decide_stop(ask, lease, now);
      break;
    default:
      verdict = decide_slice(ask, lease, now);
  }
  count(verdict);
  return verdict;
}

/// What the report changes of what is left, before it is journaled: so that one record can say both.
EngineState::Pending EngineCore::pending_of(const Record& report, const Lease* lease, bool keeps) const {
  EngineState::Pending pending;
  if (lease != nullptr && !keeps && !state_.leaves_gap(*lease, report)) pending.released = lease;
  if ((report.verdict & verdict_bit::account) != 0) {
    pending.account = account_of(report);
    pending.used = report.used;
  }
  return pending;
}

bool EngineCore::write_report(const Ask& ask, const Lease* lease, Use& use, Record& report, Instant now) {
  use = use_of(ask, lease);
  report = record_for(ask, use, now);
  if (lease != nullptr && ask.number > lease->number) report.origin = lease->window_after(ask.number);
  if (lease != nullptr && lease->account.measure != 0) {
    charge_to(report, *lease);
  } else if (use.units != 0) {
    // Its beginning was not seen here: the grant that covers it now pays, used up or not.
    const Choice choice = choose(ask.key, ask.line, ask.service, now, 1);
    if (choice.of == nullptr) return false;
    charge_to(report, *choice.of);
  }
  return true;
}

Verdict EngineCore::decide_slice(const Ask& ask, const Lease* lease, Instant now) {
  if (must_refuse()) return {.outcome = Outcome::refused};
  Use use;
  Record report;
  if (!write_report(ask, lease, use, report, now)) return refusal(Cover::none);
  const bool late = lease != nullptr && !ask.cumulative && ask.number < lease->number;
  const bool keeps = !ask.wants_slice || late;  // the lease's reservation stays, less what was used of it
  const bool holds = lease != nullptr && (lease->reserved != 0 || lease->outcome == Outcome::granted);
  state_.pending = pending_of(report, lease, keeps);
  const Choice choice = choose(ask.key, ask.line, ask.service, now, 1);
  state_.pending = {};
  const bool granted = choice.cover == Cover::granted;
  Verdict verdict = granted ? grant(choice, ask.requested, now) : refusal(choice.cover);
  records_.clear();
  if (keeps) {
    verdict.slice = 0;
    if (use.units != 0) {
      if (lease != nullptr) {
        report.outcome = lease->outcome;
        report.reserved = late ? 0 : lease->reserved - std::min(lease->reserved, use.units);
        report.until = std::max(report.at, lease->until);
      }
      records_.push_back(report);
    }
  } else if (granted) {
    Record reservation = record_for(ask, {.units = 0, .orphan = use.orphan, .charged = false}, now);
    reservation.origin = report.origin;
    put_verdict(reservation, verdict, *choice.of);
    if (use.units != 0 && account_of(report) == account_of(reservation) &&
        report.service == reservation.service) {
      reservation.used = use.units;
    } else if (use.units != 0) {
      records_.push_back(report);
    }
    records_.push_back(reservation);
  } else if (use.units != 0 || holds) {
    report.outcome = verdict.outcome;
    records_.push_back(report);
  }
  if (use.units != 0) {
    if (use.orphan) ++counts_.orphans;
    counts_.used[std::size_t(services_.at(report.service).kind)] += use.units;
  }
  if (!records_.empty()) commit(records_, verdict);
  if (!keeps) ask_for_rights(choice, verdict.slice, now);
  return verdict;
}

Verdict EngineCore::decide_stop(const Ask& ask, const Lease* lease, Instant now) {
  if (must_refuse()) return {.outcome = Outcome::refused};
  Use use;
  Record report;
  if (!write_report(ask, lease, use, report, now)) return refusal(Cover::none);
  Verdict verdict;
  verdict.outcome = Outcome::granted;
  if (lease == nullptr && use.units == 0) {
    const Choice choice = choose(ask.key, ask.line, ask.service, now, 1);
    if (choice.cover != Cover::granted) return refusal(choice.cover);
    verdict.measure = choice.of->measure->number;
    return verdict;
  }
  if (lease != nullptr) verdict.outcome = lease->outcome;  // of another's charging, if that had taken over
  report.outcome = verdict.outcome;
  verdict.measure = report.measure;
  verdict.unlimited = (report.verdict & verdict_bit::account) == 0;
  if (use.units != 0) {
    if (use.orphan) ++counts_.orphans;
    counts_.used[std::size_t(services_.at(report.service).kind)] += use.units;
  }
  commit({&report, 1}, verdict);
  return verdict;
}

Verdict EngineCore::decide_event(const Ask& ask, Instant now) {
  if (must_refuse()) return {.outcome = Outcome::refused};
  const std::uint64_t units = std::max<std::uint64_t>(1, ask.requested);
  const Choice choice = choose(ask.key, ask.line, ask.service, now, units);
  if (choice.cover != Cover::granted) {
    const Verdict verdict = refusal(choice.cover);
    ask_for_rights(choice, 0, now);
    return verdict;
  }
  Verdict verdict = grant(choice, units, now);
  Record record = record_for(ask, {.units = units, .orphan = false, .charged = false}, now);
  put_verdict(record, verdict, *choice.of);
  record.reserved = 0;
  counts_.used[std::size_t(choice.of->line->kind)] += units;
  records_.assign(1, record);
  if (const auto credit = state_.credit_for_event(record)) records_.push_back(*credit);
  commit(records_, verdict);
  ask_for_rights(choice, units, now);
  return verdict;
}

std::optional<Engine::Debit> EngineCore::debit(const LeaseId& id) const {
  const Lease* lease = state_.leases.find(id);
  if (lease == nullptr || lease->phase != Phase::event || lease->account.measure == 0) return std::nullopt;
  return Debit{.lease = id,
               .edge = lease->holder,
               .service = lease->service,
               .limited = (lease->verdict & verdict_bit::account) != 0,
               .account = lease->account,
               .units = lease->slice,
               .at = lease->at};
}

/// A refund is a lease of its own, named by the debit: asked for again, by whatever session, it is the same.
Verdict EngineCore::refund(const Debit& brought, std::uint64_t units, Instant now) {
  pass_time(now);
  if (must_refuse()) return {.outcome = Outcome::refused};
  // Two edges may have counted it, each for an account of its own: who asks brings but one of them.
  const std::uint8_t debited_by = state_.debited_by(brought.lease, brought.edge);
  const auto own = debited_by == options_.edge ? this->debit(brought.lease) : std::nullopt;
  const Debit& debit = own ? *own : brought;
  units = units == 0 ? debit.units : std::min(units, debit.units);
  const LeaseId id = refund_lease(debit.lease);
  Verdict verdict{.outcome = Outcome::granted, .measure = debit.account.measure};
  if (const Lease* known = state_.leases.find(id)) {
    verdict.repeated = true;
    verdict.slice = known->slice;
    verdict.sequence = known->record > journal_.durable() ? known->record : 0;
    ++counts_.repeated;
    return verdict;
  }
  if (units == 0 || debit.service >= services_.size() || now - debit.at > refund_within) return {};
  verdict.slice = units;
  Record record;
  record.phase = Phase::refund;
  record.benefit = debit.account.benefit;
  record.service = debit.service;
  record.edge = options_.edge;
  record.lease = id;
  record.key = debit.account.key;
  record.measure = debit.account.measure;
  record.period_start = debit.account.start;
  record.used = units;
  record.reserved = debited_by;
  record.at = record.until = now;
  if (debit.limited) {
    record.verdict =
        std::uint8_t(verdict_bit::account | std::uint8_t(debit.account.period) << verdict_bit::period_shift);
  }
  commit({&record, 1}, verdict);
  ++counts_.refunded;
  return verdict;
}

Verdict EngineCore::look(SubscriptionKey key, LineKind line, ServiceIndex service, Instant now) {
  pass_time(now);
  const Choice choice = choose(key, line, service, now, 1);
  return choice.cover == Cover::granted ? grant(choice, 0, now) : refusal(choice.cover);
}

void EngineCore::prefetch(SubscriptionKey key, Instant) {
  replica_.prefetch(key);
  state_.accounts.prefetch(key);
}

bool EngineCore::defers(SubscriptionKey key, LineKind line, Instant now) {
  grants_.clear();
  if (!replica_.find(key, now, grants_)) return false;
  return std::ranges::any_of(grants_, [&](const GrantInForce& grant) {
    return grant.measure->defers && std::ranges::any_of(grant.measure->benefits, [&](const auto& benefit) {
             return benefit.kind == feed::Benefit::deferral &&
                    (benefit.delivered_on >> unsigned(line) & 1) != 0;
           });
  });
}

void EngineCore::count(const Verdict& verdict) {
  switch (verdict.outcome) {
    case Outcome::granted:
      ++counts_.granted;
      break;
    case Outcome::used_up:
      ++counts_.used_up;
      break;
    case Outcome::limited:
      ++counts_.limited;
      break;
    case Outcome::refused:
      ++counts_.refused;
      break;
    case Outcome::not_covered:
    case Outcome::unknown:
      ++counts_.not_covered;
      break;
  }
}

}  // namespace dayaq::edge
