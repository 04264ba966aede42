#include "http/encoding.hpp"

#include <gtest/gtest.h>

namespace dayaq::http {
namespace {

TEST(Encoding, DecodesPercentEscapesAndRefusesBrokenOnes) {
  EXPECT_EQ(percent_decode("a%20b%C9%99+"), "a b\u0259+");
  for (const char* bad : {"%", "%4", "%zz", "a%4g", "%%41"}) EXPECT_FALSE(percent_decode(bad)) << bad;
}

TEST(Encoding, EncodesWhatItDecodes) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_encode("a-b_c.d~e/f"), "a-b_c.d~e%2Ff");
}

TEST(Encoding, FindsTheFirstFormFieldOfAName) {
  const std::string_view form = "a=1&b=x+y%26z&a=2&%63=3&empty&d=%ff&e=%zz";
  EXPECT_EQ(form_field(form, "a"), "1");
  EXPECT_EQ(form_field(form, "b"), "x y&z");
  EXPECT_EQ(form_field(form, "c"), "3");
  EXPECT_EQ(form_field(form, "empty"), "");
  EXPECT_FALSE(form_field(form, "missing"));
  EXPECT_FALSE(form_field(form, "d"));  // not UTF-8
  EXPECT_FALSE(form_field(form, "e"));
}

TEST(Encoding, WritesJsonStringsThatCannotBreakOut) {
  EXPECT_EQ(json_string("\"\\\n\x01\u0259"), "\"\\\"\\\\\\u000a\\u0001\u0259\"");
  EXPECT_EQ(json_string("\xff"), "\"\xEF\xBF\xBD\"");
}

TEST(Encoding, KnowsWhatMayStandInAHeader) {
  EXPECT_TRUE(is_header_value("text/html; charset=utf-8\t"));
  for (const std::string& bad :
       {std::string("a\r"), std::string("a\n"), std::string(1, '\0'), std::string("\x7f")}) {
    EXPECT_FALSE(is_header_value(bad));
  }
  EXPECT_TRUE(is_token("X-Name_1"));
  for (const char* bad : {"", "a b", "a:b", "a\r\n"}) EXPECT_FALSE(is_token(bad)) << bad;
}

TEST(Encoding, FindsACookieAmongOthers) {
  EXPECT_EQ(cookie_value("a=1; lang=en; language=ru", "lang"), "en");
  EXPECT_EQ(cookie_value("xlang=en", "lang"), "");
}

TEST(Encoding, WeighsAcceptLanguage) {
  EXPECT_EQ(negotiate_language("", "", "en"), Language::en);
  EXPECT_EQ(negotiate_language("", "", "en;q=0.3, ru-RU;q=0.31"), Language::ru);
  EXPECT_EQ(negotiate_language("", "", "EN-us"), Language::en);
  EXPECT_EQ(negotiate_language("", "", "en;q=0, *"), Language::az);
  EXPECT_EQ(negotiate_language("", "", "english"), Language::az);  // the tag is "english", not "en"
  EXPECT_EQ(negotiate_language("", "", ",;q=,en;q=x"), Language::az);
  EXPECT_EQ(negotiate_language("lang=xx", "lang=ru", "en"), Language::ru);
}

}  // namespace
}  // namespace dayaq::http
