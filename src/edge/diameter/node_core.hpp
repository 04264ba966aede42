// The node's loop: all of it runs on the node's one thread, but for what says otherwise.
//
// What one read of one connection brings is decided under one hold of the edge's lock; answers that rest on
// records not yet on disk are held by their connection until the journal's waker says so, and go out in one
// write.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <mutex>
#include <set>

#include "base/random.hpp"
#include "edge/diameter/node.hpp"
#include "edge/diameter/peer.hpp"
#include "edge/diameter/re_auth.hpp"
#include "edge/diameter/relay.hpp"

namespace dayaq::edge::diameter {

class NodeCore final : public PeerHost {
 public:
  NodeCore(const NodeOptions& options, std::shared_ptr<Charging> charging, const Clock& clock);
  ~NodeCore() override;

  /// Before the loop runs.
  Result<void> open();
  asio::io_context& context() { return context_; }
  [[nodiscard]] std::uint16_t port(bool tls) const;

  void begin_stop();  ///< on the loop; the loop ends when all have said goodbye
  /// On the loop; `done` with what is to be given, then the loop ends.
  void begin_hand_over(std::chrono::milliseconds wait, std::function<void(Inheritance)> done);
  [[nodiscard]] std::vector<int> stop_accepting();

  void use_clients(std::vector<PeerOptions> clients);                  ///< on the loop
  void use_charging_systems(const std::vector<PeerOptions>& systems);  ///< on the loop

  void wake();                             ///< any thread: the journal has come further
  void re_authorise(SubscriptionKey key);  ///< any thread, also under the edge's lock
  void re_authorise_measure(MeasureNumber measure);
  [[nodiscard]] Node::Counts counts() const;  ///< any thread

 private:
  // PeerHost
  [[nodiscard]] const Self& self() const override { return self_; }
  [[nodiscard]] std::uint32_t next_hop_by_hop() override { return hop_by_hop_++; }
  [[nodiscard]] std::uint32_t next_end_to_end() override { return end_to_end_.next(); }
  void on_capabilities(Peer& peer, const Capabilities& capabilities) override;
  void on_open(Peer& peer) override;
  void on_message(Peer& peer, const Header& header, BytesView message) override;
  void on_batch_end(Peer& peer) override;
  void on_suspect(Peer& peer) override;
  void on_okay(Peer& peer) override;
  void on_malformed() override { ++malformed_; }
  void on_mismatched() override { ++mismatched_; }
  void on_down(Peer& peer, std::string_view why) override;

  // Coming and going (node_core.cpp)
  struct Listener {
    tcp::acceptor acceptor;
    bool tls = false;
  };
  Result<void> listen(std::uint16_t port, bool tls, int inherited);
  Result<void> configure_tls();
  Result<void> load_tls(asio::ssl::context& context, bool server) const;
  void accept(Listener& listener);
  void take(tcp::socket socket, bool tls);
  void take_over(Inheritance::Connection& connection);
  void connect(const PeerOptions& options, std::function<void(std::unique_ptr<Stream>, std::string)> done);
  void admit(Peer& peer, std::uint32_t result_code, BytesView failed_avp = {});
  [[nodiscard]] std::uint32_t may_come_in(const Peer& peer) const;
  [[nodiscard]] std::shared_ptr<Peer> find_client(std::string_view origin_host) const;
  [[nodiscard]] std::shared_ptr<Watchdog> new_watchdog();
  void settle_contests(TimePoint now);
  void tick();
  void schedule_tick();
  void continue_stop(TimePoint now);
  void collect_inheritance();
  void publish();

  // Requests and answers (node_requests.cpp)
  void lock();
  [[nodiscard]] std::uint32_t why_not(const Peer& peer, const Header& header, BytesView message);
  void on_credit_control(Peer& peer, const Header& header, BytesView message);
  void on_charging_system_request(Peer& peer, const Header& header, BytesView message);
  void on_answer(Peer& peer, const Header& header, BytesView message);
  void refuse(Peer& peer, BytesView message, std::uint32_t result_code);
  void finish_relayed(Relayed relayed, BytesView answer);
  void answer(Peer& peer, BytesView message, std::uint64_t sequence);
  void end_batch();
  void release_durable();
  void take_inbox();
  void run_re_auth();
  [[nodiscard]] std::optional<std::uint32_t> send_re_auth(const CreditControl::Session& session);

  asio::io_context context_{1};
  const NodeOptions options_;
  std::vector<PeerOptions> may_connect_;  ///< options_.clients, or what came later
  const std::shared_ptr<Charging> charging_;
  const Clock& clock_;
  SystemRandom random_;
  Self self_;
  std::uint32_t hop_by_hop_ = 0;
  EndToEnd end_to_end_;
  std::optional<asio::ssl::context> tls_server_, tls_client_;
  std::list<Listener> listeners_;
  tcp::resolver resolver_{context_};
  asio::steady_timer tick_timer_{context_}, pace_timer_{context_};

  std::set<std::shared_ptr<Peer>> clients_;
  /// A second connection of somebody who is here already: the first is asked whether it lives.
  struct Contest {
    std::weak_ptr<Peer> first, second;
    TimePoint asked, deadline;
  };
  std::vector<Contest> contests_;

  std::unique_lock<std::mutex> lock_;           ///< the edge's, taken at the first request of a batch
  Instant now_;                                 ///< of the batch
  std::uint64_t durable_ = 0;                   ///< as known in the batch
  std::size_t held_ = 0;                        ///< answers that wait for the disk, of all
  std::vector<std::shared_ptr<Peer>> holding_;  ///< who holds them
  std::vector<std::shared_ptr<Peer>> touched_;  ///< who was given something to send in this batch
  std::optional<Relay> relay_;
  std::optional<ReAuth> re_auth_;
  bool pacing_ = false;
  /// Requests of charging systems on their way to the network.
  struct Forwarded {
    std::weak_ptr<Peer> from;
    const Peer* to = nullptr;
    std::uint32_t hop_by_hop = 0;
    TimePoint deadline;
  };
  std::unordered_map<std::uint32_t, Forwarded> forwarded_;

  enum class Phase : std::uint8_t { running, answering, leaving, ended };
  Phase phase_ = Phase::running;
  TimePoint next_second_{};
  TimePoint phase_deadline_{};
  std::function<void(Inheritance)> hand_over_done_;
  Inheritance inheritance_;
  std::size_t releasing_ = 0;

  std::atomic<bool> woken_{false};
  std::mutex inbox_mutex_;
  std::vector<SubscriptionKey> inbox_keys_;
  std::vector<MeasureNumber> inbox_measures_;
  bool inbox_posted_ = false;

  std::atomic<std::uint64_t> requests_{0}, answers_{0}, relayed_{0}, relay_failed_{0}, busy_{0},
      malformed_{0}, mismatched_{0}, refused_{0};
  mutable std::mutex published_mutex_;
  Node::Counts published_;
};

}  // namespace dayaq::edge::diameter
