#include "portal/texts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unicode/locid.h>
#include <unicode/plurrule.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

namespace dayaq::portal {
namespace {

using testing::HasSubstr;

const std::filesystem::path source = DAYAQ_SOURCE_DIR;

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void collect(const std::string& text, const std::regex& pattern, std::set<std::string>& out) {
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match)
    out.insert((*match)[1]);
}

TEST(Plural, FollowsCldrInAllThreeLanguages) {
  for (const Language language : languages) {
    UErrorCode status = U_ZERO_ERROR;
    const std::unique_ptr<icu::PluralRules> rules(
        icu::PluralRules::forLocale(icu::Locale(std::string(to_string(language)).c_str()), status));
    ASSERT_TRUE(U_SUCCESS(status));
    for (std::int32_t number = 0; number < 1200; ++number) {
      std::string expected;
      rules->select(number).toUTF8String(expected);
      EXPECT_EQ(to_string(plural_of(number, language)), expected) << to_string(language) << ' ' << number;
    }
  }
}

TEST(Texts, OfThePagesAreCompleteInAllThreeLanguages) {
  const auto texts = Texts::load(source / "web" / "text");
  ASSERT_TRUE(texts) << texts.error().public_text;
  for (const Language language : languages) {
    texts->each_plain(
        language, [](const std::string& key, const std::string& text) { EXPECT_FALSE(text.empty()) << key; });
  }
}

TEST(Texts, HaveNoKeyThatNoPageUsesAndPagesUseNoOther) {
  const auto texts = Texts::load(source / "web" / "text");
  ASSERT_TRUE(texts);
  std::set<std::string> named;
  std::set<std::string> asked;
  for (const auto& entry : std::filesystem::directory_iterator(source / "web" / "templates")) {
    collect(content_of(entry.path()), std::regex(R"(\{\{t_([a-z0-9_]+)\}\})"), named);
  }
  for (const char* pages :
       {"src/portal", "src/identity/web", "src/services", "src/services/inspector", "src/services/web"}) {
    for (const auto& entry : std::filesystem::directory_iterator(source / pages)) {
      const std::string name = entry.path().filename().string();
      if (name.ends_with(".cpp") && !name.ends_with("_test.cpp")) {
        const std::string code = content_of(entry.path());
        collect(code, std::regex(R"rx("([a-z0-9_]+)")rx"), named);
        collect(code, std::regex(R"rx(\b(?:text|fill|count)\("([a-z0-9_]+)")rx"), asked);
      }
    }
  }
  for (const std::string& key : texts->keys())
    EXPECT_TRUE(named.contains(key)) << key << " is used by no page";
}

TEST(Texts, ChooseTheFormByTheNumber) {
  const auto texts = Texts::parse("days: '{n} gün'", "days: {one: '{n} day', other: '{n} days'}",
                                  "days: {one: '{n} день', few: '{n} дня', many: '{n} дней'}");
  ASSERT_TRUE(texts) << texts.error().public_text;
  EXPECT_EQ(texts->count("days", Language::az, 5), "5 gün");
  EXPECT_EQ(texts->count("days", Language::en, 1), "1 day");
  EXPECT_EQ(texts->count("days", Language::en, 21), "21 days");
  EXPECT_EQ(texts->count("days", Language::ru, 21), "21 день");
  EXPECT_EQ(texts->count("days", Language::ru, 102), "102 дня");
  EXPECT_EQ(texts->count("days", Language::ru, 112), "112 дней");
  EXPECT_EQ(texts->count("days", Language::ru, 1'000'001), "1\u202f000\u202f001 день");
}

TEST(Texts, FillInWhatStandsInBraces) {
  const auto texts = Texts::parse("a: '{x} və {y}'", "a: '{y} and {x}'", "a: '{x} и {y}'");
  ASSERT_TRUE(texts);
  EXPECT_EQ(texts->fill("a", Language::az, {{"x", "{y}"}, {"y", "2"}}), "{y} və 2");
  EXPECT_EQ(texts->fill("a", Language::en, {{"x", "1"}, {"y", "2"}}), "2 and 1");
}

TEST(Texts, AreRefusedWhenALanguageLacksAKeyAFormOrAName) {
  const auto refused = [](std::string_view az, std::string_view en, std::string_view ru) {
    const auto texts = Texts::parse(az, en, ru);
    return texts ? std::string() : texts.error().public_text;
  };
  EXPECT_THAT(refused("a: x", "a: x", "b: x"), HasSubstr("ru.yaml: `a` is missing"));
  EXPECT_THAT(refused("a: x", "{a: x, b: y}", "a: x"), HasSubstr("en.yaml: `b` isn't in az.yaml"));
  EXPECT_THAT(refused("a: '{x}'", "a: '{y}'", "a: '{x}'"), HasSubstr("en.yaml: `a` doesn't name the same"));
  EXPECT_THAT(refused("a: x", "a: x", "a: {one: x, other: x}"),
              HasSubstr("ru.yaml: `a` lacks the form `few`"));
  EXPECT_THAT(refused("a: x", "a: {one: x, other: x, few: x}", "a: x"),
              HasSubstr("en.yaml: `a` has a form too many"));
  EXPECT_THAT(refused("a: [", "a: x", "a: x"), HasSubstr("az.yaml"));
}

}  // namespace
}  // namespace dayaq::portal
