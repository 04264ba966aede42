// links: dayaq::feed
// Whatever decodes must be what the encoder would have written; everything else must be refused without harm.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#include "feed/block.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  static const crypto::SigningKey signer =
      *crypto::SigningKey::from_seed(std::array<std::byte, 32>{std::byte(4)});
  static const std::array<crypto::PublicKey, 1> keys{signer.public_key()};
  constexpr std::size_t signature_bytes = 64;
  Bytes bytes(reinterpret_cast<const std::byte*>(data), reinterpret_cast<const std::byte*>(data) + size);

  // As it came: whatever the signature, the parser must stay within the bytes and take only its own writing.
  BytesView in = bytes;
  if (const auto block = feed::decode_own(in)) {
    const auto taken = BytesView(bytes).first(bytes.size() - in.size());
    const Bytes again = feed::encode(*block, signer);
    const auto content = taken.size() - signature_bytes;
    if (again.size() != taken.size() ||
        !std::ranges::equal(BytesView(again).first(content), taken.first(content)))
      std::abort();
  }
  // A random signature is never right, so what lies behind it would stay untested: sign it, in its length.
  if (bytes.size() >= 12 + signature_bytes) {
    for (std::size_t i = 0; i < 4; ++i) bytes[8 + i] = std::byte(bytes.size() >> (8 * i) & 0xff);
    bytes.resize(bytes.size() - signature_bytes);
    const crypto::Signature signature = signer.sign(bytes);
    bytes.insert(bytes.end(), signature.begin(), signature.end());
    in = bytes;
    if (const auto block = feed::decode(in, keys)) {
      const Bytes again = feed::encode(*block, signer);
      if (!std::ranges::equal(again, BytesView(bytes).first(bytes.size() - in.size()))) std::abort();
    }
  }
  return 0;
}
