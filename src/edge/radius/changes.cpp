#include "edge/radius/changes.hpp"

#include <algorithm>

namespace dayaq::edge::radius {
namespace {

constexpr std::chrono::seconds stream_patience{30};

}  // namespace

bool Changes::add(const Endpoint& server, std::uint32_t client, const Item& item) {
  auto found = servers_.find(server);
  if (found == servers_.end()) {
    if (servers_.size() >= servers_max) return false;
    found = servers_.emplace(server, std::make_unique<Server>()).first;
    found->second->endpoint = server;
    found->second->client = client;
  }
  found->second->queue.push_back(item);
  ++waiting_;
  return true;
}

void Changes::tick(Steady now, const Build& build, const Send& send, const GiveUp& give_up) {
  repeat_due(now, send, give_up);
  if (waiting_ == 0) return;
  for (const auto& [endpoint, server] : servers_) send_waiting(*server, now, build, send);
}

void Changes::send_waiting(Server& server, Steady now, const Build& build, const Send& send) {
  const double burst = std::max(1.0, per_second_ / 10.0);
  const double passed =
      server.filled == Steady{} ? burst : std::chrono::duration<double>(now - server.filled).count();
  server.tokens = std::min(burst, server.tokens + passed * per_second_);
  server.filled = now;
  while (!server.queue.empty() && server.tokens >= 1 && server.outstanding < server.sent.size()) {
    const Item item = server.queue.front();
    server.queue.pop_front();
    --waiting_;
    while (server.sent[server.next_id]) ++server.next_id;
    const std::uint8_t id = server.next_id++;
    Sent made = build(item, server.client, id);
    if (made.packet.empty()) continue;
    made.serial = ++serial_;
    made.sends = 1;
    send(server.endpoint, made.packet);
    const std::chrono::seconds patience =
        server.endpoint.stream != 0 ? stream_patience : std::chrono::seconds(2);
    due_.push({.at = now + patience, .server = server.endpoint, .id = id, .serial = made.serial});
    server.sent[id] = std::make_unique<Sent>(std::move(made));
    server.tokens -= 1;
    ++server.outstanding;
    ++under_way_;
  }
}

void Changes::repeat_due(Steady now, const Send& send, const GiveUp& give_up) {
  while (!due_.empty() && due_.top().at <= now) {
    const Due due = due_.top();
    due_.pop();
    const auto found = servers_.find(due.server);
    if (found == servers_.end()) continue;  // its connection has ended
    Server& server = *found->second;
    std::unique_ptr<Sent>& sent = server.sent[due.id];
    if (!sent || sent->serial != due.serial) continue;  // answered meanwhile
    if (server.endpoint.stream == 0 && sent->sends < sends_max) {
      send(server.endpoint, sent->packet);
      due_.push({.at = now + std::chrono::seconds(1 << ++sent->sends),
                 .server = due.server,
                 .id = due.id,
                 .serial = due.serial});
      continue;
    }
    const std::unique_ptr<Sent> given_up = std::move(sent);
    --server.outstanding;
    --under_way_;
    give_up(given_up->item);
  }
}

void Changes::close(const Endpoint& server, const GiveUp& give_up) {
  const auto found = servers_.find(server);
  if (found == servers_.end()) return;
  const std::unique_ptr<Server> gone = std::move(found->second);
  servers_.erase(found);
  waiting_ -= gone->queue.size();
  under_way_ -= gone->outstanding;
  for (const Item& item : gone->queue) give_up(item);
  for (const auto& sent : gone->sent) {
    if (sent) give_up(sent->item);
  }
}

const Changes::Sent* Changes::find(const Endpoint& server, std::uint8_t id) const {
  const auto found = servers_.find(server);
  return found == servers_.end() ? nullptr : found->second->sent[id].get();
}

Changes::Sent Changes::take(const Endpoint& server, std::uint8_t id) {
  Server& found = *servers_.at(server);
  Sent out = std::move(*found.sent[id]);
  found.sent[id].reset();
  --found.outstanding;
  --under_way_;
  return out;
}

}  // namespace dayaq::edge::radius
