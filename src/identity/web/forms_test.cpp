#include "identity/web/forms.hpp"

#include <gtest/gtest.h>

namespace dayaq::identity::web {
namespace {

const PublicUrl https{
    .origin = "https://id.example.az", .host = "id.example.az", .secure = true, .loopback = false};
const PublicUrl local{
    .origin = "http://localhost:8080", .host = "localhost", .secure = false, .loopback = true};

bool sent(const PublicUrl& url, std::vector<std::pair<std::string_view, std::string_view>> headers) {
  http::Request request;
  request.headers = std::move(headers);
  return sent_from_here(request, url);
}

TEST(PublicUrl, IsAnOriginOverHttpsOrOnLoopback) {
  const auto url = parse_public_url("https://id.example.az:8443/");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->origin, "https://id.example.az:8443");
  EXPECT_EQ(url->host, "id.example.az");
  EXPECT_TRUE(url->secure);
  EXPECT_TRUE(parse_public_url("http://localhost:8080")->loopback);
  EXPECT_TRUE(parse_public_url("http://[::1]:80")->loopback);
  for (const char* bad : {"", "id.example.az", "http://id.example.az", "https://id.example.az/path",
                          "https://", "https://a:b", "https://a:123456", "ftp://localhost",
                          "https://user@host", "https://id.example.az?x", "https://ID.example.az"}) {
    EXPECT_FALSE(parse_public_url(bad)) << bad;
  }
}

TEST(FormToken, FitsItsSessionAndNoOther) {
  const std::string token = form_token("aaaa");
  EXPECT_TRUE(form_token_fits("aaaa", token));
  EXPECT_FALSE(form_token_fits("aaab", token));
  EXPECT_FALSE(form_token_fits("aaaa", ""));
  EXPECT_FALSE(form_token_fits("aaaa", token.substr(1)));
  EXPECT_FALSE(form_token_fits("aaaa", token + "A"));
  EXPECT_EQ(token.find("aaaa"), std::string::npos);
}

TEST(SentFromHere, RefusesWhatABrowserSaysComesFromElsewhere) {
  EXPECT_TRUE(sent(https, {}));
  EXPECT_TRUE(sent(https, {{"Sec-Fetch-Site", "same-origin"}, {"Origin", "https://id.example.az"}}));
  EXPECT_FALSE(sent(https, {{"Sec-Fetch-Site", "cross-site"}}));
  EXPECT_FALSE(sent(https, {{"Sec-Fetch-Site", "same-site"}}));
  EXPECT_FALSE(sent(https, {{"Sec-Fetch-Site", "none"}}));
  EXPECT_FALSE(sent(https, {{"Origin", "null"}}));
  EXPECT_FALSE(sent(https, {{"Origin", "https://evil.example"}}));
  EXPECT_FALSE(sent(https, {{"Origin", "http://id.example.az"}}));
  EXPECT_FALSE(sent(https, {{"Origin", "https://evil.example"}, {"Host", "evil.example"}}));
  EXPECT_TRUE(sent(local, {{"Origin", "http://127.0.0.1:8080"}, {"Host", "127.0.0.1:8080"}}));
  EXPECT_FALSE(sent(local, {{"Origin", "http://evil.example"}, {"Host", "127.0.0.1:8080"}}));
}

TEST(SafePath, NeverLeadsToAnotherSite) {
  EXPECT_EQ(safe_path("/oauth/continue?request=a.b-c_d", "/my"), "/oauth/continue?request=a.b-c_d");
  EXPECT_EQ(safe_path("/my?to=https://x//y", "/my/x"), "/my?to=https://x//y");
  for (const char* bad :
       {"", "my", "//evil.example", "/\\evil.example", "\\/evil.example", "https://evil.example",
        "javascript:alert(1)", "/\t/evil.example", "/ /evil.example", "/x\r\nSet-Cookie: a=b",
        "/.//evil.example", "/x//evil.example", "/../x", "/ə", "?x", "#x"}) {
    EXPECT_EQ(safe_path(bad, "/my"), "/my") << bad;
  }
  EXPECT_EQ(safe_path("/" + std::string(path_size_max, 'a'), "/my"), "/my");
}

TEST(Cookies, AreBoundToTheHostOverHttps) {
  EXPECT_EQ(cookie(https, "session", "abc", 60),
            "__Host-session=abc; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60");
  EXPECT_EQ(cookie(local, "session", "abc", 0), "session=abc; Path=/; HttpOnly; SameSite=Lax");
  EXPECT_EQ(cookie_gone(https, "session"),
            "__Host-session=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0");
}

TEST(PolicySource, IsAnOriginAndCannotBreakOutOfThePolicy) {
  EXPECT_EQ(policy_source("https://shop.example:8443/callback?x=1"), "https://shop.example:8443");
  EXPECT_EQ(policy_source("http://127.0.0.1:1234/cb"), "http://127.0.0.1:*");
  EXPECT_EQ(policy_source("com.example.app:/callback"), "com.example.app:");
  EXPECT_FALSE(policy_source("https://a;script-src *"));
  EXPECT_FALSE(policy_source("https://a b/"));
  EXPECT_FALSE(policy_source("https://user@a/"));
  EXPECT_FALSE(policy_source("https:/a"));
  EXPECT_FALSE(policy_source(""));
}

}  // namespace
}  // namespace dayaq::identity::web
