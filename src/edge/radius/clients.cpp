#include "edge/radius/clients.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace dayaq::edge::radius {
namespace {

std::unexpected<Error> bad(std::string_view text, std::string_view why) {
  return fail(ErrorKind::invalid_input, "radius.client",
              fmt::format("The RADIUS client \"{}\" can't be used: {}.", text, why));
}

template <class Int>
bool read_number(std::string_view text, Int& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

bool within(const Address& address, const Address& prefix, int bits) {
  const auto whole = std::size_t(bits / 8);
  if (std::memcmp(address.bytes.data(), prefix.bytes.data(), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  return ((address.bytes[whole] ^ prefix.bytes[whole]) & (0xff00 >> bits % 8) & 0xff) == 0;
}

}  // namespace

bool Address::is_v4() const {
  static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::ranges::equal(mapped, std::span(bytes).first<12>());
}

Result<Address> parse_address(std::string_view text) {
  Address address;
  const std::string terminated(text);
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) return address;
  address.bytes = {};
  address.bytes[10] = address.bytes[11] = 0xff;
  if (inet_pton(AF_INET, terminated.c_str(), address.bytes.data() + 12) == 1) return address;
  return bad(text, "it is no IPv4 or IPv6 address");
}

std::string to_string(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.is_v4()) {
    inet_ntop(AF_INET, address.bytes.data() + 12, text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, address.bytes.data(), text.data(), text.size());
  }
  return text.data();
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  Endpoint out;
  if (colon == text.npos || !read_number(text.substr(colon + 1), out.port) || out.port == 0)
    return bad(text, "it isn't written address:port");
  std::string_view host = text.substr(0, colon);
  if (host.empty()) return out;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  DAYAQ_TRY(out.address, parse_address(host));
  return out;
}

Result<Clients> Clients::create(std::span<const ClientOptions> options) {
  Clients out;
  out.clients_.push_back({.secret = Secret("radsec"), .require_message_authenticator = false, .coa_to = {}});
  out.written_.emplace_back();
  for (const ClientOptions& option : options) {
    if (option.secret.empty()) return bad(option.address, "it has no secret");
    const std::size_t slash = option.address.find('/');
    Prefix prefix{.client = std::uint32_t(out.clients_.size())};
    DAYAQ_TRY(prefix.address, parse_address(std::string_view(option.address).substr(0, slash)));
    const int bits_max = prefix.address.is_v4() ? 32 : 128;
    prefix.bits = bits_max;
    if (slash != option.address.npos &&
        (!read_number(std::string_view(option.address).substr(slash + 1), prefix.bits) || prefix.bits < 0 ||
         prefix.bits > bits_max)) {
      return bad(option.address, "its prefix has no such length");
    }
    if (bits_max == 32) prefix.bits += 96;
    Client client{.secret = Secret(option.secret),
                  .require_message_authenticator = option.require_message_authenticator,
                  .coa_to = {}};
    if (!option.coa_address.empty()) {
      DAYAQ_TRY(const Endpoint to, parse_endpoint(option.coa_address));
      client.changes = true;
      client.coa_port = to.port;
      if (to.address != Address{}) client.coa_to = to.address;
    }
    out.clients_.push_back(std::move(client));
    out.written_.push_back(option.address);
    (prefix.bits == 128 ? out.exact_ : out.prefixes_).push_back(prefix);
  }
  std::ranges::sort(out.exact_, {}, &Prefix::address);
  std::ranges::sort(out.prefixes_, [](const Prefix& a, const Prefix& b) {
    return std::pair(b.bits, a.client) < std::pair(a.bits, b.client);  // longest first, then as written
  });
  return out;
}

void Clients::take_place_of(Clients&& before) {
  std::vector<Client> all = std::move(before.clients_);
  std::vector<std::string> written = std::move(before.written_);
  for (Client& client : all) client.changes = false;
  std::vector<std::uint32_t> numbers;
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    const auto same = std::ranges::find(written, written_[i]);
    numbers.push_back(std::uint32_t(same - written.begin()));
    if (same == written.end()) {
      all.push_back(std::move(clients_[i]));
      written.push_back(std::move(written_[i]));
    } else {
      all[numbers.back()] = std::move(clients_[i]);
    }
  }
  for (auto* prefixes : {&exact_, &prefixes_}) {
    for (Prefix& prefix : *prefixes) prefix.client = numbers[prefix.client];
  }
  clients_ = std::move(all);
  written_ = std::move(written);
}

std::optional<std::uint32_t> Clients::find(const Address& address) const {
  const auto exact = std::ranges::lower_bound(exact_, address, {}, &Prefix::address);
  if (exact != exact_.end() && exact->address == address) return exact->client;
  for (const Prefix& prefix : prefixes_) {
    if (within(address, prefix.address, prefix.bits)) return prefix.client;
  }
  return std::nullopt;
}

}  // namespace dayaq::edge::radius
