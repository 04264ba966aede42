// links: dayaq::edge_engine
// What one edge tells another: what decodes must be what the encoder would have written.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "edge/journal_format.hpp"
#include "edge/siblings.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  Bytes bytes(reinterpret_cast<const std::byte*>(data), reinterpret_cast<const std::byte*>(data) + size);
  const auto look = [](BytesView in) {
    const auto usage = edge::decode_peer_usage(in);
    if (usage && !std::ranges::equal(edge::encode(*usage), in)) std::abort();
  };
  look(bytes);
  // A random checksum is never right, so what lies behind it would stay untested: make it right.
  if (bytes.size() >= 8) {
    std::memset(bytes.data() + 4, 0, 4);
    const std::uint32_t crc = edge::crc32c(bytes);
    std::memcpy(bytes.data() + 4, &crc, 4);
    look(bytes);
  }
  // The journal's own group header and records, on the same bytes.
  if (const auto header = edge::decode_group_header(bytes); header && header->size() <= bytes.size()) {
    (void)edge::group_intact(BytesView(bytes).first(header->size()));
  }
  return 0;
}
