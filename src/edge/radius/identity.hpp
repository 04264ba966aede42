// Who a packet is about: the subscription's pseudonyms, the network access server, and the Class that this
// edge gave.
#pragma once

#include "base/siphash.hpp"
#include "edge/radius/packet.hpp"
#include "edge/types.hpp"

namespace dayaq::edge::radius {

/// What an Access-Accept tells the network to repeat in each accounting packet (RFC 2865 section 5.25):
///
///     1 version | 8 pseudonym | 4 measure | 4 version of the resources | 8 profiles | 8 SipHash-2-4
///
/// Big-endian; keyed, so that nobody else can make one.
struct Mark {
  SubscriptionKey key = 0;
  MeasureNumber measure = 0;
  std::uint32_t resources_version = 0;
  std::uint64_t profiles = 0;  ///< what the session was given (Entitlement::signature)
  friend bool operator==(const Mark&, const Mark&) = default;
};
using MarkBytes = std::array<std::byte, 33>;
[[nodiscard]] SipKey mark_key(const SipKey& feed_key);
[[nodiscard]] MarkBytes encode_mark(const Mark& mark, const SipKey& key);
/// Nothing if it isn't ours.
[[nodiscard]] std::optional<Mark> decode_mark(BytesView value, const SipKey& key);

/// The pseudonyms under which a packet's subscription may be known, the likeliest first: User-Name, User-Name
/// without its realm, Calling-Station-Id (of mobile lines first, and without "+").
struct Candidates {
  std::array<SubscriptionKey, 3> keys{};
  std::size_t count = 0;
};
[[nodiscard]] Candidates candidates(const Packet& packet, LineKind line, const SipKey& feed_key);

/// What names the network access server on every edge: NAS-Identifier, or NAS-IP(v6)-Address, or where the
/// packet came from (`sender`, its address as text).
[[nodiscard]] std::string_view origin_of(const Packet& packet, std::string_view sender);

/// The attributes that name a session to its network access server in a CoA-Request (RFC 5176 section 3),
/// encoded.
[[nodiscard]] Bytes session_identity(const Packet& packet);

}  // namespace dayaq::edge::radius
