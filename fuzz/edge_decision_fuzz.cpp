// links: dayaq::edge_web
// Whatever is read has a subscription, a service that the edge knows, a lease where one is needed, and
// bounds.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "edge/web/decision_body.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::edge;
  static const ServiceTable services = [] {
    ServiceTable table;
    (void)table.add({.kind = feed::Benefit::voice, .traffic_class = {}});
    (void)table.add({.kind = feed::Benefit::data, .traffic_class = "education"});
    return table;
  }();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto phase :
       {std::optional<Phase>(), std::optional(Phase::start), std::optional(Phase::update)}) {
    const auto questions = web::read_questions(text, phase, services, SipKey{.k0 = 1, .k1 = 2});
    if (!questions) {
      if (questions.error().kind != ErrorKind::invalid_input || questions.error().public_text.empty())
        std::abort();
      continue;
    }
    if (questions->all.size() > web::bulk_max || (!questions->list && questions->all.size() != 1))
      std::abort();
    for (const web::Question& question : questions->all) {
      if (question.ask.key == 0 || question.ask.service >= services.size()) std::abort();
      if (phase && (question.lease.empty() || question.lease.size() > 128)) std::abort();
    }
  }
  return 0;
}
