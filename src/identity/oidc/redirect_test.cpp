// Where answers go: never anywhere that wasn't registered.
#include "identity/oidc/redirect.hpp"

#include <gtest/gtest.h>

namespace dayaq::identity::oidc {
namespace {

TEST(RedirectUri, IsComparedByteByByte) {
  const std::string registered = "https://shop.example/cb";
  EXPECT_TRUE(redirect_uri_matches(registered, "https://shop.example/cb"));
  for (const char* other :
       {"https://shop.example/cb/", "https://shop.example/cb?x=1", "https://shop.example/CB",
        "https://SHOP.example/cb", "http://shop.example/cb", "https://shop.example:443/cb",
        "https://shop.example/cb#", "https://shop.example/./cb", "https://shop.example/%63b",
        "https://shop.example.evil.example/cb", "https://shop.example@evil.example/cb",
        "https://evil.example/https://shop.example/cb", "https://shop.example/cb ",
        " https://shop.example/cb", "//shop.example/cb", "javascript:alert(1)", ""}) {
    EXPECT_FALSE(redirect_uri_matches(registered, other)) << other;
  }
  EXPECT_FALSE(redirect_uri_matches("", ""));
}

TEST(RedirectUri, OfALoopbackAddressMayHaveAnyPort) {
  EXPECT_TRUE(redirect_uri_matches("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"));
  EXPECT_TRUE(redirect_uri_matches("http://127.0.0.1:8000/cb", "http://127.0.0.1:51004/cb"));
  EXPECT_TRUE(redirect_uri_matches("http://[::1]/cb", "http://[::1]:61023/cb"));
  for (const char* other :
       {"http://127.0.0.1:51004/other", "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1@evil.example/cb", "http://127.0.0.1:80@evil.example/cb", "http://127.0.0.1:/cb",
        "http://127.0.0.1:0/cb", "http://127.0.0.1:99999/cb", "http://127.0.0.1:123456/cb",
        "https://127.0.0.1:51004/cb", "http://localhost:51004/cb", "http://[::1]:51004/cb",
        "http://127.0.0.2:51004/cb"}) {
    EXPECT_FALSE(redirect_uri_matches("http://127.0.0.1/cb", other)) << other;
  }
  EXPECT_FALSE(redirect_uri_matches("http://localhost/cb", "http://localhost:51004/cb"))
      << "a name may be resolved elsewhere (RFC 8252 section 8.3)";
}

TEST(Answer, EncodesWhatItCarriesAndKeepsTheQueryThatIsThere) {
  const Redirect answer =
      respond({.redirect_uri = "https://shop.example/cb?lang=az", .state = "a&b=c d%\r\n\xC9\x99"},
              "https://id.example.az", {{"code", "x/y+z"}});
  EXPECT_EQ(answer.location,
            "https://shop.example/cb?lang=az&code=x%2Fy%2Bz&state=a%26b%3Dc%20d%25%0D%0A%C9%99"
            "&iss=https%3A%2F%2Fid.example.az");
  EXPECT_TRUE(answer.form.empty());
}

TEST(Answer, AsAFormCarriesTheSameFieldsBesideTheAddress) {
  const Redirect answer =
      respond({.redirect_uri = "https://shop.example/cb", .state = "s", .form_post = true},
              "https://id.example.az", {{"code", "x"}});
  EXPECT_EQ(answer.location, "https://shop.example/cb");
  EXPECT_EQ(answer.form, (ResponseFields{{"code", "x"}, {"state", "s"}, {"iss", "https://id.example.az"}}));
}

TEST(Answer, OfAnErrorHasOAuthsWordAndNoInternals) {
  const ResponseTarget target{.redirect_uri = "https://shop.example/cb", .state = "", .form_post = true};
  const auto fields = [&](ErrorKind kind, std::string_view code) {
    return respond_error(target, "https://id.example.az",
                         Error{kind, code, "Not \"this\" \\ \xC9\x99 way.", "secret detail", {}, 0, 0})
        .form;
  };
  const auto denied = fields(ErrorKind::invalid_input, "oauth.access_denied");
  EXPECT_EQ(denied[0], (std::pair<std::string, std::string>("error", "access_denied")));
  EXPECT_EQ(denied[1], (std::pair<std::string, std::string>("error_description", "Not this   way.")));
  EXPECT_EQ(fields(ErrorKind::unavailable, "store.overload")[0].second, "temporarily_unavailable");
  const auto defect = fields(ErrorKind::internal, "store.sql");
  EXPECT_EQ(defect[0].second, "server_error");
  EXPECT_EQ(defect[1].first, "iss") << "nothing is told of a defect";
}

}  // namespace
}  // namespace dayaq::identity::oidc
