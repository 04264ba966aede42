// links: dayaq::regime
// Rules: what is read holds for the same persons when it is simplified, and stays as it is until its next
// change.
#include <cstddef>
#include <cstdint>

#include "regime/file.hpp"
#include "regime/rule.hpp"
#include "regime_country.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::regime;
  const auto& country = fuzz::country();
  const auto rule = parse_rule({reinterpret_cast<const char*>(data), size}, country.files());
  if (!rule) {
    DAYAQ_ASSERT(!rule.error().empty());
    return 0;
  }
  const Rule simple = simplified(*rule);
  DAYAQ_ASSERT(simplified(simple) == simple);
  for (const auto& person : fuzz::persons()) {
    for (const Instant t : fuzz::moments()) {
      const bool now = holds(*rule, person, t, country.civil());
      DAYAQ_ASSERT(now == holds(simple, person, t, country.civil()));
      const auto next = next_change(person, *rule, t, country.civil());
      if (next) DAYAQ_ASSERT(*next > t && holds(*rule, known_at(person, t), *next, country.civil()) != now);
      DAYAQ_ASSERT(steady_period(person, *rule, t, country.civil()).contains(t));
    }
  }
  return 0;
}
