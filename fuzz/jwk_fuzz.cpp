// links: dayaq::crypto
// Keys and sets of keys: what is read is written so that it reads the same; no private key gets through as
// public.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "crypto/jwk.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::crypto;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto key = JwkPublic::parse(text)) {
    const auto object = JsonObject::parse_view(text);
    if (!object || object->has("d") || object->has("k")) std::abort();
    const auto again = JwkPublic::parse(key->to_json());
    const auto bare = JwkPublic::parse(key->bare_json());
    if (!again || !bare || again->kid() != key->kid() || again->to_json() != key->to_json()) std::abort();
    if (bare->thumbprint() != key->thumbprint() || bare->kid() != key->thumbprint()) std::abort();
    const Bytes signature(size % 600);
    for (int a = 0; a < 4; ++a) {
      (void)key->verify(static_cast<JwsAlgorithm>(a), as_bytes(text), signature);
    }
  }
  if (const auto set = JwkSet::parse(text)) {
    const auto again = JwkSet::parse(set->to_json());
    if (!again || again->to_json() != set->to_json() || again->keys().size() != set->keys().size())
      std::abort();
  }
  if (const auto key = JwkPrivate::parse(text)) {
    const auto again = JwkPrivate::parse(as_text(key->to_json().view()));
    if (!again || again->kid() != key->kid() || again->algorithm() != key->algorithm()) std::abort();
    if (JwkPublic::parse(text)) std::abort();
  }
  if (text.starts_with("-----")) {
    (void)JwkPublic::from_pem(text);
    (void)JwkPrivate::from_pem(text, JwsAlgorithm::es256);
  }
  (void)JwkPrivate::from_der(as_bytes(text), JwsAlgorithm::eddsa);
  return 0;
}
