#include "edge/radius/dictionary.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace dayaq::edge::radius {
namespace {

constexpr std::uint32_t cisco = 9, ascend = 529, huawei = 2011, zte = 3902, erx = 4874, alcatel_sr = 6527,
                        wispr = 14122, chillispot = 14559, mikrotik = 14988;

using enum Syntax;
constexpr std::array names{
    Named{"Service-Type", 0, 6, number},
    Named{"Framed-Protocol", 0, 7, number},
    Named{"Framed-IP-Address", 0, 8, ipv4},
    Named{"Framed-IP-Netmask", 0, 9, ipv4},
    Named{"Filter-Id", 0, 11, text, true},
    Named{"Framed-MTU", 0, 12, number},
    Named{"Reply-Message", 0, 18, text, true},
    Named{"Framed-Route", 0, 22, text, true},
    Named{"Session-Timeout", 0, 27, number},
    Named{"Idle-Timeout", 0, 28, number},
    Named{"Termination-Action", 0, 29, number},
    Named{"Port-Limit", 0, 62, number},
    Named{"Acct-Interim-Interval", 0, 85, number},
    Named{"Framed-Pool", 0, 88, text},
    Named{"NAS-Filter-Rule", 0, 92, text, true},
    Named{"Framed-IPv6-Prefix", 0, 97, ipv6_prefix, true},
    Named{"Framed-IPv6-Pool", 0, 100, text},
    Named{"Delegated-IPv6-Prefix", 0, 123, ipv6_prefix, true},
    Named{"Cisco-AVPair", cisco, 1, text, true},
    Named{"Cisco-Account-Info", cisco, 250, text, true},
    Named{"Cisco-Service-Info", cisco, 251, text, true},
    Named{"Cisco-Command-Code", cisco, 252, text},
    Named{"Ascend-Data-Rate", ascend, 197, number},
    Named{"Ascend-Xmit-Rate", ascend, 255, number},
    Named{"Huawei-Input-Burst-Size", huawei, 1, number},
    Named{"Huawei-Input-Average-Rate", huawei, 2, number},
    Named{"Huawei-Input-Peak-Rate", huawei, 3, number},
    Named{"Huawei-Output-Burst-Size", huawei, 4, number},
    Named{"Huawei-Output-Average-Rate", huawei, 5, number},
    Named{"Huawei-Output-Peak-Rate", huawei, 6, number},
    Named{"Huawei-Remanent-Volume", huawei, 15, number},
    Named{"Huawei-Qos-Profile-Name", huawei, 31, text},
    Named{"Huawei-Policy-Name", huawei, 95, text, true},
    Named{"ZTE-Rate-Ctrl-SCR-Down", zte, 83, number},
    Named{"ZTE-Rate-Ctrl-SCR-Up", zte, 89, number},
    Named{"ERX-Virtual-Router-Name", erx, 1, text},
    Named{"ERX-Ingress-Policy-Name", erx, 10, text},
    Named{"ERX-Egress-Policy-Name", erx, 11, text},
    Named{"ERX-Qos-Profile-Name", erx, 26, text},
    Named{"ERX-Service-Activate", erx, 65, tagged_text, true},
    Named{"ERX-Service-Deactivate", erx, 66, text, true},
    Named{"Alc-Subsc-Prof-Str", alcatel_sr, 12, text},
    Named{"Alc-SLA-Prof-Str", alcatel_sr, 13, text},
    Named{"Alc-Credit-Control-Quota", alcatel_sr, 96, text, true},
    Named{"WISPr-Redirection-URL", wispr, 4, text},
    Named{"WISPr-Bandwidth-Min-Up", wispr, 5, number},
    Named{"WISPr-Bandwidth-Min-Down", wispr, 6, number},
    Named{"WISPr-Bandwidth-Max-Up", wispr, 7, number},
    Named{"WISPr-Bandwidth-Max-Down", wispr, 8, number},
    Named{"WISPr-Billing-Class-Of-Service", wispr, 11, text},
    Named{"ChilliSpot-Max-Total-Octets", chillispot, 3, number},
    Named{"ChilliSpot-Bandwidth-Max-Up", chillispot, 4, number},
    Named{"ChilliSpot-Bandwidth-Max-Down", chillispot, 5, number},
    Named{"ChilliSpot-Max-Total-Gigawords", chillispot, 23, number},
    Named{"Mikrotik-Group", mikrotik, 3, text},
    Named{"Mikrotik-Rate-Limit", mikrotik, 8, text},
    Named{"Mikrotik-Mark-Id", mikrotik, 11, text},
    Named{"Mikrotik-Total-Limit", mikrotik, 17, number},
    Named{"Mikrotik-Total-Limit-Gigawords", mikrotik, 18, number},
    Named{"Mikrotik-Address-List", mikrotik, 19, text, true},
};

/// What only this edge, the network or the operator's server may say.
bool reserved(std::uint8_t number) {
  static constexpr std::array types{
      type::user_name,      type::user_password, type::chap_password,         type::state,
      type::class_,         type::proxy_state,   type::chap_challenge,        type::tunnel_password,
      type::eap_message,    type::error_cause,   type::message_authenticator, type::chargeable_user_identity,
      type::vendor_specific};
  return number == 0 || std::ranges::find(types, number) != types.end() || (number >= 40 && number <= 55);
}

std::unexpected<Error> bad(std::string_view text, std::string_view why) {
  return fail(ErrorKind::invalid_input, "radius.attribute",
              fmt::format("The RADIUS attribute \"{}\" can't be used: {}.", text, why));
}

template <class Int>
std::optional<Int> whole_number(std::string_view text) {
  Int value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// "Attr-11" or "Vendor-14988-8".
std::optional<Kind> numbered(std::string_view name) {
  const auto type_of = [](std::string_view digits) { return whole_number<std::uint8_t>(digits); };
  if (name.starts_with("Attr-")) {
    const auto number = type_of(name.substr(5));
    if (number) return Kind{.vendor = 0, .type = *number, .many = true};
  }
  if (name.starts_with("Vendor-")) {
    name.remove_prefix(7);
    const std::size_t dash = name.find('-');
    if (dash == name.npos) return std::nullopt;
    const auto vendor = whole_number<std::uint32_t>(name.substr(0, dash));
    const auto number = type_of(name.substr(dash + 1));
    if (vendor && *vendor != 0 && number) return Kind{.vendor = *vendor, .type = *number, .many = true};
  }
  return std::nullopt;
}

Result<Bytes> encode_ipv6_prefix(std::string_view text, std::string_view value) {
  const std::size_t slash = value.find('/');
  const auto bits = slash == value.npos ? std::nullopt : whole_number<std::uint8_t>(value.substr(slash + 1));
  std::array<std::byte, 16> address{};
  if (!bits || *bits > 128 ||
      inet_pton(AF_INET6, std::string(value.substr(0, slash)).c_str(), address.data()) != 1) {
    return bad(text, "its value is no prefix like 2001:db8::/56");
  }
  Bytes out{std::byte(0), std::byte(*bits)};
  out.insert(out.end(), address.begin(), address.begin() + (*bits + 7) / 8);
  return out;
}

Result<Bytes> encode_value(std::string_view text, Syntax syntax, std::string_view value) {
  Bytes out;
  const auto put_text = [&](std::string_view from) {
    out.insert(out.end(), as_bytes(from).begin(), as_bytes(from).end());
  };
  switch (syntax) {
    case Syntax::text:
      put_text(value);
      return out;
    case Syntax::number: {
      const auto number_value = whole_number<std::uint32_t>(value);
      if (!number_value) return bad(text, "its value is no number of 32 bits");
      const auto bytes = to_be32(*number_value);
      out.assign(bytes.begin(), bytes.end());
      return out;
    }
    case Syntax::ipv4:
      out.resize(4);
      if (inet_pton(AF_INET, std::string(value).c_str(), out.data()) != 1)
        return bad(text, "its value is no IPv4 address");
      return out;
    case Syntax::ipv6_prefix:
      return encode_ipv6_prefix(text, value);
    case Syntax::tagged_text:
      out.push_back(std::byte(1));
      put_text(value);
      return out;
  }
  return out;
}

}  // namespace

std::span<const Named> dictionary() {
  return names;
}

bool AttributeList::has(const Kind& kind) const {
  return std::ranges::any_of(kinds, [&](const Kind& own) { return own.same(kind); });
}

Result<void> add_attribute(std::string_view text, AttributeList& out) {
  const std::size_t equals = text.find('=');
  if (equals == text.npos || equals + 1 == text.size()) return bad(text, "it isn't written Name=value");
  const std::string_view name = text.substr(0, equals), value = text.substr(equals + 1);
  Kind kind;
  Bytes encoded;
  const auto named = std::ranges::find(names, name, &Named::name);
  if (named != names.end()) {
    kind = {.vendor = named->vendor, .type = named->type, .many = named->many};
    DAYAQ_TRY(encoded, encode_value(text, named->syntax, value));
  } else {
    const auto by_number = numbered(name);
    if (!by_number) return bad(text, "there is no attribute of this name");
    kind = *by_number;
    if (value.starts_with("0x")) {
      auto bytes = from_hex(value.substr(2));
      if (!bytes || bytes->empty()) return bad(text, "its value isn't 0x and hex digits");
      encoded = std::move(*bytes);
    } else {
      DAYAQ_TRY(encoded, encode_value(text, Syntax::text, value));
    }
  }
  if (kind.vendor == 0 && reserved(kind.type)) return bad(text, "it is not for a file to say");
  if (encoded.size() > (kind.vendor == 0 ? value_bytes_max : value_bytes_max - 6))
    return bad(text, "its value is too long");
  if (kind.vendor == 0) {
    append_attribute(out.encoded, kind.type, encoded);
  } else {
    const auto vendor = to_be32(kind.vendor);
    Bytes inside(vendor.begin(), vendor.end());
    append_attribute(inside, kind.type, encoded);
    append_attribute(out.encoded, type::vendor_specific, inside);
  }
  out.kinds.push_back(kind);
  return {};
}

Result<AttributeList> parse_attributes(std::span<const std::string> texts) {
  AttributeList out;
  for (const std::string& text : texts) DAYAQ_TRY_OK(add_attribute(text, out));
  if (out.encoded.size() > 2048) {
    return fail(ErrorKind::invalid_input, "radius.attribute",
                "The RADIUS attributes of one profile are more than 2048 bytes: take some out.");
  }
  return out;
}

void merge(AttributeList& to, const AttributeList& from) {
  const std::size_t own = to.kinds.size();
  BytesView rest = from.encoded;
  Attribute attribute;
  for (const Kind& kind : from.kinds) {
    const BytesView before = rest;
    if (!take_attribute(rest, attribute)) return;
    const bool taken = !kind.many && std::ranges::any_of(std::span(to.kinds).first(own),
                                                         [&](const Kind& other) { return other.same(kind); });
    if (taken) continue;
    to.kinds.push_back(kind);
    to.encoded.insert(to.encoded.end(), before.begin(),
                      before.begin() + std::ptrdiff_t(before.size() - rest.size()));
  }
}

}  // namespace dayaq::edge::radius
