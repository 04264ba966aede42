// links: dayaq::services
// Service files: whatever the bytes are, the reader ends with a service or with errors that point into the
// text. A service that is read can be walked through by anybody, and what it promises of itself holds.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>

#include "services/file.hpp"
#include "services/form.hpp"
#include "services_country.hpp"

namespace {

using namespace dayaq;
using namespace dayaq::services;

std::uint32_t lines_of(std::string_view text) {
  std::uint32_t lines = 1;
  for (const char c : text) lines += c == '\n' ? 1 : 0;
  return lines;
}

void hold(const Service& service) {
  DAYAQ_ASSERT(!service.code.value().empty() && !service.title.az.empty() && !service.steps.empty());
  DAYAQ_ASSERT(service.channels != 0 && service.promised.count() > 0);
  DAYAQ_ASSERT(service.on(Channel::sms) == !service.sms_order.empty());
  DAYAQ_ASSERT(service.on(Channel::bulk) == service.for_employees);
  std::set<std::string> codes;
  for (const Field& field : service.form) {
    DAYAQ_ASSERT(codes.insert(field.code).second && service.find(field.code) == &field);
    DAYAQ_ASSERT(field.min <= field.max);
    const bool choices = field.kind == FieldKind::choice || field.kind == FieldKind::choices;
    DAYAQ_ASSERT(choices == !field.choices.empty());
  }
  const bool pays = std::ranges::find(service.steps, Step::Kind::payment, &Step::kind) != service.steps.end();
  DAYAQ_ASSERT(pays == (service.fee_qepik != 0));
  for (const Step& step : service.steps) {
    if (step.kind == Step::Kind::issue) {
      DAYAQ_ASSERT(!step.permit.empty() && !step.ends.empty() && step.ends.back().when == Condition{});
    }
    for (const Verdict& verdict : step.verdicts)
      DAYAQ_ASSERT(verdict.outcome != Outcome::refuse || !verdict.reason.az.empty());
  }
}

/// Somebody answers question after question; the form ends.
void walk(const Service& service) {
  for (const auto& facts : fuzz::persons()) {
    for (const Instant now : fuzz::moments()) {
      const Applicant applicant{.facts = facts, .country = fuzz::country().pack, .now = now};
      Answers answers;
      std::size_t steps = 0;
      while (const Field* field = next_question(service, answers, applicant)) {
        DAYAQ_ASSERT(++steps <= service.form.size());
        answers[field->code] = field->choices.empty() ? "yes" : field->choices.front().code;
      }
      for (const Field* field : asked(service, answers, applicant))
        DAYAQ_ASSERT(answers.contains(field->code));
      if (const auto read = read_answers(service, answers, applicant)) {
        for (const Step& step : service.steps) {
          for (const Verdict& verdict : step.verdicts) {
            const bool holds = condition_holds(verdict.when, *read, applicant);
            DAYAQ_ASSERT(holds || !(verdict.when == Condition{}));
          }
        }
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const regime::FileContext files = fuzz::service_files();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto service = parse_service(text, files);
  for (const Error& finding : review_texts(text, {})) {
    DAYAQ_ASSERT(finding.line >= 1 && finding.line <= lines_of(text) && !finding.public_text.empty());
  }
  if (service) {
    DAYAQ_ASSERT(service->source == text);
    hold(*service);
    walk(*service);
    return 0;
  }
  DAYAQ_ASSERT(!service.error().empty());
  for (const Error& error : service.error()) {
    DAYAQ_ASSERT(error.kind == ErrorKind::invalid_input && !error.public_text.empty());
    DAYAQ_ASSERT(error.line <= lines_of(text));
  }
  DAYAQ_ASSERT(!regime::format_errors(service.error(), "input", text).empty());
  return 0;
}
