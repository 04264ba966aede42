// links: dayaq::identity_oidc
// The body of a request to an OAuth endpoint: each parameter once, none empty, all text; what is read can be written
// and reads the same again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/text.hpp"
#include "http/encoding.hpp"
#include "identity/oidc/form.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using identity::oidc::Form;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto form = Form::parse(text);
  if (!form) {
    if (form.error().code != "oauth.invalid_request") std::abort();
    return 0;
  }
  for (const std::string_view name : {"grant_type", "code", "code_verifier", "refresh_token", "scope", "client_id"}) {
    const auto value = form->get(name);
    if (!value) continue;
    if (value->empty() || !is_utf8(*value)) std::abort();
    const auto again = Form::parse(http::percent_encode(name) + "=" + http::percent_encode(*value));
    if (!again || again->get(name) != value) std::abort();
  }
  return 0;
}
