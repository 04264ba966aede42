// links: dayaq::services_permit
// The list of keys and revoked permits: what is accepted is written again as the same; ids come out in order.
#include <algorithm>
#include <cstdint>

#include "services/permit/list.hpp"

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
  DAYAQ_ASSERT(!parse_list(bytes, keys));
  (void)parse_list(bytes, Keys());
  // Signed, so that what lies behind the signature is reached.
  if (auto list = parse_list(issuer.sign(bytes, as_bytes("dayaq permit list 1")), keys)) {
    DAYAQ_ASSERT(std::ranges::adjacent_find(list->revoked, std::greater_equal<>()) == list->revoked.end());
    if (list->keys.find(issuer.key_id()) == nullptr) list->keys.add(issuer.public_key());
    const auto again = parse_list(encode_list(*list, issuer).value(), keys);
    DAYAQ_ASSERT(again && again->made == list->made && again->next == list->next);
    DAYAQ_ASSERT(again->revoked == list->revoked && again->kinds.size() == list->kinds.size());
  }
  if (size >= 2) {  // the ids alone, with a count and a k that fit often
    const auto ids = rice_decode(data[0], data[1] % 65, bytes.subspan(2));
    if (ids) {
      const RiceCoded coded = rice_encode(*ids);
      DAYAQ_ASSERT(rice_decode(coded.count, coded.k, coded.bits).value() == *ids);
    }
  }
  return 0;
}
