// Authorization requests as text: what is read, what is refused, and with which word.
#include "identity/oidc/request.hpp"

#include "identity/oidc/authorize_test_support.ipp"

namespace dayaq::identity::oidc::authorize_test {
namespace {

struct RequestText : testing::Test {
  World world{store::Engine::sqlite};
  Client client = make_client();

  Result<AuthorizationRequest> parse(const Query& query) {
    const auto parameters = Parameters::parse(query.text());
    if (!parameters) return std::unexpected(parameters.error());
    auto target = parse_target(client, *parameters);
    if (!target) return std::unexpected(target.error());
    return parse_authorization_request(world.provider, client, *parameters, *target, world.now());
  }
  std::string word(const Query& query) {
    const auto parsed = parse(query);
    return parsed ? "fine" : std::string(parsed.error().code);
  }
};

TEST_F(RequestText, HasEachParameterOnceAndOnlyThoseWithAValue) {
  const auto parsed = Parameters::parse("a=1&b=&c&d=x+y%20z&a=2&resource=p&resource=q&&");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->get("a"), "1");
  EXPECT_FALSE(parsed->has("b"));
  EXPECT_FALSE(parsed->has("c"));
  EXPECT_EQ(parsed->get("d"), "x y z");
  EXPECT_EQ(parsed->repeated(), std::vector<std::string>{"a"});
  EXPECT_EQ(parsed->all("resource").size(), 2u);
}

TEST_F(RequestText, ThatIsBrokenOrTooLongIsRefused) {
  for (const std::string text : {"a=%", "a=%zz", "a=%ff", "a=%C9", "%=1", "a=x%00y"}) {
    EXPECT_FALSE(Parameters::parse(text)) << text;
  }
  EXPECT_FALSE(Parameters::parse(std::string(Parameters::size_max + 1, 'a')));
  std::string many;
  for (std::size_t i = 0; i <= Parameters::count_max; ++i) many += "p" + std::to_string(i) + "=1&";
  EXPECT_FALSE(Parameters::parse(many));
}

TEST_F(RequestText, WithoutOrWithAnotherRedirectUriIsForThePersonAlone) {
  EXPECT_EQ(word(Query().with("redirect_uri", "")), "authorize.redirect_uri");
  EXPECT_EQ(word(Query().with("redirect_uri", "https://evil.example/cb")), "authorize.redirect_uri");
  Query twice;
  twice.fields.emplace_back("redirect_uri", callback);
  EXPECT_EQ(word(twice), "authorize.redirect_uri");
  EXPECT_EQ(word(Query().with("state", std::string(1025, 's'))), "authorize.request");
}

TEST_F(RequestText, KnowsTheCodeAloneAsResponseType) {
  EXPECT_EQ(word(Query()), "fine");
  EXPECT_EQ(word(Query().with("response_type", "")), "oauth.invalid_request");
  for (const std::string type : {"token", "id_token", "code id_token", "none", "CODE"}) {
    EXPECT_EQ(word(Query().with("response_type", type)), "oauth.unsupported_response_type") << type;
  }
  EXPECT_EQ(word(Query().with("response_mode", "query")), "fine");
  EXPECT_EQ(word(Query().with("response_mode", "form_post")), "fine");
  EXPECT_EQ(word(Query().with("response_mode", "fragment")), "oauth.invalid_request");
}

TEST_F(RequestText, NeedsPkceWithS256) {
  EXPECT_EQ(word(Query().with("code_challenge", "")), "oauth.invalid_request");
  EXPECT_EQ(word(Query().with("code_challenge", "").with("code_challenge_method", "")),
            "oauth.invalid_request");
  EXPECT_EQ(word(Query().with("code_challenge_method", "")), "oauth.invalid_request")
      << "that would be plain";
  EXPECT_EQ(word(Query().with("code_challenge_method", "plain")), "oauth.invalid_request");
  EXPECT_EQ(word(Query().with("code_challenge", verifier + "!")), "oauth.invalid_request");
}

TEST_F(RequestText, DoesWithoutPkceForAClientThatIsAllowedToAndHasANonce) {
  const Query plain = Query().with("code_challenge", "").with("code_challenge_method", "");
  client.without_pkce = true;
  EXPECT_EQ(word(plain), "fine");
  EXPECT_EQ(word(Query(plain).with("nonce", "")), "oauth.invalid_request");
  client.authentication = ClientAuthentication::none;
  EXPECT_EQ(word(plain), "oauth.invalid_request") << "a public client never";
}

TEST_F(RequestText, RefusesARepeatedParameter) {
  for (const std::string name : {"scope", "state", "nonce", "code_challenge", "prompt", "response_type"}) {
    Query query;
    query.fields.emplace_back("prompt", "login");
    query.fields.emplace_back(name, "again");
    EXPECT_EQ(word(query), "oauth.invalid_request") << name;
  }
}

TEST_F(RequestText, KeepsOfScopesThoseThatAreRegistered) {
  const auto parsed = parse(Query().with("scope", "openid email profile openid persons:write"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->scopes, (std::vector<std::string>{"openid", "profile"}));
  EXPECT_EQ(word(Query().with("scope", "email persons:write")), "oauth.invalid_scope");
  EXPECT_EQ(word(Query().with("scope", "")), "oauth.invalid_scope");
  EXPECT_EQ(word(Query().with("scope", "openid \"x\"")), "oauth.invalid_scope");
  client.grants = 1u << unsigned(GrantType::authorization_code);
  EXPECT_EQ(parse(Query().with("scope", "openid offline_access"))->scopes, std::vector<std::string>{"openid"})
      << "nothing lasts for a client that may not refresh";
}

TEST_F(RequestText, TakesPromptNoneAloneAndPassesUnknownWordsOver) {
  EXPECT_EQ(word(Query().with("prompt", "none")), "fine");
  EXPECT_EQ(word(Query().with("prompt", "none login")), "oauth.invalid_request");
  EXPECT_EQ(word(Query().with("prompt", "none create")), "oauth.invalid_request");
  const auto parsed = parse(Query().with("prompt", "login consent create"));
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->prompt.login && parsed->prompt.consent && !parsed->prompt.select_account);
}

TEST_F(RequestText, HasNumbersThatAreNumbers) {
  EXPECT_EQ(parse(Query().with("max_age", "0"))->max_age, 0u);
  EXPECT_EQ(parse(Query().with("max_age", "3600"))->max_age, 3600u);
  for (const std::string text : {"-1", "1e3", " 5", "5 ", "0x10", "99999999999", "a"}) {
    EXPECT_EQ(word(Query().with("max_age", text)), "oauth.invalid_request") << text;
  }
}

TEST_F(RequestText, UnderstandsLevelsByTheirEidasNames) {
  const std::string high = "http://eidas.europa.eu/LoA/high", low = "http://eidas.europa.eu/LoA/low";
  EXPECT_EQ(parse(Query().with("acr_values", high))->wanted, Assurance::high);
  EXPECT_EQ(parse(Query().with("acr_values", high + " " + low))->wanted, Assurance::low)
      << "any of them will do";
  EXPECT_EQ(parse(Query().with("acr_values", "urn:other 2"))->wanted, Assurance::none);
  EXPECT_FALSE(parse(Query().with("acr_values", high))->wanted_essential);
  const auto essential = parse(
      Query().with("claims", R"({"id_token":{"acr":{"essential":true,"values":[")" + high + R"("]}}})"));
  ASSERT_TRUE(essential);
  EXPECT_EQ(essential->wanted, Assurance::high);
  EXPECT_TRUE(essential->wanted_essential);
  EXPECT_EQ(word(Query().with("claims", R"({"id_token":{"acr":{"essential":true,"value":"urn:other"}}})")),
            "oauth.unmet_authentication_requirements");
}

TEST_F(RequestText, BelongsToThisSitesOwnResources) {
  EXPECT_EQ(word(Query().with("resource", issuer)), "fine");
  EXPECT_EQ(word(Query().with("resource", issuer + "/v1")), "fine");
  EXPECT_EQ(word(Query().with("resource", "https://other.example")), "oauth.invalid_target");
  EXPECT_EQ(word(Query().with("resource", issuer + ".evil.example")), "oauth.invalid_target");
}

TEST_F(RequestText, BindsACodeToAThumbprintThatIsOne) {
  const std::string print = crypto::sha256_base64url("a key");
  EXPECT_EQ(parse(Query().with("dpop_jkt", print))->jkt, print);
  EXPECT_EQ(word(Query().with("dpop_jkt", print + "A")), "oauth.invalid_request");
}

TEST_F(RequestText, NamesThePersonByAHintOfOursAlone) {
  EXPECT_EQ(word(Query().with("id_token_hint", "not.a.token")), "oauth.invalid_request");
  EXPECT_EQ(word(Query().with("login_hint", std::string(257, 'a'))), "oauth.invalid_request");
  EXPECT_EQ(parse(Query().with("login_hint", "5ABC123"))->login_hint, "5ABC123");
}

TEST_F(RequestText, IsTheSameAfterItWasSealed) {
  auto parsed =
      parse(Query()
                .with("prompt", "login select_account")
                .with("max_age", "60")
                .with("response_mode", "form_post")
                .with("ui_locales", "fr en-GB az")
                .with("login_hint", "5ABC123")
                .with("claims", R"({"userinfo":{"birthdate":{"essential":true},"age_over_18":null}})"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->language, Language::en);
  const Bytes bytes = encode(*parsed);
  const auto again = decode_authorization_request(bytes);
  ASSERT_TRUE(again);
  EXPECT_EQ(encode(*again), bytes);
  EXPECT_EQ(again->claims.size(), 2u);
  EXPECT_TRUE(again->claims[0].essential && again->claims[0].in_userinfo && !again->claims[0].in_id_token);
  EXPECT_TRUE(again->target.form_post && again->prompt.login && again->prompt.select_account);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(decode_authorization_request(BytesView(bytes).first(cut))) << cut;
  }
}

TEST_F(RequestText, AsksForClaimsThatTheClientIsRegisteredFor) {
  const auto parsed = parse(Query().with(
      "claims",
      R"({"userinfo":{"name":null,"phone_number":null,"status:student":null,"status:pensioner":null},)"
      R"("id_token":{"name":{"essential":true},"auth_time":{"essential":true}}})"));
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->claims.size(), 2u) << "phone and pensioner aren't among its scopes";
  EXPECT_EQ(parsed->claims[0].name, "name");
  EXPECT_TRUE(parsed->claims[0].essential && parsed->claims[0].in_id_token && parsed->claims[0].in_userinfo);
  EXPECT_EQ(parsed->claims[1].name, "status:student");
}

