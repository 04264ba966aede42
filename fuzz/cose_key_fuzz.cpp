// links: dayaq::crypto
// A key that is read is written and read again as the same; a message, a certificate: read, never believed.
#include <cstddef>
#include <cstdint>

#include "crypto/cose.hpp"
#include "crypto/cose_certificate.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::crypto;
  const BytesView bytes = std::as_bytes(std::span(data, size));
  if (const auto key = CoseKey::parse(bytes)) {
    const Bytes written = key->encode();
    const auto again = CoseKey::parse(written);
    DAYAQ_ASSERT(again && again->encode() == written && again->algorithm() == key->algorithm());
    DAYAQ_ASSERT(!key->verify(bytes, bytes, EcdsaForm::der) && !key->verify(bytes, bytes, EcdsaForm::raw));
  }
  if (const auto message = parse_cose_sign1(bytes)) {
    static const CoseKey key = CoseSigner::generate(CoseAlgorithm::eddsa).public_key();
    DAYAQ_ASSERT(!verify_cose_sign1(*message, key));
  }
  if (const auto certificate = Certificate::parse(bytes)) {
    (void)certificate->key();
    (void)certificate->subject("OU");
    (void)certificate->is_authority();
    (void)certificate->extension("1.3.6.1.4.1.45724.1.1.4");
    const BytesView chain[] = {bytes};
    (void)verify_chain(chain, {}, from_micros(0));
  }
  return 0;
}
