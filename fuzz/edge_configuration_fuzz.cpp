// links: dayaq::edge_web
// An edge's file is its operator's own, and yet: whatever it holds, it is read or refused with findings.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "edge/web/configuration.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq::edge;
  const auto parsed =
      web::parse_configuration(std::string_view(reinterpret_cast<const char*>(data), size), "/etc/dayaq");
  if (!parsed) {
    if (parsed.error().empty()) std::abort();
    for (const dayaq::Error& error : parsed.error()) {
      if (error.public_text.empty()) std::abort();
    }
    return 0;
  }
  if (parsed->operator_code.empty() || parsed->services.size() == 0 ||
      parsed->siblings.size() + 1 != parsed->engine.edges)
    std::abort();
  return 0;
}
