// RADIUS over TLS: packets one after another on a stream, both sides with certificates.
//
// The secret is "radsec" (RFC 6614 section 2.3): the certificate proves who asks. A packet whose length can't
// be ends its connection (section 2.6.4), and so does a peer that doesn't read its answers. Both sides may
// ask: changes of authorisation go back on the connection that the network access server opened.
// @see RFC 6614, draft-ietf-radext-reverse-coa
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <span>

#include "edge/radius/responder.hpp"

namespace dayaq::edge::radius {

class RadSec {
 public:
  static constexpr std::size_t connections_max = 1024;
  static constexpr std::size_t unread_max = 1u << 20;  ///< bytes of answers that a peer hasn't read

  using OnPackets = std::function<void(std::span<const Incoming>)>;
  using OnEnd = std::function<void(const Endpoint& from)>;  ///< that connection is no more
  /// Serves on the loop, on the listener `inherited` unless that is -1. invalid_input "radius.tls"
  /// (certificate, key, authority), unavailable "radius.bind".
  static Result<std::unique_ptr<RadSec>> start(boost::asio::io_context& loop, const ServerOptions& options,
                                               OnPackets on_packets, OnEnd on_end, int inherited);
  virtual ~RadSec() = default;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  virtual void send(std::uint32_t stream, Bytes packet) = 0;  ///< nothing if it is closed
  virtual void stop() = 0;
  [[nodiscard]] virtual int duplicate_listener() const = 0;  ///< or -1
};

}  // namespace dayaq::edge::radius
