// links: dayaq::feed
// Whatever decodes must be what the encoder would have written; everything else must be refused without harm.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/siphash.hpp"
#include "feed/block.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  Bytes bytes(reinterpret_cast<const std::byte*>(data), reinterpret_cast<const std::byte*>(data) + size);
  const auto check = [](const Bytes& input) {
    BytesView in = input;
    const auto block = feed::decode(in);
    if (!block) return;
    const Bytes again = feed::encode(*block);
    if (!std::ranges::equal(again, BytesView(input).first(input.size() - in.size()))) std::abort();
  };
  check(bytes);
  // A random checksum is never right, so the rest would stay untested: put the right one in its place.
  if (bytes.size() >= 20) {
    for (std::size_t i = 0; i < 4; ++i) bytes[8 + i] = std::byte(bytes.size() >> (8 * i) & 0xff);
    bytes.resize(bytes.size() - 8);
    put_le(bytes, siphash(SipKey{}, bytes));
    check(bytes);
  }
  return 0;
}
