// links: dayaq::identity_oidc
// A client's registration: what is taken is within the rules, and its own JSON is the same client.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "identity/oidc/clients.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq::identity::oidc;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto client = parse_client(text);
  for (const std::string_view part : {text, text.substr(0, text.find('\n'))}) {
    if (is_redirect_uri(part) && part.find('#') != std::string_view::npos) std::abort();
    if (!host_of(part).empty() && !is_redirect_uri(part)) std::abort();
  }
  if (!client) return 0;
  if (!check_client(*client)) std::abort();
  for (const std::string& uri : client->redirect_uris) {
    if (!is_redirect_uri(uri) || !redirect_registered(*client, uri)) std::abort();
  }
  const std::string json = to_json(*client);
  const auto again = parse_client(json);
  if (!again || to_json(*again) != json) std::abort();
  return 0;
}
