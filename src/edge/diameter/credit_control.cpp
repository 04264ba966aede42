#include "edge/diameter/credit_control.hpp"

#include <algorithm>
#include <utility>

#include "edge/diameter/credit_decision.hpp"
#include "edge/diameter/credit_relay.hpp"
#include "edge/diameter/credit_repeats.hpp"
#include "edge/diameter/dictionary.hpp"

namespace dayaq::edge::diameter {

namespace {

constexpr std::uint32_t loop_detected = 3005;
constexpr std::uint32_t silence_s = 4 * 3600;  ///< of sessions that the charging system paces
constexpr std::uint64_t cursor_of_other = std::uint64_t(1) << 63;
constexpr std::size_t walk_slots = 65536;

std::uint32_t seconds_of(Instant now) {
  return std::uint32_t(std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
}

std::uint64_t mixed(std::uint64_t hash, std::uint32_t number, std::uint32_t type) {
  std::uint64_t x = hash ^ (std::uint64_t(number) << 3 | type) * 0x9e3779b97f4a7c15ull;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ x >> 27) * 0x94d049bb133111ebull;
  return x ^ x >> 31;
}

}  // namespace

struct CreditControl::State {
  State(CreditControlOptions given, Engine& with)
      : options(std::move(given)),
        engine(with),
        decider(options, engine),
        sessions(options.sessions_max),
        answers(options.kept_answer_bytes),
        hash_key{.k0 = options.feed_key.k0 ^ 0x73657373696f6e73ull, .k1 = options.feed_key.k1} {}

  CreditControlOptions options;
  Engine& engine;
  Decider decider;
  Sessions sessions;
  KeptAnswers answers;
  SipKey hash_key;
  OtherSessions* other = nullptr;
  CreditRequest request;  ///< of the message at hand; kept for its buffers
  Decided decided;

  Reaction fault(std::uint32_t result_code, Bytes failed_avp = {}) {
    Reaction reaction;
    write_fault(reaction.message, request, options,
                {.result_code = result_code, .failed_avp = std::move(failed_avp)});
    finish_answer(reaction.message, request);
    return reaction;
  }

