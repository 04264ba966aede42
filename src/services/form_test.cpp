#include "services/form.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "regime/law_test_support.hpp"
#include "services/file.hpp"

namespace dayaq::services {
namespace {

using regime::test::azerbaijan;

const char* const file = R"(format: 1
code: exercise
title: {az: Sınaq}
summary: {az: Sınaq}
legal_basis: {az: Qərar}
provider: digital-agency
who: {everyone: true}
channels: web
promised: 1 h
form:
  - {field: id, kind: national_id, known: national_id, title: {az: FİN}}
  - {field: home, kind: place, known: residence, title: {az: Ev}}
  - {field: phone, kind: phone, known: phone, title: {az: Telefon}}
  - field: reason
    kind: choice
    title: {az: Səbəb}
    choices:
      - {code: market, title: {az: Bazarlıq, en: Shopping, ru: Покупки}, words: ["1", bazar, рынок]}
      - {code: doctor, title: {az: Həkim, en: Doctor}, words: ["2", həkim]}
      - {code: other, title: {az: Başqa}}
  - {field: why, kind: text, when: {answer: {reason: other}}, title: {az: Nə}, min: 3, max: 20}
  - {field: more, kind: text, when: {answered: why}, required: false, title: {az: Daha}}
  - field: needs
    kind: choices
    required: false
    title: {az: Nə lazımdır}
    choices: [{code: car, title: {az: Maşın}}, {code: dog, title: {az: İt}}, {code: big-bag, title: {az: Böyük çanta}}]
  - {field: persons, kind: number, title: {az: Neçə}, min: 1, max: 12}
  - {field: day, kind: date, title: {az: Gün}, min: 0, max: 30}
  - {field: alone, kind: yes_no, title: {az: Tək}}
  - {field: paper, kind: document, required: false, title: {az: Sənəd}}
steps:
  - {step: check, kind: decide}
)";

const Service& service() {
  static const Service parsed = [] {
    const auto context = azerbaijan().file_context();
    auto read = parse_service(file, context);
    if (!read) throw std::runtime_error(regime::format_errors(read.error(), "file", file));
    return std::move(*read);
  }();
  return parsed;
}

registry::PersonFacts person_with(int lines) {
  registry::PersonFacts facts;
  facts.person.id = PersonId(1);
  facts.person.national_id = "09WJTD5";
  facts.person.birth = Date(std::chrono::days(7000));
  facts.person.place = static_cast<PlaceIndex>(azerbaijan().pack.district_count());
  for (int i = 0; i < lines; ++i) {
    registry::Subscription line;
    line.number = fmt::format("99450000000{}", i);
    facts.subscriptions.push_back(line);
  }
  return facts;
}

struct Form : testing::Test {
  registry::PersonFacts facts = person_with(1);
  Instant now = azerbaijan().moment("2026-11-21T23:30");

