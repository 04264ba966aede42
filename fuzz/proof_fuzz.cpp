// links: dayaq::crypto
// Proofs by a stranger: index, size, a root and hashes. Input: u64 a, u64 b (little-endian), then 32-byte
// hashes.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "crypto/merkle.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::crypto;
  BytesView in = std::as_bytes(std::span(data, size));
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  if (!take_le(in, a) || !take_le(in, b)) return 0;
  if (in.size() < 64) return 0;
  std::vector<Sha256> hashes(in.size() / 32);
  std::memcpy(hashes.data(), in.data(), hashes.size() * 32);
  const auto proof = std::span(hashes).subspan(2);
  const bool included = verify_inclusion(hashes[0], a, b, proof, hashes[1]);
  const bool consistent = verify_consistency({a, hashes[0]}, {b, hashes[1]}, proof);
  // A proof has at most one hash for each level on both sides of its path.
  DAYAQ_ASSERT(!(included || consistent) || proof.size() <= 65);
  DAYAQ_ASSERT(!included || a < b);
  DAYAQ_ASSERT(!consistent || a <= b);
  return 0;
}
