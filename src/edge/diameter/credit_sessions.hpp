// The sessions in progress: who holds them, whose they are, and which of their parts this edge has granted.
//
// Decisions never rest on it (an update whose session isn't here is answered from the replica): it is kept to
// re-authorise sessions when grants change, to tell the charging system only what is its own, and to number
// what it is told. Lost with the process, and rebuilt from the updates that come. A session takes about 200
// bytes with its indexes, plus the bytes of its Session-Id beyond 32.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/siphash.hpp"
#include "edge/types.hpp"

namespace dayaq::edge::diameter {

/// Who granted what a part of a session uses.
enum class Holder : std::uint8_t {
  nobody,           ///< not asked yet, or not known
  edge,             ///< this edge, from a grant
  limited,          ///< nobody: it is in limited service
  charging_system,  ///< the operator's own
};

struct SessionLease {
  std::uint64_t part = 0;
  MeasureNumber measure = 0;
  ServiceIndex service = no_service;
  Holder holder = Holder::nobody;
};

/// Open addressing from a hash to slots; the slots tell whether they are meant.
class SlotIndex {
 public:
  static constexpr std::uint32_t none = 0xffffffff;
  template <class Matches>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, Matches matches) const {
    if (entries_.empty()) return none;
    const std::uint32_t tag = tag_of(hash);
    for (std::size_t at = tag & mask();; at = (at + 1) & mask()) {
      const Entry& entry = entries_[at];
      if (entry.slot == none) return none;
      if (entry.tag == tag && matches(entry.slot)) return entry.slot;
    }
  }
  void insert(std::uint64_t hash, std::uint32_t slot);
  void replace(std::uint64_t hash, std::uint32_t slot, std::uint32_t by);
  void erase(std::uint64_t hash, std::uint32_t slot);
  [[nodiscard]] std::size_t bytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  struct Entry {
    std::uint32_t tag = 0;
    std::uint32_t slot = none;
  };
  [[nodiscard]] static std::uint32_t tag_of(std::uint64_t hash) { return std::uint32_t(hash >> 32 ^ hash); }
  [[nodiscard]] std::size_t mask() const { return entries_.size() - 1; }
  void grow();
  std::vector<Entry> entries_;
  std::size_t count_ = 0;
};

class Sessions {
 public:
  struct Session {
    std::uint64_t hash = 0;  ///< of the Session-Id; see hash_of
    SubscriptionKey key = 0;
    std::unique_ptr<char[]> id;
    std::uint32_t id_bytes = 0;
    std::uint32_t expires = 0;  ///< seconds since 1970; supervision ends it then
    std::uint32_t next = SlotIndex::none, previous = SlotIndex::none;  ///< of the same subscription
    std::uint32_t host = 0, peer = 0, realm = 0;                       ///< interned names
    // What the charging system was told: its own numbers, without gaps.
    std::uint32_t upstream_next = 0;                   ///< CC-Request-Number of the next request to it
    std::uint32_t relayed_number = 0, relayed_as = 0;  ///< the last: as the network and as we numbered it
    std::uint32_t list_version = 0;                    ///< Gx: of the resources that its rules are of
    bool in_use = false;
    bool upstream_open = false;    ///< it knows the session
    bool relayed_any = false;      ///< the two above hold
    bool relayed_initial = false;  ///< the last was made an INITIAL_REQUEST
    std::uint8_t lease_count = 0;
    SessionLease inline_leases[2];
    std::unique_ptr<std::vector<SessionLease>> more_leases;

    [[nodiscard]] std::string_view session_id() const { return {id.get(), id_bytes}; }
  };

  explicit Sessions(std::size_t sessions_max) : sessions_max_(sessions_max) {}

  /// A Session-Id is unique everywhere (RFC 6733 section 8.8). Keyed, so that nobody outside can choose
  /// collisions.
  [[nodiscard]] static std::uint64_t hash_of(const SipKey& key, std::string_view session_id) {
    return siphash(key, session_id);
  }

  [[nodiscard]] Session* find(std::uint64_t hash, std::string_view session_id);

  struct Opening {
    std::uint64_t hash = 0;
    std::string_view session_id, origin_host, peer, realm;
    SubscriptionKey key = 0;
    std::uint32_t expires = 0;
  };
  /// The session, new or as it is; null if there is no room for one more.
  Session* open(const Opening& opening);
  void close(Session& session);

  /// The part's lease, or null.
  [[nodiscard]] static SessionLease* lease(Session& session, std::uint64_t part);
  /// Adds or overwrites; at most 255 a session, more are not noted.
  static void set_lease(Session& session, const SessionLease& lease);
  template <class Visit>
  static void each_lease(const Session& session, Visit visit) {
    const std::size_t inlined = session.lease_count < 2 ? session.lease_count : 2;
    for (std::size_t i = 0; i < inlined; ++i) visit(session.inline_leases[i]);
    if (session.more_leases) {
      for (const SessionLease& lease : *session.more_leases) visit(lease);
    }
  }

  template <class Visit>
  void each_of(SubscriptionKey key, Visit visit) const {
    for (std::uint32_t slot = first_of(key); slot != SlotIndex::none; slot = at(slot).next) visit(at(slot));
  }
  /// Visits at most `slots` slots from `cursor` on, and moves it; 0 at the end. `visit` returns false to stop
  /// after this one.
  template <class Visit>
  void walk(std::uint64_t& cursor, std::size_t slots, Visit visit) const {
    std::uint64_t slot = cursor;
    for (; slots > 0 && slot < slots_; --slots) {
      const Session& session = at(std::uint32_t(slot++));
      if (session.in_use && !visit(session)) break;
    }
    cursor = slot >= slots_ ? 0 : slot;
  }
  /// Ends those whose time is over, among the next `slots`.
  std::size_t sweep(std::uint32_t now, std::size_t slots);

  [[nodiscard]] const std::string& name(std::uint32_t interned) const { return names_[interned]; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t bytes() const;  ///< about, with all indexes

 private:
  static constexpr std::size_t chunk = 4096;
  [[nodiscard]] Session& at(std::uint32_t slot) { return chunks_[slot / chunk][slot % chunk]; }
  [[nodiscard]] const Session& at(std::uint32_t slot) const { return chunks_[slot / chunk][slot % chunk]; }
  [[nodiscard]] std::uint32_t slot_of(const Session& session) const;
  [[nodiscard]] std::uint32_t first_of(SubscriptionKey key) const;
  /// npos if there are too many names.
  [[nodiscard]] std::uint32_t intern(std::string_view name);
  void close_slot(std::uint32_t slot);

  static constexpr std::size_t names_max = 65536;
  std::size_t sessions_max_;
  std::vector<std::unique_ptr<Session[]>> chunks_;
  std::uint32_t slots_ = 0;
  std::vector<std::uint32_t> free_;
  SlotIndex by_id_, by_key_;
  std::deque<std::string> names_;
  std::unordered_map<std::string_view, std::uint32_t> name_numbers_;
  std::size_t count_ = 0, text_bytes_ = 0;
  std::uint64_t sweep_at_ = 0;
};

}  // namespace dayaq::edge::diameter
