#include "base/text.hpp"

#include <gtest/gtest.h>

#include "base/utf8.hpp"

namespace dayaq {
namespace {

TEST(Casing, KeepsTheDottedAndTheDotlessIApart) {
  EXPECT_EQ(to_upper("ismayıllı", Language::az), "İSMAYILLI");
  EXPECT_EQ(to_lower("İSMAYILLI", Language::az), "ismayıllı");
  EXPECT_EQ(to_upper("i", Language::en), "I");
}

TEST(Folding, FindsAPlaceHoweverItIsTyped) {
  const std::string want = fold_for_search("İsmayıllı");
  for (const auto typed : {"İSMAYILLI", "ismayıllı", "ismayilli"})
    EXPECT_EQ(fold_for_search(typed), want) << typed;
  EXPECT_EQ(fold_for_search("Şəki"), "seki");
}

TEST(Localized, FallsBackToAzerbaijani) {
  const LocalizedText text{.az = "Salam", .en = "Hello", .ru = ""};
  EXPECT_EQ(text.in(Language::en), "Hello");
  EXPECT_EQ(text.in(Language::ru), "Salam");
}

TEST(Utf8, IsCheckedStrictly) {
  EXPECT_TRUE(is_utf8("Gəncə"));
  EXPECT_FALSE(is_utf8("G\xc9nc\xc9"));
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));
  EXPECT_FALSE(is_utf8("\xc0\xaf"));
}

TEST(Utf8, IsWrittenInEachLength) {
  std::string out;
  for (const char32_t code : {U'\x7f', U'\x80', U'\x7ff', U'\x800', U'\xffff', U'\x10000', U'\x10ffff'}) {
    append_utf8(out, code);
  }
  EXPECT_EQ(out,
            "\x7f"
            "\u0080\u07ff\u0800\uffff\U00010000\U0010ffff");
}

TEST(Html, EscapesWhatMatters) {
  EXPECT_EQ(escape_html("<a href=\"'&\">"), "&lt;a href=&quot;&#39;&amp;&quot;&gt;");
}

TEST(Digits, AreGroupedByThree) {
  EXPECT_EQ(group_digits(1234567), "1\u202f234\u202f567");
  EXPECT_EQ(group_digits(-12), "\u221212");
}

}  // namespace
}  // namespace dayaq
