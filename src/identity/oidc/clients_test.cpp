// What may be registered as a client, and that it is still so after a restart.
#include <algorithm>

#include "identity/oidc/authorize_test_support.ipp"

namespace dayaq::identity::oidc {
namespace {

using authorize_test::make_client;
using authorize_test::World;
using test::must;

template <class T>
std::string_view code_of(const Result<T>& result) {
  return result ? std::string_view("none") : result.error().code;
}

TEST(RedirectUris, AreHttpsOrLoopbackOrAnAppsOwnScheme) {
  for (const char* good :
       {"https://shop.example/cb", "https://shop.example", "https://shop.example:8443/cb?x=1",
        "http://127.0.0.1/cb", "http://127.0.0.1:7777/cb", "http://[::1]:7777/cb", "http://localhost:3000/cb",
        "com.example.app:/callback"}) {
    EXPECT_TRUE(is_redirect_uri(good)) << good;
  }
  for (const char* bad : {"",
                          "shop.example/cb",
                          "/cb",
                          "http://shop.example/cb",
                          "https://",
                          "https:///cb",
                          "https://shop.example/#f",
                          "https://shop.example/cb#",
                          "https://*.example/cb",
                          "https://shop.example/*",
                          "https://user@shop.example/cb",
                          "https://shop.example@evil.example/",
                          "https://shop.example:x/",
                          "https://shop.example:/",
                          "https://shop.example/ cb",
                          "https://shop.example/\ncb",
                          "https://shop.example/\\evil",
                          "javascript:alert(1)",
                          "data:text/html,x",
                          "HTTPS://shop.example/",
                          "app:/callback",
                          "com.example.app:callback",
                          "http://127.0.0.1.evil.example/",
                          "http://127.0.0.1@evil.example/",
                          "https://[::1/cb",
                          "https://sh%6fp.example/cb"}) {
    EXPECT_FALSE(is_redirect_uri(bad)) << bad;
  }
}

TEST(RedirectUris, AreComparedExactlyButForTheirPortOnTheSameMachine) {
  Client client;
  client.redirect_uris = {"https://shop.example/cb", "http://127.0.0.1/cb", "http://localhost:3000/cb"};
  for (const char* good : {"https://shop.example/cb", "http://127.0.0.1/cb", "http://127.0.0.1:51004/cb",
                           "http://localhost:3000/cb"}) {
    EXPECT_TRUE(redirect_registered(client, good)) << good;
  }
  for (const char* bad :
       {"https://shop.example/cb/", "https://shop.example/CB", "https://shop.example/cb?x",
        "https://shop.example:443/cb", "https://shop.example/cb/../cb", "http://127.0.0.1:5/other",
        "http://[::1]:5/cb", "http://localhost:3001/cb", "https://127.0.0.1/cb", "http://127.0.0.1:5/cb#x",
        "http://127.0.0.1:99999999/cb"}) {
    EXPECT_FALSE(redirect_registered(client, bad)) << bad;
  }
}

constexpr std::string_view shop_json =
    R"({"client_id":"shop","organisation":"baku-city-hospital","client_name":"Mağaza","client_name#en":"The shop",
        "purpose":"Sifariş","legal_ground":"contract","token_endpoint_auth_method":"client_secret_basic",
        "redirect_uris":["https://shop.example/cb"],"grant_types":["authorization_code","refresh_token"],
        "scope":"openid profile status:student","least_assurance":"substantial"})";

/// The JSON with one member replaced ("" takes it away).
std::string with(std::string_view name, std::string_view value) {
  std::string out = "{";
  const auto json = must(crypto::JsonObject::parse(std::string(shop_json)));
  for (std::size_t i = 0; i < json.size(); ++i) {
    const auto member = json.member(i);
    if (member.name == name) continue;
    out += '"' + std::string(member.name) + "\":" + std::string(member.raw) + ",";
  }
  if (!value.empty()) out += '"' + std::string(name) + "\":" + std::string(value) + ",";
  out.back() = '}';
  return out;
}

TEST(ClientJson, SaysWhatItRead) {
  const Client client = must(parse_client(shop_json));
  EXPECT_EQ(client.sector, "shop.example");
  EXPECT_TRUE(client.pairwise);
  EXPECT_EQ(client.least, Assurance::substantial);
  EXPECT_TRUE(client.may(GrantType::refresh_token));
  EXPECT_FALSE(client.may(GrantType::client_credentials));
  EXPECT_EQ(client.signing, crypto::JwsAlgorithm::es256);
  EXPECT_EQ(to_json(must(parse_client(to_json(client)))), to_json(client));
}

