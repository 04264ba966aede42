#include "edge/diameter/re_auth.hpp"

#include <algorithm>
#include <utility>

#include "edge/diameter/dictionary.hpp"

namespace dayaq::edge::diameter {

void ReAuth::add(SubscriptionKey key) {
  if (known_keys_.insert(key).second) keys_.push_back(key);
}

void ReAuth::add_measure(MeasureNumber measure) {
  for (Walk& walk : measures_) {
    if (walk.measure != measure) continue;
    walk.again = walk.begun;
    return;
  }
  measures_.push_back({.measure = measure});
}

void ReAuth::run(Time now) {
  const double burst = std::max(1.0, limits_.per_second * 0.05);
  const double since = std::chrono::duration<double>(now - filled_).count();
  tokens_ = filled_ == Time{} ? burst : std::min(burst, tokens_ + since * limits_.per_second);
  filled_ = now;
  expire(now);
  int fetches = 0;
  for (bool went = true; tokens_ >= 1 && went;) {
    if (fetches++ < limits_.fetches) fetch(now);
    went = false;
    // In turns, so that one peer's million doesn't stand before another's three.
    for (auto& [peer, queue] : queues_) {
      for (int i = 0; i < 16 && tokens_ >= 1 && send_one(queue, now); ++i) went = true;
    }
    const bool more = (!keys_.empty() || !measures_.empty()) && queued_ < limits_.queued_max;
    went = went || (more && fetches < limits_.fetches);
  }
}

/// How many could be sent now: those of peers that answer.
std::size_t ReAuth::ready() const {
  std::size_t count = 0;
  for (const auto& [peer, queue] : queues_) {
    if (queue.unanswered < limits_.window) count += queue.waiting.size();
  }
  return count;
}

void ReAuth::fetch(Time now) {
  if (ready() >= limits_.fetch) return;
  if (queued_ >= limits_.queued_max) leave_out_silent(now);
  if (queued_ >= limits_.queued_max) return;
  for (int i = 0; i < 64 && !keys_.empty(); ++i) {
    const SubscriptionKey key = keys_.front();
    keys_.pop_front();
    known_keys_.erase(key);
    enqueue(calls_.of_subscription(key), now);
  }
  if (measures_.empty() || ready() >= limits_.fetch) return;
  Walk& walk = measures_.front();
  walk.begun = true;
  enqueue(calls_.under_measure(walk.measure, limits_.fetch, walk.cursor), now);
  if (walk.cursor != 0) return;
  if (std::exchange(walk.again, false)) return;
  measures_.pop_front();
}

void ReAuth::leave_out_silent(Time now) {
  for (auto& [peer, queue] : queues_) {
    if (queue.unanswered < limits_.window || queue.heard + limits_.silent > now) continue;
    for (const Queued& queued : queue.waiting) known_.erase(queued.session.session_id);
    counts_.unreachable += queue.waiting.size();
    queued_ -= queue.waiting.size();
    queue.waiting.clear();
  }
}

void ReAuth::enqueue(std::vector<Session> sessions, Time now) {
  for (Session& session : sessions) {
    if (!known_.insert(session.session_id).second) continue;
    Queue& queue = queues_[session.peer];
    if (queue.unanswered == 0) queue.heard = now;
    queue.waiting.push_back({.session = std::move(session)});
    ++queued_;
  }
}

bool ReAuth::send_one(Queue& queue, Time now) {
  if (queue.waiting.empty() || queue.unanswered >= limits_.window) return false;
  Queued queued = std::move(queue.waiting.front());
  queue.waiting.pop_front();
  --queued_;
  const auto hop_by_hop = calls_.send(queued.session);
  if (!hop_by_hop) {
    // Its Validity-Time is the floor: it asks again by itself, here or at another edge.
    ++counts_.unreachable;
    known_.erase(queued.session.session_id);
    return true;
  }
  tokens_ -= 1;
  ++counts_.sent;
  ++queue.unanswered;
  ++queued.tries;
  order_.emplace_back(now, *hop_by_hop);
  asked_.emplace(*hop_by_hop, Asked{.queued = std::move(queued), .sent = now});
  return true;
}

bool ReAuth::on_answer(std::string_view peer, std::uint32_t hop_by_hop,
                       std::optional<std::uint32_t> result_code, Time now) {
  const auto found = asked_.find(hop_by_hop);
  if (found == asked_.end() || found->second.queued.session.peer != peer) return false;
  Queued queued = std::move(found->second.queued);
  asked_.erase(found);
  Queue& queue = queues_[queued.session.peer];
  --queue.unanswered;
  queue.heard = now;
  ++counts_.answered;
  const bool busy = result_code == result::too_busy || result_code == result::unable_to_deliver;
  if (busy && queued.tries < 3) {
    queue.waiting.push_back(std::move(queued));
    ++queued_;
    return true;
  }
  known_.erase(queued.session.session_id);
  if (result_code == result::unknown_session_id) {
    ++counts_.unknown;
    calls_.forget(queued.session);
  }
  return true;
}

void ReAuth::expire(Time now) {
  while (!order_.empty()) {
    const auto [sent, hop_by_hop] = order_.front();
    const auto found = asked_.find(hop_by_hop);
    if (found != asked_.end() && found->second.sent == sent) {
      if (sent + limits_.timeout > now) return;
      Queued queued = std::move(found->second.queued);
      asked_.erase(found);
      Queue& queue = queues_[queued.session.peer];
      --queue.unanswered;
      ++counts_.timed_out;
      if (queued.tries < 2) {
        queue.waiting.push_back(std::move(queued));
        ++queued_;
      } else {
        known_.erase(queued.session.session_id);
      }
    }
    order_.pop_front();
  }
}

void ReAuth::on_peer_down(const std::string& peer) {
  const auto found = queues_.find(peer);
  if (found == queues_.end()) return;
  for (const Queued& queued : found->second.waiting) known_.erase(queued.session.session_id);
  counts_.unreachable += found->second.waiting.size();
  queued_ -= found->second.waiting.size();
  for (auto at = asked_.begin(); at != asked_.end();) {
    if (at->second.queued.session.peer == peer) {
      known_.erase(at->second.queued.session.session_id);
      at = asked_.erase(at);
    } else {
      ++at;
    }
  }
  queues_.erase(found);
}

ReAuth::Counts ReAuth::counts() const {
  Counts out = counts_;
  out.waiting = queued_ + keys_.size() + asked_.size();
  return out;
}

}  // namespace dayaq::edge::diameter
