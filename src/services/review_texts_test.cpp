#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "regime/law_test_support.hpp"
#include "services/file.hpp"

namespace dayaq::services {
namespace {

using regime::test::repository_file;

std::vector<std::string> findings(const std::string& text) {
  std::vector<std::string> out;
  for (const Error& finding : review_texts(text, {})) {
    EXPECT_GT(finding.line, 0u) << finding.public_text;
    EXPECT_TRUE(finding.public_text.ends_with('.')) << finding.public_text;
    out.push_back(fmt::format("{}:{} {} {}", finding.line, finding.column, finding.code, finding.field));
  }
  return out;
}
using Found = std::vector<std::string>;

TEST(PlainLanguage, FindsNothingInTheServicesOfTheCountryPack) {
  for (const char* name :
       {"leaving-home", "employee-permit", "service-centre-appointment", "small-business-support"}) {
    EXPECT_EQ(findings(repository_file(fmt::format("country/az/services/{}.yaml", name))), Found{}) << name;
  }
}

TEST(PlainLanguage, PointsAtSentencesThatNobodyFollows) {
  std::string words;
  for (int i = 0; i < 25; ++i) words += "söz ";
  EXPECT_EQ(findings("title: {az: \"" + words + "\", en: a, ru: a}\n"), Found{}) << "25 words are enough";
  const std::string text = "title: {az: \"Qısa cümlə. " + words + "bir çox. Qısa cümlə.\", en: a, ru: a}\n";
  EXPECT_EQ(findings(text), Found{"1:13 review.sentence title.az"});
  const auto found = review_texts(text, {});
  EXPECT_TRUE(found.at(0).public_text.contains("27 words")) << found.at(0).public_text;
  EXPECT_TRUE(found.at(0).public_text.contains("“söz söz")) << found.at(0).public_text;
  EXPECT_EQ(findings("title: {az: \"" + words + ". " + words + "\", en: a, ru: a}\n"), Found{});
  EXPECT_EQ(findings("title: {az: \"21.11.2026. Bu gün.\", en: a, ru: a}\n"), Found{});
}

TEST(PlainLanguage, PointsAtAbbreviationsThatNobodyExplains) {
  EXPECT_EQ(findings("title: {az: ƏDV ödəyin, en: Pay VAT, ru: Заплатите НДС}\n"),
            (Found{"1:13 review.abbreviation title.az", "1:29 review.abbreviation title.en",
                   "1:42 review.abbreviation title.ru"}));
  EXPECT_EQ(findings("title: {az: Vergi (ƏDV) ödəyin, en: VAT (a tax), ru: Налог}\nsummary:\n"
                     "  {az: ƏDV-ni ödəyin, en: Pay VAT, ru: Налог}\n"),
            Found{})
      << "once is enough for the whole file, in each language";
  EXPECT_EQ(findings("title: {az: Vergi (ƏDV), en: Tax, ru: Налог}\nsummary: {az: A b, en: VAT, ru: НДС}\n"),
            (Found{"2:24 review.abbreviation summary.en", "2:33 review.abbreviation summary.ru"}));
  EXPECT_EQ(findings("title: {az: \"SMS və PDF, II mərhələ, Bakı. QR-kod\", en: I see, ru: Я}\n"), Found{})
      << "what everybody knows, numbers and single letters";
  EXPECT_EQ(findings("title: {az: \"ABC, ABC və ABC\", en: a, ru: a}\n").size(), 1u) << "each once";
  EXPECT_EQ(findings("title: {az: \"“ABC”\", en: a, ru: «ГАИ»}\n").size(), 2u) << "in quotes too";
}

TEST(PlainLanguage, PointsAtLanguagesThatAreMissing) {
  EXPECT_EQ(findings("title: {az: Salam}\nsummary: {az: Salam, ru: Привет}\n"),
            (Found{"1:8 review.language title", "2:10 review.language summary"}));
  EXPECT_TRUE(review_texts("title: {az: Salam}\n", {}).at(0).public_text.contains("`en` and `ru`"));
}

TEST(PlainLanguage, PointsAtQuestionsWithoutHelp) {
  const std::string form =
      "form:\n  - {field: a, title: {az: A, en: A, ru: A}}\n"
      "  - {field: b, title: {az: A, en: A, ru: A}, help: {az: A, en: A, ru: A}}\n"
      "  - {field: c, title: {az: A, en: A, ru: A}, known: name}\n";
  EXPECT_EQ(findings(form), Found{"2:5 review.help form[0]"});
}

TEST(PlainLanguage, HasNothingToSayOfWhatIsNoFile) {
  EXPECT_EQ(findings(""), Found{});
  EXPECT_EQ(findings("a: [b, {c: d}"), Found{});
  EXPECT_EQ(findings("- az: x"), Found{"1:3 review.language [0]"});
}

}  // namespace
}  // namespace dayaq::services
