#include "edge/radius/identity.hpp"

#include <algorithm>

#include "feed/block.hpp"

namespace dayaq::edge::radius {
namespace {

constexpr std::byte mark_version{0xd1};

void put_be(std::byte*& to, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) *to++ = std::byte(value >> shift & 0xff);
}

std::uint64_t get_be(BytesView from) {
  std::uint64_t value = 0;
  for (const std::byte byte : from) value = value << 8 | std::uint64_t(byte);
  return value;
}

}  // namespace

SipKey mark_key(const SipKey& feed_key) {
  return {.k0 = siphash(feed_key, "radius class 0"), .k1 = siphash(feed_key, "radius class 1")};
}

MarkBytes encode_mark(const Mark& mark, const SipKey& key) {
  MarkBytes out;
  std::byte* to = out.data();
  *to++ = mark_version;
  put_be(to, mark.key, 8);
  put_be(to, mark.measure, 4);
  put_be(to, mark.resources_version, 4);
  put_be(to, mark.profiles, 8);
  put_be(to, siphash(key, BytesView(out).first(25)), 8);
  return out;
}

std::optional<Mark> decode_mark(BytesView value, const SipKey& key) {
  if (value.size() != std::tuple_size_v<MarkBytes> || value[0] != mark_version ||
      siphash(key, value.first(25)) != get_be(value.subspan(25))) {
    return std::nullopt;
  }
  return Mark{.key = get_be(value.subspan(1, 8)),
              .measure = MeasureNumber(get_be(value.subspan(9, 4))),
              .resources_version = std::uint32_t(get_be(value.subspan(13, 4))),
              .profiles = get_be(value.subspan(17, 8))};
}

Candidates candidates(const Packet& packet, LineKind line, const SipKey& feed_key) {
  Candidates out;
  const auto add = [&](std::string_view number) {
    if (number.empty()) return;
    const SubscriptionKey key = feed::pseudonym(feed_key, to_string(line), number);
    const auto known = std::span(out.keys).first(out.count);
    if (std::ranges::find(known, key) == known.end()) out.keys[out.count++] = key;
  };
  std::string_view station = packet.text(type::calling_station_id);
  if (line == LineKind::mobile) {
    if (station.starts_with('+')) station.remove_prefix(1);
    add(station);
  }
  const std::string_view name = packet.text(type::user_name);
  add(name);
  const std::size_t realm = name.find('@');
  if (realm != name.npos) add(name.substr(0, realm));
  if (line != LineKind::mobile && out.count < out.keys.size()) add(station);
  return out;
}

std::string_view origin_of(const Packet& packet, std::string_view sender) {
  for (const std::uint8_t number : {type::nas_identifier, type::nas_ip_address, type::nas_ipv6_address}) {
    const std::string_view found = packet.text(number);
    if (!found.empty()) return found;
  }
  return sender;
}

Bytes session_identity(const Packet& packet) {
  Bytes out;
  for (const std::uint8_t number :
       {type::nas_ip_address, type::nas_identifier, type::nas_ipv6_address, type::nas_port, type::nas_port_id,
        type::user_name, type::acct_session_id, type::calling_station_id, type::framed_ip_address,
        type::framed_ipv6_prefix}) {
    if (const auto found = packet.find(number)) append_attribute(out, number, *found);
  }
  return out;
}

}  // namespace dayaq::edge::radius
