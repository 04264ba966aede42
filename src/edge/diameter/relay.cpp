#include "edge/diameter/relay.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"

namespace dayaq::edge::diameter {

Relay::Relay(PeerHost& host, const std::vector<PeerOptions>& systems, const Times& times,
             std::function<double()> jitter, Calls calls)
    : host_(host), times_(times), calls_(std::move(calls)), jitter_(std::move(jitter)) {
  use_systems(systems, TimePoint::min());
}

/// Where one of the file has its place: where it had it, or one that nobody has.
std::size_t Relay::place_for(const PeerOptions& options) const {
  std::size_t free = npos;
  for (std::size_t i = 0; i < systems_.size(); ++i) {
    const System& system = systems_[i];
    if (system.options == options && !system.leaving) return i;
    if (system.retired && !system.peer && !system.connecting && free == npos) free = i;
  }
  if (free != npos) return free;
  return systems_.size() < systems_max ? systems_.size() : npos;
}

void Relay::use_systems(const std::vector<PeerOptions>& systems, TimePoint now) {
  order_.clear();
  for (System& system : systems_) {
    // Sent away in order, nothing speaks against it: if it returns, then as one that was never here, and not as one
    // that failed and must answer three watchdogs first (RFC 3539 section 3.4.1).
    if (system.retired && !system.peer && !system.connecting) system = {};
    if (!system.retired) system.leave_by = now + times_.timeout;
    system.retired = true;
  }
  for (const PeerOptions& options : systems) {
    const std::size_t place = place_for(options);
    if (place == npos) {
      log::warning("diameter.charging_systems_many", "A charging system of the file is left out",
                   {{"peer", options.origin_host}});
      continue;
    }
    if (place == systems_.size()) systems_.emplace_back();
    System& system = systems_[place];
    if (!system.watchdog || system.options != options) {
      system = {};
      system.options = options;
      system.watchdog = std::make_shared<Watchdog>(times_.watchdog, jitter_);
    }
    system.retired = false;
    if (std::ranges::find(order_, place) == order_.end()) order_.push_back(place);
  }
  if (now != TimePoint::min()) tick(now);
}

/// Told to leave once nothing is waited for from it.
void Relay::let_go(std::size_t index, TimePoint now) {
  System& system = systems_[index];
  if (!system.peer) {
    system.leaving = false;
    return;
  }
  const bool asked =
      std::ranges::any_of(waiting_, [&](const auto& entry) { return entry.second.system == index; });
  if (system.leaving || (asked && now < system.leave_by)) return;
  system.leaving = true;
  log::warning("diameter.peer_unlisted", "A peer is no longer in the file",
               {{"peer", system.options.origin_host}});
  system.peer->disconnect(disconnect_cause::do_not_want);
}

void Relay::connect_all(TimePoint now) {
  for (std::size_t i = 0; i < systems_.size(); ++i) connect(i, now);
}

void Relay::connect(std::size_t index, TimePoint now) {
  System& system = systems_[index];
  if (stopped_ || system.retired || system.peer || system.connecting || now < system.again) return;
  system.connecting = true;
  system.again = now + times_.reconnect;
  calls_.connect(system.options, [this, index](std::unique_ptr<Stream> stream, const std::string& why) {
    System& target = systems_[index];
    target.connecting = false;
    if (stopped_ || target.retired) return;
    if (!stream) {
      log::warning("diameter.charging_system_away", "A charging system can't be reached",
                   {{"peer", target.options.origin_host}, {"why", why}});
      return;
    }
    target.peer = std::make_shared<Peer>(host_, Peer::Role::charging_system, target.options.tls,
                                         std::move(stream), target.watchdog, times_.peer, target.options);
    target.peer->start();
  });
}

/// A connection that has just come back is not used before it has answered three watchdogs, unless there is
/// no better one: its capabilities exchange has shown that it lives.
std::size_t Relay::choose(std::uint64_t tried) const {
  std::size_t reopening = npos;
  for (const std::size_t i : order_) {
    const auto& peer = systems_[i].peer;
    if (!peer || !peer->open() || (tried >> i & 1) != 0) continue;
    const auto state = systems_[i].watchdog->state();
    if (state == Watchdog::State::okay) return i;
    if (state == Watchdog::State::reopen && reopening == npos) reopening = i;
  }
  return reopening;
}

bool Relay::send(Relayed& relayed, TimePoint now) {
  const std::size_t system = stopped_ ? npos : choose(0);
  if (system == npos) return false;
  transmit({.relayed = std::move(relayed),
            .system = system,
            .tried = 0,
            .sent = now,
            .deadline = now + times_.timeout},
           system, false);
  return true;
}

void Relay::transmit(Waiting&& waiting, std::size_t system, bool again) {
  const std::uint32_t hop_by_hop = host_.next_hop_by_hop();
  waiting.system = system;
  waiting.tried |= std::uint64_t(1) << system;
  set_hop_by_hop(waiting.relayed.request, hop_by_hop);
  if (again) set_retransmitted(waiting.relayed.request);
  systems_[system].peer->send(waiting.relayed.request);
  if (!again && order_.size() > 1) {
    due_.emplace(waiting.sent + times_.timeout / 2, Due{.hop_by_hop = hop_by_hop, .half = true});
  }
  due_.emplace(waiting.deadline, Due{.hop_by_hop = hop_by_hop});
  waiting_.emplace(hop_by_hop, std::move(waiting));
}

bool Relay::on_answer(Peer& from, const Header& header, BytesView answer) {
  const auto found = waiting_.find(header.hop_by_hop);
  if (found == waiting_.end() || systems_[found->second.system].peer.get() != &from) return false;
  if ((header.flags & Header::error_bit) != 0) {
    const auto code = result_code_of(answer);
    const bool elsewhere = code == result::unable_to_deliver || code == result::too_busy;
    if (elsewhere && resend(header.hop_by_hop)) return true;
  }
  give_back(header.hop_by_hop, answer);
  return true;
}

/// Sends it to the next system. False if there is none (or its client has gone): it waits on.
bool Relay::resend(std::uint32_t hop_by_hop) {
  const auto found = waiting_.find(hop_by_hop);
  if (found == waiting_.end() || stopped_) return false;
  const std::size_t system = choose(found->second.tried);
  if (system == npos) return false;
  Waiting waiting = std::move(found->second);
  waiting_.erase(found);
  transmit(std::move(waiting), system, true);
  return true;
}

void Relay::give_back(std::uint32_t hop_by_hop, BytesView answer) {
  const auto found = waiting_.find(hop_by_hop);
  if (found == waiting_.end()) return;
  Relayed relayed = std::move(found->second.relayed);
  waiting_.erase(found);
  calls_.finished(std::move(relayed), answer);
}

void Relay::fail_over(Peer& from) {
  std::vector<std::uint32_t> moved;
  for (const auto& [hop_by_hop, waiting] : waiting_) {
    if (systems_[waiting.system].peer.get() == &from) moved.push_back(hop_by_hop);
  }
  const bool gone = from.state() == Peer::State::closed;
  for (const std::uint32_t hop_by_hop : moved) {
    if (!resend(hop_by_hop) && gone) give_back(hop_by_hop, {});
  }
  flush();
}

void Relay::on_down(Peer& peer, TimePoint now) {
  fail_over(peer);
  for (System& system : systems_) {
    if (system.peer.get() != &peer) continue;
    // Who said that it doesn't want to talk is left alone for longer.
    const bool unwanted = peer.told_to_leave() == disconnect_cause::do_not_want;
    system.again = now + times_.reconnect * (unwanted ? 10 : 1);
    // A connection that stood and broke is tried again at once, the first time.
    if (!peer.told_to_leave() && peer.watchdog().state() == Watchdog::State::down &&
        peer.last_heard() + times_.reconnect < now) {
      system.again = now;
    }
    system.peer = nullptr;
  }
}

void Relay::tick(TimePoint now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const Due due = due_.begin()->second;
    due_.erase(due_.begin());
    const auto found = waiting_.find(due.hop_by_hop);
    if (found == waiting_.end()) continue;
    if (!due.half) {
      give_back(due.hop_by_hop, {});
      continue;
    }
    // Also asks whether the silent one lives, long before its timer would.
    const auto silent = systems_[found->second.system].peer;
    if (resend(due.hop_by_hop) && silent && silent->open()) silent->probe();
  }
  for (std::size_t i = 0; i < systems_.size(); ++i) {
    if (systems_[i].retired) let_go(i, now);
    if (const auto peer = systems_[i].peer) {
      peer->tick(now);
    } else {
      connect(i, now);
    }
  }
  flush();
}

void Relay::flush() {
  for (const System& system : systems_) {
    if (const auto peer = system.peer) peer->connection().flush();
  }
}

void Relay::stop() {
  stopped_ = true;
  while (!waiting_.empty()) give_back(waiting_.begin()->first, {});
}

void Relay::disconnect_all(std::uint32_t cause) {
  stopped_ = true;
  for (const System& system : systems_) {
    if (const auto peer = system.peer; peer && peer->state() != Peer::State::closing) peer->disconnect(cause);
  }
}

bool Relay::any_connected() const {
  for (const System& system : systems_) {
    if (system.peer) return true;
  }
  return false;
}

void Relay::describe(std::vector<std::pair<std::string, std::string>>& out) const {
  for (const std::size_t i : order_) {
    const System& system = systems_[i];
    out.emplace_back(system.options.origin_host, system.peer ? system.peer->state_name() : "down");
  }
  for (const System& system : systems_) {
    if (system.retired && system.peer) out.emplace_back(system.options.origin_host, "leaving");
  }
}

}  // namespace dayaq::edge::diameter
