// links: dayaq::drill_files
// Drill files: whatever the bytes are, the reader ends with a scenario that can be played or with a line that
// is wrong.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.hpp"
#include "drill/scenario.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::cli::drill;
  if (size > 1 << 16) return 0;
  const auto read = parse_scenario(std::string_view(reinterpret_cast<const char*>(data), size), "input");
  if (!read) {
    DAYAQ_ASSERT(read.error().code == "drill.file" && read.error().public_text.starts_with("Line "));
    return 0;
  }
  const Scenario& one = *read;
  DAYAQ_ASSERT(!one.title.empty() && one.persons >= 100 && one.duration.count() >= 1 && one.peak >= 1);
  DAYAQ_ASSERT(!one.curve.empty() && one.expected_requests() > 0);
  for (const double hour : one.curve) DAYAQ_ASSERT(hour >= 0 && hour <= 1);
  DAYAQ_ASSERT(one.pages >= 0 && one.web >= 0 && one.sms >= 0 && one.pages + one.web + one.sms <= 1.001);
  DAYAQ_ASSERT(one.sms == 0 || !one.messages.empty());
  Seconds before{0};
  for (const Fault& fault : one.faults) {
    DAYAQ_ASSERT(fault.at >= before && fault.at <= one.duration && fault.lasts.count() >= 0);
    DAYAQ_ASSERT((fault.how == Fault::How::full) == (fault.whom == Fault::Whom::disk));
    DAYAQ_ASSERT(fault.whom != Fault::Whom::database || one.database == Scenario::Engine::postgresql);
    DAYAQ_ASSERT(!words_of(fault).empty());
    before = fault.at;
  }
  DAYAQ_ASSERT(one.ramp.from == 0 || one.ramp.factor > 1);
  return 0;
}
