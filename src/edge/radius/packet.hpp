// RADIUS packets as bytes, read and written strictly.
//
//    0      1      2          4                       20
//   +------+------+----------+-----------------------+------------------------------
//   | code |  id  |  length  |  authenticator (16)   |  attributes: type, length, value ...
//   +------+------+----------+-----------------------+------------------------------
//
// `length` counts the whole packet, an attribute's length its own two bytes too. What a datagram holds beyond
// `length` is padding (RFC 2865 section 3). A vendor's attribute (type 26) holds the vendor's number and, by
// custom, attributes of the same form (RFC 2865 section 5.26).
// @see RFC 2865, 2866, 2869, 5176
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace dayaq::edge::radius {

inline constexpr std::size_t header_bytes = 20;
inline constexpr std::size_t packet_bytes_max = 4096;
inline constexpr std::size_t value_bytes_max = 253;

enum class Code : std::uint8_t {
  access_request = 1,
  access_accept = 2,
  access_reject = 3,
  accounting_request = 4,
  accounting_response = 5,
  access_challenge = 11,
  status_server = 12,
  coa_request = 43,
  coa_ack = 44,
  coa_nak = 45,
};

/// Attribute numbers, those that this edge looks at.
namespace type {
inline constexpr std::uint8_t user_name = 1, user_password = 2, chap_password = 3, nas_ip_address = 4,
                              nas_port = 5, framed_ip_address = 8, filter_id = 11, reply_message = 18,
                              state = 24, class_ = 25, vendor_specific = 26, session_timeout = 27,
                              termination_action = 29, called_station_id = 30, calling_station_id = 31,
                              nas_identifier = 32, proxy_state = 33, acct_status_type = 40,
                              acct_delay_time = 41, acct_input_octets = 42, acct_output_octets = 43,
                              acct_session_id = 44, acct_session_time = 46, acct_input_gigawords = 52,
                              acct_output_gigawords = 53, event_timestamp = 55, chap_challenge = 60,
                              tunnel_password = 69, eap_message = 79, message_authenticator = 80,
                              acct_interim_interval = 85, nas_port_id = 87, chargeable_user_identity = 89,
                              nas_ipv6_address = 95, framed_ipv6_prefix = 97, error_cause = 101,
                              delegated_ipv6_prefix = 123;
}  // namespace type

using Authenticator = std::array<std::byte, 16>;

struct Attribute {
  std::uint8_t type = 0;
  BytesView value;
};

/// Takes one attribute off the front of attributes that a Packet has checked (or of a vendor's, after
/// take_vendor). False at the end, or if its length lies.
[[nodiscard]] bool take_attribute(BytesView& in, Attribute& out);
/// The vendor's number off the front of a type 26 value; false if it has none.
[[nodiscard]] bool take_vendor(BytesView& in, std::uint32_t& vendor);

/// A packet in somebody else's buffer, whose lengths are right.
class Packet {
 public:
  /// invalid_input "radius.truncated" (fewer bytes than a header or than `length`), "radius.length" (below
  /// 20, above 4096), "radius.attribute_length" (below 2, or beyond the packet's end).
  static Result<Packet> parse(BytesView datagram);

  [[nodiscard]] Code code() const { return Code(bytes_[0]); }
  [[nodiscard]] std::uint8_t id() const { return std::uint8_t(bytes_[1]); }
  [[nodiscard]] std::span<const std::byte, 16> authenticator() const { return bytes_.subspan<4, 16>(); }
  [[nodiscard]] BytesView attributes() const { return bytes_.subspan(header_bytes); }
  [[nodiscard]] BytesView bytes() const { return bytes_; }  ///< without padding

  /// The value of the first attribute of this type.
  [[nodiscard]] std::optional<BytesView> find(std::uint8_t type) const;
  /// The first of this type as text; empty if there is none.
  [[nodiscard]] std::string_view text(std::uint8_t type) const;
  /// The first of this type as a number; nothing if there is none or it hasn't four bytes.
  [[nodiscard]] std::optional<std::uint32_t> number(std::uint8_t type) const;

 private:
  explicit Packet(BytesView bytes) : bytes_(bytes) {}
  BytesView bytes_;
};

/// Puts a packet together. What doesn't fit any more is left out and fits() says so.
class Writer {
 public:
  Writer(Code code, std::uint8_t id);
  /// Sixteen zeros, for sign_...() to fill; it stands first if it is added first.
  void add_message_authenticator();
  void add(std::uint8_t type, BytesView value);  ///< at most 253 bytes
  void add(std::uint8_t type, std::string_view value) { add(type, as_bytes(value)); }
  void add(std::uint8_t type, std::uint32_t value);
  void add_encoded(BytesView attributes);  ///< one or more, with their types and lengths
  void set_authenticator(std::span<const std::byte, 16> authenticator);
  [[nodiscard]] bool fits() const { return fits_; }
  /// The packet with its length.
  [[nodiscard]] Bytes take() &&;

 private:
  Bytes bytes_;
  bool fits_ = true;
};

/// Appends type, length and value.
void append_attribute(Bytes& out, std::uint8_t type, BytesView value);
[[nodiscard]] std::uint32_t read_be32(BytesView four);
[[nodiscard]] std::array<std::byte, 4> to_be32(std::uint32_t value);

}  // namespace dayaq::edge::radius
