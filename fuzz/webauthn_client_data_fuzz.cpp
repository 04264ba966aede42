// links: dayaq::identity
// Client data that is read has what the ceremonies need; the browser's whole answers are read or refused.
#include <cstddef>
#include <cstdint>

#include "base/text.hpp"
#include "identity/webauthn_json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::identity;
  const BytesView bytes = std::as_bytes(std::span(data, size));
  if (const auto client = webauthn::parse_client_data(bytes)) {
    DAYAQ_ASSERT(size <= webauthn::client_data_size_max);
    DAYAQ_ASSERT(is_utf8(client->type) && is_utf8(client->origin) && is_utf8(client->top_origin));
    DAYAQ_ASSERT(client->challenge.size() <= size);
  }
  if (const auto made = webauthn::parse_registration(as_text(bytes))) {
    DAYAQ_ASSERT(!made->id.empty() && made->id.size() <= webauthn::credential_id_size_max);
  }
  if (const auto login = webauthn::parse_assertion(as_text(bytes))) {
    DAYAQ_ASSERT(!login->id.empty() && login->user_handle.size() <= 64);
  }
  return 0;
}
