#include "edge/diameter/credit_sessions.hpp"

#include <algorithm>
#include <cstring>

namespace dayaq::edge::diameter {

void SlotIndex::grow() {
  std::vector<Entry> old = std::move(entries_);
  entries_.assign(old.empty() ? 1024 : old.size() * 2, Entry{});
  for (const Entry& entry : old) {
    if (entry.slot == none) continue;
    std::size_t at = entry.tag & mask();
    while (entries_[at].slot != none) at = (at + 1) & mask();
    entries_[at] = entry;
  }
}

void SlotIndex::insert(std::uint64_t hash, std::uint32_t slot) {
  if ((count_ + 1) * 4 > entries_.size() * 3) grow();
  const std::uint32_t tag = tag_of(hash);
  std::size_t at = tag & mask();
  while (entries_[at].slot != none) at = (at + 1) & mask();
  entries_[at] = {.tag = tag, .slot = slot};
  ++count_;
}

void SlotIndex::replace(std::uint64_t hash, std::uint32_t slot, std::uint32_t by) {
  for (std::size_t at = tag_of(hash) & mask(); entries_[at].slot != none; at = (at + 1) & mask()) {
    if (entries_[at].slot != slot) continue;
    entries_[at].slot = by;
    return;
  }
}

void SlotIndex::erase(std::uint64_t hash, std::uint32_t slot) {
  if (entries_.empty()) return;
  std::size_t at = tag_of(hash) & mask();
  while (entries_[at].slot != slot) {
    if (entries_[at].slot == none) return;
    at = (at + 1) & mask();
  }
  // Those behind that could stand in its place move up, so that no search stops too early.
  std::size_t hole = at;
  for (std::size_t next = (at + 1) & mask(); entries_[next].slot != none; next = (next + 1) & mask()) {
    const std::size_t home = entries_[next].tag & mask();
    if (((next - home) & mask()) >= ((next - hole) & mask())) {
      entries_[hole] = entries_[next];
      hole = next;
    }
  }
  entries_[hole] = {};
  --count_;
}

Sessions::Session* Sessions::find(std::uint64_t hash, std::string_view session_id) {
  const std::uint32_t slot = by_id_.find(hash, [&](std::uint32_t candidate) {
    const Session& session = at(candidate);
    return session.hash == hash && session.session_id() == session_id;
  });
  return slot == SlotIndex::none ? nullptr : &at(slot);
}

std::uint32_t Sessions::slot_of(const Session& session) const {
  return by_id_.find(session.hash, [&](std::uint32_t candidate) { return &at(candidate) == &session; });
}

std::uint32_t Sessions::first_of(SubscriptionKey key) const {
  return by_key_.find(key, [&](std::uint32_t candidate) { return at(candidate).key == key; });
}

std::uint32_t Sessions::intern(std::string_view name) {
  if (const auto known = name_numbers_.find(name); known != name_numbers_.end()) return known->second;
  if (names_.size() == names_max) return SlotIndex::none;
  const std::string& kept = names_.emplace_back(name);
  const auto number = std::uint32_t(names_.size() - 1);
  name_numbers_.emplace(kept, number);
  return number;
}

Sessions::Session* Sessions::open(const Opening& opening) {
  if (Session* known = find(opening.hash, opening.session_id)) return known;
  const std::uint32_t host = intern(opening.origin_host), peer = intern(opening.peer),
                      realm = intern(opening.realm);
  if (count_ == sessions_max_ || host == SlotIndex::none || peer == SlotIndex::none ||
      realm == SlotIndex::none) {
    return nullptr;
  }
  std::uint32_t slot = slots_;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
  } else {
    if (slots_ % chunk == 0) chunks_.push_back(std::make_unique<Session[]>(chunk));
    ++slots_;
  }
  Session& session = at(slot);
  session.hash = opening.hash;
  session.key = opening.key;
  session.id = std::make_unique_for_overwrite<char[]>(opening.session_id.size());
  std::memcpy(session.id.get(), opening.session_id.data(), opening.session_id.size());
  session.id_bytes = std::uint32_t(opening.session_id.size());
  session.expires = opening.expires;
  session.host = host;
  session.peer = peer;
  session.realm = realm;
  session.in_use = true;
  by_id_.insert(session.hash, slot);
  if (session.key != 0) {
    const std::uint32_t first = first_of(session.key);
    session.next = first;
    if (first == SlotIndex::none) {
      by_key_.insert(session.key, slot);
    } else {
      at(first).previous = slot;
      by_key_.replace(session.key, first, slot);
    }
  }
  ++count_;
  text_bytes_ += opening.session_id.size();
  return &session;
}

void Sessions::close(Session& session) {
  close_slot(slot_of(session));
}

void Sessions::close_slot(std::uint32_t slot) {
  Session& session = at(slot);
  by_id_.erase(session.hash, slot);
  if (session.key != 0) {
    if (session.previous != SlotIndex::none) {
      at(session.previous).next = session.next;
    } else if (session.next != SlotIndex::none) {
      by_key_.replace(session.key, slot, session.next);
    } else {
      by_key_.erase(session.key, slot);
    }
    if (session.next != SlotIndex::none) at(session.next).previous = session.previous;
  }
  text_bytes_ -= session.id_bytes;
  session = Session{};
  free_.push_back(slot);
  --count_;
}

SessionLease* Sessions::lease(Session& session, std::uint64_t part) {
  const std::size_t inlined = std::min<std::size_t>(session.lease_count, 2);
  for (std::size_t i = 0; i < inlined; ++i) {
    if (session.inline_leases[i].part == part) return &session.inline_leases[i];
  }
  if (!session.more_leases) return nullptr;
  const auto found = std::ranges::find(*session.more_leases, part, &SessionLease::part);
  return found == session.more_leases->end() ? nullptr : &*found;
}

void Sessions::set_lease(Session& session, const SessionLease& lease) {
  if (SessionLease* known = Sessions::lease(session, lease.part)) {
    *known = lease;
    return;
  }
  if (session.lease_count == 255) return;
  if (session.lease_count < 2) {
    session.inline_leases[session.lease_count] = lease;
  } else {
    if (!session.more_leases) session.more_leases = std::make_unique<std::vector<SessionLease>>();
    session.more_leases->push_back(lease);
  }
  ++session.lease_count;
}

std::size_t Sessions::sweep(std::uint32_t now, std::size_t slots) {
  std::size_t ended = 0;
  for (slots = std::min<std::size_t>(slots, slots_); slots > 0; --slots) {
    if (sweep_at_ >= slots_) sweep_at_ = 0;
    const auto slot = std::uint32_t(sweep_at_++);
    const Session& session = at(slot);
    if (session.in_use && session.expires <= now) {
      close_slot(slot);
      ++ended;
    }
  }
  return ended;
}

std::size_t Sessions::bytes() const {
  return chunks_.size() * chunk * sizeof(Session) + by_id_.bytes() + by_key_.bytes() +
         free_.capacity() * sizeof(std::uint32_t) + text_bytes_ + count_ * 16;
}

}  // namespace dayaq::edge::diameter
