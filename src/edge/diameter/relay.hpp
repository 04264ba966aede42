// The operator's charging systems behind the edge: connections to them, and the requests that wait for their
// answers.
//
// - The first of the list that is alive gets every request; when it dies, falls silent for Tw (suspect) or
//   leaves, what it has not answered is sent again to the next, with the T bit.
// - A request unanswered for half of its time goes to the next one too, as does one that is answered "busy"
// or
//   "can't be delivered" (RFC 6733 section 2.8, 5.5.4). Whichever it was sent to last may answer: a late
//   answer of another is dropped.
// - After its whole time, or when there is nobody to send it to, a request is given back unanswered.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "edge/diameter/credit_control.hpp"
#include "edge/diameter/node.hpp"
#include "edge/diameter/peer.hpp"

namespace dayaq::edge::diameter {

/// A request of the network on its way to a charging system and back.
struct Relayed {
  std::unique_ptr<Pending> pending;
  std::weak_ptr<Peer> client;
  std::uint32_t hop_by_hop = 0, end_to_end = 0;  ///< as the client gave them
  Bytes request;
};

class Relay {
 public:
  struct Calls {
    /// Opens a connection to `address`; `done` gets a stream or none.
    std::function<void(const PeerOptions&, std::function<void(std::unique_ptr<Stream>, std::string)>)>
        connect;
    /// The answer, or nothing if there is none to be had.
    std::function<void(Relayed, BytesView answer)> finished;
  };
  struct Times {
    std::chrono::milliseconds timeout{4000};
    std::chrono::milliseconds reconnect{30000};  ///< Tc
    std::chrono::milliseconds watchdog{30000};   ///< Tw
    Peer::Times peer;
  };

  Relay(PeerHost& host, const std::vector<PeerOptions>& systems, const Times& times,
        std::function<double()> jitter, Calls calls);

  void connect_all(TimePoint now);
  /// In place of those so far. Of those that are gone, what they were asked is waited for before they are
  /// told.
  void use_systems(const std::vector<PeerOptions>& systems, TimePoint now);
  /// False if there is nobody to send it to: `relayed` is then as it was.
  bool send(Relayed& relayed, TimePoint now);
  /// An answer from a charging system. False if nothing waits for it (or from it).
  bool on_answer(Peer& from, const Header& header, BytesView answer);
  /// What this peer hasn't answered goes elsewhere.
  void fail_over(Peer& from);
  void on_down(Peer& peer, TimePoint now);
  void tick(TimePoint now);
  void flush();  ///< sends what was given since the last time
  /// No new connections; what waits is given back unanswered.
  void stop();
  void disconnect_all(std::uint32_t cause);

  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] bool any_connected() const;
  void describe(std::vector<std::pair<std::string, std::string>>& out) const;

 private:
  struct System {
    PeerOptions options;
    std::shared_ptr<Watchdog> watchdog;
    std::shared_ptr<Peer> peer;  ///< null while not connected
    bool connecting = false;
    TimePoint again = TimePoint::min();  ///< when to connect again
    bool retired = false;                ///< no longer in the file: nothing more is sent to it
    bool leaving = false;                ///< and has been told
    TimePoint leave_by{};
  };
  struct Waiting {
    Relayed relayed;
    std::size_t system = 0;
    std::uint64_t tried = 0;  ///< systems it was sent to, as bits
    TimePoint sent, deadline;
  };
  /// The system a request goes to next: alive, and not among `tried`. npos if none.
  [[nodiscard]] std::size_t choose(std::uint64_t tried) const;
  void transmit(Waiting&& waiting, std::size_t system, bool again);
  bool resend(std::uint32_t hop_by_hop);
  void give_back(std::uint32_t hop_by_hop, BytesView answer);
  void connect(std::size_t system, TimePoint now);
  [[nodiscard]] std::size_t place_for(const PeerOptions& options) const;
  void let_go(std::size_t system, TimePoint now);

  static constexpr std::size_t systems_max = 64;  ///< as many as `tried` has bits
  static constexpr std::size_t npos = std::size_t(-1);
  PeerHost& host_;
  const Times times_;
  Calls calls_;
  std::deque<System> systems_;                          ///< a place is used again once who had it has gone
  std::vector<std::size_t> order_;                      ///< of those in the file
  std::unordered_map<std::uint32_t, Waiting> waiting_;  ///< by the hop-by-hop it was last sent with
  struct Due {
    std::uint32_t hop_by_hop = 0;
    bool half = false;  ///< of its time: try another
  };
  std::multimap<TimePoint, Due> due_;  ///< may name what has been answered since
  std::function<double()> jitter_;
  bool stopped_ = false;
};

}  // namespace dayaq::edge::diameter
