// links: dayaq::crypto
// Notes, checkpoints and verifier keys: whatever is accepted must be written back as it was read.
#include <cstddef>
#include <cstdint>

#include "crypto/note.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq::crypto;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto key = VerifierKey::parse(text)) DAYAQ_ASSERT(key->to_text() == text);
  if (const auto checkpoint = parse_checkpoint(text)) DAYAQ_ASSERT(format_checkpoint(*checkpoint) == text);
  if (const auto note = parse_note(text)) {
    DAYAQ_ASSERT(!note->signatures.empty() && note->text.ends_with('\n'));
    DAYAQ_ASSERT(text.starts_with(note->text));
    const VerifierKey key{note->signatures[0].name, note->signatures[0].key_id, PublicKey{}};
    (void)verify_note(*note, std::span(&key, 1));
    (void)open_checkpoint(text, key);
  }
  return 0;
}
