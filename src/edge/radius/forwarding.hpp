// What goes on to the operator's own server: identifiers, authenticators and hidden values are changed,
// nothing else.
//
// Each of our sockets has 256 identifiers towards it; another socket is opened when they are in use. A
// request that the network sends again is sent on again under the same identifier (RFC 5080 section 2.2.1:
// who forwards doesn't repeat by itself), and its answer is kept for a while for the network that lost it.
// When the operator's server is silent, so are we: the network tries its next server.
// @see RFC 2865 section 2.3
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <unordered_map>

#include "base/random.hpp"
#include "base/siphash.hpp"
#include "edge/radius/clients.hpp"
#include "edge/radius/profiles.hpp"

namespace dayaq::edge::radius {

using Steady = std::chrono::steady_clock::time_point;

/// A request that was sent on.
struct Forwarded {
  Endpoint from;
  bool accounting_port = false;  ///< the network sent it to our accounting port
  std::uint32_t client = 0;
  std::uint8_t id = 0;          ///< the network's
  Authenticator authenticator;  ///< the network's
  Authenticator sent;           ///< ours
  std::uint64_t proxy_state = 0;
  std::uint64_t after = 0;  ///< the answer goes back when the journal has this on disk
  Entitlement entitlement;
  std::uint32_t socket = 0;
  std::uint8_t own_id = 0;
  Bytes packet;  ///< as sent on; once answered, the answer
  bool answered = false;
  Steady began;
  std::uint64_t fingerprint = 0;
};

/// To one port of the operator's server.
class Forwarding {
 public:
  static constexpr std::size_t sockets_max = 64;
  static constexpr std::chrono::seconds patience{30};  ///< then the identifier is used again
  static constexpr std::chrono::seconds memory{5};     ///< of answers, for who asks again

  Forwarding(std::string_view secret, Random& random);

  [[nodiscard]] const Secret& secret() const { return secret_; }
  /// Names a request, so that it is known when it comes again.
  [[nodiscard]] std::uint64_t fingerprint(const Endpoint& from, const Packet& packet) const;
  [[nodiscard]] const Forwarded* find(std::uint64_t fingerprint) const;
  /// Makes the packet to send on and remembers it. Null when all identifiers are in use, or when a
  /// User-Password or the room in the packet isn't what it must be.
  const Forwarded* send_on(const Packet& packet, const Secret& client_secret, Forwarded request, Steady now);
  /// Whose answer a packet on this socket would be; null if nobody's.
  [[nodiscard]] Forwarded* waiting(std::uint32_t socket, std::uint8_t id);
  /// Its answer has gone back; kept for a while.
  void answered(Forwarded& request, Bytes answer, Steady now);
  /// Forgets what is old; returns how many were never answered.
  std::size_t expire(Steady now);
  [[nodiscard]] std::size_t under_way() const { return waiting_; }

 private:
  struct HashNothing {
    std::size_t operator()(std::uint64_t value) const { return value; }
  };
  bool build(const Packet& packet, const Secret& client_secret, Forwarded& request);

  Secret secret_;
  Random& random_;
  SipKey key_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Forwarded>, HashNothing> by_fingerprint_;
  std::vector<Forwarded*> by_id_;                                 // socket * 256 + id
  std::deque<std::uint32_t> free_;                                // the one that rested longest first
  std::deque<std::pair<Steady, std::uint64_t>> sent_, answered_;  // in order of time
  std::size_t waiting_ = 0;
};

/// Copies attributes of the operator's reply for the network: without its Message-Authenticator and our
/// Proxy-State, with keys hidden anew (Tunnel-Password, MS-MPPE keys), and without what `instead` has in its
/// place. False if a hidden value is malformed.
[[nodiscard]] bool copy_reply(const Packet& reply, const Forwarded& request, const Secret& server_secret,
                              const Secret& client_secret, const AttributeList& instead, Writer& out);

}  // namespace dayaq::edge::radius
