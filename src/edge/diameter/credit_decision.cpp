#include "edge/diameter/credit_decision.hpp"

#include <algorithm>

#include "edge/diameter/dictionary.hpp"

namespace dayaq::edge::diameter {

namespace {

using Upstream = PartDecision::Upstream;

bool ends(const CreditRequest& request) {
  return *request.type == RequestType::termination;
}
bool is_event(const CreditRequest& request) {
  return *request.type == RequestType::event;
}

PartDecision upstream(Upstream how) {
  PartDecision decision;
  decision.here = false;
  decision.upstream = how;
  return decision;
}

PartDecision here(std::uint32_t result_code) {
  PartDecision decision;
  decision.answer.result_code = result_code;
  return decision;
}

}  // namespace

const ServiceRule* Decider::rule_for(const CreditRequest& request, const CreditPart& part) const {
  for (const ServiceRule& rule : options_.services) {
    if (!request.context.ends_with(rule.context)) continue;
    const auto& groups = rule.rating_groups;
    if (!groups.empty() &&
        (!part.rating_group || std::ranges::find(groups, *part.rating_group) == groups.end())) {
      continue;
    }
    const auto& services = rule.service_identifiers;
    const auto named = part.service_identifiers.begin();
    const auto named_end = named + std::ptrdiff_t(part.service_identifier_count);
    if (!services.empty() &&
        std::find_first_of(named, named_end, services.begin(), services.end()) == named_end) {
      continue;
    }
    return &rule;
  }
  return nullptr;
}

bool Decider::covered(const Question& question, const CreditPart& part) {
  const ServiceRule* rule = rule_for(question.request, part);
  if (!rule || rule->service == no_service || question.key == 0) return false;
  const Verdict verdict = engine_.look(question.key, options_.line, rule->service, question.now);
  return verdict.outcome == Outcome::granted || verdict.outcome == Outcome::limited;
}

bool Decider::concerns(const Question& question) {
  if (question.request.parts.empty()) {
    CreditPart whole;
    return covered(question, whole);
  }
  return std::ranges::any_of(question.request.parts, [&](const CreditPart& part) {
    const SessionLease* lease =
        question.session ? Sessions::lease(*question.session, part.lease_part()) : nullptr;
    if (lease && lease->holder == Holder::edge) return true;
    return covered(question, part) || (!part.refund.empty() && debit_of(question, part));
  });
}

void Decider::decide(const Question& question, Decided& out) {
  out.parts.clear();
  out.leases.clear();
  out.command = {};
  out.command.result_code = result::success;
  out.sequence = 0;
  out.validity = {};
  out.refused = out.whole_upstream = false;
  if (is_event(question.request) && *question.request.action == RequestedAction::refund) {
    return refund(question, out);
  }
  if (is_event(question.request) && *question.request.action != RequestedAction::direct_debiting) {
    return enquire(question, out);
  }
  for (const CreditPart& part : question.request.parts) {
    out.parts.push_back(decide_part(question, part, out));
    if (out.refused) return;
  }
  if (ends(question.request)) {
    end_unnamed(question, out);
  } else if (question.request.parts.empty()) {
    return without_parts(question, out);
  }
  conclude(question, out);
}

PartDecision Decider::decide_part(const Question& question, const CreditPart& part, Decided& out) {
  const CreditRequest& request = question.request;
  Part asked{.part = part, .number = part.lease_part(), .lease = {}};
  if (const ServiceRule* rule = rule_for(request, part)) {
    asked.ruled = true;
    asked.service = rule->service;
    asked.kind = rule->kind;
  }
  const SessionLease* lease = question.session ? Sessions::lease(*question.session, asked.number) : nullptr;
  if (lease) {
    asked.holder = lease->holder;
    asked.noted = true;
  }
  if (asked.service == no_service || question.key == 0) {
    return not_granted(question, asked, question.key == 0 ? Outcome::unknown : Outcome::not_covered, out);
  }
  asked.lease = lease_id(request.origin_host, request.session_id, asked.number);
  if (!question.session && asked.holder == Holder::nobody && *request.type != RequestType::initial) {
    // Not known here: another edge's, or this one's before it was started again. The journal remembers.
    const auto remembered = engine_.lease(asked.lease);
    const bool held =
        remembered && remembered->measure != 0 && (remembered->reserved != 0 || remembered->ended);
    if (held) asked.holder = Holder::edge;
  }
  switch (*request.type) {
    case RequestType::termination:
      return ended(question, asked, out);
    case RequestType::event:
      return debited(question, asked, out);
    default:
      return opened_or_continued(question, asked, out);
  }
}

Verdict Decider::ask(const Question& question, const Part& part, Phase phase, std::uint64_t used, bool wants,
                     Decided& out) {
  // How large slices are, the edge decides: networks ask for small ones by habit (Open5GS 1 MB, Kamailio 30
  // s), and would ask that much more often. What an event debits is what it says.
  const std::uint64_t requested = phase == Phase::event ? part.part.asked.of(part.kind) : 0;
  const Ask ask{.key = question.key,
                .line = options_.line,
                .service = part.service,
                .lease = part.lease,
                .number = *question.request.number,
                .phase = phase,
                .used = used,
                .requested = requested,
                .wants_slice = wants,
                .cumulative = false};
  const Verdict verdict = engine_.decide(ask, question.now);
  out.sequence = std::max(out.sequence, verdict.sequence);
  if (verdict.outcome == Outcome::refused) out.refused = true;
  return verdict;
}

PartDecision Decider::opened_or_continued(const Question& question, const Part& part, Decided& out) {
  const bool initial = *question.request.type == RequestType::initial;
  const bool theirs = part.holder == Holder::charging_system;
  const bool wants = part.part.asks || initial;
  if (theirs && !wants) return upstream(Upstream::as_it_came);
  // What was used under the charging system's units is its own to count; in limited service nobody counts.
  const bool ours = part.holder == Holder::edge || part.holder == Holder::nobody;
  const bool begins = initial || theirs || (question.session && !part.noted && !part.part.reports);
  const Verdict verdict = ask(question, part, begins ? Phase::start : Phase::update,
                              ours ? part.part.used.of(part.kind) : 0, wants, out);
  if (verdict.outcome != Outcome::granted && verdict.outcome != Outcome::limited) {
    return not_granted(question, part, verdict.outcome, out);
  }
  PartDecision decision = here(result::success);
  decision.keep_open = verdict.keep_open;
  decision.answer.kind = part.kind;
  decision.answer.validity = verdict.validity;
  if (verdict.outcome == Outcome::limited) {
    decision.answer.final_units = PartAnswer::Final::limited;
    if (verdict.validity.count() == 0) decision.answer.validity = limited_validity;
  } else if (wants) {
    decision.granted = true;
    decision.answer.granted = verdict.slice;
    if (verdict.last && verdict.limited_after) {
      decision.answer.final_units = PartAnswer::Final::limited;
    } else if (verdict.last && !question.relays) {
      // Where a charging system goes on from here, the network just asks again.
      decision.answer.final_units = PartAnswer::Final::terminate;
    }
  }
  if (theirs && part.part.reports) decision.upstream = Upstream::report;
  out.validity = std::max(out.validity, decision.answer.validity);
  out.leases.push_back({.part = part.number,
                        .measure = verdict.measure,
                        .service = part.service,
                        .holder = verdict.outcome == Outcome::limited ? Holder::limited : Holder::edge});
  return decision;
}

PartDecision Decider::ended(const Question& question, const Part& part, Decided& out) {
  if (part.holder == Holder::charging_system) return upstream(Upstream::as_it_came);
  if (part.holder == Holder::limited) return here(result::success);
  const Verdict verdict = ask(question, part, Phase::stop, part.part.used.of(part.kind), false, out);
  // What this edge had granted it also settles, even if the grant has ended since.
  if (verdict.outcome == Outcome::granted || part.holder == Holder::edge) return here(result::success);
  return not_granted(question, part, verdict.outcome, out);
}

PartDecision Decider::debited(const Question& question, const Part& part, Decided& out) {
  const Verdict verdict = ask(question, part, Phase::event, 0, true, out);
  if (verdict.outcome != Outcome::granted) return not_granted(question, part, verdict.outcome, out);
  PartDecision decision = here(result::success);
  decision.granted = true;
  decision.keep_open = verdict.keep_open;
  decision.answer.kind = part.kind;
  decision.answer.granted = std::max<std::uint64_t>({verdict.slice, part.part.asked.of(part.kind), 1});
  if (const auto debit = engine_.debit(part.lease))
    decision.answer.refund = encode_refund(*debit, refund_key_);
  return decision;
}

PartDecision Decider::not_granted(const Question& question, const Part& part, Outcome outcome, Decided& out) {
  const CreditRequest& request = question.request;
  const bool lasts = *request.type == RequestType::initial || *request.type == RequestType::update;
  const bool used_here = part.holder == Holder::edge || part.holder == Holder::limited;
  // A mere report of what was used here: taken.
  if (used_here && *request.type == RequestType::update && !part.part.asks) return here(result::success);
  if (question.relays) {
    if (lasts) {
      out.leases.push_back(
          {.part = part.number, .measure = 0, .service = part.service, .holder = Holder::charging_system});
    }
    return upstream(used_here && part.part.reports ? Upstream::request : Upstream::as_it_came);
  }
  if (ends(request)) return here(result::success);
  if (lasts && question.key != 0 && engine_.defers(question.key, options_.line, question.now)) {
    PartDecision decision = here(result::success);
    decision.answer.final_units = PartAnswer::Final::limited;
    decision.answer.validity = limited_validity;
    out.validity = std::max(out.validity, limited_validity);
    out.leases.push_back(
        {.part = part.number, .measure = 0, .service = part.service, .holder = Holder::limited});
    return decision;
  }
  if (!part.ruled) return here(result::rating_failed);
  if (outcome == Outcome::unknown) return here(result::user_unknown);
  return here(outcome == Outcome::used_up || outcome == Outcome::limited ? result::credit_limit_reached
                                                                         : result::end_user_service_denied);
}

/// What the session held and its end doesn't name ends with it.
void Decider::end_unnamed(const Question& question, Decided& out) {
  if (!question.session) return;
  ending_.clear();
  Sessions::each_lease(*question.session, [&](const SessionLease& lease) {
    const bool named = std::ranges::any_of(
        question.request.parts, [&](const CreditPart& part) { return part.lease_part() == lease.part; });
    if (lease.holder == Holder::edge && !named) ending_.push_back(lease);
  });
  for (const SessionLease& lease : ending_) {
    const CreditPart nothing;
    const Part part{.part = nothing,
                    .number = lease.part,
                    .lease = lease_id(question.request.origin_host, question.request.session_id, lease.part),
                    .ruled = true,
                    .service = lease.service,
                    .holder = lease.holder,
                    .noted = true};
    (void)ask(question, part, Phase::stop, 0, false, out);
  }
}

/// What a refund is of: by the Refund-Information that it brings back, else the event of the same session.
std::optional<Engine::Debit> Decider::debit_of(const Question& question, const CreditPart& part) const {
  if (!part.refund.empty()) return decode_refund(part.refund, refund_key_);
  return engine_.debit(
      lease_id(question.request.origin_host, question.request.session_id, part.lease_part()));
}

/// What an event debited is given back, once. What nobody here debited the charging system may have; where
/// there is none, there was nothing to pay.
void Decider::refund(const Question& question, Decided& out) {
  for (const CreditPart& part : question.request.parts) {
    const auto debit = debit_of(question, part);
    Verdict verdict;
    if (debit && debit->account.key == question.key) {
      const ServiceRule* rule = rule_for(question.request, part);
      const Units& units = part.asks ? part.asked : part.used;
      verdict = engine_.refund(*debit, rule ? units.of(rule->kind) : 0, question.now);
    }
    if (verdict.outcome == Outcome::refused) {
      out.refused = true;
      return;
    }
    out.sequence = std::max(out.sequence, verdict.sequence);
    if (verdict.outcome == Outcome::granted) {
      out.parts.push_back(here(result::success));
    } else if (question.relays) {
      out.parts.push_back(upstream(Upstream::as_it_came));
    } else {
      out.parts.push_back(here(covered(question, part) ? result::success : result::end_user_service_denied));
    }
  }
  conclude(question, out);
}

/// Balance checks and price enquiries: about what is granted, there is nothing to pay.
void Decider::enquire(const Question& question, Decided& out) {
  const CreditRequest& request = question.request;
  const bool ours =
      std::ranges::all_of(request.parts, [&](const auto& part) { return covered(question, part); });
  for (std::size_t i = 0; i < request.parts.size(); ++i) {
    out.parts.push_back(!ours && question.relays ? upstream(Upstream::as_it_came) : here(result::success));
  }
  if (!ours && question.relays) return;
  constexpr std::uint32_t enough_credit = 0, no_credit = 1;
  switch (*request.action) {
    case RequestedAction::check_balance:
      out.command.check_balance = ours ? enough_credit : no_credit;
      return;
    case RequestedAction::price_enquiry:
      out.command.free_of_charge = ours;
      if (!ours) out.command.result_code = result::rating_failed;
      break;
    default:
      if (!ours) out.command.result_code = result::end_user_service_denied;
  }
  for (PartDecision& part : out.parts) part.answer.result_code = out.command.result_code;
}

/// The session is opened or kept without asking for anything.
void Decider::without_parts(const Question& question, Decided& out) {
  const CreditPart whole;
  if (covered(question, whole)) return;
  if (question.relays) {
    out.whole_upstream = true;
  } else if (*question.request.type == RequestType::initial && question.key == 0) {
    out.command.result_code = result::user_unknown;
  }
}

void Decider::conclude(const Question& question, Decided& out) const {
  bool all_open = true;
  bool any_success = out.parts.empty();
  for (PartDecision& part : out.parts) {
    if (part.granted) {
      out.command.governed = true;
      all_open = all_open && part.keep_open;
    }
    if (!part.here || part.answer.result_code == result::success) any_success = true;
  }
  out.command.keep_open = out.command.governed && all_open;
  const bool alone = question.request.parts.size() == 1 && question.request.parts[0].implied;
  const bool opens = *question.request.type == RequestType::initial || is_event(question.request);
  // Several groups may fare differently within a session that goes on; one that can't even begin is refused
  // as a whole.
  if (!any_success && (opens || alone)) out.command.result_code = out.parts.front().answer.result_code;
  for (PartDecision& part : out.parts) {  // 5030 is the command's alone
    if (part.answer.result_code == result::user_unknown) {
      part.answer.result_code = result::end_user_service_denied;
    }
  }
}

}  // namespace dayaq::edge::diameter
