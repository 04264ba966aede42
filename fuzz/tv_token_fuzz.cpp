// links: dayaq::edge_tv
// A token that passes is one that make_token writes; a path that comes out has nothing left to resolve.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "edge/tv/token.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::edge;
  static const Bytes key(16, std::byte(7));
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Instant now = from_micros(1'800'000'000'000'000);

  if (const auto path = tv::normal_path(text)) {
    if (!path->starts_with('/') || path->find('\0') != std::string::npos) std::abort();
    if (path->find("//") != std::string::npos || (*path + "/").find("/../") != std::string::npos ||
        (*path + "/").find("/./") != std::string::npos)
      std::abort();
  }
  // As it came, and signed, so that what lies behind the signature is reached.
  for (const bool sign : {false, true}) {
    std::string token(text);
    if (sign) token += "~hmac=" + to_hex(tv::hmac_sha256(key, as_bytes(text)));
    const std::size_t acl = token.find("~acl=");
    const std::string path =
        acl == std::string::npos ? "/" : token.substr(acl + 5, token.find('*') - acl - 5);
    if (const auto checked = tv::check_token(key, token, path, now)) {
      if (!path.starts_with(checked->prefix) || checked->expires <= now) std::abort();
      const std::string again = tv::make_token(key, *checked);
      // Leading zeros and capital digits say the same; what they say must be read the same.
      const auto reread = tv::check_token(key, again, path, now);
      if (!reread || !(*reread == *checked)) std::abort();
    }
  }
  return 0;
}
