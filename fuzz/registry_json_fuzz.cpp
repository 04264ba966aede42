// links: dayaq::registry
// JSON bodies: any bytes are read or refused, and what is read stays within the known fields.
#include <cstdint>
#include <cstdlib>

#include "registry/json_body.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using dayaq::registry::JsonBody;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto body = JsonBody::parse(text, {"person", "status", "grace_s", "name.az", "name.en", "issues[]"});
  if (!body) {
    if (body.error().public_text.empty()) std::abort();
    return 0;
  }
  for (const char* path : {"person", "status", "name.az", "name.en"}) {
    const auto value = body->text(path);
    if (value && *value && (*value)->size() > size) std::abort();  // no escape makes text longer
  }
  (void)body->number("grace_s");
  (void)body->list("issues[]");
  return 0;
}
