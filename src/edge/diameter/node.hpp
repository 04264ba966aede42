// The Diameter node: peers over TCP and TLS, capabilities exchange, watchdog (RFC 3539), disconnect, the
// relay to the operator's charging systems with failover, and paced Re-Auth-Requests. One thread with its own
// event loop.
// @see RFC 6733 section 5; SCTP would be another Transport in transport.hpp.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "edge/diameter/charging.hpp"
#include "edge/diameter/credit_control.hpp"
#include "edge/diameter/hand_over.hpp"

namespace dayaq::edge::diameter {

struct PeerOptions {
  std::string origin_host;  ///< who may connect, or whom to connect to; "*": anybody (demo, tests)
  std::string address;      ///< charging systems: host:port
  bool tls = false;
  /// Over TLS, the name in its certificate: empty for its Origin-Host, "*" for any that the authority signed.
  std::string certificate_name;
  friend bool operator==(const PeerOptions&, const PeerOptions&) = default;
};

struct NodeOptions {
  std::string origin_host, origin_realm;
  std::string address = "127.0.0.1";
  std::uint16_t port = 3868;   ///< 0 lets the kernel choose
  std::uint16_t tls_port = 0;  ///< 0: no TLS
  std::string tls_certificate, tls_key, tls_authority;
  std::vector<PeerOptions> clients;            ///< who may connect; an unknown peer gets 3010
  std::vector<PeerOptions> charging_systems;   ///< in order of preference; failover to the next
  std::vector<std::string> realms;             ///< further realms served; others get 3003
  std::uint32_t origin_state_id = 0;           ///< see origin_state_id(); 0: not said
  std::chrono::milliseconds watchdog{30000};   ///< Tw, at least 6 s (tests: less)
  std::chrono::milliseconds reconnect{30000};  ///< Tc
  std::chrono::milliseconds relay_timeout{4000};
  std::size_t peers_max = 1000, in_flight_max = 65536;  ///< beyond: 3004 TOO_BUSY
  int re_auth_per_second = 50000;                       ///< of all peers together
  int inherited_listener = -1;  ///< a listening socket handed over by the process before (upgrade), or -1
  Inheritance inherited;        ///< the same and more: listeners and connections; its descriptors are taken
  /// Answers a CCR of Gx; engine's lock held. Without it Gx is answered 3007.
  std::function<Reaction(BytesView ccr, std::string_view peer, Instant now)> gx;
};

/// Origin-State-Id for a start: kept in `folder`/origin-state. Where the sessions of before were recovered it
/// stays what it was (a higher one tells every peer to drop its sessions), else it is raised.
/// unavailable "diameter.origin_state". @see RFC 6733 section 8.16
[[nodiscard]] Result<std::uint32_t> origin_state_id(const std::filesystem::path& folder, bool recovered,
                                                    Instant now);

class Node {
 public:
  /// unavailable "diameter.bind", invalid_input "diameter.tls".
  static Result<std::unique_ptr<Node>> start(const NodeOptions& options, CreditControl& credit_control,
                                             Engine& engine, Journal& journal, const Clock& clock);
  /// The same over another charging; shared, since the node's thread uses it to the end.
  static Result<std::unique_ptr<Node>> start(const NodeOptions& options, std::shared_ptr<Charging> charging,
                                             const Clock& clock);
  virtual ~Node() = default;
  /// Sends DPR, answers what is in flight, closes. Idempotent.
  virtual void stop() = 0;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  [[nodiscard]] virtual std::uint16_t tls_port() const = 0;

  /// The grants of a subscription or of everybody under a measure changed: their sessions are re-authorised,
  /// paced. Any thread.
  virtual void re_authorise(SubscriptionKey key) = 0;
  virtual void re_authorise_measure(MeasureNumber measure) = 0;

  /// Who may connect from now on. Whoever is connected and no longer may be is told to leave (DPR
  /// DO_NOT_WANT_TO_TALK_TO_YOU) after what was asked is answered; the others notice nothing. Any thread.
  virtual void use_clients(std::vector<PeerOptions> clients) = 0;

  /// The charging systems from now on, in order of preference. One that stays keeps its connection and what
  /// it was asked; one that is gone gets nothing more, and a DPR (DO_NOT_WANT_TO_TALK_TO_YOU) once it has
  /// answered. Any thread.
  virtual void use_charging_systems(std::vector<PeerOptions> systems) = 0;

  struct Counts {
    std::uint64_t requests = 0, answers = 0, relayed = 0, relay_failed = 0, busy = 0, malformed = 0,
                  re_auth_sent = 0, re_auth_waiting = 0;
    std::uint64_t mismatched = 0;  ///< answers to nothing that was asked, or too late; dropped
    std::uint64_t refused = 0;     ///< requests answered 3xxx for realm, application, command or a loop
    std::uint64_t re_auth_answered = 0, re_auth_unreachable = 0, re_auth_timed_out = 0;
    std::vector<std::pair<std::string, std::string>> peers;  ///< Origin-Host, state ("open", "suspect", ...)
  };
  [[nodiscard]] virtual Counts counts() const = 0;  ///< any thread
  /// For an upgrade in place: stops accepting, and returns the listening sockets for the next process.
  virtual std::vector<int> hand_over() = 0;
  /// The same, and the established connections too: nothing more is read, what was read is answered (relayed
  /// requests for at most `wait`), and each TCP connection is given away between two messages. Those over
  /// TLS, and those to the charging systems, are told that this node is rebooting. stop() is done by this.
  virtual Inheritance hand_over_all(std::chrono::milliseconds wait) = 0;
};

}  // namespace dayaq::edge::diameter