  [[nodiscard]] Applicant applicant() const {
    return {.facts = facts, .country = azerbaijan().pack, .now = now};
  }
  /// What is read, or what is wrong: "market", "!answer_choice".
  [[nodiscard]] std::string read(const char* field, std::string_view given) const {
    const auto answer = read_answer(*service().find(field), given, applicant());
    if (answer) return *answer;
    EXPECT_EQ(answer.error().field, field);
    EXPECT_TRUE(answer.error().sentence.ends_with('.'));
    return "!" + std::string(answer.error().key);
  }
  [[nodiscard]] std::string asked_now(const Answers& answers) const {
    std::string out;
    for (const Field* field : asked(service(), answers, applicant())) out += field->code + " ";
    return out;
  }
};

TEST_F(Form, ReadsTextWithoutWhatNobodySees) {
  EXPECT_EQ(read("why", "  Qonaq\r\ngedirəm \t"), "Qonaq\ngedirəm");
  EXPECT_EQ(read("why", "\xc2\xa0qonaq\xe2\x80\xaf"), "qonaq") << "no-break spaces";
  EXPECT_EQ(read("why",
                 "a\xe2\x80\xae"
                 "bcd"),
            "abcd")
      << "U+202E would turn the reading direction";
  EXPECT_EQ(read("why", ""), "!answer_missing");
  EXPECT_EQ(read("why", " \xe2\x80\x8b\n"), "!answer_missing");
  EXPECT_EQ(read("why", "ab"), "!answer_text_short");
  EXPECT_EQ(read("why", "əəəəəəəəəəəəəəəəəəəə"), "əəəəəəəəəəəəəəəəəəəə") << "letters are counted, not bytes";
  EXPECT_EQ(read("why", "əəəəəəəəəəəəəəəəəəəəə"), "!answer_text_long");
  EXPECT_EQ(read("why", std::string("ab\0c", 4)), "!answer_encoding");
  EXPECT_EQ(read("why", "abc\xff"), "!answer_encoding");
  EXPECT_EQ(read("why", std::string(70000, 'a')), "!answer_encoding");
}

TEST_F(Form, ReadsChoicesByWhatPeopleCallThem) {
  for (const char* given : {"market", " MARKET ", "1", "bazar", "BAZAR", "Bazarlıq", "bazarliq", "Shopping",
                            "рынок", "РЫНОК", "Покупки"}) {
    EXPECT_EQ(read("reason", given), "market") << given;
  }
  for (const char* given : {"hekim", "Həkim", "HƏKİM", "2"})
    EXPECT_EQ(read("reason", given), "doctor") << given;
  for (const char* given : {"3", "marke", "market doctor", "мarket"}) {
    EXPECT_EQ(read("reason", given), "!answer_choice") << given;
  }
  EXPECT_EQ(read("needs", "dog car dog"), "car dog") << "in the file's order, each once";
  EXPECT_EQ(read("needs", "Böyük çanta, maşın"), "car big-bag");
  EXPECT_EQ(read("needs", "dog, cat"), "!answer_choice") << "nothing is left out in silence";
  EXPECT_EQ(read("needs", ",;"), "!answer_choice");
}

TEST_F(Form, ReadsNumbersDaysAndYesOrNo) {
  EXPECT_EQ(read("persons", " 007 "), "7");
  EXPECT_EQ(read("persons", "+5"), "5");
  for (const char* given : {"0", "13", "-3", "99999999999999999999"}) {
    EXPECT_EQ(read("persons", given), "!answer_number_range") << given;
  }
  for (const char* given : {"five", "5.5", "5,5", "0x5", "+", "--5", "5a"}) {
    EXPECT_EQ(read("persons", given), "!answer_number") << given;
  }
  for (const char* given : {"2026-11-21", "21.11.2026", "21/11/2026", "21-11-2026", "21 11 2026"}) {
    EXPECT_EQ(read("day", given), "2026-11-21") << given << ": it is still the 21st in Baku";
  }
  EXPECT_EQ(read("day", "1.12.2026"), "2026-12-01");
  EXPECT_EQ(read("day", "20.11.2026"), "!answer_date_range");
  EXPECT_EQ(read("day", "22.12.2026"), "!answer_date_range");
  for (const char* given : {"31.11.2026", "2026-13-01", "11.2026", "1.2.3.2026", "21.11.26", "21112026",
                            "today", "1..", "2026.11.21"}) {
    EXPECT_EQ(read("day", given), "!answer_date") << given;
  }
  const auto far = read_answer(*service().find("day"), "1.1.2030", applicant());
  EXPECT_EQ(far.error().low, "2026-11-21");
  EXPECT_EQ(far.error().high, "2026-12-21");
  for (const char* given : {"yes", "Bəli", "beli", "да", "ДА", "1", "hə"})
    EXPECT_EQ(read("alone", given), "yes");
  for (const char* given : {"no", "Xeyr", "yox", "нет", "2"}) EXPECT_EQ(read("alone", given), "no") << given;
  EXPECT_EQ(read("alone", "maybe"), "!answer_yes_no");
}

TEST_F(Form, ReadsPlacesIdsPhonesAndDocuments) {
  const auto& country = azerbaijan().pack;
  const registry::Place& settlement = country.place(static_cast<PlaceIndex>(country.district_count()));
  EXPECT_EQ(read("home", settlement.code.value()), settlement.code.value());
  EXPECT_EQ(read("home", country.place(0).code.value()), "!answer_place") << "a district is no settlement";
  EXPECT_EQ(read("home", "Atlantis"), "!answer_place");
  EXPECT_EQ(read("id", "09wj td5"), "09WJTD5");
  EXPECT_EQ(read("id", "O9WJTD5"), "09WJTD5") << "no O in its alphabet";
  EXPECT_EQ(read("id", "09WJTDi"), "09WJTD1");
  EXPECT_EQ(read("id", "09WJTD"), "!answer_national_id");
  EXPECT_EQ(read("id", "09WJTD*"), "!answer_national_id");
  for (const char* given : {"0501234567", "050 123-45-67", "+994 50 123 45 67", "(050) 1234567", "501234567",
                            "00994501234567", "994501234567"}) {
    EXPECT_EQ(read("phone", given), "994501234567") << given;
  }
  for (const char* given :
       {"050123456", "05012345678", "+90 501 234 567", "o501234567", "994501234567890", "0"}) {
    EXPECT_EQ(read("phone", given), "!answer_phone") << given;
  }
  EXPECT_EQ(read("paper", "00AB"), "00ab");
  EXPECT_EQ(read("paper", "../../etc"), "!answer_document");
  EXPECT_EQ(read("paper", "00000000000000001"), "!answer_document");
}

TEST_F(Form, AsksWhatIsNotKnownAndWhatConditionsHoldFor) {
  EXPECT_EQ(asked_now({}), "reason needs persons day alone paper ");
  EXPECT_EQ(asked_now({{"reason", "other"}}), "reason why needs persons day alone paper ");
  EXPECT_EQ(asked_now({{"reason", "other"}, {"why", "x"}}), "reason why more needs persons day alone paper ");
  EXPECT_EQ(asked_now({{"reason", "market"}, {"why", "left over"}}), "reason needs persons day alone paper ")
      << "an answer to a question that isn't asked any more decides nothing";
  facts = person_with(2);
  EXPECT_EQ(asked_now({}), "phone reason needs persons day alone paper ") << "which of two isn't known";
  EXPECT_EQ(known_answers(service(), applicant()).size(), 2u);
}

TEST_F(Form, GoesFromQuestionToQuestion) {
  Answers answers;
  std::string order;
  while (const Field* field = next_question(service(), answers, applicant())) {
    order += field->code + " ";
    answers[field->code] = field->code == "reason" ? "other" : field->required ? "1" : "";
  }
  EXPECT_EQ(order, "reason why more needs persons day alone paper ");
}

TEST_F(Form, ReadsAllOfItOrNamesEveryFault) {
  const Answers given{{"reason", "Bazar"},  {"persons", "2"},  {"day", "22.11.2026"}, {"alone", "bəli"},
                      {"why", "not asked"}, {"unheard", "of"}, {"id", "1111111"},     {"needs", " "}};
  const auto read = read_answers(service(), given, applicant());
  ASSERT_TRUE(read);
  const Answers expected{{"alone", "yes"},
                         {"day", "2026-11-22"},
                         {"home", azerbaijan().pack.place(facts.person.place).code.value()},
                         {"id", "09WJTD5"},
                         {"persons", "2"},
                         {"phone", "994500000000"},
                         {"reason", "market"}};
  EXPECT_EQ(*read, expected) << "nobody answers what the state knows for somebody else";
  const auto faults = read_answers(service(), {{"reason", "nothing"}, {"persons", "99"}}, applicant());
  ASSERT_FALSE(faults);
  std::string named;
  for (const BadAnswer& fault : faults.error()) named += fmt::format("{}:{} ", fault.field, fault.key);
  EXPECT_EQ(named,
            "reason:answer_choice persons:answer_number_range day:answer_missing alone:answer_missing ");
}

TEST_F(Form, AnswersAreKeptAsJson) {
  const Answers answers{{"b", "\"quoted\"\n\\ ə"}, {"a", ""}};
  const std::string json = answers_json(answers);
  EXPECT_EQ(json, R"({"a":"","b":"\"quoted\"\u000a\\ ə"})");
  EXPECT_EQ(parse_answers(json).value(), answers);
  EXPECT_EQ(answers_json({}), "{}");
  EXPECT_EQ(parse_answers("{}").value(), Answers{});
  for (const char* bad : {"", "[]", "{\"a\":1}", "{\"a\":", "null", "{} {}"}) {
    ASSERT_FALSE(parse_answers(bad)) << bad;
    EXPECT_EQ(parse_answers(bad).error().code, "service.answers");
  }
}

