// links: dayaq::services_permit
// A permit, as bytes and as text: what is accepted says the same when it is issued again; nothing unsigned passes.
#include <cstdint>
#include <string_view>

#include "services/permit/base45.hpp"
#include "services/permit/token.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::services::permit;
  static const Issuer issuer(crypto::CoseSigner::generate(crypto::CoseAlgorithm::eddsa));
  static const Keys keys = [] {
    Keys trusted;
    trusted.add(issuer.public_key());
    return trusted;
  }();
  const BytesView bytes = std::as_bytes(std::span(data, size));
  DAYAQ_ASSERT(!verify(bytes, keys));
  if (const auto token = parse_text(as_text(bytes))) {
    DAYAQ_ASSERT(!verify(*token, keys));
    // Its own texts bring the same token back.
    DAYAQ_ASSERT(token->size() > 600 || parse_text(qr_text(*token)).value() == *token);
    DAYAQ_ASSERT(token->size() > 600 || parse_text(sms_text(*token)).value() == *token);
  }
  if (const auto plain = from_base45(as_text(bytes))) DAYAQ_ASSERT(to_base45(*plain) == as_text(bytes));
  // Signed, so that what lies behind the signature is reached.
  if (const auto claims = verify(issuer.sign(bytes, {}), keys)) {
    const auto again = verify(issuer.issue(*claims), keys);
    DAYAQ_ASSERT(again && *again == *claims);
    (void)judge(*claims, from_micros(1'790'000'000'000'000));
  }
  return 0;
}
