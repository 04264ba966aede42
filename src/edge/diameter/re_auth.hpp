// Re-Auth-Requests when grants change: collected, each session once, sent paced.
//
// A regime change concerns a million sessions at once. What is to be done is kept as subscriptions and
// measures; sessions are fetched from them a few hundred at a time, as fast as they go out. A token bucket
// holds the rate of all together, and each peer has a window of unanswered ones, so that a slow peer holds up
// nobody else; one that is silent while much waits for it is left to its Validity-Time. @see RFC 6733
// section 8.3; RFC 8506 section 5.5.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "edge/diameter/credit_control.hpp"

namespace dayaq::edge::diameter {

class ReAuth {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Session = CreditControl::Session;
  struct Calls {
    /// Sessions of a subscription; under the edge's lock.
    std::function<std::vector<Session>(SubscriptionKey)> of_subscription;
    /// Sessions under a measure, as CreditControl::sessions_under.
    std::function<std::vector<Session>(MeasureNumber, std::size_t, std::uint64_t&)> under_measure;
    /// Sends a request to who holds the session: its hop-by-hop, or nothing if the peer isn't connected.
    std::function<std::optional<std::uint32_t>(const Session&)> send;
    std::function<void(const Session&)> forget;  ///< the network doesn't know it
  };
  struct Limits {
    int per_second = 40000;
    std::size_t window = 2000;                 ///< unanswered, of one peer
    std::chrono::milliseconds timeout{10000};  ///< of one request; then it is sent once more
    std::size_t queued_max = 100'000;          ///< fetched and not sent, of all peers
    int fetches = 20;                          ///< at most, each time
    std::chrono::milliseconds silent{5000};    ///< whoever answered nothing for so long may be left out
    std::size_t fetch = 500;                   ///< sessions at a time, under the lock
  };
  struct Counts {
    std::uint64_t sent = 0, answered = 0, unreachable = 0, timed_out = 0, unknown = 0;
    std::uint64_t waiting = 0;  ///< known sessions and subscriptions still to be told
  };

  ReAuth(const Limits& limits, Calls calls) : limits_(limits), calls_(std::move(calls)) {}

  void add(SubscriptionKey key);
  void add_measure(MeasureNumber measure);
  /// Nothing is left to send or to be answered.
  [[nodiscard]] bool idle() const {
    return keys_.empty() && measures_.empty() && queued_ == 0 && asked_.empty();
  }
  /// Fetches and sends what the time since the last call allows. Called every few milliseconds while not
  /// idle.
  void run(Time now);
  /// An RAA from `peer`. False if it answers nothing that was asked of it.
  bool on_answer(std::string_view peer, std::uint32_t hop_by_hop, std::optional<std::uint32_t> result_code,
                 Time now);
  void on_peer_down(const std::string& peer);
  [[nodiscard]] Counts counts() const;

 private:
  struct Queued {
    Session session;
    int tries = 0;
  };
  struct Queue {
    std::deque<Queued> waiting;
    std::size_t unanswered = 0;
    Time heard{};  ///< when it last answered, or had nothing to answer
  };
  struct Asked {
    Queued queued;
    Time sent;
  };
  [[nodiscard]] std::size_t ready() const;
  void fetch(Time now);
  void leave_out_silent(Time now);
  void enqueue(std::vector<Session> sessions, Time now);
  bool send_one(Queue& queue, Time now);
  void expire(Time now);

  const Limits limits_;
  const Calls calls_;
  std::deque<SubscriptionKey> keys_;
  std::unordered_set<SubscriptionKey> known_keys_;
  struct Walk {
    MeasureNumber measure = 0;
    std::uint64_t cursor = 0;
    bool begun = false, again = false;  ///< changed again while it is walked
  };
  std::deque<Walk> measures_;
  std::unordered_map<std::string, Queue> queues_;     ///< by peer
  std::unordered_set<std::string> known_;             ///< Session-Ids that wait or are asked
  std::unordered_map<std::uint32_t, Asked> asked_;    ///< by hop-by-hop
  std::deque<std::pair<Time, std::uint32_t>> order_;  ///< of asked_, oldest first
  std::size_t queued_ = 0;
  double tokens_ = 0;
  Time filled_{};
  Counts counts_;
};

}  // namespace dayaq::edge::diameter
