#include "services/sms/replies.hpp"

#include <gtest/gtest.h>

#include "services/sms/script.hpp"
#include "services/sms/test_service.ipp"

namespace dayaq::services::sms {
namespace {

using What = Question::What;

TEST(SmsReplies, EachQuestionIsOneMessageAndEndsWithAnExampleThatWorks) {
  const Grammar grammar = test::grammar();
  for (const Language language : languages) {
    for (int i = 0; i <= int(What::number); ++i) {
      const auto what = static_cast<What>(i);
      const std::string text = question_text(
          language, {.what = what, .service = {}, .field = "reason", .shown = "5ABC12", .count = 6},
          &test::leaving_home());
      EXPECT_FALSE(text.empty());
      EXPECT_LE(segments_of(text), language == Language::ru ? 2 : 1) << text;
      if (language != Language::ru) {
        EXPECT_TRUE(is_gsm7(text)) << text;
      }
      const auto at = text.rfind("5ABC123");
      if (at == std::string::npos) continue;
      EXPECT_EQ(test::said(grammar.parse(std::string_view(text).substr(at, 9))), "ok shopping:5ABC123")
          << text;
    }
  }
}

TEST(SmsReplies, NameTheChoices) {
  const Question question{.what = What::answer, .service = {}, .field = "reason", .shown = {}, .count = 0};
  EXPECT_EQ(question_text(Language::az, question, &test::leaving_home()),
            "Sebeb catmir: 1 hekim, 2 bazar, 3 defn. Numune: 5ABC123 2");
  EXPECT_EQ(question_text(Language::ru, question, &test::leaving_home()),
            "Причина не указана: 1 врач, 2 магазин, 3 похороны. Пример: 5ABC123 2");
}

TEST(SmsReplies, AskForWhatIsNoChoiceByItsTitle) {
  Service trip = test::leaving_home();
  trip.sms_words = {"sefer"};
  Field day;
  day.code = "day";
  day.kind = FieldKind::date;
  day.title = {.az = "Hansı gün?", .en = "Which day?", .ru = "В какой день?"};
  trip.form.push_back(day);
  trip.sms_order = {"national_id", "reason", "day"};
  Question question{.what = What::answer, .service = {}, .field = "day", .shown = {}, .count = 0};
  EXPECT_EQ(question_text(Language::az, question, &trip),
            "Catmir: Hansi gun? Numune: sefer 5ABC123 2 21.12.2026");
  question.what = What::answer_unknown;
  EXPECT_EQ(question_text(Language::ru, question, &trip),
            "Неясно: В какой день? Пример: sefer 5ABC123 2 21.12.2026");
}

TEST(SmsReplies, TimesAreShort) {
  EXPECT_EQ(short_time("2026-11-21 18:04"), "21.11 18:04");
}

}  // namespace
}  // namespace dayaq::services::sms
