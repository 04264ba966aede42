// The sessions that accounting has told of: whom to tell when a grant changes. In memory alone: what counts
// is in the engine's journal, and an Interim names a session again after a restart.
#pragma once

#include <unordered_map>

#include "edge/radius/clients.hpp"
#include "edge/types.hpp"

namespace dayaq::edge::radius {

inline constexpr std::uint32_t no_session = UINT32_MAX;

struct Session {
  LeaseId lease;
  SubscriptionKey key = 0;
  std::uint32_t client = 0;
  Address sender;         ///< where its packets come from
  std::uint64_t nas = 0;  ///< hash of the network access server's name
  std::uint64_t octets = 0;
  std::uint64_t applied = 0;  ///< signature of what the network has been told
  std::uint64_t bound = 0;    ///< counter up to which it may go, as it has been told; 0: nothing was said
  std::uint64_t bound_wanted = 0;        ///< and as it should be; 0: as it is
  std::optional<std::uint64_t> refused;  ///< signature that the network didn't take
  std::uint32_t heard_s = 0;             ///< seconds of the steady clock
  bool counted = false;   ///< the engine counts it under `key`; else the key is the likeliest of the unknown
  bool changing = false;  ///< a CoA-Request waits or is under way
  bool again = false;     ///< something changed meanwhile
  Bytes identity;         ///< session_identity()
  std::uint32_t next_of_key = no_session, previous_of_key = no_session;
};

class Sessions {
 public:
  static constexpr std::size_t sessions_max = 4'000'000;

  [[nodiscard]] std::uint32_t find(const LeaseId& lease) const;
  [[nodiscard]] Session& at(std::uint32_t slot) { return sessions_[slot]; }
  [[nodiscard]] const Session& at(std::uint32_t slot) const { return sessions_[slot]; }
  /// A new one; no_session when there are too many.
  std::uint32_t add(const LeaseId& lease, SubscriptionKey key);
  void erase(std::uint32_t slot);
  /// The slot still holds this lease: a change that was queued for it is for it.
  [[nodiscard]] bool holds(std::uint32_t slot, const LeaseId& lease) const;
  [[nodiscard]] std::size_t size() const { return by_lease_.size(); }
  [[nodiscard]] std::size_t slots() const { return sessions_.size(); }
  [[nodiscard]] bool used(std::uint32_t slot) const { return sessions_[slot].key != 0; }

  template <class Function>
  void of_key(SubscriptionKey key, Function function) const {
    const auto first = by_key_.find(key);
    if (first == by_key_.end()) return;
    for (std::uint32_t slot = first->second; slot != no_session; slot = sessions_[slot].next_of_key)
      function(slot);
  }

 private:
  struct HashLease {
    std::size_t operator()(const LeaseId& lease) const { return lease.low; }
  };
  std::vector<Session> sessions_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<LeaseId, std::uint32_t, HashLease> by_lease_;
  std::unordered_map<SubscriptionKey, std::uint32_t> by_key_;
};

}  // namespace dayaq::edge::radius
