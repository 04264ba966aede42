// The endpoints that programs call, as they answer over HTTP.
#include "crypto/jwt.hpp"
#include "http/local_call.hpp"
#include "identity/oidc/authorize_test_support.ipp"

namespace dayaq::identity::oidc::authorize_test {
namespace {

struct AuthorizationApi : testing::Test {
  static constexpr std::string_view form_type = "application/x-www-form-urlencoded";
  World world{store::Engine::sqlite};
  http::Router router;
  std::string secret = draw_client_secret(world.random);

  void SetUp() override {
    Client client = make_client();
    client.authentication = ClientAuthentication::secret_post;
    client.secret = client_secret_mac(world.master, secret);
    world.add(client);
    add_authorization_routes(router, world.provider);
  }
  [[nodiscard]] std::string credentials() const {
    return "client_id=shop&client_secret=" + http::percent_encode(secret) + "&";
  }
  http::Response post(std::string_view path, const std::string& form, std::string_view type = form_type) {
    return http::call(router, nullptr, http::Method::post, path, form, type, {});
  }
  /// The same by the route's handler, with headers of one's own.
  http::Response post_with(std::string_view path, const std::string& form,
                           std::vector<std::pair<std::string_view, std::string_view>> headers) {
    http::Request request;
    request.method = http::Method::post;
    request.path = path;
    request.body = form;
    headers.emplace_back("content-type", form_type);
    request.headers = std::move(headers);
    const auto match = router.match(http::Method::post, path);
    std::optional<http::Response> answer;
    (*match.handler)(std::make_shared<http::Request>(request),
                     http::Responder([&](http::Response response) { answer = std::move(response); }));
    return answer.value();
  }
  static std::string header(const http::Response& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (http::equals_ignoring_case(key, name)) return value;
    }
    return {};
  }
  static std::string error_word(const http::Response& response) {
    return std::string(must(crypto::JsonObject::parse(response.body)).text("error").value_or(""));
  }
  std::string query() { return credentials() + Query().with("client_id", "").text(); }
};

TEST_F(AuthorizationApi, TakesAPushedRequestWith201AndNoStore) {
  const auto response = post("/oauth/par", query());
  ASSERT_EQ(response.status, 201) << response.body;
  EXPECT_EQ(header(response, "Cache-Control"), "no-store");
  const auto body = must(crypto::JsonObject::parse(response.body));
  EXPECT_EQ(body.integer("expires_in"), 90);
  const std::string uri(body.text("request_uri").value_or(""));
  EXPECT_EQ(error_in(world.ask("client_id=shop&request_uri=" + http::percent_encode(uri), world.sign_in())),
            "consent");
}

TEST_F(AuthorizationApi, TakesNothingFromWhoIsntTheClient) {
  for (const char* path : {"/oauth/par", "/oauth/device_authorization", "/oauth/bc-authorize"}) {
    const auto wrong = post(path, "client_id=shop&client_secret=wrong&scope=openid&login_hint=5ABC123");
    EXPECT_EQ(wrong.status, 401) << path;
    EXPECT_EQ(error_word(wrong), "invalid_client") << path;
    EXPECT_EQ(post(path, "scope=openid").status, 401) << path;
    EXPECT_EQ(post(path, credentials() + "scope=openid", "application/json").status, 400) << path;
  }
  EXPECT_EQ(world.rows("SELECT COUNT(*) FROM identity_pushed"), 0);
}

TEST_F(AuthorizationApi, AnswersErrorsAsOAuthHasThem) {
  const auto response =
      post("/oauth/par", credentials() + Query().with("client_id", "").with("scope", "email").text());
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(error_word(response), "invalid_scope");
  EXPECT_EQ(header(response, "Cache-Control"), "no-store");
  EXPECT_EQ(http::call(router, nullptr, http::Method::get, "/oauth/par", "", "", "").status, 405);
}

TEST_F(AuthorizationApi, BindsAPushedRequestToTheKeyOfItsProofWhichWorksOnce) {
  const auto key = crypto::JwkPrivate::generate(crypto::JwsAlgorithm::es256);
  const auto iat = std::chrono::duration_cast<std::chrono::seconds>(world.now().time_since_epoch()).count();
  const auto proof = [&](const std::string& id, const std::string& url) {
    return crypto::sign_compact(
        key, R"({"alg":"ES256","typ":"dpop+jwt","jwk":)" + key.public_key().bare_json() + "}",
        R"({"htm":"POST","htu":")" + url + R"(","iat":)" + std::to_string(iat) + R"(,"jti":")" + id + "\"}");
  };
  const std::string good = proof("one", issuer + "/oauth/par");
  EXPECT_EQ(post_with("/oauth/par", query(), {{"dpop", good}}).status, 201);
  EXPECT_EQ(error_word(post_with("/oauth/par", query(), {{"dpop", good}})), "invalid_dpop_proof");
  EXPECT_EQ(error_word(post_with("/oauth/par", query(), {{"dpop", proof("two", issuer + "/oauth/token")}})),
            "invalid_dpop_proof");
  const std::string three = proof("three", issuer + "/oauth/par"),
                    four = proof("four", issuer + "/oauth/par");
  EXPECT_EQ(error_word(post_with("/oauth/par", query(), {{"dpop", three}, {"dpop", four}})),
            "invalid_dpop_proof")
      << "two proofs";
}

TEST_F(AuthorizationApi, BeginsTheDeviceFlow) {
  const auto response = post("/oauth/device_authorization", credentials() + "scope=openid");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(header(response, "Cache-Control"), "no-store");
  const auto body = must(crypto::JsonObject::parse(response.body));
  const std::string code(body.text("user_code").value_or(""));
  EXPECT_EQ(code.size(), 9u);
  EXPECT_EQ(body.text("verification_uri"), issuer + "/device");
  EXPECT_EQ(body.text("verification_uri_complete"), issuer + "/device?user_code=" + code);
  EXPECT_EQ(body.integer("interval"), 5);
  EXPECT_EQ(body.integer("expires_in"), 600);
}

TEST_F(AuthorizationApi, BeginsCibaAndSaysWhenItIsTooMuch) {
  const std::string form = credentials() + "scope=openid&login_hint=5ABC123";
  const auto response = post("/oauth/bc-authorize", form);
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(must(crypto::JsonObject::parse(response.body)).integer("expires_in"), 300);
  int status = 200;
  for (int i = 0; i < 50 && status == 200; ++i) status = post("/oauth/bc-authorize", form).status;
  EXPECT_EQ(status, 429);
}

}  // namespace
}  // namespace dayaq::identity::oidc::authorize_test
