// links: dayaq::edge_diameter
// The reader walks whatever comes, without harm; a message that it calls whole is copied AVP by AVP into
// equal bytes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "edge/diameter/dictionary.hpp"
#include "edge/diameter/message.hpp"

namespace {

using namespace dayaq;
using namespace dayaq::edge::diameter;

void walk(BytesView avps, int depth) {
  AvpReader reader(avps);
  Avp avp;
  std::size_t seen = 0;
  while (reader.next(avp)) {
    seen += avp.whole.size();
    (void)avp.u32();
    (void)avp.u64();
    (void)known_avp(avp.code, avp.vendor);
    if (depth < depth_max) walk(avp.data, depth + 1);  // as a group, whether it is one or not
  }
  if (seen + reader.rest().size() != avps.size()) std::abort();
  if (!reader.failed() && !reader.rest().empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes message(reinterpret_cast<const std::byte*>(data),
                      reinterpret_cast<const std::byte*>(data) + size);
  (void)parse_header(message);
  walk(message, 1);
  if (message.size() > header_bytes) walk(BytesView(message).subspan(header_bytes), 1);
  if (!check_message(message)) return 0;
  Bytes copy;
  Writer writer(copy);
  writer.begin(*parse_header(message));
  AvpReader reader(BytesView(message).subspan(header_bytes));
  Avp avp;
  while (reader.next(avp)) writer.copy(avp);
  writer.end();
  if (!std::ranges::equal(copy, message)) std::abort();
  return 0;
}