  Reaction on_request(BytesView ccr, std::string_view peer, Instant now);
  Reaction decide(std::string_view peer, Instant now, SubscriptionKey key, std::uint64_t hash,
                  Sessions::Session* session);
  Reaction relay(std::string_view peer, SubscriptionKey key, std::uint64_t hash, Sessions::Session* session,
                 bool known);
  Reaction on_answer(Waiting& waiting, BytesView cca, Instant now);
  Reaction again(Waiting& waiting, Sessions::Session* session);
  UpstreamForm form_of(Sessions::Session* session, bool known) const;
  Sessions::Session* note(std::string_view peer, Instant now, SubscriptionKey key, std::uint64_t hash,
                          Sessions::Session* session);
  /// Of the request at hand: who asks, the session, number and type.
  std::uint64_t answer_key_of(std::uint64_t hash) const {
    return mixed(hash ^ siphash(hash_key, request.origin_host), *request.number,
                 std::uint32_t(*request.type));
  }
  OpenSession opened(const Sessions::Session& session) const;
};

Reaction CreditControl::State::on_request(BytesView ccr, std::string_view peer, Instant now) {
  const auto header = parse_header(ccr);
  if (!header || header->length != ccr.size() || !header->request()) {
    return {.kind = Reaction::Kind::close, .message = {}, .sequence = 0, .pending = nullptr};
  }
  const RequestReading reading{.own_host = options.origin_host,
                               .understood_vendors = &options.understood_vendors};
  auto bad = read_credit_request(ccr, reading, request);
  if (header->command != command::credit_control) return fault(result::command_unsupported);
  if (header->application != application::credit_control) return fault(result::application_unsupported);
  if (bad) return fault(bad->result_code, std::move(bad->failed_avp));
  if (request.looped) return fault(loop_detected);

  const SubscriptionKey key = subscription_of(request, options.line, options.feed_key);
  if (key != 0) engine.prefetch(key, now);  // while the session is looked for
  const std::uint64_t hash = Sessions::hash_of(hash_key, request.session_id);
  const std::uint64_t answer_key = answer_key_of(hash);
  if (const auto kept = answers.find(answer_key)) {
    Reaction reaction;
    reaction.message.assign(kept->message.begin(), kept->message.end());
    reaction.sequence = kept->sequence;
    set_hop_by_hop(reaction.message, header->hop_by_hop);
    set_end_to_end(reaction.message, header->end_to_end);
    finish_answer(reaction.message, request);
    return reaction;
  }
  sessions.sweep(seconds_of(now), 2);  // a little with each, so that it is never much
  Sessions::Session* session = sessions.find(hash, request.session_id);
  Reaction reaction = decide(peer, now, key, hash, session);
  if (reaction.kind != Reaction::Kind::answer) return reaction;
  const bool refusal = (reaction.message[4] & std::byte(Header::error_bit)) != std::byte(0);
  if (!refusal) answers.keep(answer_key, reaction.message, reaction.sequence);
  finish_answer(reaction.message, request);
  return reaction;
}

/// An answer without Proxy-Info, or the request for the charging system.
Reaction CreditControl::State::decide(std::string_view peer, Instant now, SubscriptionKey key,
                                      std::uint64_t hash, Sessions::Session* session) {
  const bool may_relay = options.relays && (request.header.flags & Header::proxiable_bit) != 0;
  const Question question{
      .request = request, .session = session, .key = key, .now = now, .relays = may_relay};
  if (request.unknown && (!may_relay || decider.concerns(question))) {
    Reaction reaction;
    Fault unsupported{.result_code = result::avp_unsupported, .failed_avp = {}};
    Writer(unsupported.failed_avp).copy(*request.unknown);
    write_fault(reaction.message, request, options, unsupported);
    return reaction;
  }
  decider.decide(question, decided);
  Reaction reaction;
  reaction.sequence = decided.sequence;
  if (decided.refused) {
    write_fault(reaction.message, request, options, {.result_code = result::too_busy, .failed_avp = {}});
    return reaction;
  }
  const bool known = session != nullptr;
  const bool ends = *request.type == RequestType::termination;
  session = note(peer, now, key, hash, session);
  const bool upwards = std::ranges::any_of(decided.parts, [](const PartDecision& part) {
    return part.upstream != PartDecision::Upstream::nothing;
  });
  // A session without a part of its own still is the charging system's to close, or to know of.
  const bool theirs =
      may_relay && (decided.whole_upstream || (ends && (session ? session->upstream_open : true)));
  if (upwards || theirs) return relay(peer, key, hash, session, known);
  if (ends && session) sessions.close(*session);
  reaction.message.reserve(384);
  write_answer(reaction.message, request, options, decided.command, decided.parts);
  return reaction;
}

/// What there is to remember of the session once its request is decided.
Sessions::Session* CreditControl::State::note(std::string_view peer, Instant now, SubscriptionKey key,
                                              std::uint64_t hash, Sessions::Session* session) {
  const bool lasts = *request.type == RequestType::initial || *request.type == RequestType::update;
  if (!lasts) return session;
  const bool denied = decided.command.result_code != result::success && !decided.whole_upstream;
  if (!session && denied) return nullptr;
  if (!session) {
    session = sessions.open({.hash = hash,
                             .session_id = request.session_id,
                             .origin_host = request.origin_host,
                             .peer = peer,
                             .realm = request.origin_realm,
                             .key = key,
                             .expires = 0});
    if (!session) return nullptr;
  }
  const std::uint32_t validity = std::uint32_t(decided.validity.count());
  session->expires =
      seconds_of(now) + (validity != 0 ? std::max<std::uint32_t>(2 * validity, 60) : silence_s);
  for (const SessionLease& lease : decided.leases) Sessions::set_lease(*session, lease);
  return session;
}

/// Numbers go up without gaps, from 0 with an INITIAL_REQUEST, whatever was answered without it. Of a session
/// that isn't known here (a sibling edge had it, or this one before it was started again) the charging system
/// is told what the network says.
UpstreamForm CreditControl::State::form_of(Sessions::Session* session, bool known) const {
  const auto partly = [](const PartDecision& part) {
    return part.upstream != PartDecision::Upstream::as_it_came;
  };
  UpstreamForm form{.type = *request.type,
                    .number = *request.number,
                    .unchanged = std::ranges::none_of(decided.parts, partly)};
  if (!session || !known || *request.type == RequestType::event) return form;
  if (session->relayed_any && session->relayed_number == *request.number) {  // sent again
    form.number = session->relayed_as;
    if (session->relayed_initial) form.type = RequestType::initial;
  } else if (*request.type == RequestType::initial) {
    return form;
  } else if (*request.type == RequestType::termination) {
    if (session->upstream_open) form.number = session->upstream_next;
  } else if (session->upstream_open) {
    form.number = session->upstream_next;
  } else {
    form.type = RequestType::initial;
    form.number = 0;
  }
  if (form.type != *request.type || form.number != *request.number) form.unchanged = false;
  return form;
}

Reaction CreditControl::State::relay(std::string_view peer, SubscriptionKey key, std::uint64_t hash,
                                     Sessions::Session* session, bool known) {
  auto waiting = std::make_unique<Waiting>();
  waiting->form = form_of(session, known);
  waiting->request.assign(request.bytes.begin(), request.bytes.end());
  waiting->peer = peer;
  waiting->key = key;
  waiting->hash = hash;
  waiting->parts = decided.parts;
  waiting->sequence = decided.sequence;
  waiting->session_known = known;
  if (session && *request.type != RequestType::event) {
    session->relayed_any = true;
    session->relayed_number = *request.number;
    session->relayed_as = waiting->form.number;
    session->relayed_initial = waiting->form.type == RequestType::initial;
    session->upstream_next = waiting->form.number + 1;
    session->upstream_open = true;  // until its answer says otherwise
  }
  Reaction reaction{.kind = Reaction::Kind::relay, .message = {}, .sequence = 0, .pending = nullptr};
  reaction.message = upstream_request(request, waiting->parts, waiting->form, options.origin_host, peer);
  reaction.pending = std::move(waiting);
  return reaction;
}

Reaction CreditControl::State::on_answer(Waiting& waiting, BytesView cca, Instant now) {
  const RequestReading reading{.own_host = options.origin_host, .understood_vendors = nullptr};
  (void)read_credit_request(waiting.request, reading, request);  // it was read before
  Sessions::Session* session = sessions.find(waiting.hash, request.session_id);
  const auto upstream = cca.empty() ? std::nullopt : read_upstream(cca);
  const std::uint32_t code = upstream ? upstream->result_code : result::unable_to_deliver;
  const bool lasts = *request.type == RequestType::initial || *request.type == RequestType::update;
  if (code == result::unknown_session_id && *request.type == RequestType::update && !waiting.again &&
      (!waiting.session_known || !waiting.form.unchanged)) {
    return again(waiting, session);
  }
  const bool limit = upstream && upstream->ends && lasts && code < 5000 && (code < 3000 || code >= 4000) &&
                     engine.defers(waiting.key, options.line, now);
  const bool ours = std::ranges::any_of(waiting.parts, [](const PartDecision& part) { return part.here; });
  Reaction reaction;
  reaction.sequence = waiting.sequence;
  if (session && (code < 2000 || code >= 3000)) session->upstream_open = false;
  if (session && limit) {
    for (std::size_t i = 0; i < waiting.parts.size(); ++i) {
      if (waiting.parts[i].here) continue;
      if (SessionLease* lease = Sessions::lease(*session, request.parts[i].lease_part())) {
        lease->holder = Holder::limited;
      }
    }
  }
  const bool over = *request.type == RequestType::termination ||
                    (*request.type == RequestType::initial && !ours && !limit && code != result::success);
  if (session && over) sessions.close(*session);
  if (ours) {
    reaction.message = merged_answer(request, waiting, upstream, options, limit);
    answers.keep(answer_key_of(waiting.hash), reaction.message, reaction.sequence);
    finish_answer(reaction.message, request);
  } else if (!upstream) {
    return fault(result::unable_to_deliver);
  } else {
    reaction.message = answer_from_upstream(request, waiting, *upstream, options, limit);
  }
  return reaction;
}

/// The charging system never heard of the session (it began on grants alone, perhaps on another edge): told
/// anew, as its first request.
Reaction CreditControl::State::again(Waiting& waiting, Sessions::Session* session) {
  auto next = std::make_unique<Waiting>(std::move(waiting));
  next->again = true;
  next->form = {.type = RequestType::initial, .number = 0, .unchanged = false};
  if (session) {
    session->relayed_as = 0;
    session->relayed_initial = true;
    session->upstream_next = 1;
  }
  // `request` holds views into the bytes that moved with `waiting`: a moved vector keeps its storage.
  Reaction reaction{.kind = Reaction::Kind::relay, .message = {}, .sequence = 0, .pending = nullptr};
  reaction.message = upstream_request(request, next->parts, next->form, options.origin_host, next->peer);
  reaction.pending = std::move(next);
  return reaction;
}

OpenSession CreditControl::State::opened(const Sessions::Session& session) const {
  return {.session_id = std::string(session.session_id()),
          .peer = sessions.name(session.peer),
          .destination_host = sessions.name(session.host),
          .destination_realm = sessions.name(session.realm),
          .application = application::credit_control};
}

CreditControl::CreditControl(CreditControlOptions options, Engine& engine)
    : state_(std::make_unique<State>(std::move(options), engine)) {}
CreditControl::~CreditControl() = default;

Reaction CreditControl::on_request(BytesView ccr, std::string_view peer, Instant now) {
  return state_->on_request(ccr, peer, now);
}

Reaction CreditControl::on_upstream_answer(std::unique_ptr<Pending> pending, BytesView cca, Instant now) {
  auto* waiting = dynamic_cast<Waiting*>(pending.get());
  DAYAQ_ASSERT(waiting != nullptr);
  return state_->on_answer(*waiting, cca, now);
}

std::vector<OpenSession> CreditControl::sessions_of(SubscriptionKey key) const {
  std::vector<OpenSession> found;
  state_->sessions.each_of(key, [&](const auto& session) { found.push_back(state_->opened(session)); });
  if (state_->other) state_->other->sessions_of(key, found);
  return found;
}

std::vector<OpenSession> CreditControl::sessions_under(MeasureNumber measure, std::size_t limit,
                                                       std::uint64_t& cursor) const {
  std::vector<OpenSession> found;
  if (limit == 0) return found;
  if (measure == newer_list) cursor |= cursor_of_other;
  if ((cursor & cursor_of_other) == 0) {
    state_->sessions.walk(cursor, walk_slots, [&](const auto& session) {
      bool under = false;
      Sessions::each_lease(session, [&](const SessionLease& lease) { under |= lease.measure == measure; });
      if (under) found.push_back(state_->opened(session));
      return found.size() < limit;
    });
    if (cursor == 0 && state_->other) cursor = cursor_of_other;
    return found;
  }
  if (!state_->other) {
    cursor = 0;
    return found;
  }
  std::uint64_t at = cursor & ~cursor_of_other;
  state_->other->sessions_under(measure, limit, at, found);
  cursor = at == 0 ? 0 : at | cursor_of_other;
  return found;
}

Bytes CreditControl::re_auth_request(const Session& session) const {
  if (session.application != application::credit_control && state_->other) {
    return state_->other->re_auth_request(session);
  }
  Bytes out;
  Writer writer(out);
  writer.begin({.flags = Header::request_bit | Header::proxiable_bit,
                .command = command::re_auth,
                .application = session.application});
  writer.text(avp::session_id, session.session_id);
  writer.text(avp::origin_host, state_->options.origin_host);
  writer.text(avp::origin_realm, state_->options.origin_realm);
  writer.text(avp::destination_realm, session.destination_realm);
  writer.text(avp::destination_host,
              session.destination_host.empty() ? session.peer : session.destination_host);
  writer.u32(avp::auth_application_id, session.application);
  writer.u32(avp::re_auth_request_type, 0);  // AUTHORIZE_ONLY
  if (state_->options.origin_state_id != 0) writer.u32(avp::origin_state_id, state_->options.origin_state_id);
  writer.end();
  return out;
}

void CreditControl::forget(std::string_view session_id) {
  auto* session = state_->sessions.find(Sessions::hash_of(state_->hash_key, session_id), session_id);
  if (session) state_->sessions.close(*session);
  if (state_->other) state_->other->forget(session_id);
}

std::size_t CreditControl::session_count() const {
  return state_->sessions.count() + (state_->other ? state_->other->session_count() : 0);
}

std::size_t CreditControl::session_bytes() const {
  return state_->sessions.bytes();
}
void CreditControl::use_relays(bool relays) {
  state_->options.relays = relays;
}

void CreditControl::attach(OtherSessions* other) {
  state_->other = other;
}
void CreditControl::tick(Instant now) {
  state_->sessions.sweep(seconds_of(now), walk_slots);
  if (state_->other) state_->other->tick(now);
}

}  // namespace dayaq::edge::diameter
