// Who may ask: network access servers by address, each with its secret; and addresses as numbers.
#pragma once

#include <compare>
#include <optional>

#include "edge/radius/authenticator.hpp"
#include "edge/radius/server.hpp"

namespace dayaq::edge::radius {

/// An IPv6 address, or an IPv4 one as ::ffff:a.b.c.d.
struct Address {
  std::array<std::uint8_t, 16> bytes{};
  [[nodiscard]] bool is_v4() const;
  friend auto operator<=>(const Address&, const Address&) = default;
};
/// Where a datagram or a message of a RadSec connection comes from or goes to.
struct Endpoint {
  Address address;
  std::uint16_t port = 0;
  std::uint32_t stream = 0;  ///< number of a RadSec connection; 0: a datagram
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// "10.1.2.3", "2001:db8::1"; invalid_input "radius.client".
[[nodiscard]] Result<Address> parse_address(std::string_view text);
[[nodiscard]] std::string to_string(const Address& address);
/// "10.1.2.3:3799", "[2001:db8::1]:3799"; ":3799" leaves the address zero. invalid_input "radius.client".
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);

struct Client {
  Secret secret;
  bool require_message_authenticator = true;
  bool changes = false;           ///< CoA-Requests are sent
  std::optional<Address> coa_to;  ///< none: where its packets come from
  std::uint16_t coa_port = 0;
};

/// The clients of the operator's file; the longest prefix that fits an address is its client.
class Clients {
 public:
  /// invalid_input "radius.client": no address or prefix, an empty secret, a bad coa_address.
  static Result<Clients> create(std::span<const ClientOptions> options);
  /// Takes the place of `before`: a client of the same address has the number that it had, and one that is
  /// gone keeps its number, for what is under way, but is found no more.
  void take_place_of(Clients&& before);
  [[nodiscard]] std::optional<std::uint32_t> find(const Address& address) const;
  [[nodiscard]] const Client& at(std::uint32_t number) const { return clients_[number]; }
  /// Who comes over RadSec with a certificate: the secret is "radsec" (RFC 6614 section 2.3).
  [[nodiscard]] std::uint32_t radsec() const { return 0; }

 private:
  struct Prefix {
    Address address;
    int bits = 0;
    std::uint32_t client = 0;
  };
  std::vector<Client> clients_;
  std::vector<std::string> written_;  ///< their addresses as in the file, in step with clients_
  std::vector<Prefix> exact_;         // sorted by address
  std::vector<Prefix> prefixes_;      // longest first
};

}  // namespace dayaq::edge::radius
