#include "edge/tv/token.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dayaq::edge::tv {
namespace {

Bytes hex(std::string_view text) {
  return *from_hex(text);
}

struct TokenTest : testing::Test {
  Bytes key = hex("00112233445566778899aabbccddeeff");
  Instant now = Instant(std::chrono::seconds(1'800'000'000));
  Token token{
      .expires = Instant(std::chrono::seconds(1'800'000'300)), .prefix = "/hls/news/", .key = 0xc0ffee};
};

TEST(Hmac, IsAsTheStandardSays) {  // RFC 4231, test cases 1, 2, 6
  EXPECT_EQ(to_hex(hmac_sha256(Bytes(20, std::byte(0x0b)), as_bytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256(Bytes(131, std::byte(0xaa)),
                               as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_F(TokenTest, ATokenOpensWhatIsBelowItsPrefixUntilItRunsOut) {
  const std::string text = make_token(key, token);
  EXPECT_TRUE(text.starts_with("exp=1800000300~acl=/hls/news/*~data=0000000000c0ffee~hmac=")) << text;
  const auto checked = check_token(key, text, "/hls/news/1.ts", now);
  ASSERT_TRUE(checked);
  EXPECT_EQ(*checked, token);
  EXPECT_EQ(check_token(key, text, "/hls/film/1.ts", now).error().code, "tv.token_path");
  EXPECT_EQ(check_token(key, text, "/hls/news", now).error().code, "tv.token_path");
  EXPECT_EQ(check_token(key, text, "/hls/news/1.ts", token.expires).error().code, "tv.token_expired");
  EXPECT_EQ(check_token(hex("00112233445566778899aabbccddeefe"), text, "/hls/news/1.ts", now).error().code,
            "tv.token_signature");
}

TEST_F(TokenTest, NoByteOfATokenCanBeChanged) {
  const std::string text = make_token(key, token);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == '1' ? '2' : '1';
    EXPECT_FALSE(check_token(key, changed, "/hls/news/1.ts", now)) << i;
    EXPECT_FALSE(check_token(key, text.substr(0, i), "/hls/news/1.ts", now)) << i;
  }
  EXPECT_FALSE(check_token(key, text + "~", "/hls/news/1.ts", now));
  EXPECT_FALSE(check_token(key, text + "~exp=9999999999", "/hls/news/1.ts", now));
}

TEST_F(TokenTest, TheSecureLinkIsWhatNginxComputes) {
  // printf %s '1800000300/hls/news/ 0000000000c0ffee open sesame' | openssl md5 -binary | basenc --base64url
  EXPECT_EQ(secure_link("open sesame", token), "vuDjw7hZw-9J1QnfceRZrQ");
}

TEST(Pass, IsWhatNginxComputesForALineThatItKnows) {
  // printf %s '1800000000/hls/news/ 994771234567 open sesame' | openssl md5 -binary | basenc --base64url
  EXPECT_EQ(
      make_pass("open sesame", "/hls/news/", "994771234567", Instant(std::chrono::seconds(1'800'000'000))),
      "f8w5Ukpz4ldijbOlYjeJgA.1800000000");
}

TEST(NormalPath, IsWhatNginxChoosesALocationBy) {
  EXPECT_EQ(normal_path("/hls/news/1.ts?x=/../"), "/hls/news/1.ts");
  EXPECT_EQ(normal_path("/hls/free/../paid/1.ts"), "/hls/paid/1.ts");
  EXPECT_EQ(normal_path("/hls/free/%2e%2e/paid/1.ts"), "/hls/paid/1.ts");
  EXPECT_EQ(normal_path("/hls//news/./1.ts"), "/hls/news/1.ts");
  EXPECT_EQ(normal_path("/hls/%6Eews/"), "/hls/news/");
  EXPECT_EQ(normal_path("/hls/news/.."), "/hls/");
  EXPECT_EQ(normal_path("/"), "/");
  for (const auto* bad : {"", "hls/news/", "/%", "/%4", "/%zz", "/a%00b", "/..", "/a/../../b", "?x"}) {
    EXPECT_EQ(normal_path(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace dayaq::edge::tv
