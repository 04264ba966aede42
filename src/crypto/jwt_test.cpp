#include "crypto/jwt.hpp"

#include <gtest/gtest.h>

#include <array>

namespace dayaq::crypto {
namespace {

using namespace std::chrono_literals;

TEST(ClaimsWriter, InOrderOrNotItWritesTheSameBytes) {
  const std::vector<std::string> several{"a", "b"};
  ClaimsWriter ordered;
  ordered.audience(std::vector<std::string>{"c1"})
      .date("exp", from_micros(1'700'000'000'999'999))
      .text("iss", "x\"");
  ordered.boolean("p", true).texts("q", several).json("r", "{}");
  const std::string text = ordered.finish();
  EXPECT_EQ(text, R"({"aud":"c1","exp":1700000000,"iss":"x\"","p":true,"q":["a","b"],"r":{}})");
  ClaimsWriter mixed;
  mixed.json("r", "{}").texts("q", several).text("iss", "x\"").boolean("p", true);
  mixed.number("exp", 1'700'000'000).text("aud", "c1");
  EXPECT_EQ(mixed.finish(), text);
  EXPECT_EQ(mixed.finish(), "{}");
  EXPECT_EQ(mixed.audience(several).finish(), R"({"aud":["a","b"]})");
}

TEST(ClaimsWriter, ALaterClaimCannotReplaceAnEarlierOne) {
  ClaimsWriter writer;
  writer.text("iss", "us").text("sub", "1").text("iss", "them").text("sub", "2");
  EXPECT_EQ(writer.finish(), R"({"iss":"us","sub":"1"})");
}

struct Claims : testing::Test {
  Instant now = from_micros(1'800'000'000'000'000);
  std::vector<std::string> us{"https://id.example", "https://id.example/token"};
  std::vector<std::string_view> required;
  JwtPolicy policy{.issuer = "client", .audiences = us};

  std::string code(std::string_view text) const {
    const auto jwt = check_claims(std::string(text), policy, now);
    return jwt ? "" : std::string(jwt.error().code);
  }
  static std::string with(std::string_view more) {
    return R"({"iss":"client","aud":"https://id.example","exp":1800000060)" + std::string(more) + "}";
  }
};

TEST_F(Claims, ReadsTheRegisteredOnes) {
  const auto jwt =
      check_claims(with(R"(,"sub":"s","jti":"j","iat":1799999999.9,"nbf":1799999990)"), policy, now);
  ASSERT_TRUE(jwt);
  EXPECT_EQ(jwt->issuer, "client");
  EXPECT_EQ(jwt->subject, "s");
  EXPECT_EQ(jwt->id, "j");
  EXPECT_EQ(jwt->audience, std::vector<std::string>{"https://id.example"});
  EXPECT_EQ(jwt->expires, now + 60s);
  EXPECT_EQ(jwt->issued, now - 1s);
  EXPECT_EQ(jwt->not_before, now - 10s);
}

TEST_F(Claims, TimesHaveABoundedSkew) {
  policy.skew = 10s;
  EXPECT_EQ(code(with("")), "");
  now += 60s + 9s;
  EXPECT_EQ(code(with("")), "");
  now += 1s;
  EXPECT_EQ(code(with("")), "jwt.expired");
  policy.skew = std::chrono::hours(24);  // no more than five minutes are taken
  now += 289s;
  EXPECT_EQ(code(with("")), "");
  now += 1s;
  EXPECT_EQ(code(with("")), "jwt.expired");
  now = from_micros(1'800'000'000'000'000);
  policy.skew = 10s;
  EXPECT_EQ(code(with(R"(,"nbf":1800000010)")), "");
  EXPECT_EQ(code(with(R"(,"nbf":1800000011)")), "jwt.not_yet");
  EXPECT_EQ(code(with(R"(,"iat":1800000010)")), "");
  EXPECT_EQ(code(with(R"(,"iat":1800000011)")), "jwt.not_yet");
}

TEST_F(Claims, LifeAndAgeAreBounded) {
  policy.skew = 0s;
  policy.life_max = 60s;
  EXPECT_EQ(code(with("")), "");
  EXPECT_EQ(code(with(R"(,"iat":1799999999)")), "jwt.life");
  policy.life_max = 59s;
  EXPECT_EQ(code(with("")), "jwt.life");
  policy.life_max = {};
  policy.age_max = 5s;
  EXPECT_EQ(code(with("")), "jwt.required");
  EXPECT_EQ(code(with(R"(,"iat":1799999995)")), "");
  EXPECT_EQ(code(with(R"(,"iat":1799999994)")), "jwt.life");
}

TEST_F(Claims, PartiesMustBeThePartiesMeant) {
  EXPECT_EQ(code(R"({"iss":"Client","aud":"https://id.example","exp":1800000060})"), "jwt.issuer");
  EXPECT_EQ(code(R"({"aud":"https://id.example","exp":1800000060})"), "jwt.issuer");
  EXPECT_EQ(code(R"({"iss":"client","aud":"https://id.example/","exp":1800000060})"), "jwt.audience");
  EXPECT_EQ(code(R"({"iss":"client","exp":1800000060})"), "jwt.audience");
  EXPECT_EQ(code(R"({"iss":"client","aud":[],"exp":1800000060})"), "jwt.audience");
  const std::string two =
      R"({"iss":"client","aud":["https://else.example","https://id.example"],"exp":1800000060})";
  EXPECT_EQ(code(two), "");
  policy.only_audience = true;
  EXPECT_EQ(code(two), "jwt.audience");
  EXPECT_EQ(
      code(R"({"iss":"client","aud":["https://id.example","https://id.example/token"],"exp":1800000060})"),
      "");
}

TEST_F(Claims, RequiredMeansThereAndNotEmpty) {
  EXPECT_EQ(code(R"({"iss":"client","aud":"https://id.example"})"), "jwt.required");
  required = {"nonce", "sub"};
  policy.required = required;
  EXPECT_EQ(code(with(R"(,"nonce":"1")")), "jwt.required");
  EXPECT_EQ(code(with(R"(,"nonce":"1","sub":"")")), "jwt.required");
  EXPECT_EQ(code(with(R"(,"nonce":null,"sub":"2")")), "jwt.required");
  EXPECT_EQ(code(with(R"(,"nonce":"1","sub":"2")")), "");
}

TEST_F(Claims, ClaimsOfTheWrongKindAreRefused) {
  for (const std::string_view more :
       {R"(,"iat":"1800000000")", R"(,"nbf":true)", R"(,"nbf":-1)", R"(,"nbf":253402300800)", R"(,"iat":1e9)",
        R"(,"sub":1)", R"(,"jti":["a"])", R"(,"exp":1800000060)"}) {
    EXPECT_EQ(code(with(more)), "jwt.format") << more;
  }
  EXPECT_EQ(code(R"({"iss":"client","aud":[1],"exp":1800000060})"), "jwt.format");
  EXPECT_EQ(code(R"({"iss":"client","aud":{},"exp":1800000060})"), "jwt.format");
  EXPECT_EQ(code(with(R"(,"sub":")" + std::string(513, 'x') + "\"")), "jwt.format");
  EXPECT_EQ(code("[]"), "jwt.format");
}

TEST_F(Claims, AWholeTokenGoesThroughBothChecks) {
  const auto key = std::make_shared<const JwkPrivate>(JwkPrivate::generate(JwsAlgorithm::eddsa));
  const JwkSet keys({key->public_key()});
  const JwsPolicy signature{.algorithms = {JwsAlgorithm::eddsa}, .typ = "JWT"};
  const std::string token = JwsSigner(key, "JWT").sign(with(""));
  EXPECT_TRUE(verify_jwt(token, keys, signature, policy, now));
  EXPECT_EQ(verify_jwt(token, keys, signature, policy, now + 1h).error().code, "jwt.expired");
  EXPECT_EQ(verify_jwt(token, JwkSet{}, signature, policy, now).error().code, "jws.key");
}

}  // namespace
}  // namespace dayaq::crypto
