// links: dayaq::audit
// Exported audit logs: whatever the file holds, verifying it ends with a report or an error, and a log that
// is found good has as many entries as were counted.
#include <cstddef>
#include <cstdint>
#include <sstream>

#include "audit/export.hpp"
#include "audit/leaf.hpp"
#include "base/text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::istringstream in(text);
  // The key of the seeds: made from SeededRandom(5), as tests/support/audit_log.hpp does.
  SeededRandom random(5);
  static const auto key =
      crypto::VerifierKey::of("test.example/audit", crypto::SigningKey::generate(random).public_key());
  const auto report = audit::verify_export(in, {key, {}, {}});
  if (report) DAYAQ_ASSERT(report->personal + report->erased <= report->head.size);

  const bool canonical = audit::is_canonical_object(text);
  const auto leaf = audit::parse_leaf(text);
  DAYAQ_ASSERT(!leaf || canonical);
  std::string_view rest = text;
  std::string string;
  if (is_utf8(text) && audit::take_json_string(rest, string)) {
    std::string written;
    audit::append_json_string(written, string);
    DAYAQ_ASSERT(written + std::string(rest) == text);
  }
  return 0;
}
