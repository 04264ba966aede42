// links: dayaq::services_sms_grammar
// Any bytes are read as a message: an answer comes, ids in it are ids, and what is said back is safe to say.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

#include "services/sms/grammar.hpp"
#include "services/sms/script.hpp"

namespace {

using namespace dayaq;
using namespace dayaq::services;

Service permit() {
  Service out;
  out.code = ServiceCode("leaving-home");
  out.channels = 1u << unsigned(Channel::sms);
  Field reason;
  reason.code = "reason";
  reason.kind = FieldKind::choice;
  reason.choices = {{"doctor", {}, {"1", "həkim", "xəstəxana", "doctor", "врач"}},
                    {"shopping", {}, {"2", "bazar", "market", "bank", "магазин"}},
                    {"funeral", {}, {"3", "dəfn", "yas", "похороны"}}};
  out.form = {reason};
  out.sms_words = {"icazə", "permit"};
  out.sms_order = {"national_id", "reason"};
  return out;
}

/// Asks for more than choices.
Service trip() {
  Service out;
  out.code = ServiceCode("trip");
  out.channels = 1u << unsigned(Channel::sms);
  const auto add = [&](const char* code, FieldKind kind, std::int64_t min, std::int64_t max) {
    Field field;
    field.code = code;
    field.kind = kind;
    field.min = min;
    field.max = max;
    out.form.push_back(field);
  };
  add("day", FieldKind::date, 0, 30);
  add("nights", FieldKind::number, 0, 14);
  add("car", FieldKind::yes_no, 0, 0);
  add("where", FieldKind::text, 3, 40);
  out.sms_words = {"səfər", "trip", "поездка"};
  out.sms_order = {"national_id", "day", "nights", "car", "where"};
  return out;
}

/// Whoever is applied for has an answer to each question, and no text is longer than it may be.
void check_trip(const sms::Request& one) {
  for (const char* field : {"day", "nights", "car", "where"}) {
    if (!one.answers.contains(field)) std::abort();
  }
  if (one.answers.at("day").size() != 10 || one.answers.at("where").size() > 40 * 4) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Service service = permit();
  static const registry::NationalIdRule rule("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ", 7);
  static const Service other = trip();
  static const sms::Grammar grammar({&service}, rule), two({&service, &other}, rule);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (sms::tokens_of(text).size() > size) std::abort();
  const sms::Reading reading = grammar.parse(text);
  if (const auto* requests = std::get_if<sms::Requests>(&reading.says)) {
    if (requests->of.empty() || requests->of.size() > sms::persons_max) std::abort();
    for (const sms::Request& one : requests->of) {
      if (!rule.parse(one.person.text()) || !one.answers.contains("reason")) std::abort();
    }
  } else if (const auto* question = std::get_if<sms::Question>(&reading.says)) {
    if (question->shown.size() > 16) std::abort();
    for (const char c : question->shown) {
      if (c < '0' || c > 'z') std::abort();
    }
  } else if (std::get<sms::Command>(reading.says).number.size() > 2 * sms::message_bytes_max) {
    std::abort();
  }
  const sms::Reading among_two = two.parse(text, Date(std::chrono::sys_days(std::chrono::days(20'778))));
  if (const auto* requests = std::get_if<sms::Requests>(&among_two.says)) {
    if (requests->service.value() == "trip") {
      if (requests->of.size() != 1) std::abort();
      check_trip(requests->of.front());
    }
  }
  if (!sms::is_gsm7(sms::to_gsm7(text)) || sms::segments_of(text) < 0) std::abort();
  return 0;
}
