// Changes of authorisation that wait to be sent, paced for each network access server, repeated until
// answered.
//
// queued -> sent (a token of its server's bucket, one of its 256 identifiers) -> ACK or NAK, or sent again
// after 2, 4, 8 s and given up 16 s after the last. On a RadSec connection, which loses nothing, it is sent
// once and given up after 30 s, or when the connection ends. Plain bookkeeping: whoever owns it builds the
// packets.
// @see RFC 5176; RFC 6613 section 2.6.1 (nothing is sent again on a stream)
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <vector>

#include "edge/radius/clients.hpp"
#include "edge/types.hpp"

namespace dayaq::edge::radius {

using Steady = std::chrono::steady_clock::time_point;

class Changes {
 public:
  static constexpr std::size_t servers_max = 65536;
  static constexpr int sends_max = 4;

  explicit Changes(int per_second) : per_second_(per_second > 0 ? per_second : 1) {}

  struct Item {
    std::uint32_t slot = 0;
    LeaseId lease;
  };
  /// One that was sent and not yet answered.
  struct Sent {
    Item item;
    std::uint32_t client = 0;
    std::uint64_t signature = 0;  ///< what the session becomes with an ACK
    std::uint64_t bound = 0;      ///< and its bound; 0: not said
    std::uint64_t serial = 0;
    int sends = 0;
    Bytes packet;
  };
  /// Makes the request for `item` with this identifier; an empty `packet` drops it.
  using Build = std::function<Sent(const Item& item, std::uint32_t client, std::uint8_t id)>;
  using Send = std::function<void(const Endpoint& to, const Bytes& packet)>;
  using GiveUp = std::function<void(const Item& item)>;

  /// False if there are too many servers.
  bool add(const Endpoint& server, std::uint32_t client, const Item& item);
  void tick(Steady now, const Build& build, const Send& send, const GiveUp& give_up);
  /// The request that a reply from `server` with this identifier would answer, or null.
  [[nodiscard]] const Sent* find(const Endpoint& server, std::uint8_t id) const;
  /// The connection has ended, and with it all that waited for it or for its answers.
  void close(const Endpoint& server, const GiveUp& give_up);
  /// It is answered; its identifier is free.
  Sent take(const Endpoint& server, std::uint8_t id);

  [[nodiscard]] std::size_t waiting() const { return waiting_; }
  [[nodiscard]] std::size_t under_way() const { return under_way_; }

 private:
  struct Server {
    Endpoint endpoint;
    std::uint32_t client = 0;
    std::deque<Item> queue;
    std::array<std::unique_ptr<Sent>, 256> sent;
    std::uint8_t next_id = 0;
    std::size_t outstanding = 0;
    double tokens = 0;
    Steady filled;
  };
  struct Due {
    Steady at;
    Endpoint server;
    std::uint8_t id = 0;
    std::uint64_t serial = 0;
    bool operator>(const Due& other) const { return at > other.at; }
  };
  void send_waiting(Server& server, Steady now, const Build& build, const Send& send);
  void repeat_due(Steady now, const Send& send, const GiveUp& give_up);

  int per_second_;
  std::uint64_t serial_ = 0;
  std::size_t waiting_ = 0, under_way_ = 0;
  std::map<Endpoint, std::unique_ptr<Server>> servers_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
};

}  // namespace dayaq::edge::radius
