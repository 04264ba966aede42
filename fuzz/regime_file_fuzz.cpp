// links: dayaq::regime
// Regime files: whatever the bytes are, the reader ends with a regime or with errors that point into the
// text. A regime that is read can be told, counted and made law.
#include <cstddef>
#include <cstdint>

#include "regime/file.hpp"
#include "regime/law.hpp"
#include "regime/rule.hpp"
#include "regime/rule_text.hpp"
#include "regime_country.hpp"

namespace {

using namespace dayaq;
using namespace dayaq::regime;

std::uint32_t lines_of(std::string_view text) {
  std::uint32_t lines = 1;
  for (const char c : text) lines += c == '\n' ? 1 : 0;
  return lines;
}

void use(const Regime& regime) {
  const auto& country = fuzz::country();
  const auto version = std::make_shared<const RegimeVersion>(
      RegimeVersion{.regime = regime, .state = RegimeState::approved, .approved = Instant{}});
  const Law law({version});
  for (const LawfulMeasure& measure : law.measures()) {
    DAYAQ_ASSERT(!measure.period.empty());
    DAYAQ_ASSERT(simplified(measure.rule) == measure.rule);
    for (const Language language : languages) {
      DAYAQ_ASSERT(!describe(measure.rule, language, country.pack, country.wording).empty());
    }
    Vocabulary words;
    words.add(measure.rule);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto regime = parse_regime(text, fuzz::country().files());
  if (regime) {
    DAYAQ_ASSERT(!regime->measures.empty() && !regime->code.value().empty() && !regime->period.empty());
    DAYAQ_ASSERT(regime->source == text);
    use(*regime);
    return 0;
  }
  DAYAQ_ASSERT(!regime.error().empty());
  for (const Error& error : regime.error()) {
    DAYAQ_ASSERT(error.kind == ErrorKind::invalid_input && !error.public_text.empty());
    DAYAQ_ASSERT(error.line <= lines_of(text));
  }
  DAYAQ_ASSERT(!format_errors(regime.error(), "input", text).empty());
  return 0;
}
