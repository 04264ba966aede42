// Diameter messages as bytes: a strict reader over foreign bytes and a writer. @see RFC 6733 sections 3
// and 4.
//
//   0                   1                   2                   3
//   | version = 1 |          length (24), with padding            |
//   | flags RPET  |          command (24)                         |
//   |                    application                              |
//   |                    hop-by-hop                               |
//   |                    end-to-end                               |
//   | AVPs: code (32) | flags VMP (8) | length (24) | [vendor (32)] | data | 0-3 bytes of padding
//
// Nothing is copied: views are valid as long as the bytes they were made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace dayaq::edge::diameter {

inline constexpr std::size_t header_bytes = 20;
inline constexpr std::size_t message_bytes_max = 256u << 10;
inline constexpr int depth_max = 8;  ///< of grouped AVPs

struct Header {
  std::uint32_t length = 0;
  std::uint8_t flags = 0;
  std::uint32_t command = 0;
  std::uint32_t application = 0;
  std::uint32_t hop_by_hop = 0;
  std::uint32_t end_to_end = 0;
  static constexpr std::uint8_t request_bit = 0x80, proxiable_bit = 0x40, error_bit = 0x20,
                                retransmitted_bit = 0x10;
  [[nodiscard]] bool request() const { return (flags & request_bit) != 0; }
  [[nodiscard]] bool retransmitted() const { return (flags & retransmitted_bit) != 0; }
};

/// The header, and that its length is plausible (20 to message_bytes_max, a multiple of 4).
/// invalid_input "diameter.header", "diameter.version", "diameter.length".
[[nodiscard]] Result<Header> parse_header(BytesView first20);

struct Avp {
  std::uint32_t code = 0;
  std::uint32_t vendor = 0;
  std::uint8_t flags = 0;
  BytesView data;
  BytesView whole;  ///< with header and padding, to be copied as it is
  [[nodiscard]] bool mandatory() const { return (flags & 0x40) != 0; }
  [[nodiscard]] std::optional<std::uint32_t> u32() const;  ///< nothing if the length isn't 4
  [[nodiscard]] std::optional<std::uint64_t> u64() const;  ///< nothing if the length isn't 8
  [[nodiscard]] std::string_view text() const { return as_text(data); }
};

/// Walks the AVPs of a message or of a grouped AVP. A broken AVP ends the walk and sets failed(): one whose
/// length is less than its own header or more than what is left. The padding of the last one may be missing
/// (some stacks forget it inside groups).
class AvpReader {
 public:
  explicit AvpReader(BytesView avps) : left_(avps) {}
  [[nodiscard]] bool next(Avp& out);
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] BytesView rest() const { return left_; }  ///< what could not be read, for Failed-AVP

 private:
  BytesView left_;
  bool failed_ = false;
};

/// A message that is whole: header, length equal to the bytes, every AVP and every AVP inside the groups that
/// the dictionary knows, at most depth_max deep. invalid_input as parse_header, "diameter.avp",
/// "diameter.depth".
[[nodiscard]] Result<void> check_message(BytesView message);
/// The same of a group's inside that stands `depth` deep: 2 if the group is the message's own.
[[nodiscard]] Result<void> check_group(BytesView avps, int depth = 2);

/// The first AVP of this code in `avps`, if there is one before anything broken.
[[nodiscard]] std::optional<Avp> find_avp(BytesView avps, std::uint32_t code, std::uint32_t vendor = 0);

/// Appends a message to a buffer. Grouped AVPs nest; lengths are filled in when they end.
class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}
  void begin(const Header& header);  ///< `length` is filled in by end()
  void end();
  void u32(std::uint32_t code, std::uint32_t value, std::uint32_t vendor = 0, bool mandatory = true);
  void u64(std::uint32_t code, std::uint64_t value, std::uint32_t vendor = 0, bool mandatory = true);
  void text(std::uint32_t code, std::string_view value, std::uint32_t vendor = 0, bool mandatory = true);
  void bytes(std::uint32_t code, BytesView value, std::uint32_t vendor = 0, bool mandatory = true);
  void copy(const Avp& avp);  ///< as it came, padded
  [[nodiscard]] std::size_t group_begin(std::uint32_t code, std::uint32_t vendor = 0, bool mandatory = true);
  void group_end(std::size_t group);

 private:
  std::byte* grow(std::size_t bytes);
  std::byte* avp_header(std::uint32_t code, std::uint32_t vendor, bool mandatory, std::size_t data_bytes);
  Bytes& out_;
  std::size_t start_ = 0;
};

/// Overwrites a field of a message in place: what a relay does to the header.
void set_hop_by_hop(Bytes& message, std::uint32_t value);
void set_end_to_end(Bytes& message, std::uint32_t value);

}  // namespace dayaq::edge::diameter
