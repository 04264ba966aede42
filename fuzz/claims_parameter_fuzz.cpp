// links: dayaq::identity_oidc
// The claims parameter: what is read keeps to its limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>

#include "identity/oidc/request.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq::identity::oidc;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto claims = parse_claims_parameter(text);
  if (!claims) return 0;
  if (size > 4096 || claims->wishes.size() > 32) std::abort();
  std::set<std::string> names;
  for (const ClaimWish& wish : claims->wishes) {
    if (wish.name.empty() || wish.name.size() > 128 || !names.insert(wish.name).second) std::abort();
    if (wish.name == "acr" || wish.name == "sub" || wish.name == "auth_time") std::abort();
    if (!wish.in_id_token && !wish.in_userinfo) std::abort();
  }
  if (claims->acr != dayaq::identity::Assurance::none && !claims->acr_asked) std::abort();
  return 0;
}
