// links: dayaq::feed
// Whatever decodes must be what the encoder would have written; everything else must be refused without harm.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#include "feed/settlement.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  static const auto key = std::move(*crypto::SigningKey::from_seed(std::array<std::byte, 32>{std::byte(9)}));
  static const std::array<crypto::PublicKey, 1> keys{key.public_key()};
  Bytes bytes(reinterpret_cast<const std::byte*>(data), reinterpret_cast<const std::byte*>(data) + size);
  const auto check = [](const Bytes& input) {
    const auto batch = feed::decode_settlement(input, keys);
    if (!batch) return;
    const auto header = feed::decode_settlement_header(input);
    if (!header || header->number != batch->number) std::abort();
    if (!std::ranges::equal(feed::encode(*batch, key), input)) std::abort();
  };
  check(bytes);
  // A random signature is never right, so the rest would stay untested: put length and signature in their
  // place.
  if (bytes.size() >= 76) {
    for (std::size_t i = 0; i < 4; ++i) bytes[8 + i] = std::byte(bytes.size() >> (8 * i) & 0xff);
    bytes.resize(bytes.size() - 64);
    const auto signature = key.sign(bytes);
    bytes.insert(bytes.end(), signature.begin(), signature.end());
    check(bytes);
  }
  return 0;
}
