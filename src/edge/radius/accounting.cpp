// Accounting-Requests: a session's counters, counted once however often and under whatever identifier they
// come.
#include "edge/radius/work.ipp"

namespace dayaq::edge::radius {
namespace {

/// So long at least the engine knows a session that has ended (it keeps ended leases for 600 s).
constexpr std::uint64_t known_for_s = 540;

/// Octets and gigawords of both directions (RFC 2869 sections 5.1 and 5.2); at most 2^63.
std::uint64_t octets_of(const Packet& packet) {
  const auto counter = [&](std::uint8_t octets, std::uint8_t gigawords) {
    return std::uint64_t(packet.number(gigawords).value_or(0) & 0x3fff'ffff) << 32 |
           packet.number(octets).value_or(0);
  };
  return counter(type::acct_input_octets, type::acct_input_gigawords) +
         counter(type::acct_output_octets, type::acct_output_gigawords);
}

Phase phase_of(Status status) {
  switch (status) {
    case Status::start:
      return Phase::start;
    case Status::stop:
      return Phase::stop;
    default:
      return Phase::update;
  }
}

}  // namespace

bool Responder::prepare_accounting(Work& work) {
  const Packet& packet = *work.packet;
  const auto status = packet.number(type::acct_status_type);
  const std::string sender = to_string(work.in->from.address);
  const std::string_view origin = origin_of(packet, sender);
  work.nas = siphash(mark_key_, origin);
  if (!status) {  // RFC 2866 section 4.1 asks for one: such a packet is not accounting
    ++counts_.malformed;
    ++counts_.dropped;
    return false;
  }
  work.status = Status(*status);
  if (work.status == Status::on || work.status == Status::off) return true;
  const std::string_view session = packet.text(type::acct_session_id);
  const bool known_status =
      work.status == Status::start || work.status == Status::interim || work.status == Status::stop;
  if (!known_status || session.empty()) {
    // Not a session's traffic (tunnels, failures): the operator's affair alone.
    work.slot = no_session;
    work.candidates.count = 0;
    return true;
  }
  work.octets = octets_of(packet);
  work.lease = lease_id(origin, session);
  work.slot = sessions_.find(work.lease);
  if (const auto mark = packet.find(type::class_)) {
    BytesView rest = packet.attributes();
    Attribute attribute;
    while (!work.mark && take_attribute(rest, attribute)) {
      if (attribute.type == type::class_) work.mark = decode_mark(attribute.value, mark_key_);
    }
    if (!work.mark) ++counts_.foreign_class;
  }
  if (work.mark) {
    work.candidates = {.keys = {work.mark->key}, .count = 1};
  } else {
    work.candidates = candidates(packet, options_.line, options_.feed_key);
  }
  return true;
}

/// Where the network is given no bounds: enough to hold the lease, and the quota ends to the octet. Else a
/// slice, or what is left of the last one while that is more than half.
std::uint64_t Responder::slice_for(const Work& work) const {
  if (profiles_.volume().empty()) return 1;
  const std::uint64_t bound = work.slot == no_session ? 0 : sessions_.at(work.slot).bound;
  const std::uint64_t left = bound != no_bound && bound > work.octets ? bound - work.octets : 0;
  return left >= options_.volume_slice / 2 && left <= options_.volume_slice ? left : options_.volume_slice;
}

/// Up to where the session may go now, as the engine has reserved it.
void Responder::bound_session(const Work& work, Session& session) const {
  if (profiles_.volume().empty()) return;
  const std::uint64_t units = bound_of(work.verdict);
  if (units != 0) {
    session.bound_wanted = work.octets + units;
  } else if (session.bound != 0) {
    session.bound_wanted = no_bound;
  }
}

/// Asks the engine about a session's counters.
///
/// A session of which the engine holds nothing began without a grant, or it was counted and forgotten: what
/// was used before now is not to be counted, and its counters are taken as they stand. Only where our Class
/// says that it began with a grant, and all of it was so recently that the engine would still know it if it
/// had been counted, its beginning has been lost and the whole counts.
void Responder::count(Work& work, SubscriptionKey key, Moment now) {
  Ask ask{.key = key,
          .line = options_.line,
          .service = options_.service,
          .lease = work.lease,
          .number = 0,
          .phase = phase_of(work.status),
          .used = work.octets,
          .requested = slice_for(work),
          .wants_slice = work.status != Status::stop,
          .cumulative = true};
  if (ask.phase != Phase::start && !engine_.lease(work.lease)) {
    const auto seconds = [&](std::uint8_t number) {
      return std::uint64_t(work.packet->number(number).value_or(0));
    };
    const bool begun_here = work.mark && work.packet->number(type::acct_session_time) &&
                            seconds(type::acct_session_time) + seconds(type::acct_delay_time) < known_for_s;
    if (!begun_here && ask.phase == Phase::stop) {
      work.verdict = engine_.look(key, options_.line, options_.service, now.wall);
      return;
    }
    if (!begun_here) ask.phase = Phase::start;
  }
  work.verdict = engine_.decide(ask, now.wall);
}

/// Under the engine's lock.
void Responder::decide_accounting(Work& work, Moment now) {
  if (work.status == Status::on || work.status == Status::off) {
    close_sessions(work, now);
    return;
  }
  if (work.candidates.count == 0) return;
  // Earlier in this batch the session may have begun or ended.
  work.slot = sessions_.find(work.lease);
  const SubscriptionKey likeliest = work.candidates.keys[0];
  const auto entitlement = [&] { return profiles_.entitlement(work.candidates, engine_, now.wall); };
  // Who was counted when the session began is still who is counted, whatever is granted now.
  SubscriptionKey key = 0;
  if (work.slot != no_session && sessions_.at(work.slot).counted) key = sessions_.at(work.slot).key;
  if (key == 0 && work.mark) key = work.mark->key;
  if (key == 0) key = entitlement().key;
  if (key != 0) {
    work.candidates = {.keys = {key}, .count = 1};
    count(work, key, now);
    // What the session should have from now on: after what was just counted.
    if (work.status != Status::stop) work.entitlement = entitlement();
  } else {
    work.verdict.outcome = Outcome::unknown;
  }
  // Nobody's session is kept too, under its likeliest name: a grant may come while it lasts.
  keep_session(work, key != 0 ? key : likeliest, key != 0, now);
}

/// The network access server starts or goes down: its sessions end with what they last reported.
void Responder::close_sessions(Work& work, Moment now) {
  for (std::uint32_t slot = 0; slot < sessions_.slots(); ++slot) {
    if (!sessions_.used(slot) || sessions_.at(slot).nas != work.nas) continue;
    const Session& session = sessions_.at(slot);
    if (!session.counted) {
      sessions_.erase(slot);
      continue;
    }
    const Verdict verdict = engine_.decide({.key = session.key,
                                            .line = options_.line,
                                            .service = options_.service,
                                            .lease = session.lease,
                                            .number = 0,
                                            .phase = Phase::stop,
                                            .used = session.octets,
                                            .wants_slice = false,
                                            .cumulative = true},
                                           now.wall);
    work.verdict.sequence = std::max(work.verdict.sequence, verdict.sequence);
    sessions_.erase(slot);
  }
  work.verdict.outcome = Outcome::not_covered;
}

void Responder::keep_session(const Work& work, SubscriptionKey key, bool counted, Moment now) {
  std::uint32_t slot = work.slot;
  if (work.status == Status::stop) {
    if (slot != no_session) sessions_.erase(slot);
    return;
  }
  if (slot != no_session && sessions_.at(slot).key != key) {  // it is known under another name now
    sessions_.erase(slot);
    slot = no_session;
  }
  if (slot == no_session) {
    slot = sessions_.add(work.lease, key);
    if (slot == no_session) return;
    // Whoever was given something by either edge brings our Class; all others have the operator's own.
    sessions_.at(slot).applied = work.mark ? work.mark->profiles : 0;
  }
  Session& session = sessions_.at(slot);
  session.counted = counted;
  session.client = work.client;
  session.sender = work.in->from.address;
  session.nas = work.nas;
  session.octets = std::max(session.octets, work.octets);
  session.heard_s =
      std::uint32_t(std::chrono::duration_cast<std::chrono::seconds>(now.steady.time_since_epoch()).count());
  session.identity = session_identity(*work.packet);
  if (counted) bound_session(work, session);
  want(slot, work.entitlement);
}

void Responder::answer_accounting(Work& work, Moment now, std::vector<Outgoing>& out) {
  const Outcome outcome = work.verdict.outcome;
  if (outcome == Outcome::refused) {  // can't be counted now: the network tries its next server, or us again
    ++counts_.dropped;
    return;
  }
  const bool ours = outcome == Outcome::granted || outcome == Outcome::limited;
  const bool all = work.status == Status::on || work.status == Status::off;
  if (accounting_on_ && (!ours || all || options_.copy_accounting)) {
    send_on(work, *accounting_on_, Way::accounting_on, work.verdict.sequence, now, out);
    return;
  }
  reply(work, Writer(Code::accounting_response, work.packet->id()), work.verdict.sequence, out);
}

}  // namespace dayaq::edge::radius
