// What comes over open connections: the network's requests, the charging systems' answers and requests.
#include <boost/asio/post.hpp>
#include <utility>

#include "edge/diameter/node_core.hpp"

namespace dayaq::edge::diameter {

namespace {

bool our_application(std::uint32_t id) {
  return id == application::credit_control || id == application::gx;
}

}  // namespace

void NodeCore::lock() {
  if (lock_.owns_lock()) return;
  lock_ = std::unique_lock(charging_->mutex());
  now_ = clock_.now();
  durable_ = charging_->durable();
}

/// Lets go of the edge's lock and sends what was decided under it.
void NodeCore::end_batch() {
  if (lock_.owns_lock()) lock_.unlock();
  std::vector<std::shared_ptr<Peer>> touched;
  touched.swap(touched_);
  for (const auto& peer : touched) peer->connection().flush();
  relay_->flush();
}

void NodeCore::on_batch_end(Peer& peer) {
  (void)peer;  // flushes itself
  end_batch();
}

void NodeCore::on_message(Peer& peer, const Header& header, BytesView message) {
  if (!header.request()) return on_answer(peer, header, message);
  requests_.fetch_add(1, std::memory_order_relaxed);
  if (const std::uint32_t result_code = why_not(peer, header, message)) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return refuse(peer, message, result_code);
  }
  if (peer.role() == Peer::Role::charging_system) return on_charging_system_request(peer, header, message);
  on_credit_control(peer, header, message);
}

/// The result code of a request that isn't for this node; 0 if it is.
std::uint32_t NodeCore::why_not(const Peer& peer, const Header& header, BytesView message) {
  if ((header.flags & Header::error_bit) != 0) return result::invalid_header_bits;
  if (header.application == application::base) return result::command_unsupported;
  if (!our_application(header.application)) return result::application_unsupported;
  const bool downwards = peer.role() == Peer::Role::charging_system;
  const bool known = downwards
                         ? header.command == command::re_auth || header.command == command::abort_session
                         : header.command == command::credit_control;
  if (!known) return result::command_unsupported;
  if (!downwards && header.application == application::gx && !options_.gx) {
    return result::application_unsupported;
  }
  const RouteFacts facts = route_facts(message, self_.origin_host);
  if (facts.looped) return result::loop_detected;
  const std::string_view realm = facts.destination_realm;
  if (downwards || realm.empty() || same_identity(realm, self_.origin_realm)) return 0;
  for (const std::string& served : options_.realms) {
    if (same_identity(realm, served)) return 0;
  }
  return result::realm_not_served;
}

void NodeCore::refuse(Peer& peer, BytesView message, std::uint32_t result_code) {
  peer.send(refusal(self_, message, result_code));
  answers_.fetch_add(1, std::memory_order_relaxed);
}

void NodeCore::on_credit_control(Peer& peer, const Header& header, BytesView message) {
  // Load is shed before it costs anything: a sane client tries the other edge.
  if (held_ + relay_->waiting() >= options_.in_flight_max) {
    busy_.fetch_add(1, std::memory_order_relaxed);
    return refuse(peer, message, result::too_busy);
  }
  lock();
  Reaction reaction = header.application == application::gx
                          ? options_.gx(message, peer.name(), now_)
                          : charging_->on_request(message, peer.name(), now_);
  switch (reaction.kind) {
    case Reaction::Kind::answer:
      return answer(peer, reaction.message, reaction.sequence);
    case Reaction::Kind::close:
      return peer.close("breaks the rules");
    case Reaction::Kind::relay:
      break;
  }
  Relayed relayed{.pending = std::move(reaction.pending),
                  .client = peer.shared_from_this(),
                  .hop_by_hop = header.hop_by_hop,
                  .end_to_end = header.end_to_end,
                  .request = std::move(reaction.message)};
  if (relay_->send(relayed, SteadyClock::now())) {
    relayed_.fetch_add(1, std::memory_order_relaxed);
  } else {
    finish_relayed(std::move(relayed), {});
  }
}

void NodeCore::answer(Peer& peer, BytesView message, std::uint64_t sequence) {
  answers_.fetch_add(1, std::memory_order_relaxed);
  if (sequence > durable_) durable_ = charging_->durable();
  const std::size_t before = peer.connection().held();
  peer.answer(message, sequence, durable_);
  if (peer.connection().held() == before) return;
  ++held_;
  if (before == 0) holding_.push_back(peer.shared_from_this());
}

/// The charging system's answer, or nothing: what the network is told follows from it.
void NodeCore::finish_relayed(Relayed relayed, BytesView cca) {
  if (cca.empty()) relay_failed_.fetch_add(1, std::memory_order_relaxed);
  lock();
  Reaction reaction = charging_->on_upstream_answer(std::move(relayed.pending), cca, now_);
  if (reaction.kind == Reaction::Kind::relay) {  // one more question to the charging system
    relayed.pending = std::move(reaction.pending);
    relayed.request = std::move(reaction.message);
    if (!relay_->send(relayed, SteadyClock::now())) finish_relayed(std::move(relayed), {});
    return;
  }
  const auto client = relayed.client.lock();
  if (!client || !client->reachable() || reaction.message.size() < header_bytes) return;
  set_hop_by_hop(reaction.message, relayed.hop_by_hop);
  set_end_to_end(reaction.message, relayed.end_to_end);
  answer(*client, reaction.message, reaction.sequence);
  touched_.push_back(client);
}

