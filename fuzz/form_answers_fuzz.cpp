// links: dayaq::services
// Answers as people type them, one a line ("field=answer"), to a form with every kind of question: what is
// read is read again as the same, is what the field allows, and is kept and found as JSON. Bytes that are no
// answers of ours are refused as JSON.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "services/file.hpp"
#include "services/form.hpp"
#include "services_country.hpp"

namespace {

using namespace dayaq;
using namespace dayaq::services;

constexpr const char* file = R"(format: 1
code: exercise
title: {az: Sınaq}
summary: {az: Sınaq}
legal_basis: {az: Qərar}
provider: digital-agency
who: {everyone: true}
channels: web
promised: 1 h
form:
  - {field: id, kind: national_id, title: {az: FİN}}
  - {field: home, kind: place, required: false, title: {az: Ev}}
  - {field: phone, kind: phone, required: false, title: {az: Telefon}}
  - field: reason
    kind: choice
    title: {az: Səbəb}
    choices:
      - {code: market, title: {az: Bazarlıq, en: Shopping, ru: Покупки}, words: ["1", bazar, рынок]}
      - {code: other, title: {az: Başqa}}
  - {field: why, kind: text, when: {answer: {reason: other}}, title: {az: Nə}, min: 3, max: 20}
  - field: needs
    kind: choices
    required: false
    title: {az: Nə lazımdır}
    choices: [{code: car, title: {az: Maşın}}, {code: dog, title: {az: İt}}, {code: big-bag, title: {az: Böyük çanta}}]
  - {field: persons, kind: number, required: false, title: {az: Neçə}, min: -5, max: 12}
  - {field: day, kind: date, required: false, title: {az: Gün}, min: -30, max: 30}
  - {field: alone, kind: yes_no, required: false, title: {az: Tək}}
  - {field: paper, kind: document, required: false, title: {az: Sənəd}}
steps:
  - {step: check, kind: decide}
)";

const Service& service() {
  static const Service parsed = [] {
    const regime::FileContext files = fuzz::service_files();
    auto read = parse_service(file, files);
    DAYAQ_ASSERT(read.has_value());
    return std::move(*read);
  }();
  return parsed;
}

Answers given_in(std::string_view text) {
  Answers out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t equals = line.find('=');
    if (equals != std::string_view::npos) out[std::string(line.substr(0, equals))] = line.substr(equals + 1);
  }
  return out;
}

/// Said once more and in another way than the reader does.
void hold(const Field& field, const std::string& answer) {
  DAYAQ_ASSERT(!answer.empty() && is_utf8(answer));
  switch (field.kind) {
    case FieldKind::text:
      DAYAQ_ASSERT(answer.size() <= 80);
      break;
    case FieldKind::number:
      DAYAQ_ASSERT(std::stoll(answer) >= field.min && std::stoll(answer) <= field.max);
      break;
    case FieldKind::choice:
      DAYAQ_ASSERT(answer == "market" || answer == "other");
      break;
    case FieldKind::choices:
      DAYAQ_ASSERT(answer.find_first_not_of("abcdegior- ") == std::string::npos && answer.size() <= 15);
      break;
    case FieldKind::yes_no:
      DAYAQ_ASSERT(answer == "yes" || answer == "no");
      break;
    case FieldKind::date:
      DAYAQ_ASSERT(answer.size() == 10 && parse_date(answer));
      break;
    case FieldKind::place:
      DAYAQ_ASSERT(fuzz::country().pack.find_place(answer));
      break;
    case FieldKind::national_id:
      DAYAQ_ASSERT(answer.size() == 7);
      break;
    case FieldKind::phone:
      DAYAQ_ASSERT(answer.size() == 12 && answer.starts_with("994"));
      break;
    case FieldKind::document:
      DAYAQ_ASSERT(answer.size() <= 16);
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto stored = parse_answers(text)) DAYAQ_ASSERT(*parse_answers(answers_json(*stored)) == *stored);
  const Answers given = given_in(text);
  const Applicant applicant{
      .facts = fuzz::persons()[1], .country = fuzz::country().pack, .now = fuzz::moments()[1]};
  for (const Field& field : service().form) {
    const auto found = given.find(field.code);
    if (found == given.end()) continue;
    const auto once = read_answer(field, found->second, applicant);
    if (!once) {
      DAYAQ_ASSERT(once.error().field == field.code && !once.error().key.empty());
      continue;
    }
    hold(field, *once);
    DAYAQ_ASSERT(*read_answer(field, *once, applicant) == *once);
  }
  const auto whole = read_answers(service(), given, applicant);
  if (!whole) {
    DAYAQ_ASSERT(!whole.error().empty());
    return 0;
  }
  DAYAQ_ASSERT(*read_answers(service(), *whole, applicant) == *whole);
  DAYAQ_ASSERT(*parse_answers(answers_json(*whole)) == *whole);
  DAYAQ_ASSERT(whole->contains("why") == (whole->at("reason") == "other"));
  return 0;
}
