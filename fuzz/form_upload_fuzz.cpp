// links: dayaq::portal
// A form with a file, as a browser or anybody else sends it: the first line is the content type.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "portal/upload.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  if (line == std::string_view::npos) return 0;
  const std::string_view body = input.substr(line + 1);
  const auto parts = dayaq::portal::parse_form(input.substr(0, line), body);
  if (!parts) return 0;
  for (const auto& part : *parts) {
    // Values lie within the body, in its order.
    if (part.value.data() < body.data() || part.value.data() + part.value.size() > body.data() + body.size())
      std::abort();
  }
  return 0;
}
