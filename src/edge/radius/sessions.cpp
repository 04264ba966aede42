#include "edge/radius/sessions.hpp"

namespace dayaq::edge::radius {

std::uint32_t Sessions::find(const LeaseId& lease) const {
  const auto found = by_lease_.find(lease);
  return found == by_lease_.end() ? no_session : found->second;
}

std::uint32_t Sessions::add(const LeaseId& lease, SubscriptionKey key) {
  DAYAQ_ASSERT(key != 0);
  if (by_lease_.size() >= sessions_max) return no_session;
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = std::uint32_t(sessions_.size());
    sessions_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Session& session = sessions_[slot];
  session = {.lease = lease, .key = key, .sender = {}, .refused = {}, .identity = {}};
  by_lease_.emplace(lease, slot);
  const auto [first, fresh] = by_key_.try_emplace(key, slot);
  if (!fresh) {
    session.next_of_key = first->second;
    sessions_[first->second].previous_of_key = slot;
    first->second = slot;
  }
  return slot;
}

void Sessions::erase(std::uint32_t slot) {
  Session& session = sessions_[slot];
  by_lease_.erase(session.lease);
  if (session.next_of_key != no_session)
    sessions_[session.next_of_key].previous_of_key = session.previous_of_key;
  if (session.previous_of_key != no_session) {
    sessions_[session.previous_of_key].next_of_key = session.next_of_key;
  } else if (session.next_of_key != no_session) {
    by_key_[session.key] = session.next_of_key;
  } else {
    by_key_.erase(session.key);
  }
  session = {.lease = {}, .sender = {}, .refused = {}, .identity = {}};
  free_.push_back(slot);
}

bool Sessions::holds(std::uint32_t slot, const LeaseId& lease) const {
  return slot < sessions_.size() && sessions_[slot].key != 0 && sessions_[slot].lease == lease;
}

}  // namespace dayaq::edge::radius
