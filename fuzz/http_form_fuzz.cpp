// links: dayaq::http
// Form and query fields, percent escapes, cookies, Accept-Language and JSON strings.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "http/encoding.hpp"

namespace {

using namespace dayaq;
using namespace dayaq::http;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::string_view name : {"name", "lang", ""}) {
    if (const auto value = form_field(text, name)) require(is_utf8(*value) && value->size() <= size);
  }
  if (const auto decoded = percent_decode(text)) {
    require(percent_decode(percent_encode(*decoded)) == *decoded);
  }
  const std::string encoded = percent_encode(text);
  require(percent_decode(encoded) == text);
  require(form_field("name=" + encoded, "name").has_value() == is_utf8(text));
  const std::string json = json_string(text);
  require(is_utf8(json) && json.size() >= 2 &&
          json.find_first_of(std::string_view("\0\n\r", 3)) == std::string::npos);
  (void)cookie_value(text, "lang");
  (void)negotiate_language(text, text, text);
  return 0;
}
