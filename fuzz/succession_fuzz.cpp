// links: dayaq::feed
// The announcements of the feed's next key, as an edge gets them.
#include <cstdlib>

#include "feed/succession.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto all = dayaq::feed::parse_successions(text);
  if (all && all->size() > dayaq::feed::successions_max) std::abort();
  if (all) (void)dayaq::feed::last_successor({}, *all);
  return 0;
}
