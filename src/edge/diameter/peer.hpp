// One connection with one peer: who it is, whether it is alive, and how it ends.
//
//   accepted:  wait_cer ──CER── (the node admits) ──► open ──DPR / end──► closing ──► closed
//   connected: wait_cea ──CEA───────────────────────► open
//
// The node decides who comes in; a peer answers CER, DWR and DPR by itself and gives everything else to the
// node. All on the node's thread. @see RFC 6733 section 5.6; elections are not needed, since this node never
// connects to those who connect to it.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "edge/diameter/node.hpp"
#include "edge/diameter/peer_messages.hpp"
#include "edge/diameter/transport.hpp"
#include "edge/diameter/watchdog.hpp"

namespace dayaq::edge::diameter {

class Peer;

/// What a peer needs of its node.
class PeerHost {
 public:
  virtual ~PeerHost() = default;
  [[nodiscard]] virtual const Self& self() const = 0;
  [[nodiscard]] virtual std::uint32_t next_hop_by_hop() = 0;
  [[nodiscard]] virtual std::uint32_t next_end_to_end() = 0;
  /// A CER came. Answered by the node with finish_capabilities(), now or later.
  virtual void on_capabilities(Peer& peer, const Capabilities& capabilities) = 0;
  virtual void on_open(Peer& peer) = 0;
  virtual void on_message(Peer& peer, const Header& header, BytesView message) = 0;
  /// All that one read brought was given: decide nothing more under its lock, send.
  virtual void on_batch_end(Peer& peer) = 0;
  virtual void on_suspect(Peer& peer) = 0;  ///< what it hasn't answered goes elsewhere
  virtual void on_okay(Peer& peer) = 0;     ///< it may be sent requests again
  virtual void on_malformed() = 0;
  virtual void on_mismatched() = 0;  ///< an answer to nothing that was asked
  /// It ended; once. The node lets go of it, but not at once: it is called from within.
  virtual void on_down(Peer& peer, std::string_view why) = 0;
};

class Peer final : public Connection::Handler, public std::enable_shared_from_this<Peer> {
 public:
  enum class Role : std::uint8_t { client, charging_system };
  enum class State : std::uint8_t { wait_cer, deciding, wait_cea, open, closing, closed };
  struct Times {
    std::chrono::milliseconds handshake{10000};  ///< until a connection has said who it is
    std::chrono::milliseconds closing{3000};     ///< until a DPR is answered
  };

  /// `tls`: it came or goes over TLS. `expected`: of a charging system, who must answer.
  Peer(PeerHost& host, Role role, bool tls, std::unique_ptr<Stream> stream,
       std::shared_ptr<Watchdog> watchdog, const Times& times, PeerOptions expected = {});

  void start();
  /// Goes on where another process stopped.
  void resume(Identity identity, Bytes unread, BytesView unsent);
  void finish_capabilities(std::uint32_t result_code, BytesView failed_avp = {});
  void disconnect(std::uint32_t cause);  ///< DPR
  void close(std::string_view why);      ///< at once, without a word; on_down() follows
  void probe();                          ///< DWR now, whatever the timer says
  void tick(TimePoint now);

  void send(BytesView message) { connection_->send(message); }
  /// An answer, once the journal has its sequence.
  void answer(BytesView message, std::uint64_t sequence, std::uint64_t durable);
  [[nodiscard]] Connection& connection() { return *connection_; }

  [[nodiscard]] Role role() const { return role_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool tls() const { return tls_; }
  /// Whether its certificate lets it be who it says it is.
  [[nodiscard]] bool certified(const PeerOptions& as) const;
  [[nodiscard]] bool open() const { return state_ == State::open; }
  /// Open, or ending but still reading what it is sent.
  [[nodiscard]] bool reachable() const { return state_ == State::open || state_ == State::closing; }
  [[nodiscard]] const Identity& identity() const { return identity_; }
  [[nodiscard]] const std::string& name() const { return identity_.origin_host; }
  [[nodiscard]] const Watchdog& watchdog() const { return *watchdog_; }
  [[nodiscard]] TimePoint last_heard() const { return last_heard_; }
  [[nodiscard]] std::string_view state_name() const;
  /// Of a DPR that came; how long to wait before connecting again follows from it.
  [[nodiscard]] std::optional<std::uint32_t> told_to_leave() const { return told_to_leave_; }

 private:
  void on_ready() override;
  void on_messages(BytesView messages) override;
  void on_malformed(BytesView header) override;
  void on_closed(std::string_view why) override;
  void on_base(const Header& header, BytesView message);
  void on_base_answer(const Header& header);
  void on_first(const Header& header, BytesView message);
  void opened();
  void act(Watchdog::Do what);

  PeerHost& host_;
  const Role role_;
  const bool tls_;
  const Times times_;
  const PeerOptions expected_;
  std::shared_ptr<Connection> connection_;
  std::shared_ptr<Watchdog> watchdog_;  ///< a charging system's outlives its connections
  State state_;
  bool resumed_ = false;
  Identity identity_;
  Header cer_;                          ///< what the CEA answers
  std::uint32_t asked_hop_by_hop_ = 0;  ///< of our CER or DWR under way
  std::uint32_t dpr_hop_by_hop_ = 0;
  TimePoint deadline_ = TimePoint::max();
  TimePoint last_heard_{};
  std::optional<std::uint32_t> told_to_leave_;
};

}  // namespace dayaq::edge::diameter
