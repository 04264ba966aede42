// Pushed requests: by the client alone, used once, and all that FAPI 2.0 takes.
#include "identity/oidc/authorize_test_support.ipp"

namespace dayaq::identity::oidc::authorize_test {
namespace {

struct PushedRequests : Authorizing {
  Session session = world.sign_in();

  Result<Pushed> push_as(const Client& client, const std::string& form, std::string_view jkt = {}) {
    return push(world.provider, client, form, jkt, world.now());
  }
  std::string pushed(const Query& query = {}) {
    return must(push_as(world.client(), query.text())).request_uri;
  }
  static std::string with_uri(const std::string& uri, const std::string& client = "shop") {
    return "client_id=" + client + "&request_uri=" + http::percent_encode(uri);
  }
  std::string word(const Query& query) {
    const auto result = push_as(world.client(), query.text());
    return result ? "fine" : std::string(result.error().code);
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, PushedRequests, testing::ValuesIn(test::engines),
                         [](auto& i) { return test::name_of(i.param); });

TEST_P(PushedRequests, AreAnsweredWithAnAddressThatLivesShortly) {
  const Pushed result = must(push_as(world.client(), Query().text()));
  EXPECT_TRUE(result.request_uri.starts_with("urn:ietf:params:oauth:request_uri:"));
  EXPECT_EQ(result.request_uri.size(), pushed_prefix.size() + 43) << "256 random bits";
  EXPECT_EQ(result.expires_in, 90s);
  EXPECT_EQ(error_in(world.ask(with_uri(result.request_uri), session)), "consent");
  const std::string late = pushed();
  world.node.clock.advance(90s);
  EXPECT_EQ(error_in(world.ask(with_uri(late), session)), "authorize.request_uri");
}

TEST_P(PushedRequests, WorkOnce) {
  const std::string uri = pushed();
  EXPECT_EQ(error_in(world.ask(with_uri(uri), session)), "consent");
  EXPECT_EQ(error_in(world.ask(with_uri(uri), session)), "authorize.request_uri");
  EXPECT_EQ(world.rows("SELECT COUNT(*) FROM identity_pushed"), 0);
}

TEST_P(PushedRequests, AreTheClientsWhoPushedThem) {
  world.add(make_client("other"));
  const std::string uri = pushed();
  EXPECT_EQ(error_in(world.ask(with_uri(uri, "other"), session)), "authorize.request_uri");
  EXPECT_EQ(error_in(world.ask(with_uri(uri), session)), "consent") << "nobody else can use it up";
}

TEST_P(PushedRequests, CountAloneWhateverTheBrowserAdds) {
  const std::string uri = pushed();
  const std::string more = "&redirect_uri=https%3A%2F%2Fevil.example%2F&scope=openid&state=other&prompt=none";
  const Next next = world.ask(with_uri(uri) + more, session);
  ASSERT_EQ(error_in(next), "consent") << "prompt=none beside it isn't looked at";
  EXPECT_EQ(std::get<NeedConsent>(next).scopes, (std::vector<std::string>{"openid", "profile"}));
}

TEST_P(PushedRequests, ArentGuessed) {
  const std::string uri = pushed();
  for (const std::string& other :
       {uri + "A", uri.substr(0, uri.size() - 1), std::string(pushed_prefix), uri + "%00"}) {
    EXPECT_EQ(error_in(world.ask(with_uri(other), session)), "authorize.request_uri") << other;
  }
  EXPECT_EQ(error_in(world.ask("client_id=shop&request_uri=https%3A%2F%2Fevil.example%2Fr", session)),
            "oauth.request_uri_not_supported")
      << "nothing is fetched from anywhere";
}

TEST_P(PushedRequests, AreCheckedWhenTheyArePushed) {
  EXPECT_EQ(word(Query()), "fine");
  EXPECT_EQ(word(Query().with("client_id", "")), "fine") << "it authenticated";
  EXPECT_EQ(word(Query().with("client_id", "other")), "oauth.invalid_request");
  EXPECT_EQ(word(Query().with("redirect_uri", "https://evil.example/")), "oauth.invalid_request");
  EXPECT_EQ(word(Query().with("response_type", "token")), "oauth.unsupported_response_type");
  EXPECT_EQ(word(Query().with("code_challenge", "")), "oauth.invalid_request");
  EXPECT_EQ(word(Query().with("request_uri", pushed())), "oauth.invalid_request");
  EXPECT_EQ(world.rows("SELECT COUNT(*) FROM identity_pushed"), 3);
}

TEST_P(PushedRequests, AreAllThatAClientSendsThatHasTo) {
  Client client = make_client();
  client.pushed_only = true;
  world.add(client);
  const Next plain = world.ask(Query(), session);
  EXPECT_EQ(error_in(plain), "invalid_request");
  EXPECT_TRUE(std::get<Redirect>(plain).location.starts_with(callback));
  EXPECT_EQ(error_in(world.ask(with_uri(pushed()), session)), "consent");
}

TEST_P(PushedRequests, OfAFapiClientNeedPrivateKeyJwtAndNothingElseWorks) {
  Client client = make_client();
  client.fapi = true;
  client.authentication = ClientAuthentication::secret_basic;
  EXPECT_EQ(push_as(client, Query().text()).error().code, "oauth.invalid_client");
  client.authentication = ClientAuthentication::private_key_jwt;
  world.add(client);
  EXPECT_EQ(error_in(world.ask(Query(), session)), "invalid_request");
  const Next next = world.ask(with_uri(pushed()), session);
  ASSERT_EQ(error_in(next), "consent");
  const Next done =
      decide(world.provider, std::get<NeedConsent>(next).request, session, true, {}, world.now());
  EXPECT_TRUE(answer_field(done, "code"));
  EXPECT_EQ(answer_field(done, "iss"), issuer);
  EXPECT_LE(world.provider.lifetimes.code, 60s) << "FAPI 2.0 section 5.3.2.1";
  EXPECT_LT(world.provider.lifetimes.pushed_request, 600s);
  client.without_pkce = true;
  EXPECT_EQ(push_as(client, Query().with("code_challenge", "").with("code_challenge_method", "").text())
                .error()
                .code,
            "oauth.invalid_request")
      << "never without PKCE";
}

TEST_P(PushedRequests, BindTheCodeToTheKeyOfTheirProof) {
  const std::string key = crypto::sha256_base64url("key"), other = crypto::sha256_base64url("other");
  EXPECT_EQ(push_as(world.client(), Query().with("dpop_jkt", other).text(), key).error().code,
            "oauth.invalid_dpop_proof");
  const std::string uri = must(push_as(world.client(), Query().text(), key)).request_uri;
  const Next next = world.ask(with_uri(uri), session);
  const Next done =
      decide(world.provider, std::get<NeedConsent>(next).request, session, true, {}, world.now());
  const auto handle = read_handle(world.provider.tokens->keys(world.master).handles, HandleKind::code,
                                  answer_field(done, "code").value_or(""));
  ASSERT_TRUE(handle);
  EXPECT_EQ(
      must(world.db().read([&](store::Session& db) { return grant_row(db, handle->person, handle->grant); }))
          .value()
          .grant.jkt,
      key);
}

TEST_P(PushedRequests, CountMaxAgeFromWhenThePersonComes) {
  const std::string uri = pushed(Query().with("prompt", "login"));
  world.node.clock.advance(10s);
  const Session between = world.sign_in();
  world.node.clock.advance(1s);
  EXPECT_EQ(error_in(world.ask(with_uri(uri), between)), "sign in")
      << "signing in before the link was followed isn't signing in for it";
}

}  // namespace
}  // namespace dayaq::identity::oidc::authorize_test
