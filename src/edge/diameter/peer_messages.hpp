// The base protocol's own messages: capabilities exchange, watchdog, disconnect, and answers that say no.
// @see RFC 6733 sections 5.3 to 5.5 and 7.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/diameter/dictionary.hpp"
#include "edge/diameter/message.hpp"

namespace dayaq::edge::diameter {

namespace result {  // of the base protocol, besides those of dictionary.hpp
inline constexpr std::uint32_t loop_detected = 3005, election_lost = 4003, unsupported_version = 5011;
}
namespace disconnect_cause {
inline constexpr std::uint32_t rebooting = 0, busy = 1, do_not_want = 2;
}

/// Who this node is, as every message of its own says.
struct Self {
  std::string origin_host, origin_realm;
  std::uint32_t origin_state_id = 0;
  std::uint32_t ip4 = 0;  ///< Host-IP-Address, host byte order
  bool gx = true;         ///< whether it is served, and so said
};

/// What a peer said of itself.
struct Identity {
  std::string origin_host, origin_realm;
  std::uint32_t origin_state_id = 0;
  bool credit_control = false, gx = false;  ///< a relay speaks both
};

/// What a CER or CEA says. `result` is of the CEA; of a CER: what is wrong with it, or success.
struct Capabilities {
  Identity identity;
  std::uint32_t result = result::success;
  Bytes failed_avp;  ///< the AVP at fault, whole; empty if none
};
[[nodiscard]] Capabilities read_capabilities(BytesView message);

[[nodiscard]] Bytes capabilities_request(const Self& self, std::uint32_t hop_by_hop,
                                         std::uint32_t end_to_end);
[[nodiscard]] Bytes capabilities_answer(const Self& self, const Header& request, std::uint32_t result_code,
                                        BytesView failed_avp = {});
[[nodiscard]] Bytes watchdog_request(const Self& self, std::uint32_t hop_by_hop, std::uint32_t end_to_end);
[[nodiscard]] Bytes disconnect_request(const Self& self, std::uint32_t cause, std::uint32_t hop_by_hop,
                                       std::uint32_t end_to_end);
/// DWA and DPA.
[[nodiscard]] Bytes base_answer(const Self& self, const Header& request, std::uint32_t result_code);

/// An answer that says no, to any request: header and Session-Id copied, Proxy-Info in order; for 3xxx the E
/// bit. Reads as much of the request as can be read.
[[nodiscard]] Bytes refusal(const Self& self, BytesView request, std::uint32_t result_code,
                            BytesView failed_avp = {});

/// What routing needs of a request's AVPs.
struct RouteFacts {
  std::string_view destination_realm, destination_host;  ///< empty if absent; views into the message
  bool looped = false;                                   ///< a Route-Record names `self`
};
[[nodiscard]] RouteFacts route_facts(BytesView message, std::string_view self);

[[nodiscard]] std::optional<std::uint32_t> result_code_of(BytesView answer);
[[nodiscard]] std::optional<std::uint32_t> disconnect_cause_of(BytesView request);
/// Diameter identities are compared as DNS names are: without regard to the case of ASCII letters.
[[nodiscard]] bool same_identity(std::string_view a, std::string_view b);

/// Sets the T bit of a whole message.
void set_retransmitted(Bytes& message);
/// The message with one more AVP Route-Record at its end.
[[nodiscard]] Bytes with_route_record(BytesView message, std::string_view host);

/// End-to-end identifiers, unique for at least four minutes, over a restart too. RFC 6733 section 3.
class EndToEnd {
 public:
  EndToEnd(std::uint32_t seconds, std::uint32_t random) : high_(seconds << 20), low_(random & 0xfffffu) {}
  [[nodiscard]] std::uint32_t next() { return high_ | (low_++ & 0xfffffu); }

 private:
  std::uint32_t high_, low_;
};

}  // namespace dayaq::edge::diameter
