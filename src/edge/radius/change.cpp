// Changes of authorisation: sessions get the attributes that their grants say now, never a disconnect.
#include "edge/radius/work.ipp"

namespace dayaq::edge::radius {
namespace {

constexpr std::uint32_t session_not_found = 503;  // Error-Cause, RFC 5176 section 3.5
constexpr std::size_t sessions_a_step = 2000;

std::uint32_t seconds_of(Steady time) {
  return std::uint32_t(std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
}

}  // namespace

/// Queues a change if the session's network hasn't what it should have.
void Responder::want(std::uint32_t slot, const Entitlement& entitlement) {
  Session& session = sessions_.at(slot);
  const std::uint64_t signature = entitlement.signature();
  // Without a quota to keep to, a bound that was told would only cut the session off.
  if (session.bound != 0 && (!entitlement.covered || entitlement.bounded == 0))
    session.bound_wanted = no_bound;
  if (session.changing) {
    session.again = true;
    return;
  }
  if (signature == session.refused || tells_nothing(session, signature)) return;
  const auto server = where_to_change(session);
  if (!server) return;
  session.changing = changes_.add(*server, session.client, {.slot = slot, .lease = session.lease});
}

/// The network has what it should have, or there is no way to say it.
bool Responder::tells_nothing(const Session& session, std::uint64_t signature) const {
  if (session.bound_wanted != 0 && session.bound_wanted != session.bound) return false;
  return signature == session.applied || (signature == 0 && profiles_.normal().encoded.empty());
}

/// Nothing if its network access server takes no changes, or isn't connected now.
std::optional<Endpoint> Responder::where_to_change(const Session& session) const {
  if (session.client == clients_.radsec()) {
    const auto stream = streams_.find(session.nas);
    return stream == streams_.end() ? std::nullopt : std::optional(stream->second);
  }
  const Client& client = clients_.at(session.client);
  if (!client.changes) return std::nullopt;
  return Endpoint{.address = client.coa_to.value_or(session.sender), .port = client.coa_port};
}

/// A proxy's connection carries several network access servers, and one that reconnects leaves its old
/// connection behind: each is told on the connection on which it was heard last.
void Responder::note_stream(const Work& work) {
  if (!options_.radsec_changes) return;
  const std::string sender = to_string(work.in->from.address);
  const std::uint64_t nas = siphash(mark_key_, origin_of(*work.packet, sender));
  const auto known = streams_.find(nas);
  if (known != streams_.end()) {
    if (known->second == work.in->from) return;
    known->second = work.in->from;
  } else if (streams_.size() < Changes::servers_max) {
    streams_.emplace(nas, work.in->from);
  } else {
    return;
  }
  back_.insert(nas);
}

void Responder::closed(const Endpoint& stream) {
  std::erase_if(streams_, [&](const auto& entry) { return entry.second == stream; });
  changes_.close(stream, [&](const Changes::Item& item) {
    if (sessions_.holds(item.slot, item.lease)) sessions_.at(item.slot).changing = false;
  });
}

void Responder::re_authorise(std::span<const SubscriptionKey> keys, Moment now) {
  const std::scoped_lock lock(engine_.mutex());
  for (const SubscriptionKey key : keys) {
    sessions_.of_key(key, [&](std::uint32_t slot) {
      sessions_.at(slot).refused.reset();
      want(slot, profiles_.entitlement({.keys = {key}, .count = 1}, engine_, now.wall));
    });
  }
}

void Responder::step_through_all(Moment now) {
  const std::scoped_lock lock(engine_.mutex());
  std::size_t looked_at = 0;
  for (; *next_of_all_ < sessions_.slots() && looked_at < sessions_a_step; ++*next_of_all_, ++looked_at) {
    const std::uint32_t slot = *next_of_all_;
    if (!sessions_.used(slot) || (!walk_nas_.empty() && !walk_nas_.contains(sessions_.at(slot).nas)))
      continue;
    sessions_.at(slot).refused.reset();
    const Candidates key{.keys = {sessions_.at(slot).key}, .count = 1};
    want(slot, profiles_.entitlement(key, engine_, now.wall));
  }
  if (*next_of_all_ < sessions_.slots()) return;
  next_of_all_.reset();
  walk_nas_.clear();
}

/// Sessions that were not heard of for three intervals (and an hour) can't be told anything; the engine ends
/// their leases by itself.
void Responder::forget_silent(Moment now) {
  const std::uint32_t silence = std::uint32_t(std::max<std::int64_t>(3600, 3 * options_.interim.count()));
  for (std::size_t step = 0; step < sessions_a_step && step < sessions_.slots(); ++step) {
    if (++next_silent_ >= sessions_.slots()) next_silent_ = 0;
    if (sessions_.used(next_silent_) && seconds_of(now.steady) - sessions_.at(next_silent_).heard_s > silence)
      sessions_.erase(next_silent_);
  }
}

Changes::Sent Responder::build_change(const Changes::Item& item, std::uint32_t client, std::uint8_t id,
                                      Moment now) {
  Changes::Sent out{.item = item, .client = client, .packet = {}};
  if (!sessions_.holds(item.slot, item.lease)) return out;  // it ended meanwhile
  Session& session = sessions_.at(item.slot);
  session.again = false;
  Entitlement entitlement;
  {
    const std::scoped_lock lock(engine_.mutex());
    entitlement = profiles_.entitlement({.keys = {session.key}, .count = 1}, engine_, now.wall);
  }
  entitlement.key = session.key;
  out.signature = entitlement.signature();
  if (tells_nothing(session, out.signature)) {
    session.changing = false;  // it changed back
    return out;
  }
  Writer writer(Code::coa_request, id);
  writer.add_message_authenticator();
  writer.add_encoded(session.identity);
  if (out.signature == 0) {
    writer.add_encoded(profiles_.normal().encoded);
  } else {
    add_grant(entitlement, out.signature, writer);
  }
  if (session.bound_wanted != 0 && session.bound_wanted != session.bound) {
    out.bound = session.bound_wanted;
    writer.add_encoded(profiles_.volume().encoded(session.octets, out.bound));
  }
  writer.add(
      type::event_timestamp,
      std::uint32_t(std::chrono::duration_cast<std::chrono::seconds>(now.wall.time_since_epoch()).count()));
  if (!writer.fits()) {
    session.changing = false;
    return out;
  }
  out.packet = std::move(writer).take();
  sign_request(out.packet, clients_.at(client).secret);
  return out;
}

void Responder::from_nas(const Endpoint& from, BytesView bytes, Moment now, std::vector<Outgoing>&) {
  const auto answer = Packet::parse(bytes);
  const Changes::Sent* sent = answer && (answer->code() == Code::coa_ack || answer->code() == Code::coa_nak)
                                  ? changes_.find(from, answer->id())
                                  : nullptr;
  if (sent == nullptr) {
    ++counts_.dropped;
    return;
  }
  Authenticator request;
  std::ranges::copy(BytesView(sent->packet).subspan(4, 16), request.begin());
  const Secret& secret = clients_.at(sent->client).secret;
  if (!check_reply_authenticator(*answer, request, secret) ||
      check_message_authenticator(*answer, request, secret) == Proof::wrong) {
    ++counts_.bad_authenticator;
    ++counts_.dropped;
    return;
  }
  const Changes::Sent done = changes_.take(from, answer->id());
  const bool taken = answer->code() == Code::coa_ack;
  ++(taken ? counts_.coa_acknowledged : counts_.coa_refused);
  if (!sessions_.holds(done.item.slot, done.item.lease)) return;
  if (!taken && answer->number(type::error_cause) == session_not_found) {
    sessions_.erase(done.item.slot);
    return;
  }
  Session& session = sessions_.at(done.item.slot);
  session.changing = false;
  if (taken) {
    session.applied = done.signature;
    if (done.bound != 0) session.bound = done.bound;
  } else {
    session.refused = done.signature;  // asked again when its grants change
  }
  if (!session.again) return;
  session.again = false;
  const std::scoped_lock lock(engine_.mutex());
  const Candidates key{.keys = {session.key}, .count = 1};
  want(done.item.slot, profiles_.entitlement(key, engine_, now.wall));
}

void Responder::tick(Moment now, std::vector<Outgoing>& out) {
  if (!next_of_all_ && !back_.empty()) {  // what they missed while they were away
    next_of_all_ = 0;
    walk_nas_.swap(back_);
  }
  if (next_of_all_) step_through_all(now);
  changes_.tick(
      now.steady,
      [&](const Changes::Item& item, std::uint32_t client, std::uint8_t id) {
        return build_change(item, client, id, now);
      },
      [&](const Endpoint& to, const Bytes& packet) {
        ++counts_.coa_sent;
        out.push_back({.way = Way::change, .to = to, .bytes = packet});
      },
      [&](const Changes::Item& item) {
        ++counts_.coa_unanswered;  // the session's next Interim asks for it again
        if (sessions_.holds(item.slot, item.lease)) sessions_.at(item.slot).changing = false;
      });
  if (now.steady - swept_ < std::chrono::seconds(1)) return;
  swept_ = now.steady;
  for (auto* forwarding : {&access_on_, &accounting_on_}) {
    if (*forwarding) counts_.operator_silent += (*forwarding)->expire(now.steady);
  }
  if (sessions_.slots() > 0) forget_silent(now);
}

}  // namespace dayaq::edge::radius
