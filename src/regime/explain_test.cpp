#include "regime/explain.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <boost/json/parse.hpp>

#include "regime/law_grammar.hpp"
#include "regime/law_test_support.hpp"

namespace dayaq::regime {
namespace {

using test::azerbaijan;
using test::scalar;

/// A law of one measure with this rule, in force as the cases say.
LawfulMeasure lawful(const Rule& rule) {
  auto version = std::make_shared<RegimeVersion>();
  version->regime.code = RegimeCode("exercise");
  version->regime.measures.push_back({.code = MeasureCode("right"), .who = rule});
  const Period period{.from = azerbaijan().moment("2026-03-24"), .until = azerbaijan().moment("2027-03-24")};
  return {.version = version,
          .measure = &version->regime.measures.front(),
          .rule = simplified(rule),
          .period = period};
}

Audience audience_of(const std::string& to) {
  if (to == "person") return {.the_person = true};
  return {.organisation = azerbaijan().organisation(to)};
}

void run_case(const TreeNode& node) {
  const LawfulMeasure measure = lawful(test::rule_of(node));
  const registry::PersonFacts facts = test::person_of(*node.find("person"));
  const Instant t = azerbaijan().moment(scalar(node, "at"));
  const ExplainContext context = azerbaijan().explain_context();
  const Audience audience = audience_of(scalar(node, "to"));
  const Explanation explanation = explain(measure, facts, t, context, audience);
  int told = 0;
  for (const Language language : languages) {
    const TreeNode* expected = node.find(to_string(language));
    if (expected == nullptr) continue;
    ++told;
    const ExplanationText text = explanation_text(explanation, facts, t, context, audience, language);
    std::vector<std::string> lines{text.headline};
    lines.insert(lines.end(), text.reasons.begin(), text.reasons.end());
    lines.insert(lines.end(), text.remedies.begin(), text.remedies.end());
    std::vector<std::string> wanted;
    for (const TreeNode& line : expected->children) wanted.push_back(line.text);
    EXPECT_EQ(lines, wanted) << to_string(language);
  }
  EXPECT_GT(told, 0);
}

TEST(Explanation, IsToldAsTheCasesSay) {
  const auto cases = test::cases("explanations.yaml");
  ASSERT_GE(cases.size(), 15u);
  for (const TreeNode& node : cases) {
    SCOPED_TRACE(scalar(node, "title"));
    run_case(node);
  }
}

TEST(Explanation, NamesNothingSensitiveInItsStructureForOthers) {
  for (const TreeNode& node : test::cases("explanations.yaml")) {
    const auto facts = test::person_of(*node.find("person"));
    const Instant t = azerbaijan().moment(scalar(node, "at"));
    const ExplainContext context = azerbaijan().explain_context();
    const Audience stranger{.organisation = azerbaijan().organisation("azercell")};
    const Explanation explanation = explain(lawful(test::rule_of(node)), facts, t, context, stranger);
    const auto text = explanation_text(explanation, facts, t, context, stranger, Language::en);
    const std::string json = explanation_json(explanation, text, context);
    boost::json::error_code failed;
    boost::json::parse(json, failed);
    EXPECT_FALSE(failed) << json;
    for (const auto* word : {"quarantin", "must_stay_home", "stay at home"}) {
      EXPECT_EQ(json.find(word), std::string::npos) << json;
    }
  }
}

TEST(Explanation, SaysWhichLineIsMissingToUseARight) {
  LawfulMeasure measure = lawful(Rule{});
  auto version = std::make_shared<RegimeVersion>(*measure.version);
  version->regime.measures.front().benefits.push_back(
      {.kind = BenefitKind::voice, .delivered_on = usual_delivery(BenefitKind::voice)});
  measure.version = version;
  measure.measure = &version->regime.measures.front();
  registry::PersonFacts facts;
  facts.person.birth = *parse_date("1980-01-01");
  const Instant t = azerbaijan().moment("2026-11-21");
  const ExplainContext context = azerbaijan().explain_context();
  const Audience person{.the_person = true};
  const Explanation without = explain(measure, facts, t, context, person);
  EXPECT_EQ(without.outcome, Explanation::Outcome::granted);
  EXPECT_EQ(without.missing_lines, std::vector{SubscriptionKind::mobile});
  EXPECT_EQ(explanation_text(without, facts, t, context, person, Language::en).remedies,
            std::vector<std::string>{"To use it, a mobile line is needed."});
  facts.subscriptions.push_back({.kind = SubscriptionKind::mobile, .valid = {}});
  EXPECT_TRUE(explain(measure, facts, t, context, person).missing_lines.empty());
}

TEST(RuleText, TellsRulesAsTheCasesSay) {
  const auto cases = test::cases("rule_sentences.yaml");
  ASSERT_GE(cases.size(), 9u);
  for (const TreeNode& node : cases) {
    for (const Language language : languages) {
      EXPECT_EQ(describe(test::rule_of(node), language, azerbaijan().pack, azerbaijan().wording),
                scalar(node, to_string(language)));
    }
  }
}

TEST(StatusWording, HasFormsForEveryStatusOfTheCountryPack) {
  for (std::size_t i = 0; i < azerbaijan().pack.statuses().size(); ++i) {
    const auto forms = azerbaijan().wording.forms(static_cast<StatusIndex>(i), azerbaijan().pack);
    for (const Language language : languages) {
      EXPECT_FALSE(forms.people.in(language).empty());
      for (const auto* quote : {"«", "“"}) {
        EXPECT_EQ(forms.people.in(language).find(quote), std::string::npos) << forms.people.az;
      }
    }
    EXPECT_EQ(StatusWording().forms(static_cast<StatusIndex>(i), azerbaijan().pack).people.en.substr(0, 22),
              "people with the status");
  }
}

TEST(Grammar, PutsAzerbaijaniEndingsByTheSoundOfWords) {
  EXPECT_EQ(azerbaijani_locative("Bakı"), "Bakıda");
  EXPECT_EQ(azerbaijani_locative("Gəncə"), "Gəncədə");
  EXPECT_EQ(azerbaijani_locative("Sumqayıt"), "Sumqayıtda");
  EXPECT_EQ(azerbaijani_locative("Göygöl"), "Göygöldə");
  EXPECT_EQ(azerbaijani_locative("İsmayıllı"), "İsmayıllıda");
  EXPECT_EQ(azerbaijani_locative("Şəki şəhəri"), "Şəki şəhərində");
  EXPECT_EQ(azerbaijani_locative("Quba rayonu"), "Quba rayonunda");
  const std::vector<std::pair<int, std::string>> ordinals{
      {2020, "ci"}, {2021, "ci"}, {2023, "cü"}, {2024, "cü"}, {2026, "cı"},
      {2029, "cu"}, {2030, "cu"}, {2040, "cı"}, {2000, "ci"}, {1900, "cü"}};
  for (const auto& [year, ending] : ordinals) EXPECT_EQ(azerbaijani_ordinal(year), ending) << year;
}

TEST(Grammar, DeclinesRussianPlacesAndCounts) {
  EXPECT_EQ(russian_locative("Баку"), "в Баку");
  EXPECT_EQ(russian_locative("Гянджа"), "в Гяндже");
  EXPECT_EQ(russian_locative("Сумгаит"), "в Сумгаите");
  EXPECT_EQ(russian_locative("Нахичевань"), "в Нахичевани");
  EXPECT_EQ(russian_locative("Апшеронский район"), "в Апшеронском районе");
  EXPECT_EQ(russian_locative("город Шеки"), "в городе Шеки");
  EXPECT_EQ(russian_plural(1, "год", "года", "лет"), "год");
  EXPECT_EQ(russian_plural(22, "год", "года", "лет"), "года");
  EXPECT_EQ(russian_plural(11, "год", "года", "лет"), "лет");
  EXPECT_EQ(russian_plural(114, "год", "года", "лет"), "лет");
}

TEST(Grammar, TellsTheEndOfAPeriodByItsLastDay) {
  const Zone& zone = azerbaijan().zone;
  const Instant midnight = azerbaijan().moment("2027-01-01");
  EXPECT_EQ(until_text(midnight, zone, Language::en), "until 31 December 2026 inclusive");
  EXPECT_EQ(until_text(midnight, zone, Language::az), "31 dekabr 2026-cı il daxil olmaqla");
  EXPECT_EQ(until_text(midnight, zone, Language::ru), "по 31 декабря 2026 года включительно");
  const Instant afternoon = azerbaijan().moment("2026-12-31T14:00");
  EXPECT_EQ(until_text(afternoon, zone, Language::en), "until 31 December 2026, 14:00");
  EXPECT_EQ(until_text(afternoon, zone, Language::az), "31 dekabr 2026-cı il saat 14:00-dək");
  EXPECT_EQ(until_text(afternoon, zone, Language::ru), "до 31 декабря 2026 года, 14:00");
}

}  // namespace
}  // namespace dayaq::regime