TEST(ClaimsParameterText, ThatTheStandardDoesntDescribeIsRefused) {
  for (const std::string text :
       {"[]", "null", "{", R"({"id_token":[]})", R"({"id_token":{"name":true}})",
        R"({"id_token":{"name":"x"}})", R"({"id_token":{"name":{"essential":"yes"}}})",
        R"({"id_token":{"name":{"values":"x"}}})", R"({"id_token":{"name":null,"name":null}})",
        R"({"id_token":{"":null}})", R"({"id_token":{"sub":{"values":["a","b"]}}})"}) {
    EXPECT_FALSE(parse_claims_parameter(text)) << text;
  }
  EXPECT_FALSE(parse_claims_parameter("{\"userinfo\":{\"" + std::string(129, 'n') + "\":null}}"));
  EXPECT_FALSE(parse_claims_parameter("{\"userinfo\":null,\"x\":\"" + std::string(4096, 'n') + "\"}"));
  std::string many = "{\"userinfo\":{";
  for (int i = 0; i < 33; ++i) many += (i == 0 ? "\"c" : ",\"c") + std::to_string(i) + "\":null";
  EXPECT_FALSE(parse_claims_parameter(many + "}}"));
}

TEST(ClaimsParameterText, MayBeEmptyOrSayWhatIsntKnownHere) {
  EXPECT_TRUE(parse_claims_parameter("{}"));
  const auto parsed = parse_claims_parameter(
      R"({"userinfo":null,"verified":[1],"id_token":{"sub":{"value":"u1"},"auth_time":null,"x":{"value":7}}})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->subject, "u1");
  EXPECT_TRUE(parsed->auth_time);
  EXPECT_EQ(parsed->wishes.size(), 1u);
}

}  // namespace
}  // namespace dayaq::identity::oidc::authorize_test
