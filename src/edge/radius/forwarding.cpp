#include "edge/radius/forwarding.hpp"

#include <algorithm>
#include <cstring>

namespace dayaq::edge::radius {
namespace {

constexpr std::uint32_t microsoft = 311;

std::array<std::byte, 8> to_bytes(std::uint64_t value) {
  std::array<std::byte, 8> out{};
  std::memcpy(out.data(), &value, out.size());
  return out;
}

/// salt (2), then hidden bytes: from one secret and authenticator to another.
bool hide_anew(std::span<std::byte> value, const Forwarded& request, const Secret& from, const Secret& to) {
  if (value.size() < 2 || (value.size() - 2) % 16 != 0) return false;
  const auto salt = value.first(2);
  reveal(value.subspan(2), request.sent, salt, from);
  hide(value.subspan(2), request.authenticator, salt, to);
  return true;
}

/// Tunnel-Password: tag (1), salt (2), hidden. MS-MPPE-Send-Key and -Recv-Key: vendor (4), type, length,
/// salt, hidden. 0: nothing is hidden in it.
std::size_t hidden_from(const Attribute& attribute) {
  if (attribute.type == type::tunnel_password) return 1;
  if (attribute.type != type::vendor_specific || attribute.value.size() < 6) return 0;
  const auto number = std::uint8_t(attribute.value[4]);
  const bool whole = std::size_t(attribute.value[5]) == attribute.value.size() - 4;
  return whole && read_be32(attribute.value) == microsoft && (number == 16 || number == 17) ? 6 : 0;
}

/// Whether `instead` has something that takes this attribute's place. Vendors' lists (Cisco-AVPair) stand
/// beside each other; of RFC 2865's own kinds the grant's take the operator's place.
bool replaced(const Attribute& attribute, const AttributeList& instead) {
  Kind kind{.vendor = 0, .type = attribute.type};
  if (attribute.type == type::vendor_specific) {
    if (attribute.value.size() < 6) return false;
    kind = {.vendor = read_be32(attribute.value), .type = std::uint8_t(attribute.value[4])};
  }
  return std::ranges::any_of(instead.kinds, [&](const Kind& other) {
    return other.same(kind) && (kind.vendor == 0 || !other.many);
  });
}

}  // namespace

Forwarding::Forwarding(std::string_view secret, Random& random) : secret_(secret), random_(random) {
  std::array<std::byte, 16> seed;
  random.fill(seed);
  key_ = sip_key(seed);
}

std::uint64_t Forwarding::fingerprint(const Endpoint& from, const Packet& packet) const {
  std::array<std::byte, 16 + 2 + 4 + 1 + 16> bytes{};
  std::memcpy(bytes.data(), from.address.bytes.data(), 16);
  std::memcpy(bytes.data() + 16, &from.port, 2);
  std::memcpy(bytes.data() + 18, &from.stream, 4);
  bytes[22] = std::byte(packet.id());
  std::ranges::copy(packet.authenticator(), bytes.begin() + 23);
  return siphash(key_, BytesView(bytes));
}

const Forwarded* Forwarding::find(std::uint64_t fingerprint) const {
  const auto found = by_fingerprint_.find(fingerprint);
  return found == by_fingerprint_.end() ? nullptr : found->second.get();
}

const Forwarded* Forwarding::send_on(const Packet& packet, const Secret& client_secret, Forwarded request,
                                     Steady now) {
  if (free_.empty()) {
    if (by_id_.size() >= sockets_max * 256) return nullptr;
    const auto first = std::uint32_t(by_id_.size());
    by_id_.resize(by_id_.size() + 256);
    for (std::uint32_t i = 0; i < 256; ++i) free_.push_back(first + i);
  }
  const std::uint32_t place = free_.front();
  request.socket = place / 256;
  request.own_id = std::uint8_t(place % 256);
  request.began = now;
  if (!build(packet, client_secret, request)) return nullptr;
  free_.pop_front();
  const std::uint64_t name = request.fingerprint;
  auto& kept = by_fingerprint_[name];
  kept = std::make_unique<Forwarded>(std::move(request));
  by_id_[place] = kept.get();
  sent_.emplace_back(now, name);
  ++waiting_;
  return kept.get();
}

bool Forwarding::build(const Packet& packet, const Secret& client_secret, Forwarded& request) {
  Writer out(packet.code(), request.own_id);
  const bool access = packet.code() == Code::access_request;
  if (access) {
    random_.fill(request.sent);
    out.set_authenticator(request.sent);
    out.add_message_authenticator();
  }
  bool chap = false, challenge = false;
  BytesView rest = packet.attributes();
  Attribute attribute;
  while (take_attribute(rest, attribute)) {
    if (attribute.type == type::message_authenticator) continue;
    chap |= attribute.type == type::chap_password;
    challenge |= attribute.type == type::chap_challenge;
    if (attribute.type != type::user_password) {
      out.add(attribute.type, attribute.value);
      continue;
    }
    if (attribute.value.empty() || attribute.value.size() % 16 != 0 || attribute.value.size() > 128)
      return false;
    Bytes password(attribute.value.begin(), attribute.value.end());
    reveal(password, packet.authenticator(), {}, client_secret);
    hide(password, request.sent, {}, secret_);
    out.add(attribute.type, BytesView(password));
    crypto::wipe(password);
  }
  // Without a CHAP-Challenge the request's authenticator was the challenge, and that is another one now.
  if (chap && !challenge) out.add(type::chap_challenge, BytesView(packet.authenticator()));
  std::array<std::byte, 8> state;
  random_.fill(state);
  std::memcpy(&request.proxy_state, state.data(), state.size());
  out.add(type::proxy_state, BytesView(state));
  if (!out.fits()) return false;
  request.packet = std::move(out).take();
  if (access) {
    sign_access_request(request.packet, secret_);
  } else {
    sign_request(request.packet, secret_);
    std::ranges::copy(BytesView(request.packet).subspan(4, 16), request.sent.begin());
  }
  return true;
}

Forwarded* Forwarding::waiting(std::uint32_t socket, std::uint8_t id) {
  const std::size_t place = std::size_t(socket) * 256 + id;
  return place < by_id_.size() ? by_id_[place] : nullptr;
}

void Forwarding::answered(Forwarded& request, Bytes answer, Steady now) {
  request.packet = std::move(answer);
  request.answered = true;
  answered_.emplace_back(now, request.fingerprint);
  const std::uint32_t place = request.socket * 256 + request.own_id;
  by_id_[place] = nullptr;
  free_.push_back(place);
  --waiting_;
}

std::size_t Forwarding::expire(Steady now) {
  while (!answered_.empty() && answered_.front().first + memory <= now) {
    by_fingerprint_.erase(answered_.front().second);
    answered_.pop_front();
  }
  std::size_t silent = 0;
  while (!sent_.empty() && sent_.front().first + patience <= now) {
    const auto [began, name] = sent_.front();
    sent_.pop_front();
    const auto found = by_fingerprint_.find(name);
    if (found == by_fingerprint_.end() || found->second->answered || found->second->began != began) continue;
    const std::uint32_t place = found->second->socket * 256 + found->second->own_id;
    by_id_[place] = nullptr;
    free_.push_back(place);
    by_fingerprint_.erase(found);
    --waiting_;
    ++silent;
  }
  return silent;
}

bool copy_reply(const Packet& reply, const Forwarded& request, const Secret& server_secret,
                const Secret& client_secret, const AttributeList& instead, Writer& out) {
  BytesView rest = reply.attributes();
  Attribute attribute;
  while (take_attribute(rest, attribute)) {
    if (attribute.type == type::message_authenticator) continue;
    if (attribute.type == type::proxy_state &&
        std::ranges::equal(attribute.value, to_bytes(request.proxy_state))) {
      continue;
    }
    if (replaced(attribute, instead)) continue;
    const std::size_t hidden = hidden_from(attribute);
    if (hidden == 0) {
      out.add(attribute.type, attribute.value);
      continue;
    }
    Bytes value(attribute.value.begin(), attribute.value.end());
    if (value.size() < hidden ||
        !hide_anew(std::span(value).subspan(hidden), request, server_secret, client_secret))
      return false;
    out.add(attribute.type, BytesView(value));
    crypto::wipe(value);
  }
  return true;
}

}  // namespace dayaq::edge::radius