TEST(ClientJson, IsRefusedWithTheFieldAtFault) {
  const std::vector<std::array<std::string, 3>> cases{
      {"client_id", R"("Shop!")", "client.id"},
      {"client_id", "", "client.missing"},
      {"colour", R"("red")", "client.unknown_field"},
      {"client_name", "7", "client.type"},
      {"client_name", R"("")", "client.name"},
      {"organisation", R"("no such thing")", "client.organisation"},
      {"purpose", R"("")", "client.purpose"},
      {"redirect_uris", R"(["http://shop.example/cb"])", "client.redirect_uri"},
      {"redirect_uris", R"(["com.example.app:/cb"])", "client.redirect_uri"},
      {"redirect_uris", "[]", "client.redirect_uri"},
      {"backchannel_logout_uri", R"("http://shop.example/out")", "client.backchannel"},
      {"sector", R"("bank.example")", "client.sector"},
      {"token_endpoint_auth_method", R"("client_secret_jwt")", "client.authentication"},
      {"token_endpoint_auth_method", R"("private_key_jwt")", "client.keys"},
      {"jwks", R"({"keys":[{"kty":"oct","k":"c2VjcmV0"}]})", "client.keys"},
      {"grant_types", R"(["implicit"])", "client.grants"},
      {"grant_types", "[]", "client.grants"},
      {"grant_types", R"(["client_credentials","refresh_token"])", "client.redirect_uri"},
      {"scope", R"("openid openid")", "client.scopes"},
      {"scope", R"("everything")", "client.scopes"},
      {"id_token_signed_response_alg", R"("none")", "client.algorithm"},
      {"id_token_signed_response_alg", R"("HS256")", "client.algorithm"},
      {"id_token_signed_response_alg", R"("PS256")", "client.algorithm"},
      {"subject_type", R"("global")", "client.subject_type"},
      {"least_assurance", R"("very")", "client.least_assurance"},
      {"fapi", "true", "client.fapi"},
      {"fapi", R"("yes")", "client.type"},
  };
  for (const auto& [name, value, code] : cases) {
    EXPECT_EQ(code_of(parse_client(with(name, value))), code) << name << " " << value;
  }
  EXPECT_EQ(code_of(parse_client(R"({"client_id":"a","client_id":"b"})")), "json.strict");
  EXPECT_EQ(code_of(parse_client(std::string(70'000, ' '))), "client.size");
}

TEST(ClientJson, APublicClientMayDoLess) {
  const auto open = [](std::string_view grants, std::string_view more = "") {
    return parse_client(
        R"({"client_id":"app","organisation":"baku-city-hospital","client_name":"A","purpose":"B",
      "token_endpoint_auth_method":"none","redirect_uris":["com.example.app:/cb"],"grant_types":)" +
        std::string(grants) + std::string(more) + "}");
  };
  EXPECT_EQ(code_of(open(R"(["authorization_code","refresh_token"])")), "none");
  EXPECT_EQ(code_of(open(R"(["authorization_code","client_credentials"])")), "client.grants");
  EXPECT_EQ(code_of(open(R"(["authorization_code","urn:openid:params:grant-type:ciba"])")), "client.grants");
  EXPECT_EQ(code_of(open(R"(["authorization_code"])", R"(,"without_pkce":true)")), "client.pkce");
}

struct ClientUseCases : testing::TestWithParam<store::Engine> {
  World world{GetParam()};
  Client hospital() {
    Client client = make_client("ward");
    client.sector = "shop.example";
    client.secret = client_secret_mac(world.master, "secret");
    return client;
  }
  Result<void> record(const Client& client) {
    return world.db().write([&](store::Session& s) {
      return record_client(s, *world.node.registry, world.clients, client, "cli");
    });
  }
  Result<void> end(std::string_view id) {
    return world.db().write(
        [&](store::Session& s) { return end_client(s, *world.node.registry, world.clients, id, "cli"); });
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, ClientUseCases, testing::ValuesIn(test::engines),
                         [](const auto& engine) { return test::name_of(engine.param); });

TEST_P(ClientUseCases, ARecordedClientIsFoundAndStillThereAfterARestart) {
  ASSERT_TRUE(record(hospital()));
  ASSERT_NE(world.clients.find("ward"), nullptr);
  Clients again;
  must(world.db().read([&](store::Session& s) { return again.load(s); }));
  const auto found = again.find("ward");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(to_json(*found), to_json(hospital()));
  EXPECT_EQ(found->secret, hospital().secret);
  EXPECT_EQ(found->created, world.now());
  EXPECT_EQ(world.audit_entries("client.create"), 1);
}

TEST_P(ClientUseCases, AChangeKeepsTheSecretAndTheOrganisationItsOwn) {
  ASSERT_TRUE(record(hospital()));
  Client changed = hospital();
  changed.secret = {};
  changed.name.en = "Another name";
  ASSERT_TRUE(record(changed));
  EXPECT_EQ(world.clients.find("ward")->name.en, "Another name");
  EXPECT_EQ(world.clients.find("ward")->secret, hospital().secret);
  EXPECT_EQ(world.audit_entries("client.change"), 1);
  const auto others = world.node.pack.organisations();
  const auto other = std::ranges::find_if(
      others, [](const registry::Organisation& o) { return o.code.value() != "baku-city-hospital"; });
  changed.organisation = other->code;
  EXPECT_EQ(code_of(record(changed)), "client.not_yours");
  changed.organisation = OrganisationCode("nobody");
  EXPECT_EQ(code_of(record(changed)), "client.organisation");
  Client secretless = hospital();
  secretless.id = "ward-2";
  secretless.secret = {};
  EXPECT_EQ(code_of(record(secretless)), "client.secret");
}

TEST_P(ClientUseCases, AnEndedClientIsGoneAndItsIdNeverComesBack) {
  ASSERT_TRUE(record(hospital()));
  ASSERT_TRUE(end("ward"));
  EXPECT_EQ(world.clients.find("ward"), nullptr);
  EXPECT_EQ(code_of(end("ward")), "client.unknown");
  EXPECT_EQ(code_of(record(hospital())), "client.ended");
  Clients again;
  must(world.db().read([&](store::Session& s) { return again.load(s); }));
  EXPECT_EQ(again.find("ward"), nullptr);
  EXPECT_EQ(again.newest("ward")->ended, world.now());
}

TEST_P(ClientUseCases, AFailedTransactionLeavesNoClient) {
  const auto failed = world.db().write([&](store::Session& s) -> Result<void> {
    DAYAQ_TRY_OK(record_client(s, *world.node.registry, world.clients, hospital(), "cli"));
    return fail(ErrorKind::conflict, "test.no", "no");
  });
  EXPECT_FALSE(failed);
  EXPECT_EQ(world.clients.find("ward"), nullptr);
}

}  // namespace
}  // namespace dayaq::identity::oidc
