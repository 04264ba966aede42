// Signed requests: by the client's own key, for this server, and nothing beside them.
#include "identity/oidc/request_object.hpp"

#include "crypto/jwt.hpp"
#include "identity/oidc/authorize_test_support.ipp"

namespace dayaq::identity::oidc::authorize_test {
namespace {

struct RequestObject : testing::Test {
  World world{store::Engine::sqlite};
  crypto::JwkPrivate key = crypto::JwkPrivate::generate(crypto::JwsAlgorithm::es256);
  crypto::JwkPrivate stranger = crypto::JwkPrivate::generate(crypto::JwsAlgorithm::es256);
  Client client = make_client();

  void SetUp() override {
    client.keys = crypto::JwkSet({key.public_key()});
    world.add(client);
  }
  [[nodiscard]] std::int64_t seconds(std::chrono::seconds ahead) const {
    return std::chrono::duration_cast<std::chrono::seconds>((world.now() + ahead).time_since_epoch()).count();
  }
  /// Claims as JSON texts by name; "" leaves one out.
  std::map<std::string, std::string> claims() const {
    return {{"iss", "\"shop\""},
            {"aud", "\"" + issuer + "\""},
            {"exp", std::to_string(seconds(300s))},
            {"iat", std::to_string(seconds(0s))},
            {"client_id", "\"shop\""},
            {"redirect_uri", "\"" + callback + "\""},
            {"response_type", "\"code\""},
            {"scope", "\"openid\""},
            {"state", "\"signed\""},
            {"max_age", "3600"},
            {"claims", R"({"userinfo":{"age_over_18":null}})"},
            {"code_challenge", "\"" + crypto::sha256_base64url(verifier) + "\""},
            {"code_challenge_method", "\"S256\""}};
  }
  static std::string json(const std::map<std::string, std::string>& members) {
    std::string out = "{";
    for (const auto& [name, value] : members) {
      if (value.empty()) continue;
      if (out.size() > 1) out += ',';
      out += "\"" + name + "\":" + value;
    }
    return out + "}";
  }
  std::string sign(const std::map<std::string, std::string>& members,
                   const crypto::JwkPrivate* with = nullptr, std::string_view typ = "oauth-authz-req+jwt") {
    const crypto::JwkPrivate& signing = with != nullptr ? *with : key;
    const std::string header =
        R"({"alg":"ES256")" + (typ.empty() ? "" : R"(,"typ":")" + std::string(typ) + "\"") + "}";
    return crypto::sign_compact(signing, header, json(members));
  }
  std::string word(std::string_view token) {
    const auto read = read_request_object(issuer, client, token, world.now());
    return read ? "fine" : std::string(read.error().code);
  }
  std::string changed(const std::string& name, const std::string& value) {
    auto members = claims();
    members[name] = value;
    return word(sign(members));
  }
  static constexpr const char* bad = "oauth.invalid_request_object";
};

TEST_F(RequestObject, SaysAllAndWhatStandsBesideItIsntLookedAt) {
  const std::string query =
      "client_id=shop&response_type=token&scope=openid+profile&state=plain&prompt=none&"
      "redirect_uri=https%3A%2F%2Fevil.example%2F&request=" +
      sign(claims());
  const Next next = world.ask(query, world.sign_in());
  ASSERT_EQ(error_in(next), "consent");
  EXPECT_EQ(std::get<NeedConsent>(next).scopes, std::vector<std::string>{"openid"});
  EXPECT_TRUE(std::ranges::any_of(std::get<NeedConsent>(next).claims,
                                  [](const Claim& claim) { return claim.name == "age_over_18"; }));
  const Next refused =
      decide(world.provider, std::get<NeedConsent>(next).request, world.sign_in(), false, {}, world.now());
  EXPECT_EQ(error_in(refused), "authorize.request") << "another session";
}

TEST_F(RequestObject, MayBePushedToo) {
  const auto uri = push(world.provider, client, "request=" + sign(claims()), {}, world.now());
  ASSERT_TRUE(uri) << uri.error().public_text;
  const Next next =
      world.ask("client_id=shop&request_uri=" + http::percent_encode(uri->request_uri), world.sign_in());
  EXPECT_EQ(error_in(next), "consent");
}

TEST_F(RequestObject, IsSignedByARegisteredKeyOfTheClient) {
  EXPECT_EQ(word(sign(claims())), "fine");
  EXPECT_EQ(word(sign(claims(), &stranger)), bad);
  std::string token = sign(claims());
  token[token.size() - 3] = token[token.size() - 3] == 'A' ? 'B' : 'A';
  EXPECT_EQ(word(token), bad);
  client.keys = crypto::JwkSet();
  EXPECT_EQ(word(sign(claims())), bad);
}

TEST_F(RequestObject, IsNeverUnsigned) {
  const std::string body = to_base64url(as_bytes(json(claims())));
  for (const char* header : {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"HS256"})", R"({})"}) {
    EXPECT_EQ(word(to_base64url(as_bytes(header)) + "." + body + "."), bad) << header;
    EXPECT_EQ(word(to_base64url(as_bytes(header)) + "." + body + ".AAAA"), bad) << header;
  }
}

