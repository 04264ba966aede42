// links: dayaq::crypto
// Claims and the JSON below them: what is read can be written and reads the same again, member by member.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "crypto/jwt.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::crypto;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto object = JsonObject::parse_view(text);
  const Instant now = from_micros(1'800'000'000'000'000);
  if (const auto jwt = check_claims(std::string(text), {}, now)) {
    if (!object || !jwt->expires || *jwt->expires + std::chrono::seconds(30) <= now) std::abort();
  }
  if (!object) return 0;
  ClaimsWriter writer;
  for (std::size_t i = 0; i < object->size(); ++i) {
    const auto member = object->member(i);
    const auto value = object->text(member.name);
    if (value) {
      writer.text(member.name, *value);
    } else {
      writer.json(member.name, member.raw);
    }
    (void)object->integer(member.name);
    (void)object->texts(member.name);
    if (const auto inner = object->objects(member.name)) {
      for (const std::string_view one : *inner) {
        if (!JsonObject::parse_view(one)) std::abort();
      }
    }
  }
  const auto again = JsonObject::parse(writer.finish());
  if (!again || again->size() != object->size()) std::abort();
  for (std::size_t i = 0; i < object->size(); ++i) {
    const auto member = object->member(i);
    if (again->kind(member.name) != member.kind || again->text(member.name) != object->text(member.name))
      std::abort();
  }
  return 0;
}
