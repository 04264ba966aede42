// links: dayaq::feed
// A list of resources, as it came and with its signature made right: what is accepted is what would be
// written.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "crypto/note.hpp"
#include "feed/resources.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  static const crypto::SigningKey key = [] {
    SeededRandom random(1);
    return crypto::SigningKey::generate(random);
  }();
  static const std::vector<crypto::PublicKey> keys{key.public_key()};
  std::string text(reinterpret_cast<const char*>(data), size);
  if (feed::decode_resources(text, keys)) std::abort();  // nobody can sign by chance
  std::erase_if(
      text, [](char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\n') || c > '~' || c < 0; });
  if (!text.ends_with('\n')) text += '\n';
  const auto list = feed::decode_resources(crypto::sign_note(text, "dayaq/resources", key), keys);
  if (!list) return 0;
  const auto again = feed::decode_resources(feed::encode(*list, key), keys);
  if (!again || *again != *list) std::abort();
  return 0;
}
