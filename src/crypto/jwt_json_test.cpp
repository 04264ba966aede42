#include "crypto/jwt_json.hpp"

#include <gtest/gtest.h>

namespace dayaq::crypto {
namespace {

bool reads(std::string_view text) {
  return JsonObject::parse_view(text).has_value();
}

TEST(JwtJson, FindsMembersOfEveryKind) {
  const auto object = JsonObject::parse(
      R"( {"t":"a\u00e9\ud83d\ude00\n","n":-12,"f":1.75,"e":1e3,"b":true,"z":null,"a":["x","\u0079"],"m":[1,"x"],)"
      R"("o":{"k":[{}]},"k":[{"a":1},{}],"\u0071":1} )");
  ASSERT_TRUE(object);
  EXPECT_EQ(object->text("t"), "aé😀\n");
  EXPECT_EQ(object->integer("n"), -12);
  EXPECT_EQ(object->integer("f"), 1);
  EXPECT_EQ(object->integer("e"), std::nullopt);
  EXPECT_EQ(object->integer("t"), std::nullopt);
  EXPECT_EQ(object->boolean("b"), true);
  EXPECT_EQ(object->kind("z"), JsonObject::Kind::null);
  EXPECT_EQ(object->texts("a"), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(object->texts("m"), std::nullopt);
  EXPECT_EQ(object->raw("o"), R"({"k":[{}]})");
  EXPECT_EQ(object->objects("k"), (std::vector<std::string_view>{R"({"a":1})", "{}"}));
  EXPECT_EQ(object->objects("a"), std::nullopt);
  EXPECT_EQ(object->integer("q"), 1);
  EXPECT_FALSE(object->has("\\u0071"));
  const JsonObject copy = *object;  // shares the text, has its own decoded strings
  EXPECT_EQ(copy.text("t"), "aé😀\n");
}

TEST(JwtJson, RefusesWhatTwoReadersCouldReadDifferently) {
  EXPECT_TRUE(reads(R"({"a":1,"b":{"a":2}})"));
  for (const std::string_view text : {R"({"a":1,"a":2})",
                                      R"({"a":1,"\u0061":2})",
                                      R"({"b":[{"a":1,"a":2}]})",
                                      "",
                                      "{",
                                      "[]",
                                      "1",
                                      R"({"a":1,})",
                                      R"({"a":01})",
                                      R"({"a":1.})",
                                      R"({"a":.1})",
                                      R"({"a":+1})",
                                      R"({"a":NaN})",
                                      R"({"a":tru})",
                                      R"({'a':1})",
                                      R"({"a":"\x"})",
                                      R"({"a":"\ud800"})",
                                      R"({"a":"\udc00"})",
                                      R"({"a":"\u12g4"})",
                                      R"({"a" 1})",
                                      R"({"a":1}x)",
                                      R"({"a":[1,]})",
                                      R"({"a":1 "b":2})",
                                      "{\"a\":\"\n\"}",
                                      "{\"a\":\"\xc0\x80\"}",
                                      "{\"a\":\"\xed\xa0\x80\"}",
                                      "{\"a\":\"\xf4\x90\x80\x80\"}",
                                      "{\"a\":\"\xe2\x82\"}",
                                      "\xef\xbb\xbf{}",
                                      "{/**/}"}) {
    EXPECT_FALSE(reads(text)) << text;
  }
}

TEST(JwtJson, BoundsDepthAndNumberOfMembers) {
  const auto nested = [](int depth) {
    return std::string(R"({"a":)") + std::string(std::size_t(depth), '[') +
           std::string(std::size_t(depth), ']') + "}";
  };
  EXPECT_TRUE(reads(nested(7)));
  EXPECT_FALSE(reads(nested(8)));
  EXPECT_FALSE(reads(nested(100000)));
  const auto many = [](int count) {
    std::string text = R"({"x":0)";
    for (int i = 1; i < count; ++i) text += ",\"" + std::to_string(i) + "\":0";
    return text + "}";
  };
  EXPECT_TRUE(reads(many(256)));
  EXPECT_FALSE(reads(many(257)));
  EXPECT_FALSE(reads(many(100).insert(1, R"("50":1,)")));  // found among many, too
}

TEST(JwtJson, IntegersStopWhereDoublesStopBeingExact) {
  const auto number = [](std::string_view digits) {
    return JsonObject::parse(R"({"n":)" + std::string(digits) + "}")->integer("n");
  };
  EXPECT_EQ(number("9007199254740992"), 9007199254740992);
  EXPECT_EQ(number("9007199254740993"), std::nullopt);
  EXPECT_EQ(number("99999999999999999999"), std::nullopt);
  EXPECT_EQ(number("-0"), 0);
}

TEST(JwtJson, WritesTextThatItReadsBack) {
  std::string out;
  append_json_text(out, "a\"\\\b\f\n\r\t\x01\x7fé😀/");
  EXPECT_EQ(out, "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\x7fé😀/\"");
  const auto object = JsonObject::parse("{\"t\":" + out + "}");
  ASSERT_TRUE(object);
  EXPECT_EQ(object->text("t"), "a\"\\\b\f\n\r\t\x01\x7fé😀/");
  out.clear();
  append_json_text(out, "a\xff\xe2\x82z");
  EXPECT_EQ(out, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"");
}

}  // namespace
}  // namespace dayaq::crypto