TEST_F(RequestObject, OfAFapiClientIsntSignedWithRs256) {
  const auto rsa = crypto::JwkPrivate::generate(crypto::JwsAlgorithm::rs256);
  client.keys = crypto::JwkSet({rsa.public_key()});
  const std::string token = crypto::sign_compact(rsa, R"({"alg":"RS256"})", json(claims()));
  EXPECT_EQ(word(token), "fine");
  client.fapi = true;
  EXPECT_EQ(word(token), bad);
}

TEST_F(RequestObject, IsOfItsOwnTypeAndNoOtherTokens) {
  for (const char* typ :
       {"oauth-authz-req+jwt", "OAuth-Authz-Req+JWT", "application/oauth-authz-req+jwt", "JWT", ""}) {
    EXPECT_EQ(word(sign(claims(), nullptr, typ)), "fine") << typ;
  }
  for (const char* typ : {"at+jwt", "dpop+jwt", "logout+jwt", "client-authentication+jwt"}) {
    EXPECT_EQ(word(sign(claims(), nullptr, typ)), bad) << typ;
  }
  EXPECT_EQ(changed("sub", "\"shop\""), bad) << "that would be a client assertion";
}

TEST_F(RequestObject, IsMadeByThisClientForThisServer) {
  EXPECT_EQ(changed("iss", "\"other\""), bad);
  EXPECT_EQ(changed("iss", ""), bad);
  EXPECT_EQ(changed("client_id", "\"other\""), bad);
  EXPECT_EQ(changed("client_id", ""), bad);
  EXPECT_EQ(changed("aud", "\"https://other.example\""), bad);
  EXPECT_EQ(changed("aud", ""), bad);
  EXPECT_EQ(changed("aud", R"(["https://other.example",")" + issuer + R"("])"), "fine");
}

TEST_F(RequestObject, LivesAnHourAtMost) {
  EXPECT_EQ(changed("exp", ""), bad);
  EXPECT_EQ(changed("exp", std::to_string(seconds(-31s))), bad);
  EXPECT_EQ(changed("exp", std::to_string(seconds(3700s))), bad);
  EXPECT_EQ(changed("nbf", std::to_string(seconds(120s))), bad);
}

TEST_F(RequestObject, HasNoRequestInsideAndNoParameterOfTheWrongKind) {
  EXPECT_EQ(changed("request", "\"x\""), bad);
  EXPECT_EQ(changed("request_uri", "\"urn:x\""), bad);
  for (const auto& [name, value] : std::map<std::string, std::string>{{"scope", R"(["openid"])"},
                                                                      {"state", "7"},
                                                                      {"redirect_uri", "{}"},
                                                                      {"prompt", "true"},
                                                                      {"max_age", "1e3"},
                                                                      {"claims", "[]"},
                                                                      {"nonce", "null"}}) {
    EXPECT_EQ(changed(name, value), bad) << name;
  }
  EXPECT_EQ(changed("unknown", "[1,2]"), "fine");
  EXPECT_EQ(changed("max_age", "\"60\""), "fine");
}

TEST_F(RequestObject, ThatIsWrongIsToldToTheClientOnlyAtItsOwnAddress) {
  const std::string token = sign(claims(), &stranger);
  const std::string at = "&redirect_uri=";
  EXPECT_EQ(error_in(world.ask("client_id=shop&request=" + token)), std::string(bad));
  EXPECT_EQ(error_in(world.ask("client_id=shop&request=" + token + at + "https%3A%2F%2Fevil.example%2F")),
            std::string(bad));
  const Next told =
      world.ask("client_id=shop&state=s&request=" + token + at + http::percent_encode(callback));
  EXPECT_EQ(error_in(told), "invalid_request_object");
  EXPECT_TRUE(std::get<Redirect>(told).location.starts_with(callback + "?"));
  EXPECT_EQ(error_in(world.ask("client_id=shop&request=" + sign(claims()) + "&request_uri=urn%3Ax")),
            "oauth.request_uri_not_supported");
}

}  // namespace
}  // namespace dayaq::identity::oidc::authorize_test
