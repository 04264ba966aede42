#include "edge/diameter/gx.hpp"

#include <algorithm>
#include <limits>

#include "edge/diameter/credit_answer.hpp"
#include "edge/diameter/credit_sessions.hpp"
#include "edge/diameter/dictionary.hpp"

namespace dayaq::edge::diameter {

namespace {

constexpr std::uint32_t loop_detected = 3005;
constexpr std::uint32_t silence_s = 14 * 86400;  ///< a bearer may stand for days without a word
constexpr std::size_t walk_slots = 65536;
constexpr std::uint32_t rule_deactivation_time = 1044;
constexpr std::int64_t ntp_offset = 2208988800;  ///< seconds from 1900 to 1970

std::uint32_t seconds_of(Instant now) {
  return std::uint32_t(std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

struct Gx::State {
  GxOptions options;
  const ServiceTable& services;
  Engine& engine;
  const Replica* replica;
  const Clock& clock;
  CreditControlOptions answering;  ///< what answers of credit control are written with
  Sessions sessions;
  SipKey hash_key;
  feed::Resources resources;
  std::vector<feed::ResourceClass> retired;  ///< names that older lists had and this one hasn't
  CreditRequest request;
  std::vector<GrantInForce> grants;

  /// A class of the list, and what the subscription is granted of it.
  struct Class {
    const feed::ResourceClass* listed = nullptr;
    ServiceIndex service = no_service;
    MeasureNumber measure = 0;
    Instant until = instant_max;
    bool granted = false;
  };
  std::vector<Class> classes;

  void look_at(SubscriptionKey key, Instant now);
  void write_install(Writer& writer, const Class& granted) const;
  void write_remove(Writer& writer, const feed::ResourceClass& listed) const;
  void write_rules(Writer& writer, Sessions::Session* session, bool everything);
  Reaction answer(std::uint32_t result_code, const Fault* fault = nullptr);
  OpenSession opened(const Sessions::Session& session) const;
};

/// Which classes the subscription may use freely, and until when.
void Gx::State::look_at(SubscriptionKey key, Instant now) {
  classes.clear();
  grants.clear();
  if (replica && key != 0) (void)replica->find(key, now, grants);
  for (const feed::ResourceClass& listed : resources.classes) {
    Class found{.listed = &listed, .service = services.find(feed::Benefit::data, listed.traffic_class)};
    if (key != 0 && found.service != no_service) {
      const Verdict verdict = engine.look(key, options.line, found.service, now);
      found.granted = verdict.outcome == Outcome::granted;
      found.measure = verdict.measure;
      for (const GrantInForce& grant : grants) {
        if (grant.measure && grant.measure->number == found.measure) found.until = grant.until;
      }
    }
    classes.push_back(found);
  }
}

void Gx::State::write_install(Writer& writer, const Class& granted) const {
  const auto group = writer.group_begin(avp::charging_rule_install, vendor_3gpp);
  for (const std::string& name : granted.listed->rules) {
    writer.text(avp::charging_rule_name, name, vendor_3gpp);
  }
  for (const std::string& name : granted.listed->bases) {
    writer.text(avp::charging_rule_base_name, name, vendor_3gpp);
  }
  const std::int64_t ntp =
      std::chrono::duration_cast<std::chrono::seconds>(granted.until.time_since_epoch()).count() + ntp_offset;
  if (granted.until != instant_max && ntp > 0 && ntp <= std::numeric_limits<std::uint32_t>::max()) {
    writer.u32(rule_deactivation_time, std::uint32_t(ntp), vendor_3gpp);
  }
  writer.group_end(group);
}

void Gx::State::write_remove(Writer& writer, const feed::ResourceClass& listed) const {
  const auto group = writer.group_begin(avp::charging_rule_remove, vendor_3gpp);
  for (const std::string& name : listed.rules) writer.text(avp::charging_rule_name, name, vendor_3gpp);
  for (const std::string& name : listed.bases) writer.text(avp::charging_rule_base_name, name, vendor_3gpp);
  writer.group_end(group);
}

/// `everything`: also what the session was told before (its answer may have been lost); else the difference.
void Gx::State::write_rules(Writer& writer, Sessions::Session* session, bool everything) {
  if (session && session->list_version != resources.version) {
    for (const feed::ResourceClass& listed : retired) {
      const SessionLease* told =
          Sessions::lease(*session, services.find(feed::Benefit::data, listed.traffic_class));
      if (told && told->holder == Holder::edge) write_remove(writer, listed);
    }
    session->list_version = resources.version;
    everything = true;
  }
  for (const Class& found : classes) {
    if (found.service == no_service || (found.listed->rules.empty() && found.listed->bases.empty())) continue;
    SessionLease* told = session ? Sessions::lease(*session, found.service) : nullptr;
    const bool installed = told && told->holder == Holder::edge;
    const bool removed = told && told->holder == Holder::nobody;
    if (found.granted ? installed && !everything : !installed && !(removed && everything)) continue;
    if (found.granted) {
      write_install(writer, found);
    } else {
      write_remove(writer, *found.listed);
    }
    if (!session) continue;
    Sessions::set_lease(*session, {.part = found.service,
                                   .measure = found.granted ? found.measure : told->measure,
                                   .service = found.service,
                                   .holder = found.granted ? Holder::edge : Holder::nobody});
  }
}

Reaction Gx::State::answer(std::uint32_t result_code, const Fault* fault) {
  Reaction reaction;
  write_fault(reaction.message, request, answering,
              fault ? *fault : Fault{.result_code = result_code, .failed_avp = {}});
  finish_answer(reaction.message, request);
  return reaction;
}

OpenSession Gx::State::opened(const Sessions::Session& session) const {
  return {.session_id = std::string(session.session_id()),
          .peer = sessions.name(session.peer),
          .destination_host = sessions.name(session.host),
          .destination_realm = sessions.name(session.realm),
          .application = application::gx};
}

Gx::Gx(GxOptions options, const ServiceTable& services, Engine& engine, const Replica* replica,
       const Clock& clock)
    : state_(new State{.options = std::move(options),
                       .services = services,
                       .engine = engine,
                       .replica = replica,
                       .clock = clock,
                       .answering = {},
                       .sessions = Sessions(0),
                       .hash_key = {},
                       .resources = {},
                       .retired = {},
                       .request = {},
                       .grants = {},
                       .classes = {}}) {
  State& state = *state_;
  state.sessions = Sessions(state.options.sessions_max);
  state.hash_key = {.k0 = state.options.feed_key.k0 ^ 0x67782073657373ull, .k1 = state.options.feed_key.k1};
  state.answering.origin_host = state.options.origin_host;
  state.answering.origin_realm = state.options.origin_realm;
  state.answering.origin_state_id = state.options.origin_state_id;
}
Gx::~Gx() = default;

Result<void> Gx::use(feed::Resources resources) {
  if (resources.version < state_->resources.version) {
    return fail(ErrorKind::conflict, "gx.older", "A newer list of resources is in use already.",
                std::to_string(resources.version) + " after " + std::to_string(state_->resources.version));
  }
  // Names that went are remembered, so that sessions that have them installed are told.
  std::vector<feed::ResourceClass> before = std::move(state_->retired);
  before.insert(before.end(), state_->resources.classes.begin(), state_->resources.classes.end());
  state_->retired.clear();
  for (feed::ResourceClass& old : before) {
    const auto same = [&](const feed::ResourceClass& listed) {
      return listed.traffic_class == old.traffic_class;
    };
    const auto now_listed = std::ranges::find_if(resources.classes, same);
    if (now_listed != resources.classes.end()) {
      std::erase_if(old.rules, [&](const auto& name) { return contains(now_listed->rules, name); });
      std::erase_if(old.bases, [&](const auto& name) { return contains(now_listed->bases, name); });
    }
    if (old.rules.empty() && old.bases.empty()) continue;
    const auto known = std::ranges::find_if(state_->retired, same);
    if (known == state_->retired.end()) {
      old.domains.clear();
      old.prefixes.clear();
      state_->retired.push_back(std::move(old));
      continue;
    }
    for (auto& name : old.rules) {
      if (!contains(known->rules, name)) known->rules.push_back(std::move(name));
    }
    for (auto& name : old.bases) {
      if (!contains(known->bases, name)) known->bases.push_back(std::move(name));
    }
  }
  state_->resources = std::move(resources);
  return {};
}

std::uint32_t Gx::resources_version() const {
  return state_->resources.version;
}

Reaction Gx::on_request(BytesView ccr, std::string_view peer, Instant now) {
  State& state = *state_;
  const auto header = parse_header(ccr);
  if (!header || header->length != ccr.size() || !header->request()) {
    return {.kind = Reaction::Kind::close, .message = {}, .sequence = 0, .pending = nullptr};
  }
  const RequestReading reading{.own_host = state.options.origin_host,
                               .understood_vendors = &state.options.understood_vendors,
                               .policy = true};
  CreditRequest& request = state.request;
  const auto fault = read_credit_request(ccr, reading, request);
  if (header->command != command::credit_control) return state.answer(result::command_unsupported);
  if (header->application != application::gx) return state.answer(result::application_unsupported);
  if (fault) return state.answer(fault->result_code, &*fault);
  if (request.looped) return state.answer(loop_detected);
  if (request.unknown) {
    Fault unsupported{.result_code = result::avp_unsupported, .failed_avp = {}};
    Writer(unsupported.failed_avp).copy(*request.unknown);
    return state.answer(0, &unsupported);
  }
  const std::uint64_t hash = Sessions::hash_of(state.hash_key, request.session_id);
  const SubscriptionKey key = subscription_of(request, state.options.line, state.options.feed_key);
  Sessions::Session* session = state.sessions.find(hash, request.session_id);
  const bool ends = *request.type == RequestType::termination;
  if (!session && !ends) {
    session = state.sessions.open({.hash = hash,
                                   .session_id = request.session_id,
                                   .origin_host = request.origin_host,
                                   .peer = peer,
                                   .realm = request.origin_realm,
                                   .key = key,
                                   .expires = 0});
  }
  Reaction reaction;
  reaction.message.reserve(384);
  Writer writer(reaction.message);
  begin_answer(writer, request, state.answering, result::success);
  if (!ends) {
    if (session) session->expires = seconds_of(now) + silence_s;
    // A bearer's updates needn't say whose it is.
    state.look_at(session && session->key != 0 ? session->key : key, now);
    // An INITIAL_REQUEST knows of nothing installed: sent again, it is answered alike.
    state.write_rules(writer, session, *request.type == RequestType::initial);
  }
  if (state.options.origin_state_id != 0) writer.u32(avp::origin_state_id, state.options.origin_state_id);
  writer.end();
  if (ends && session) state.sessions.close(*session);
  finish_answer(reaction.message, request);
  return reaction;
}

void Gx::sessions_of(SubscriptionKey key, std::vector<OpenSession>& out) const {
  state_->sessions.each_of(key, [&](const auto& session) { out.push_back(state_->opened(session)); });
}

void Gx::sessions_under(MeasureNumber measure, std::size_t limit, std::uint64_t& cursor,
                        std::vector<OpenSession>& out) const {
  const std::size_t most = out.size() + limit;
  state_->sessions.walk(cursor, walk_slots, [&](const auto& session) {
    bool under = measure == newer_list && session.list_version != state_->resources.version;
    Sessions::each_lease(session, [&](const SessionLease& lease) { under |= lease.measure == measure; });
    if (under) out.push_back(state_->opened(session));
    return out.size() < most;
  });
}

Bytes Gx::re_auth_request(const OpenSession& open) {
  State& state = *state_;
  const std::uint64_t hash = Sessions::hash_of(state.hash_key, open.session_id);
  Sessions::Session* session = state.sessions.find(hash, open.session_id);
  Bytes out;
  Writer writer(out);
  writer.begin({.flags = Header::request_bit | Header::proxiable_bit,
                .command = command::re_auth,
                .application = application::gx});
  writer.text(avp::session_id, open.session_id);
  writer.u32(avp::auth_application_id, application::gx);
  writer.text(avp::origin_host, state.options.origin_host);
  writer.text(avp::origin_realm, state.options.origin_realm);
  writer.text(avp::destination_realm, open.destination_realm);
  writer.text(avp::destination_host, open.destination_host.empty() ? open.peer : open.destination_host);
  writer.u32(avp::re_auth_request_type, 0);  // AUTHORIZE_ONLY
  if (state.options.origin_state_id != 0) writer.u32(avp::origin_state_id, state.options.origin_state_id);
  if (session) {
    state.look_at(session->key, state.clock.now());
    state.write_rules(writer, session, true);
  }
  writer.end();
  return out;
}

void Gx::forget(std::string_view session_id) {
  auto* session = state_->sessions.find(Sessions::hash_of(state_->hash_key, session_id), session_id);
  if (session) state_->sessions.close(*session);
}

std::size_t Gx::session_count() const {
  return state_->sessions.count();
}
void Gx::tick(Instant now) {
  state_->sessions.sweep(seconds_of(now), walk_slots);
}

}  // namespace dayaq::edge::diameter
