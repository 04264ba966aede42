// links: dayaq::regime
// The JSON bodies of approvals and endings: what is accepted is within its bounds.
#include <cstddef>
#include <cstdint>

#include "regime/law_json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto version = regime::read_approval(body)) DAYAQ_ASSERT(*version >= 1 && *version <= 1'000'000);
  if (const auto at = regime::read_ending(body); at && *at) DAYAQ_ASSERT(!format_instant(**at).empty());
  return 0;
}
