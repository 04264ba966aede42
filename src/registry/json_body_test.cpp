#include "registry/json_body.hpp"

#include <gtest/gtest.h>

namespace dayaq::registry {
namespace {

Result<JsonBody> parse(std::string_view text) {
  return JsonBody::parse(text, {"status", "grace", "name.az", "name.en", "issues[]"});
}
std::string error_of(std::string_view text) {
  const auto body = parse(text);
  return body ? "none" : std::string(body.error().code);
}

TEST(JsonBody, GivesStringsNumbersListsAndFieldsOfObjects) {
  const auto body =
      parse(R"( {"status" : "pupil", "grace":3600, "name": {"az":"Ə","en":"a \"b\" \u0259\ud83d\ude00"},
                              "issues":["x","y"]} )");
  ASSERT_TRUE(body) << body.error().public_text;
  EXPECT_EQ(*body->required("status"), "pupil");
  EXPECT_EQ(*body->number("grace"), 3600u);
  EXPECT_EQ(*body->required("name.az"), "Ə");
  EXPECT_EQ(*body->required("name.en"), "a \"b\" ə😀");
  EXPECT_EQ(*body->list("issues[]"), (std::vector<std::string_view>{"x", "y"}));
}

TEST(JsonBody, AbsentAndNullAreTheSame) {
  const auto body = parse(R"({"status":null,"issues":[]})");
  ASSERT_TRUE(body);
  EXPECT_EQ(*body->text("status"), std::nullopt);
  EXPECT_EQ(*body->text("name.az"), std::nullopt);
  EXPECT_EQ(*body->number("grace"), std::nullopt);
  EXPECT_TRUE(body->list("issues[]")->empty());
  EXPECT_EQ(body->required("status").error().code, "json.missing");
}

TEST(JsonBody, AValueOfAnotherTypeIsRefusedByName) {
  const auto body = parse(R"({"status":5,"grace":"5","issues":[1]})");
  ASSERT_TRUE(body);
  EXPECT_EQ(body->text("status").error().field, "status");
  EXPECT_EQ(body->number("grace").error().code, "json.type");
  EXPECT_EQ(body->list("issues[]").error().code, "json.type");
  for (const char* number : {"1.5", "-1", "1e3", "99999999999999999999"}) {
    EXPECT_EQ(parse("{\"grace\":" + std::string(number) + "}")->number("grace").error().code, "json.type");
  }
}

TEST(JsonBody, UnknownAndRepeatedFieldsAreRefused) {
  EXPECT_EQ(error_of(R"({"statuss":"x"})"), "json.unknown");
  EXPECT_EQ(error_of(R"({"name":{"de":"x"}})"), "json.unknown");
  EXPECT_EQ(error_of(R"({"name":"x"})"), "json.unknown");
  EXPECT_EQ(error_of(R"({"status":["x"]})"), "json.unknown");
  EXPECT_EQ(error_of(R"({"issues":"x"})"), "json.unknown");
  EXPECT_EQ(error_of(R"({"status":"x","status":"x"})"), "json.repeated");
  EXPECT_EQ(error_of(R"({"issues":[],"issues":[]})"), "json.repeated");
  EXPECT_EQ(error_of(R"({"name":{},"name":{}})"), "json.repeated");
  EXPECT_EQ(error_of(R"({"name.az":"x"})"), "none") << "the same place, whatever the spelling";
}

TEST(JsonBody, WhatIsNoJsonIsRefusedWithItsPlace) {
  for (const char* text : {"",
                           "[]",
                           "\"x\"",
                           "{",
                           "{}x",
                           R"({"status"})",
                           R"({"status":})",
                           R"({"status":"x")",
                           R"({"status":"x",})",
                           R"({status:"x"})",
                           R"({'status':"x"})",
                           R"({"status":"x)",
                           R"({"status":"\x"})",
                           R"({"status":"\u12"})",
                           R"({"status":"\ud800"})",
                           R"({"status":"\udc00"})",
                           R"({"grace":01})",
                           R"({"grace":1.})",
                           R"({"grace":.5})",
                           R"({"grace":+1})",
                           R"({"grace":1e})",
                           R"({"grace":nul})",
                           R"({"name":{"az":{}}})",
                           R"({"issues":["x",]})",
                           R"({"issues":[["x"]]})",
                           "{\"status\":\"a\nb\"}",
                           "{\"status\":\"\xC0\xAF\"}",
                           "\xEF\xBB\xBF{}"}) {
    EXPECT_EQ(error_of(text), "json.syntax") << text;
  }
  const auto body = parse("{\n  \"status\": x}");
  EXPECT_EQ(body.error().line, 2u);
  EXPECT_EQ(body.error().column, 13u);
}

TEST(JsonBody, ManyValuesAreRefused) {
  std::string text = R"({"issues":["x")";
  for (int i = 0; i < 300; ++i) text += ",\"x\"";
  EXPECT_EQ(error_of(text + "]}"), "json.syntax");
}

}  // namespace
}  // namespace dayaq::registry
