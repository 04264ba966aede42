#include "edge/radius/packet.hpp"

#include <algorithm>

namespace dayaq::edge::radius {

bool take_attribute(BytesView& in, Attribute& out) {
  if (in.size() < 2) return false;
  const auto length = std::size_t(in[1]);
  if (length < 2 || length > in.size()) return false;
  out = {.type = std::uint8_t(in[0]), .value = in.subspan(2, length - 2)};
  in = in.subspan(length);
  return true;
}

bool take_vendor(BytesView& in, std::uint32_t& vendor) {
  if (in.size() < 4) return false;
  vendor = read_be32(in);
  in = in.subspan(4);
  return true;
}

Result<Packet> Packet::parse(BytesView datagram) {
  const auto bad = [](std::string_view code, std::string_view detail) {
    return fail(ErrorKind::invalid_input, code, "This is not a RADIUS packet.", std::string(detail));
  };
  if (datagram.size() < header_bytes) return bad("radius.truncated", "no whole header");
  const std::size_t length = std::size_t(datagram[2]) << 8 | std::size_t(datagram[3]);
  if (length < header_bytes || length > packet_bytes_max)
    return bad("radius.length", "not within 20 to 4096");
  if (length > datagram.size()) return bad("radius.truncated", "fewer bytes than its length");
  const Packet packet(datagram.first(length));
  BytesView rest = packet.attributes();
  Attribute attribute;
  while (take_attribute(rest, attribute)) {
  }
  if (!rest.empty()) return bad("radius.attribute_length", "below 2 or beyond the packet's end");
  return packet;
}

std::optional<BytesView> Packet::find(std::uint8_t type) const {
  BytesView rest = attributes();
  Attribute attribute;
  while (take_attribute(rest, attribute)) {
    if (attribute.type == type) return attribute.value;
  }
  return std::nullopt;
}

std::string_view Packet::text(std::uint8_t type) const {
  const auto found = find(type);
  return found ? as_text(*found) : std::string_view();
}

std::optional<std::uint32_t> Packet::number(std::uint8_t type) const {
  const auto found = find(type);
  if (!found || found->size() != 4) return std::nullopt;
  return read_be32(*found);
}

Writer::Writer(Code code, std::uint8_t id) : bytes_(header_bytes) {
  bytes_.reserve(256);
  bytes_[0] = std::byte(code);
  bytes_[1] = std::byte(id);
}

void Writer::add_message_authenticator() {
  add(type::message_authenticator, BytesView(Authenticator{}));
}

void Writer::add(std::uint8_t type, BytesView value) {
  if (value.size() > value_bytes_max || packet_bytes_max - bytes_.size() < value.size() + 2) {
    fits_ = false;
    return;
  }
  append_attribute(bytes_, type, value);
}

void Writer::add(std::uint8_t type, std::uint32_t value) {
  add(type, BytesView(to_be32(value)));
}

void Writer::add_encoded(BytesView attributes) {
  if (packet_bytes_max - bytes_.size() < attributes.size()) {
    fits_ = false;
    return;
  }
  bytes_.insert(bytes_.end(), attributes.begin(), attributes.end());
}

void Writer::set_authenticator(std::span<const std::byte, 16> authenticator) {
  std::ranges::copy(authenticator, bytes_.begin() + 4);
}

Bytes Writer::take() && {
  bytes_[2] = std::byte(bytes_.size() >> 8);
  bytes_[3] = std::byte(bytes_.size() & 0xff);
  return std::move(bytes_);
}

void append_attribute(Bytes& out, std::uint8_t type, BytesView value) {
  DAYAQ_ASSERT(value.size() <= value_bytes_max);
  out.push_back(std::byte(type));
  out.push_back(std::byte(value.size() + 2));
  out.insert(out.end(), value.begin(), value.end());
}

std::uint32_t read_be32(BytesView four) {
  return std::uint32_t(four[0]) << 24 | std::uint32_t(four[1]) << 16 | std::uint32_t(four[2]) << 8 |
         std::uint32_t(four[3]);
}

std::array<std::byte, 4> to_be32(std::uint32_t value) {
  return {std::byte(value >> 24), std::byte(value >> 16 & 0xff), std::byte(value >> 8 & 0xff),
          std::byte(value & 0xff)};
}

}  // namespace dayaq::edge::radius
