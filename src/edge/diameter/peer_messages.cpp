#include "edge/diameter/peer_messages.hpp"

#include <algorithm>
#include <array>

namespace dayaq::edge::diameter {

namespace {

Header answer_header(const Header& request) {
  Header header = request;
  header.flags = request.flags & Header::proxiable_bit;
  return header;
}

void write_origin(Writer& writer, const Self& self) {
  writer.text(avp::origin_host, self.origin_host);
  writer.text(avp::origin_realm, self.origin_realm);
}

void write_host_address(Writer& writer, const Self& self) {
  std::array<std::byte, 6> address{std::byte{0}, std::byte{1}};
  for (std::size_t i = 0; i < 4; ++i) address[2 + i] = std::byte(self.ip4 >> (24 - 8 * i) & 0xff);
  writer.bytes(avp::host_ip_address, address);
}

/// Without Supported-Vendor-Id and Vendor-Specific-Application-Id Kamailio opens the peer but never routes.
void write_applications(Writer& writer, const Self& self) {
  write_host_address(writer, self);
  writer.u32(avp::vendor_id, 0);
  writer.text(avp::product_name, "dayaq-edge", 0, false);
  if (self.origin_state_id != 0) writer.u32(avp::origin_state_id, self.origin_state_id);
  writer.u32(avp::supported_vendor_id, vendor_3gpp);
  writer.u32(avp::auth_application_id, application::credit_control);
  for (const auto id : {application::credit_control, application::gx}) {
    if (id == application::gx && !self.gx) continue;
    const auto group = writer.group_begin(avp::vendor_specific_application_id);
    writer.u32(avp::vendor_id, vendor_3gpp);
    writer.u32(avp::auth_application_id, id);
    writer.group_end(group);
  }
}

void write_failed(Writer& writer, BytesView failed_avp) {
  if (failed_avp.empty()) return;
  const auto group = writer.group_begin(avp::failed_avp);
  AvpReader reader(failed_avp);
  Avp inner;
  while (reader.next(inner)) writer.copy(inner);
  writer.group_end(group);
}

/// Whether an AVP can be handed on: what is broken inside stays with who sent it.
bool well_formed(const Avp& avp) {
  Bytes message;
  Writer writer(message);
  writer.begin({});
  writer.copy(avp);
  writer.end();
  return check_message(message).has_value();
}

void note_application(Identity& identity, std::optional<std::uint32_t> id) {
  if (!id) return;
  const bool relay = *id == application::relay;
  identity.credit_control = identity.credit_control || relay || *id == application::credit_control;
  identity.gx = identity.gx || relay || *id == application::gx;
}

void read_capability(Capabilities& out, const Avp& avp, bool request) {
  Identity& identity = out.identity;
  if (avp.vendor != 0) return;
  switch (avp.code) {
    case avp::origin_host:
      identity.origin_host = avp.text();
      break;
    case avp::origin_realm:
      identity.origin_realm = avp.text();
      break;
    case avp::origin_state_id:
      identity.origin_state_id = avp.u32().value_or(0);
      break;
    case avp::auth_application_id:
    case avp::acct_application_id:
      note_application(identity, avp.u32());
      break;
    case avp::result_code:
      if (!request) out.result = avp.u32().value_or(result::unable_to_comply);
      break;
    case avp::vendor_specific_application_id: {
      AvpReader inner(avp.data);
      Avp id;
      while (inner.next(id)) {
        if (id.code == avp::auth_application_id || id.code == avp::acct_application_id) {
          note_application(identity, id.u32());
        }
      }
      break;
    }
    default:
      break;
  }
}

/// An AVP of a code with nothing in it, as an example of what is missing. RFC 6733 section 7.5.
Bytes empty_avp(std::uint32_t code) {
  Bytes out;
  Writer writer(out);
  writer.begin({});
  writer.bytes(code, {});
  writer.end();
  out.erase(out.begin(), out.begin() + std::ptrdiff_t(header_bytes));
  return out;
}

}  // namespace

Capabilities read_capabilities(BytesView message) {
  Capabilities out;
  const bool request = (std::to_integer<unsigned>(message[4]) & Header::request_bit) != 0;
  if (!request) out.result = result::unable_to_comply;
  AvpReader reader(message.subspan(header_bytes));
  Avp avp;
  while (reader.next(avp)) {
    if (request && avp.mandatory() && !known_avp(avp.code, avp.vendor) && out.result == result::success) {
      out.result = result::avp_unsupported;
      out.failed_avp.assign(avp.whole.begin(), avp.whole.end());
    }
    read_capability(out, avp, request);
  }
  if (!request) return out;
  if (reader.failed()) {
    out.result = result::invalid_avp_length;
    return out;
  }
  const std::uint32_t missing = out.identity.origin_host.empty()    ? avp::origin_host
                                : out.identity.origin_realm.empty() ? avp::origin_realm
                                                                    : 0;
  if (missing != 0 && out.result == result::success) {
    out.result = result::missing_avp;
    out.failed_avp = empty_avp(missing);
  }
  return out;
}

Bytes capabilities_request(const Self& self, std::uint32_t hop_by_hop, std::uint32_t end_to_end) {
  Bytes out;
  Writer writer(out);
  writer.begin({.flags = Header::request_bit,
                .command = command::capabilities_exchange,
                .hop_by_hop = hop_by_hop,
                .end_to_end = end_to_end});
  write_origin(writer, self);
  write_applications(writer, self);
  writer.end();
  return out;
}

Bytes capabilities_answer(const Self& self, const Header& request, std::uint32_t result_code,
                          BytesView failed_avp) {
  Bytes out;
  Writer writer(out);
  Header header = answer_header(request);
  if (result_code / 1000 == 3) header.flags |= Header::error_bit;
  writer.begin(header);
  writer.u32(avp::result_code, result_code);
  write_origin(writer, self);
  write_applications(writer, self);
  write_failed(writer, failed_avp);
  writer.end();
  return out;
}

Bytes watchdog_request(const Self& self, std::uint32_t hop_by_hop, std::uint32_t end_to_end) {
  Bytes out;
  Writer writer(out);
  writer.begin({.flags = Header::request_bit,
                .command = command::device_watchdog,
                .hop_by_hop = hop_by_hop,
                .end_to_end = end_to_end});
  write_origin(writer, self);
  if (self.origin_state_id != 0) writer.u32(avp::origin_state_id, self.origin_state_id);
  writer.end();
  return out;
}

Bytes disconnect_request(const Self& self, std::uint32_t cause, std::uint32_t hop_by_hop,
                         std::uint32_t end_to_end) {
  Bytes out;
  Writer writer(out);
  writer.begin({.flags = Header::request_bit,
                .command = command::disconnect_peer,
                .hop_by_hop = hop_by_hop,
                .end_to_end = end_to_end});
  write_origin(writer, self);
  writer.u32(avp::disconnect_cause, cause);
  writer.end();
  return out;
}

Bytes base_answer(const Self& self, const Header& request, std::uint32_t result_code) {
  Bytes out;
  Writer writer(out);
  writer.begin(answer_header(request));
  writer.u32(avp::result_code, result_code);
  write_origin(writer, self);
  if (request.command == command::device_watchdog && self.origin_state_id != 0) {
    writer.u32(avp::origin_state_id, self.origin_state_id);
  }
  writer.end();
  return out;
}

Bytes refusal(const Self& self, BytesView request, std::uint32_t result_code, BytesView failed_avp) {
  Bytes out;
  const auto parsed = parse_header(request.first(std::min(request.size(), header_bytes)));
  Header header = answer_header(parsed ? *parsed : Header{});
  if (result_code / 1000 == 3) header.flags |= Header::error_bit;
  Writer writer(out);
  writer.begin(header);
  const BytesView avps = request.size() > header_bytes ? request.subspan(header_bytes) : BytesView{};
  Avp avp;
  for (AvpReader reader(avps); reader.next(avp);) {
    if (avp.code == avp::session_id && avp.vendor == 0) {
      writer.copy(avp);
      break;
    }
  }
  writer.u32(avp::result_code, result_code);
  write_origin(writer, self);
  for (AvpReader reader(avps); reader.next(avp);) {
    if (avp.code == avp::proxy_info && avp.vendor == 0 && well_formed(avp)) writer.copy(avp);
  }
  write_failed(writer, failed_avp);
  writer.end();
  return out;
}

RouteFacts route_facts(BytesView message, std::string_view self) {
  RouteFacts facts;
  AvpReader reader(message.subspan(header_bytes));
  Avp avp;
  while (reader.next(avp)) {
    if (avp.vendor != 0) continue;
    if (avp.code == avp::destination_realm) facts.destination_realm = avp.text();
    if (avp.code == avp::destination_host) facts.destination_host = avp.text();
    if (avp.code == avp::route_record && same_identity(avp.text(), self)) facts.looped = true;
  }
  return facts;
}

std::optional<std::uint32_t> result_code_of(BytesView answer) {
  const auto found = find_avp(answer.subspan(header_bytes), avp::result_code);
  return found ? found->u32() : std::nullopt;
}

std::optional<std::uint32_t> disconnect_cause_of(BytesView request) {
  const auto found = find_avp(request.subspan(header_bytes), avp::disconnect_cause);
  return found ? found->u32() : std::nullopt;
}

bool same_identity(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

void set_retransmitted(Bytes& message) {
  message[4] |= std::byte{Header::retransmitted_bit};
}

Bytes with_route_record(BytesView message, std::string_view host) {
  Bytes record;
  Writer writer(record);
  writer.begin({});
  writer.text(avp::route_record, host);
  writer.end();
  Bytes out(message.begin(), message.end());
  out.insert(out.end(), record.begin() + std::ptrdiff_t(header_bytes), record.end());
  const auto length = std::uint32_t(out.size());
  out[1] = std::byte(length >> 16 & 0xff);
  out[2] = std::byte(length >> 8 & 0xff);
  out[3] = std::byte(length & 0xff);
  return out;
}

}  // namespace dayaq::edge::diameter
