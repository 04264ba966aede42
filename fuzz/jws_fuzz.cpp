// links: dayaq::crypto
// Signed tokens: as they came, and put together of the input's header and payload under a key of ours, so
// that what lies behind the signature is reached.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "crypto/jws.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::crypto;
  static const JwkPrivate key = JwkPrivate::generate(JwsAlgorithm::eddsa);
  static const JwkSet keys({key.public_key()});
  static const JwsPolicy any{.algorithms = all_jws_algorithms};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Nobody else has the key: nothing that came from outside may verify.
  if (verify_compact(text, keys, any)) std::abort();
  if (const auto parts = parse_compact(text, any)) {
    if (parts->signature.empty() || !text.starts_with(parts->signing_input)) std::abort();
    if (text != parts->signing_input + "." + to_base64url(parts->signature)) std::abort();  // one form only
  }
  const auto cut = text.find('\n');
  if (cut == std::string_view::npos) return 0;
  const std::string token = sign_compact(key, text.substr(0, cut), text.substr(cut + 1));
  if (const auto parts = verify_compact(token, keys, any)) {
    if (parts->payload != text.substr(cut + 1) || parts->header.source() != text.substr(0, cut)) std::abort();
    if (parts->algorithm != JwsAlgorithm::eddsa || parts->header.has("crit")) std::abort();
  }
  return 0;
}