// --- for every answer that anybody could give

std::string made_up(const Field& field) {
  std::vector<std::string> likely{"1",       "2",          "", "yes", "21.11.2026", "050 123 45 67",
                                  "09WJTD5", "market, dog"};
  for (const Choice& choice : field.choices) {
    likely.push_back(choice.code);
    likely.push_back(choice.title.az);
  }
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      return *rc::gen::elementOf(likely);
    case 1:
      return *rc::gen::elementOf(likely) +
             *rc::gen::elementOf(std::vector<std::string>{" ", ",", "\n", "a"}) + *rc::gen::elementOf(likely);
    case 2:
      return *rc::gen::container<std::string>(
          rc::gen::elementOf(std::string("0123456789 .-/+abcdefğəıİ\r\n\t\xe2\x80\xae\xc2\xa0")));
    default:
      return *rc::gen::string<std::string>();
  }
}

/// What a field forbids, said once more and in another way than the reader does.
void hold_to(const Field& field, const std::string& answer) {
  const auto is_code_of = [&](const std::string& code) {
    return std::ranges::find(field.choices, code, &Choice::code) != field.choices.end();
  };
  RC_ASSERT(!answer.empty());
  RC_ASSERT(is_utf8(answer));
  switch (field.kind) {
    case FieldKind::text:
      RC_ASSERT(answer.size() <= 4 * static_cast<std::size_t>(field.max));
      RC_ASSERT(answer.front() != ' ' && answer.back() != ' ');
      break;
    case FieldKind::number:
      RC_ASSERT(std::stoll(answer) >= field.min && std::stoll(answer) <= field.max);
      RC_ASSERT(std::to_string(std::stoll(answer)) == answer);
      break;
    case FieldKind::choice:
      RC_ASSERT(is_code_of(answer));
      break;
    case FieldKind::choices: {
      std::string rest = answer + " ";
      std::set<std::string> seen;
      for (std::size_t end; (end = rest.find(' ')) != std::string::npos; rest.erase(0, end + 1)) {
        RC_ASSERT(is_code_of(rest.substr(0, end)));
        RC_ASSERT(seen.insert(rest.substr(0, end)).second);
      }
      break;
    }
    case FieldKind::yes_no:
      RC_ASSERT(answer == "yes" || answer == "no");
      break;
    case FieldKind::date: {
      const auto date = parse_date(answer);
      RC_ASSERT(date.has_value());
      const auto away = (*date - azerbaijan().zone.day_of(azerbaijan().moment("2026-11-21T23:30"))).count();
      RC_ASSERT(away >= field.min && away <= field.max);
      break;
    }
    case FieldKind::place:
      RC_ASSERT(azerbaijan().pack.find_place(answer).has_value());
      break;
    case FieldKind::national_id:
      RC_ASSERT(azerbaijan().pack.national_id_rule().parse(answer).value().text() == answer);
      break;
    case FieldKind::phone:
      RC_ASSERT(answer.size() == 12u && answer.starts_with("994"));
      RC_ASSERT(answer.find_first_not_of("0123456789") == std::string::npos);
      break;
    case FieldKind::document:
      RC_ASSERT(answer.size() <= 16u && answer.find_first_not_of("0123456789abcdef") == std::string::npos);
      break;
  }
}

