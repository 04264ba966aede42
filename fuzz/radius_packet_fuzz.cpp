// links: dayaq::edge_radius
// RADIUS packets: what is taken has attributes that fill it exactly and is written again as the same bytes;
// nothing of it is read beyond its end, vendors' attributes and hidden values included.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "edge/radius/authenticator.hpp"
#include "edge/radius/dictionary.hpp"
#include "edge/radius/identity.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::edge::radius;
  const BytesView bytes = std::as_bytes(std::span(data, size));
  static const Secret secret("testing123");

  edge::radius::AttributeList list;
  const auto added = add_attribute(as_text(bytes), list);
  DAYAQ_ASSERT(added.has_value() == !list.encoded.empty());

  const auto packet = Packet::parse(bytes);
  if (!packet) return 0;
  Writer writer(packet->code(), packet->id());
  writer.set_authenticator(packet->authenticator());
  BytesView rest = packet->attributes();
  Attribute attribute;
  std::size_t total = header_bytes;
  while (take_attribute(rest, attribute)) {
    total += 2 + attribute.value.size();
    DAYAQ_ASSERT(packet->find(attribute.type).has_value());
    (void)packet->number(attribute.type);
    writer.add(attribute.type, attribute.value);
    BytesView inside = attribute.value;
    std::uint32_t vendor = 0;
    Attribute nested;
    if (attribute.type == type::vendor_specific && take_vendor(inside, vendor)) {
      while (take_attribute(inside, nested)) {
      }
    }
    if (const auto mark = decode_mark(attribute.value, {})) {
      DAYAQ_ASSERT(std::ranges::equal(encode_mark(*mark, {}), attribute.value));
    }
  }
  DAYAQ_ASSERT(rest.empty() && total == packet->bytes().size() && writer.fits());
  const Bytes again = std::move(writer).take();
  DAYAQ_ASSERT(std::ranges::equal(again, packet->bytes()));

  (void)check_message_authenticator(*packet, packet->authenticator(), secret);
  Bytes signed_anew = again;
  sign_request(signed_anew, secret);
  const auto proved = Packet::parse(signed_anew);
  DAYAQ_ASSERT(proved && check_request_authenticator(*proved, secret));
  (void)candidates(*packet, edge::LineKind::fixed, {});
  (void)candidates(*packet, edge::LineKind::mobile, {});
  (void)session_identity(*packet);
  return 0;
}
