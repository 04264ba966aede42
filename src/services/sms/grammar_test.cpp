#include "services/sms/grammar.hpp"

#include <gtest/gtest.h>

#include <string>

#include "services/sms/test_service.ipp"

namespace dayaq::services::sms {
namespace {

std::string said(std::string_view text) {
  static const Grammar grammar = test::grammar();
  return test::said(grammar.parse(text));
}
Question question(std::string_view text) {
  const Grammar grammar = test::grammar();
  const Reading reading = grammar.parse(text);
  const auto* out = std::get_if<Question>(&reading.says);
  return out == nullptr ? Question{} : *out;
}
Language language(std::string_view text) {
  return test::grammar().parse(text).language;
}

TEST(SmsGrammar, ReadsAnIdAndAReasonInEitherOrder) {
  EXPECT_EQ(said("1 5ABC129"), "ok doctor:5ABC129");
  EXPECT_EQ(said("5ABC129 2"), "ok shopping:5ABC129");
  EXPECT_EQ(said("həkim 5abc129"), "ok doctor:5ABC129");
  EXPECT_EQ(said("5АВС129 магазин"), "ok shopping:5ABC129");
}

TEST(SmsGrammar, TakesApartWhatIsGluedInOneWayOnly) {
  EXPECT_EQ(said("15ABC129"), "ok doctor:5ABC129");
  EXPECT_EQ(said("5ABC1292"), "ok shopping:5ABC129");
  EXPECT_EQ(said("15ABC122"), "ask separate") << "1 and 5ABC122, or 15ABC12 and 2";
  EXPECT_EQ(said("2 15ABC129"), "ask person_length")
      << "the reason stands elsewhere: one character is too many";
  EXPECT_EQ(said("15ABC12 26EFG349"), "ask person_length") << "the first lacks a character";
}

TEST(SmsGrammar, PutsPiecesOfAnIdTogether) {
  EXPECT_EQ(said("1 5AB C129"), "ok doctor:5ABC129");
  EXPECT_EQ(said("1 5-ABC-129"), "ok doctor:5ABC129");
  EXPECT_EQ(said("1 5 A B C 1 2 9"), "ok doctor:5ABC129");
  EXPECT_EQ(said("1 ABC129 2 6EFG349").substr(0, 3), "ask") << "never 1ABC129 for a stranger";
}

TEST(SmsGrammar, AsksForTheOneThing) {
  EXPECT_EQ(question("1 5ABC12").what, Question::What::person_length);
  EXPECT_EQ(question("1 5ABC12").count, 6);
  EXPECT_EQ(question("1 5ABC12").shown, "5ABC12");
  EXPECT_EQ(question("5ABC129").what, Question::What::answer);
  EXPECT_EQ(question("5ABC129").field, "reason");
  EXPECT_EQ(question("9 5ABC129").what, Question::What::answer_unknown);
  EXPECT_EQ(question("1 2 5ABC129").what, Question::What::answer_several);
  EXPECT_EQ(question("həkim").what, Question::What::person);
  EXPECT_EQ(question("salam").what, Question::What::empty);
  EXPECT_EQ(question("").what, Question::What::empty);
  EXPECT_EQ(question("1 5ДВС129").what, Question::What::person_unclear);
  EXPECT_EQ(question("bazar yox 5ABC129").what, Question::What::negated);
  EXPECT_EQ(question("1 2 5ABC129 6EFG349").what, Question::What::pairing);
  EXPECT_EQ(question("1 5ABC129 5ABC128 5ABC127 5ABC126 5ABC125 5ABC124 5ABC123 5ABC122 5ABC121").what,
            Question::What::too_many);
  EXPECT_EQ(question("status").what, Question::What::number);
}

TEST(SmsGrammar, ReadsAFamily) {
  EXPECT_EQ(said("1 5ABC129 2 6EFG349"), "ok doctor:5ABC129 shopping:6EFG349");
  EXPECT_EQ(said("5ABC129 1\n6EFG349 2"), "ok doctor:5ABC129 shopping:6EFG349");
  EXPECT_EQ(said("2 5ABC129 6EFG349"), "ok shopping:5ABC129 shopping:6EFG349");
  EXPECT_EQ(said("1 5ABC129 1 5ABC129"), "ok doctor:5ABC129");
  EXPECT_EQ(said("1 5ABC129 2 5ABC129"), "ask answer_several");
  EXPECT_EQ(said("5ABC129 1 6EFG349"), "ask pairing") << "whose is it";
  EXPECT_EQ(said("1. 5ABC129\n2. 6EFG349"), "ask pairing") << "reasons, or numbers of lines";
  EXPECT_EQ(said("1 5ABC129\n2 6EFG349"), "ok doctor:5ABC129 shopping:6EFG349");
}

TEST(SmsGrammar, KnowsTheSendersLanguage) {
  EXPECT_EQ(language("1 5ABC129"), Language::az);
  EXPECT_EQ(language("hello, 1 5ABC129"), Language::en);
  EXPECT_EQ(language("здравствуйте, 1 5ABC129"), Language::ru);
  EXPECT_EQ(language("1 5АВС129"), Language::az) << "look-alikes alone aren't Russian";
  EXPECT_EQ(language("Salam, xahiş edirəm 1 5ABC129"), Language::az);
}

TEST(SmsGrammar, ReadsCommands) {
  const Reading status = test::grammar().parse("durum k7m2-9qxf-3dr5");
  ASSERT_TRUE(std::holds_alternative<Command>(status.says));
  EXPECT_EQ(std::get<Command>(status.says).number, "k7m29qxf3dr5");
  EXPECT_EQ(said("kömək"), "help");
  EXPECT_EQ(said("ПОМОЩЬ"), "help");
  EXPECT_EQ(said("LƏĞV K7M2 9QXF 3DR5"), "cancel");
}

TEST(SmsGrammar, ChoosesAmongServicesByTheirWords) {
  Service other = test::leaving_home();
  other.code = ServiceCode("visit");
  other.sms_words = {"görüş", "visit"};
  const Grammar two({&test::leaving_home(), &other}, test::id_rule());
  const auto service = [&](std::string_view text) -> std::string {
    const Reading reading = two.parse(text);
    if (const auto* found = std::get_if<Requests>(&reading.says)) return found->service.value();
    return test::said(reading);
  };
  EXPECT_EQ(service("gorus 1 5ABC129"), "visit");
  EXPECT_EQ(service("icaze 1 5ABC129"), "leaving-home");
  EXPECT_EQ(service("1 5ABC129"), "ask service");
  EXPECT_EQ(service("icaze visit 1 5ABC129"), "ask service");
}

TEST(SmsGrammar, ALongMessageOfPiecesEndsSoon) {
  std::string text;
  for (int i = 0; i < 600; ++i) text += "A1 ";
  EXPECT_EQ(said(text).substr(0, 3), "ask");
}

}  // namespace
}  // namespace dayaq::services::sms