RC_GTEST_FIXTURE_PROP(Form, WhatIsReadIsReadAgainAsTheSameAndKeepsWhatTheFieldForbids, ()) {
  const Field& field = *rc::gen::elementOf(service().form);
  const auto once = read_answer(field, made_up(field), applicant());
  if (!once) {
    RC_ASSERT(once.error().field == field.code);
    return;
  }
  hold_to(field, *once);
  const auto twice = read_answer(field, *once, applicant());
  RC_ASSERT(twice.has_value());
  RC_ASSERT(*twice == *once);
}

RC_GTEST_FIXTURE_PROP(Form, AWholeFormIsReadAgainAsTheSame, ()) {
  Answers given;
  for (const Field& field : service().form) {
    if (*rc::gen::inRange(0, 5) != 0) given[field.code] = made_up(field);
  }
  // Likely enough to be right that whole forms are read too.
  if (*rc::gen::arbitrary<bool>()) {
    given["reason"] = *rc::gen::elementOf(std::vector<std::string>{"market", "other"});
    given["why"] = "for a reason";
    given["persons"] = "3";
    given["day"] = "30.11.2026";
    given["alone"] = "xeyr";
    given.erase("paper");
    given.erase("needs");
    given.erase("more");
  }
  const auto once = read_answers(service(), given, applicant());
  RC_CLASSIFY(once.has_value());
  if (!once) {
    RC_ASSERT(!once.error().empty());
    return;
  }
  for (const auto& [code, answer] : *once) hold_to(*service().find(code), answer);
  const auto twice = read_answers(service(), *once, applicant());
  RC_ASSERT(twice.has_value());
  RC_ASSERT(*twice == *once);
  RC_ASSERT(parse_answers(answers_json(*once)).value() == *once);
  // Every question that must be answered and is asked has its answer.
  for (const Field* field : asked(service(), *once, applicant())) {
    RC_ASSERT(!field->required || once->contains(field->code));
  }
}

}  // namespace
}  // namespace dayaq::services
