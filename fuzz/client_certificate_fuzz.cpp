// links: dayaq::crypto
// What is shown over mutual TLS, lists of revoked certificates, a responder's answers: read, never believed.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "crypto/client_certificate.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::crypto;
  const BytesView bytes = std::as_bytes(std::span(data, size));
  const Instant now = from_micros(1'800'000'000'000'000);
  (void)read_certificates(as_text(bytes));
  DAYAQ_ASSERT(!verify_client_chain(bytes, {}, {}, now));
  if (size < 2) return 0;
  // The first two bytes say how much is a certificate: the rest is read as of it.
  const std::size_t cut = 2 + std::min(size - 2, std::size_t(data[0]) | std::size_t(data[1]) << 8);
  const BytesView certificate = bytes.subspan(2, cut - 2), rest = bytes.subspan(cut);
  if (const auto list = RevocationList::read(rest, certificate)) {
    DAYAQ_ASSERT(list->standing(certificate, list->until()) == Standing::unknown);
  }
  if (const auto question = ask_ocsp(certificate, certificate, Bytes(16, std::byte{1}))) {
    (void)read_ocsp(rest, certificate, certificate, *question, now);
  }
  return 0;
}
