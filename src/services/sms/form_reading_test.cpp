// Services that ask for more than choices, by message.
#include "services/sms/form_reading.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "services/sms/test_service.ipp"

namespace dayaq::services::sms {
namespace {

using regime::test::azerbaijan;

const std::string trip_file = R"(format: 1
code: trip
title: {az: Səfər}
summary: {az: Rayonlararası səfər}
legal_basis: {az: Qərar}
provider: digital-agency
who: {everyone: true}
channels: [sms]
promised: 1 h
form:
  - field: why
    kind: choice
    title: {az: Səbəb}
    choices:
      - {code: work, title: {az: İş}, words: ["1", iş, work, работа]}
      - {code: family, title: {az: Ailə}, words: ["2", ailə, family, семья]}
  - {field: day, kind: date, title: {az: Hansı gün, en: Which day, ru: В какой день}, min: 0, max: 30}
  - {field: nights, kind: number, title: {az: Neçə gecə}, min: 0, max: 14}
  - {field: car, kind: yes_no, title: {az: Maşınla}, required: false}
  - {field: where, kind: text, title: {az: Hara}, min: 3, max: 40}
steps:
  - {step: permit, kind: issue, permit: trip, ends: [{lasts: 3 days}]}
sms:
  words: [səfər, trip, поездка]
  order: [national_id, why, day, nights, car, where]
)";

const Service& trip() {
  static const Service service = [] {
    const auto context = azerbaijan().file_context();
    auto read = parse_service(trip_file, context);
    if (!read) throw std::runtime_error(regime::format_errors(read.error(), "trip", trip_file));
    return *std::move(read);
  }();
  return service;
}

constexpr Date today{std::chrono::sys_days{std::chrono::year(2026) / 11 / 21}};

/// "5ABC129 car=yes day=2026-11-22 ..."; "ask answer day".
std::string said(std::string_view text, std::optional<Date> at = today) {
  static const Grammar grammar({&trip(), &test::leaving_home()}, test::id_rule());
  const Reading reading = grammar.parse(text, at);
  if (const auto* question = std::get_if<Question>(&reading.says)) {
    return fmt::format("ask {}{}{}", to_string(question->what), question->field.empty() ? "" : " ",
                       question->field);
  }
  if (std::holds_alternative<Command>(reading.says)) return "command";
  const Requests& requests = std::get<Requests>(reading.says);
  std::string out = requests.of.at(0).person.text();
  for (const auto& [field, answer] : requests.of.at(0).answers) out += fmt::format(" {}={}", field, answer);
  return out;
}

TEST(SmsForm, ReadsDatesNumbersYesAndAShortTextBesideChoices) {
  const std::string whole = "5ABC129 car=yes day=2026-11-25 nights=3 where=Gəncə şəhəri why=family";
  EXPECT_EQ(said("səfər 5ABC129 ailə 25.11.2026 3 hə Gəncə şəhəri"), whole);
  EXPECT_EQ(said("sefer 5abc129 2 25.11.2026 3 beli Gəncə şəhəri"), whole);
  EXPECT_EQ(said("trip 25/11/2026, family, 3, yes, Gəncə şəhəri 5ABC129"), whole);
  EXPECT_EQ(said("поездка 5АВС129 семья 25 ноября 3 да Gəncə şəhəri"), whole);
  EXPECT_EQ(said("Salam, səfər FIN 5ABC129 ailə 25 noyabr 2026 3 hə Gəncə şəhəri zəhmət olmasa"), whole);
  EXPECT_EQ(said("səfər 5ABC129 iş 2026-12-01 0 Şəki"),
            "5ABC129 day=2026-12-01 nights=0 where=Şəki why=work");
}

TEST(SmsForm, KnowsDaysByWhatTodayIs) {
  EXPECT_EQ(said("trip 5ABC129 work tomorrow 1 Sheki"),
            "5ABC129 day=2026-11-22 nights=1 where=Sheki why=work");
  EXPECT_EQ(said("səfər 5ABC129 iş bu gün 1 Quba"), "5ABC129 day=2026-11-21 nights=1 where=Quba why=work");
  EXPECT_EQ(said("поездка 5ABC129 1 завтра 1 Губа"), "5ABC129 day=2026-11-22 nights=1 where=Губа why=work");
  EXPECT_EQ(said("səfər 5ABC129 iş 25.11 1 Quba"), "5ABC129 day=2026-11-25 nights=1 where=Quba why=work");
  EXPECT_EQ(said("səfər 5ABC129 iş 25.11 1 Quba", std::nullopt), "ask answer_unknown day");
}

TEST(SmsForm, AsksForOneThingAfterTheOther) {
  EXPECT_EQ(said("səfər"), "ask empty");
  EXPECT_EQ(said("səfər iş 25.11.2026 1 Quba"), "ask person");
  EXPECT_EQ(said("səfər 5ABC12 iş 25.11.2026 1 Quba"), "ask person_length");
  EXPECT_EQ(said("səfər 5ABC129"), "ask answer why");
  EXPECT_EQ(said("səfər 5ABC129 iş"), "ask answer day");
  EXPECT_EQ(said("səfər 5ABC129 iş 25.11.2026"), "ask answer nights");
  EXPECT_EQ(said("səfər 5ABC129 iş 25.11.2026 1"), "ask answer where");
  EXPECT_EQ(said("səfər 5ABC129 iş 25.11.2026 1 Quba").substr(0, 7), "5ABC129");
}

TEST(SmsForm, NeverGuesses) {
  EXPECT_EQ(said("səfər 5ABC129 iş 31.02.2027 1 Quba"), "ask answer_unknown day");
  EXPECT_EQ(said("səfər 5ABC129 iş 25.01.2027 1 Quba"), "ask answer_unknown day")
      << "further ahead than may be";
  EXPECT_EQ(said("səfər 5ABC129 iş 25.11.2026 99 Quba"), "ask answer_unknown nights");
  EXPECT_EQ(said("səfər 5ABC129 iş 25.11.2026 1 2 Quba"), "ask answer_several nights");
  EXPECT_EQ(said("səfər 5ABC129 6DEF457 iş 25.11.2026 1 Quba"), "ask person_which");
  EXPECT_EQ(said("səfər 5ABC129 iş 25.11.2026 1 Qu"), "ask answer_unknown where") << "three letters at least";
}

TEST(SmsForm, LeavesServicesOfChoicesAloneAsTheyWere) {
  EXPECT_EQ(said("icaze 5ABC129 2"), "5ABC129 reason=shopping");
}

TEST(SmsForm, EndsSoonWhateverComes) {
  std::string text = "səfər ";
  for (int i = 0; i < 500; ++i) text += "1.1 a ";
  EXPECT_EQ(said(text).substr(0, 3), "ask");
}

}  // namespace
}  // namespace dayaq::services::sms
