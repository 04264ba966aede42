// links: dayaq::edge_diameter
// What a stranger says before it is known: a capabilities exchange, or any first message, and what the node
// answers to it; and a message on its way through the relay.
#include <cstdlib>

#include "edge/diameter/hand_over.hpp"
#include "edge/diameter/peer_messages.hpp"

using namespace dayaq;
using namespace dayaq::edge::diameter;

namespace {

void whole(const Bytes& message) {
  if (!check_message(message)) std::abort();
}

void one_message(const Self& self, BytesView message, const Header& header) {
  const Capabilities capabilities = read_capabilities(message);
  whole(capabilities_answer(self, header, capabilities.result, capabilities.failed_avp));
  whole(base_answer(self, header, result::success));
  (void)route_facts(message, self.origin_host);
  (void)result_code_of(message);
  (void)disconnect_cause_of(message);
  whole(refusal(self, message, result::realm_not_served, capabilities.failed_avp));
  // A message that is whole stays so when its way is written behind it.
  if (check_message(message) && message.size() + 64 < message_bytes_max) {
    const Bytes further = with_route_record(message, self.origin_host);
    whole(further);
    if (!route_facts(further, self.origin_host).looped) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Self self{
      .origin_host = "edge1.mobile.example", .origin_realm = "mobile.example", .origin_state_id = 7};
  BytesView bytes(reinterpret_cast<const std::byte*>(data), size);
  if (const auto inherited = decode_inheritance(bytes)) {
    const Bytes again = encode_inheritance(*inherited);
    if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
  }
  while (bytes.size() >= header_bytes) {
    const auto header = parse_header(bytes.first(header_bytes));
    if (!header || header->length > bytes.size()) {
      whole(refusal(self, bytes, result::invalid_message_length));
      break;
    }
    one_message(self, bytes.first(header->length), *header);
    bytes = bytes.subspan(header->length);
  }
  return 0;
}
