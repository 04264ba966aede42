#include "portal/sentences.hpp"

#include <gtest/gtest.h>

#include "portal/portal_test_support.hpp"

namespace dayaq::portal {
namespace {

using regime::Rule;

struct Sentences : testing::Test {
  Result<Texts> texts = Texts::load(std::filesystem::path(DAYAQ_SOURCE_DIR) / "web" / "text");
  const test::Country& country = test::Country::az();

  std::string who(const std::string& yaml, Language language) {
    const auto rule = regime::parse_rule(yaml, country.drafts);
    EXPECT_TRUE(rule) << yaml;
    return rule ? who_sentence(*rule, Format(*texts, language, country.zone), country.words) : "";
  }
  std::string gives(const regime::Benefit& benefit, Language language) {
    return benefit_sentence(benefit, Format(*texts, language, country.zone), country.words);
  }
};

TEST_F(Sentences, SayWhoAMeasureIsFor) {
  const std::string rule = "all: [{status: pensioner}, {age: {from: 65}}]";
  EXPECT_EQ(who(rule, Language::en), "Persons with the status “Pensioner” and aged 65 or over");
  EXPECT_EQ(who("everyone: true", Language::az), "Rejimin ərazisində yaşayan hər kəs");
  EXPECT_EQ(who("status: [pupil, student]", Language::az), "“Şagird” və ya “Tələbə” statusu olan şəxslər");
  EXPECT_EQ(who("status: [pupil, student]", Language::ru), "Лица со статусом «Школьник» или «Студент»");
  EXPECT_EQ(who("residence: AZ-BA", Language::en), "Persons living in Baku");
  EXPECT_EQ(who("subscription: tv", Language::az), "TV abunəsi olan şəxslər");
}

TEST_F(Sentences, PutAlternativesInsideOfAConjunctionInParentheses) {
  const std::string rule = "all: [{any: [{status: pensioner}, {age: {under: 18}}]}, {subscription: mobile}]";
  const std::string sentence = who(rule, Language::en);
  EXPECT_NE(sentence.find("(with the status “Pensioner” or aged under 18)"), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("and with a mobile line"), std::string::npos) << sentence;
}

TEST_F(Sentences, SayNegationsAndBoundsOfAge) {
  EXPECT_EQ(who("not: {status: student}", Language::en), "Persons without the status “Student”");
  EXPECT_EQ(who("not: {status: student}", Language::az), "“Tələbə” statusu olmayan şəxslər");
  EXPECT_EQ(who("age: {from: 18, under: 65}", Language::ru), "Лица в возрасте 18–64 лет");
  EXPECT_EQ(who("not: {age: {from: 18, under: 65}}", Language::en),
            "Persons (aged under 18 or aged 65 or over)");
  EXPECT_EQ(who("not: {age: {under: 18}}", Language::en), "Persons aged 18 or over");
  EXPECT_EQ(who("not: {everyone: true}", Language::en), "Nobody");
}

TEST_F(Sentences, SayWhatABenefitGives) {
  regime::Benefit voice{.kind = regime::BenefitKind::voice,
                        .quota = 300u * 60,
                        .unit = regime::Unit::seconds,
                        .delivered_on = regime::usual_delivery(regime::BenefitKind::voice)};
  EXPECT_EQ(gives(voice, Language::az), "Pulsuz zəng, ayda 300 dəqiqə");
  voice.percent = 50;
  EXPECT_EQ(gives(voice, Language::ru), "Звонки со скидкой 50 %, 300 минут в месяц");
  regime::Benefit data{.kind = regime::BenefitKind::data,
                       .traffic_class = TrafficClassCode("education"),
                       .quota = {},
                       .unit = regime::Unit::octets,
                       .delivered_on = 1};
  EXPECT_EQ(gives(data, Language::en), "Free internet (learning resources), without limit – on mobile lines");
  data.quota = 2'000'000'000u;
  data.quota_period = regime::QuotaPeriod::day;
  data.when_used_up = regime::WhenUsedUp::limited;
  EXPECT_EQ(
      gives(data, Language::en),
      "Free internet (learning resources), 2 GB a day, then limited service without a cut-off – on mobile "
      "lines");
  regime::Benefit discount{
      .kind = regime::BenefitKind::discount, .quota = 4000u, .unit = regime::Unit::qepik, .percent = 50};
  EXPECT_EQ(gives(discount, Language::az), "Qiymətdə 50 % güzəşt (ən çoxu ayda 40 ₼)");
  discount.quota.reset();
  EXPECT_EQ(gives(discount, Language::en), "50% off the price");
}

TEST_F(Sentences, AreThereForEveryMeasureOfTheQuarantineInEveryLanguage) {
  for (const Language language : languages) {
    const Format format(*texts, language, country.zone);
    for (const regime::Measure& measure : test::quarantine().measures) {
      EXPECT_GT(who_sentence(measure.who, format, country.words).size(), 5u);
      EXPECT_FALSE(providers_sentence(measure, format, country.words).empty());
      for (const auto& benefit : measure.benefits) {
        EXPECT_GT(benefit_sentence(benefit, format, country.words).size(), 5u);
      }
    }
  }
}

}  // namespace
}  // namespace dayaq::portal