/// A charging system re-authorises or ends a session of the network: on to who holds it.
void NodeCore::on_charging_system_request(Peer& peer, const Header& header, BytesView message) {
  const RouteFacts facts = route_facts(message, self_.origin_host);
  const auto client = find_client(facts.destination_host);
  const auto from = peer.shared_from_this();
  if (!client || forwarded_.size() >= options_.in_flight_max) {
    return refuse(peer, message, client ? result::too_busy : result::unable_to_deliver);
  }
  const std::uint32_t hop_by_hop = next_hop_by_hop();
  Bytes request = with_route_record(message, peer.name());
  set_hop_by_hop(request, hop_by_hop);
  forwarded_.emplace(hop_by_hop, Forwarded{.from = from,
                                           .to = client.get(),
                                           .hop_by_hop = header.hop_by_hop,
                                           .deadline = SteadyClock::now() + std::chrono::seconds(10)});
  client->send(request);
  touched_.push_back(client);
}

void NodeCore::on_answer(Peer& peer, const Header& header, BytesView message) {
  if (peer.role() == Peer::Role::charging_system) {
    if (!relay_->on_answer(peer, header, message)) ++mismatched_;
    return;
  }
  if (header.command == command::re_auth &&
      re_auth_->on_answer(peer.name(), header.hop_by_hop, result_code_of(message), SteadyClock::now())) {
    return;
  }
  const auto found = forwarded_.find(header.hop_by_hop);
  if (found == forwarded_.end() || found->second.to != &peer) {
    ++mismatched_;
    return;
  }
  const Forwarded forwarded = std::move(found->second);
  forwarded_.erase(found);
  const auto from = forwarded.from.lock();
  if (!from || !from->reachable()) return;
  Bytes answer(message.begin(), message.end());
  set_hop_by_hop(answer, forwarded.hop_by_hop);
  from->send(answer);  // end_batch() flushes the relay's connections
}

void NodeCore::wake() {
  if (woken_.exchange(true)) return;
  asio::post(context_, [this] {
    woken_ = false;
    release_durable();
  });
}

void NodeCore::release_durable() {
  if (holding_.empty()) return;
  const std::uint64_t durable = charging_->durable();
  std::size_t held = 0, kept = 0;
  for (std::size_t i = 0; i < holding_.size(); ++i) {
    const auto peer = holding_[i];
    peer->connection().release_durable(durable);
    peer->connection().flush();
    if (!peer->connection().open() || peer->connection().held() == 0) continue;
    held += peer->connection().held();
    holding_[kept++] = peer;
  }
  holding_.resize(kept);
  held_ = held;
}

void NodeCore::re_authorise(SubscriptionKey key) {
  const std::scoped_lock guard(inbox_mutex_);
  inbox_keys_.push_back(key);
  if (!std::exchange(inbox_posted_, true)) asio::post(context_, [this] { take_inbox(); });
}

void NodeCore::re_authorise_measure(MeasureNumber measure) {
  const std::scoped_lock guard(inbox_mutex_);
  inbox_measures_.push_back(measure);
  if (!std::exchange(inbox_posted_, true)) asio::post(context_, [this] { take_inbox(); });
}

void NodeCore::take_inbox() {
  std::vector<SubscriptionKey> keys;
  std::vector<MeasureNumber> measures;
  {
    const std::scoped_lock guard(inbox_mutex_);
    keys.swap(inbox_keys_);
    measures.swap(inbox_measures_);
    inbox_posted_ = false;
  }
  for (const SubscriptionKey key : keys) re_auth_->add(key);
  for (const MeasureNumber measure : measures) re_auth_->add_measure(measure);
  if (!std::exchange(pacing_, true)) run_re_auth();
}

void NodeCore::run_re_auth() {
  if (phase_ == Phase::running) re_auth_->run(SteadyClock::now());
  end_batch();
  if (re_auth_->idle() || phase_ != Phase::running) {
    pacing_ = false;
    return;
  }
  pace_timer_.expires_after(std::chrono::milliseconds(5));
  pace_timer_.async_wait([this](error_code error) {
    if (!error) run_re_auth();
  });
}

std::optional<std::uint32_t> NodeCore::send_re_auth(const CreditControl::Session& session) {
  const auto client = find_client(session.peer);
  if (!client || !client->open()) return std::nullopt;
  lock();
  Bytes request = charging_->re_auth_request(session);
  const std::uint32_t hop_by_hop = next_hop_by_hop();
  set_hop_by_hop(request, hop_by_hop);
  set_end_to_end(request, next_end_to_end());
  client->send(request);
  if (touched_.empty() || touched_.back() != client) touched_.push_back(client);
  return hop_by_hop;
}

}  // namespace dayaq::edge::diameter
