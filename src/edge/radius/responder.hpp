// What an edge answers to RADIUS packets: plain functions over bytes, without sockets or clocks.
//
// A batch of packets is read and proved without the edge's lock, decided under one hold of it, and answered
// without it again:
//
//   Access-Request       the operator's server proves the password (forwarded); what is granted completes its
//                        Access-Accept. Without such a server: accept without a password, or reject.
//   Accounting-Request   counted in the engine by the session's counters, answered when that is on disk; what
//   no
//                        grant covers goes on to the operator's server.
//   Status-Server        answered.
//   CoA-ACK, CoA-NAK     of the changes that this edge asked for, over UDP or on the RadSec connection.
//
// 1. Nothing is answered that isn't proved: an unknown client, a wrong authenticator or
// Message-Authenticator, or
//    one that is missing where it is required, gets silence (RFC 2865 section 3, RFC 5080 section 2.2.2).
// 2. An accounting answer names a journal record: it goes out when that is durable.
// 3. A session is never disconnected: when a quota ends or a grant changes, it gets other attributes.
// 4. One thread at a time.
#pragma once

#include <unordered_map>
#include <unordered_set>

#include "edge/journal.hpp"
#include "edge/radius/changes.hpp"
#include "edge/radius/forwarding.hpp"
#include "edge/radius/sessions.hpp"

namespace dayaq::edge::radius {

/// The time, as it comes in.
struct Moment {
  Instant wall;
  Steady steady;
};

struct Incoming {
  Endpoint from;
  bool accounting_port = false;
  BytesView bytes;
};

enum class Way : std::uint8_t {
  reply,          ///< to `to`, from the port that was asked
  access_on,      ///< to the operator's access server, on our socket number `socket`
  accounting_on,  ///< to the operator's accounting server
  change,         ///< to `to`, a network access server's port for changes
};
struct Outgoing {
  Way way = Way::reply;
  bool accounting_port = false;
  std::uint32_t socket = 0;
  Endpoint to;
  Bytes bytes;
  std::uint64_t after = 0;  ///< to be sent when Journal::durable() has reached it
};

class Responder {
 public:
  /// invalid_input "radius.attribute", "radius.client".
  static Result<std::unique_ptr<Responder>> create(const ServerOptions& options, Engine& engine,
                                                   Random& random);

  ~Responder();

  /// Requests of the network.
  void handle(std::span<const Incoming> batch, Moment now, std::vector<Outgoing>& out);
  /// Takes the place of the clients so far; what is under way with them goes on. As Clients::create.
  Result<void> use_clients(std::span<const ClientOptions> clients);
  /// A packet of the operator's server on our socket.
  void from_operator(bool accounting, std::uint32_t socket, BytesView bytes, Moment now,
                     std::vector<Outgoing>& out);
  /// A RadSec connection has ended: what it was to be told waits until its network access servers are back.
  void closed(const Endpoint& stream);
  /// A packet on the socket for changes, or an answer to one on a RadSec connection.
  void from_nas(const Endpoint& from, BytesView bytes, Moment now, std::vector<Outgoing>& out);
  /// Every 20 ms while changes wait, else once a second.
  void tick(Moment now, std::vector<Outgoing>& out);
  /// The subscriptions' grants changed: their sessions are changed if it matters to them.
  void re_authorise(std::span<const SubscriptionKey> keys, Moment now);
  /// All sessions, a step at a time in tick().
  void re_authorise_all() {
    next_of_all_ = 0;
    walk_nas_.clear();
  }
  [[nodiscard]] bool busy() const {
    return changes_.waiting() + changes_.under_way() != 0 || next_of_all_ || !back_.empty();
  }
  [[nodiscard]] Server::Counts counts() const;

 private:
  struct Work;
  Responder(const ServerOptions& options, Engine& engine, Random& random, Clients clients, Profiles profiles);

  // responder.cpp
  bool prepare(const Incoming& in, Work& work, Moment now, std::vector<Outgoing>& out);
  bool prove(const Packet& packet, const Client& client);
  void answer_status(const Work& work, std::vector<Outgoing>& out);
  void reply(const Work& work, Writer&& writer, std::uint64_t after, std::vector<Outgoing>& out) const;
  bool known_again(const Work& work, Forwarding& to, Way way, std::vector<Outgoing>& out);
  void send_on(const Work& work, Forwarding& to, Way way, std::uint64_t after, Moment now,
               std::vector<Outgoing>& out);

  // access.cpp
  void answer_access(Work& work, Moment now, std::vector<Outgoing>& out);
  void add_grant(const Entitlement& entitlement, std::uint64_t signature, Writer& writer) const;
  [[nodiscard]] bool is_for_want_of_payment(const Packet& reject) const;
  void add_volume(const Entitlement& entitlement, Writer& writer) const;
  Bytes complete(const Packet& answer, const Forwarded& request, const Forwarding& through);

  // accounting.cpp
  bool prepare_accounting(Work& work);
  void count(Work& work, SubscriptionKey key, Moment now);
  [[nodiscard]] std::uint64_t slice_for(const Work& work) const;
  void bound_session(const Work& work, Session& session) const;
  void decide_accounting(Work& work, Moment now);
  void answer_accounting(Work& work, Moment now, std::vector<Outgoing>& out);
  void keep_session(const Work& work, SubscriptionKey key, bool counted, Moment now);
  void close_sessions(Work& work, Moment now);

  // change.cpp
  void note_stream(const Work& work);
  [[nodiscard]] std::optional<Endpoint> where_to_change(const Session& session) const;
  void want(std::uint32_t slot, const Entitlement& entitlement);
  [[nodiscard]] bool tells_nothing(const Session& session, std::uint64_t signature) const;
  void step_through_all(Moment now);
  void forget_silent(Moment now);
  Changes::Sent build_change(const Changes::Item& item, std::uint32_t client, std::uint8_t id, Moment now);

  const ServerOptions options_;
  Engine& engine_;
  Clients clients_;
  const Profiles profiles_;
  const SipKey mark_key_;
  std::optional<Forwarding> access_on_, accounting_on_;
  Sessions sessions_;
  Changes changes_;
  std::optional<std::uint32_t> next_of_all_;
  std::unordered_set<std::uint64_t> walk_nas_;           ///< whose sessions alone are looked at; empty: all
  std::unordered_set<std::uint64_t> back_;               ///< came back on another connection: looked at next
  std::unordered_map<std::uint64_t, Endpoint> streams_;  ///< where each network access server is heard
  std::uint32_t next_silent_ = 0;
  Steady swept_{};
  std::vector<Work> works_;
  Server::Counts counts_;
};

}  // namespace dayaq::edge::radius
