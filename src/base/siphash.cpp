#include "base/siphash.hpp"

#include <bit>
#include <cstring>

namespace dayaq {
namespace {

static_assert(std::endian::native == std::endian::little);

std::uint64_t load64(const std::byte* at) {
  std::uint64_t v = 0;
  std::memcpy(&v, at, 8);
  return v;
}

struct State {
  std::uint64_t v0, v1, v2, v3;
  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13);
    v1 ^= v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16);
    v3 ^= v2;
    v0 += v3;
    v3 = std::rotl(v3, 21);
    v3 ^= v0;
    v2 += v1;
    v1 = std::rotl(v1, 17);
    v1 ^= v2;
    v2 = std::rotl(v2, 32);
  }
};

}  // namespace

SipKey sip_key(std::span<const std::byte, 16> bytes) {
  return {load64(bytes.data()), load64(bytes.data() + 8)};
}

std::uint64_t siphash(const SipKey& key, BytesView message) {
  State s{key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d, key.k0 ^ 0x6c7967656e657261,
          key.k1 ^ 0x7465646279746573};
  const std::size_t whole = message.size() / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) {
    const std::uint64_t m = load64(message.data() + i);
    s.v3 ^= m;
    s.round();
    s.round();
    s.v0 ^= m;
  }
  std::uint64_t last = std::uint64_t(message.size()) << 56;
  for (std::size_t i = whole; i < message.size(); ++i) last |= std::uint64_t(message[i]) << (8 * (i - whole));
  s.v3 ^= last;
  s.round();
  s.round();
  s.v0 ^= last;
  s.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) s.round();
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

}  // namespace dayaq
