#include "edge/diameter/message.hpp"

#include <cstring>

#include "edge/diameter/dictionary.hpp"

namespace dayaq::edge::diameter {

namespace {

constexpr std::uint8_t vendor_bit = 0x80, mandatory_bit = 0x40;

std::uint32_t load32(const std::byte* at) {
  return std::uint32_t(at[0]) << 24 | std::uint32_t(at[1]) << 16 | std::uint32_t(at[2]) << 8 |
         std::uint32_t(at[3]);
}

void store32(std::byte* at, std::uint32_t value) {
  at[0] = std::byte(value >> 24);
  at[1] = std::byte(value >> 16 & 0xff);
  at[2] = std::byte(value >> 8 & 0xff);
  at[3] = std::byte(value & 0xff);
}

void store24(std::byte* at, std::size_t value) {
  at[0] = std::byte(value >> 16 & 0xff);
  at[1] = std::byte(value >> 8 & 0xff);
  at[2] = std::byte(value & 0xff);
}

constexpr std::size_t padded(std::size_t bytes) {
  return (bytes + 3) & ~std::size_t(3);
}

Result<void> check_avps(BytesView avps, int depth) {
  if (depth > depth_max) {
    return fail(ErrorKind::invalid_input, "diameter.depth", "Groups are nested too deep.");
  }
  AvpReader reader(avps);
  Avp avp;
  while (reader.next(avp)) {
    if (grouped_avp(avp.code, avp.vendor)) DAYAQ_TRY_OK(check_avps(avp.data, depth + 1));
  }
  if (reader.failed()) {
    return fail(ErrorKind::invalid_input, "diameter.avp", "An AVP's length is wrong.",
                "depth " + std::to_string(depth));
  }
  return {};
}

}  // namespace

Result<Header> parse_header(BytesView first20) {
  if (first20.size() < header_bytes) {
    return fail(ErrorKind::invalid_input, "diameter.header", "The message is shorter than its header.");
  }
  const std::byte* at = first20.data();
  if (at[0] != std::byte(1)) {
    return fail(ErrorKind::invalid_input, "diameter.version", "Only version 1 of Diameter is spoken.");
  }
  Header header;
  header.length = load32(at) & 0xffffff;
  header.flags = std::uint8_t(at[4]);
  header.command = load32(at + 4) & 0xffffff;
  header.application = load32(at + 8);
  header.hop_by_hop = load32(at + 12);
  header.end_to_end = load32(at + 16);
  if (header.length < header_bytes || header.length > message_bytes_max || header.length % 4 != 0) {
    return fail(ErrorKind::invalid_input, "diameter.length", "The message's length can't be.",
                std::to_string(header.length));
  }
  return header;
}

std::optional<std::uint32_t> Avp::u32() const {
  if (data.size() != 4) return std::nullopt;
  return load32(data.data());
}

std::optional<std::uint64_t> Avp::u64() const {
  if (data.size() != 8) return std::nullopt;
  return std::uint64_t(load32(data.data())) << 32 | load32(data.data() + 4);
}

bool AvpReader::next(Avp& out) {
  if (left_.empty() || failed_) return false;
  const std::byte* at = left_.data();
  if (left_.size() < 8) {
    failed_ = true;
    return false;
  }
  const std::uint8_t flags = std::uint8_t(at[4]);
  const std::size_t length = load32(at + 4) & 0xffffff;
  const std::size_t head = (flags & vendor_bit) != 0 ? 12 : 8;
  if (length < head || length > left_.size()) {
    failed_ = true;
    return false;
  }
  out.code = load32(at);
  out.flags = flags;
  out.vendor = head == 12 ? load32(at + 8) : 0;
  out.data = left_.subspan(head, length - head);
  const std::size_t step = padded(length) < left_.size() ? padded(length) : left_.size();
  out.whole = left_.first(step);
  left_ = left_.subspan(step);
  return true;
}

Result<void> check_message(BytesView message) {
  DAYAQ_TRY(const Header header, parse_header(message));
  if (header.length != message.size()) {
    return fail(ErrorKind::invalid_input, "diameter.length", "The message's length isn't its bytes'.",
                std::to_string(header.length) + " of " + std::to_string(message.size()));
  }
  return check_avps(message.subspan(header_bytes), 1);
}

Result<void> check_group(BytesView avps, int depth) {
  return check_avps(avps, depth);
}

std::optional<Avp> find_avp(BytesView avps, std::uint32_t code, std::uint32_t vendor) {
  AvpReader reader(avps);
  Avp avp;
  while (reader.next(avp)) {
    if (avp.code == code && avp.vendor == vendor) return avp;
  }
  return std::nullopt;
}

std::byte* Writer::grow(std::size_t bytes) {
  const std::size_t at = out_.size();
  out_.resize(at + bytes);
  return out_.data() + at;
}

std::byte* Writer::avp_header(std::uint32_t code, std::uint32_t vendor, bool mandatory,
                              std::size_t data_bytes) {
  const std::size_t head = vendor != 0 ? 12 : 8;
  std::byte* at = grow(head + padded(data_bytes));  // new bytes are 0, and so is the padding
  store32(at, code);
  at[4] = std::byte((vendor != 0 ? vendor_bit : 0) | (mandatory ? mandatory_bit : 0));
  store24(at + 5, head + data_bytes);
  if (vendor != 0) store32(at + 8, vendor);
  return at + head;
}

void Writer::begin(const Header& header) {
  start_ = out_.size();
  std::byte* at = grow(header_bytes);
  at[0] = std::byte(1);
  at[4] = std::byte(header.flags);
  store24(at + 5, header.command);
  store32(at + 8, header.application);
  store32(at + 12, header.hop_by_hop);
  store32(at + 16, header.end_to_end);
}

void Writer::end() {
  store24(out_.data() + start_ + 1, out_.size() - start_);
}

void Writer::u32(std::uint32_t code, std::uint32_t value, std::uint32_t vendor, bool mandatory) {
  store32(avp_header(code, vendor, mandatory, 4), value);
}

void Writer::u64(std::uint32_t code, std::uint64_t value, std::uint32_t vendor, bool mandatory) {
  std::byte* at = avp_header(code, vendor, mandatory, 8);
  store32(at, std::uint32_t(value >> 32));
  store32(at + 4, std::uint32_t(value & 0xffffffff));
}

void Writer::text(std::uint32_t code, std::string_view value, std::uint32_t vendor, bool mandatory) {
  bytes(code, as_bytes(value), vendor, mandatory);
}

void Writer::bytes(std::uint32_t code, BytesView value, std::uint32_t vendor, bool mandatory) {
  std::byte* at = avp_header(code, vendor, mandatory, value.size());
  if (!value.empty()) std::memcpy(at, value.data(), value.size());
}

void Writer::copy(const Avp& avp) {
  std::byte* at = grow(padded(avp.whole.size()));
  if (!avp.whole.empty()) std::memcpy(at, avp.whole.data(), avp.whole.size());
}

std::size_t Writer::group_begin(std::uint32_t code, std::uint32_t vendor, bool mandatory) {
  const std::size_t group = out_.size();
  (void)avp_header(code, vendor, mandatory, 0);
  return group;
}

void Writer::group_end(std::size_t group) {
  store24(out_.data() + group + 5, out_.size() - group);
}

void set_hop_by_hop(Bytes& message, std::uint32_t value) {
  store32(message.data() + 12, value);
}
void set_end_to_end(Bytes& message, std::uint32_t value) {
  store32(message.data() + 16, value);
}

}  // namespace dayaq::edge::diameter
