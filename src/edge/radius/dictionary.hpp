// The attributes that an operator's file may name, as FreeRADIUS's dictionaries name them: "Filter-Id=edu",
// "Mikrotik-Rate-Limit=10M/10M", "WISPr-Bandwidth-Max-Down=2000000", "Cisco-AVPair=subscriber:sa=EDU".
//
// One that has no name here is written by number: "Attr-11=text", "Vendor-14988-8=0x31304d" (0x and hex
// digits, or text).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "edge/radius/packet.hpp"

namespace dayaq::edge::radius {

enum class Syntax : std::uint8_t { text, number, ipv4, ipv6_prefix, tagged_text };

struct Named {
  std::string_view name;
  std::uint32_t vendor = 0;  ///< 0: none
  std::uint8_t type = 0;
  Syntax syntax = Syntax::text;
  bool many = false;  ///< may stand several times; of the others the first profile's holds
};
[[nodiscard]] std::span<const Named> dictionary();

/// What an attribute is, without its value: two with the same don't stand beside each other unless `many`.
struct Kind {
  std::uint32_t vendor = 0;
  std::uint8_t type = 0;
  bool many = false;
  [[nodiscard]] bool same(const Kind& other) const { return vendor == other.vendor && type == other.type; }
};

/// Attributes ready for a packet.
struct AttributeList {
  std::vector<Kind> kinds;
  Bytes encoded;
  [[nodiscard]] bool has(const Kind& kind) const;
};

/// Adds one "Name=value". invalid_input "radius.attribute": unknown name, bad value, too long, or one that
/// this edge sets itself (Class, State, Message-Authenticator, passwords, EAP, accounting).
[[nodiscard]] Result<void> add_attribute(std::string_view text, AttributeList& out);
/// All of them, naming the one at fault.
[[nodiscard]] Result<AttributeList> parse_attributes(std::span<const std::string> texts);
/// Adds what `from` has and `to` may take: no second of a kind that stands once.
void merge(AttributeList& to, const AttributeList& from);

}  // namespace dayaq::edge::radius
