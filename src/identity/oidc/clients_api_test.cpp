// /v1/clients: who may register what for whom.
#include "identity/oidc/clients_api.hpp"

#include "http/local_call.hpp"
#include "identity/oidc/authorize_test_support.ipp"

namespace dayaq::identity::oidc {
namespace {

using namespace authorize_test;
using http::Method;
using http::Scope;

/// A token is "ORGANISATION", or "admin".
struct ByName final : http::Authenticator {
  [[nodiscard]] Result<http::Principal> authenticate(const http::Credentials& credentials) const override {
    const bool admin = credentials.token == "admin";
    return http::Principal{
        .organisation = OrganisationCode(admin ? "digital-agency" : std::string(credentials.token)),
        .key = 1,
        .scopes = admin ? http::scope_bit(Scope::admin)
                        : http::scope_bit(Scope::clients_write) | http::scope_bit(Scope::persons_read)};
  }
};

struct ClientsRoutes : Authorizing {
  http::Router router;
  ByName callers;

  void SetUp() override {
    add_client_routes(router, {.provider = world.provider, .registry = *world.node.registry});
  }
  http::Response call(Method method, const std::string& target, const std::string& caller,
                      const std::string& body = {}) {
    return http::call(router, &callers, method, target, body, "application/json", caller);
  }
  static std::string body(const std::string& id, const std::string& more = {},
                          const std::string& organisation = "tabib",
                          const std::string& scope = "persons:read") {
    return R"({"client_id":")" + id + R"(","organisation":")" + organisation +
           R"(","client_name":"Laboratoriya","token_endpoint_auth_method":"client_secret_basic",)"
           R"("grant_types":["client_credentials"],"scope":")" +
           scope + "\"" + more + "}";
  }
  static std::string secret_in(const http::Response& answer) {
    const auto json = crypto::JsonObject::parse(answer.body);
    return json ? std::string(json->text("client_secret").value_or("")) : "";
  }
};

TEST_P(ClientsRoutes, AnOrganisationRegistersItsOwnAndSeesTheSecretOnce) {
  const auto made = call(Method::post, "/v1/clients", "tabib", body("lab"));
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string secret = secret_in(made);
  EXPECT_EQ(secret.size(), 43u);
  EXPECT_EQ(world.client("lab").secret, client_secret_mac(world.master, secret));
  const auto listed = call(Method::get, "/v1/clients", "tabib");
  EXPECT_NE(listed.body.find(R"("client_id":"lab")"), std::string::npos);
  EXPECT_EQ(listed.body.find("secret\":"), std::string::npos);
  EXPECT_EQ(listed.body.find(R"("shop")"), std::string::npos) << "another organisation's";
  EXPECT_NE(call(Method::get, "/v1/clients", "admin").body.find(R"("client_id":"shop")"), std::string::npos);
  EXPECT_EQ(call(Method::post, "/v1/clients", "tabib", body("lab")).status, 409);
  EXPECT_EQ(world.audit_entries("client.create"), 1);
}

TEST_P(ClientsRoutes, NobodyGivesWhatTheyDontHave) {
  const auto code = [&](const std::string& caller, const std::string& sent) {
    const auto answer = call(Method::post, "/v1/clients", caller, sent);
    const auto json = crypto::JsonObject::parse(answer.body);
    return json ? std::string(json->text("code").value_or("made")) : answer.body;
  };
  EXPECT_EQ(code("tabib", body("a", "", "baku-city-hospital")), "client.other_organisation");
  EXPECT_EQ(code("tabib", body("a", "", "tabib", "admin")), "client.scope_not_yours");
  EXPECT_EQ(code("tabib", body("a", "", "tabib", "introspect")), "client.scope_not_yours");
  EXPECT_EQ(code("tabib", body("a", R"(,"by_law":true)")), "client.by_administrator");
  EXPECT_EQ(code("tabib", body("key-1")), "client.id");
  EXPECT_EQ(code("admin", body("a", "", "baku-city-hospital", "admin")), "made");
}

TEST_P(ClientsRoutes, ARotatedSecretReplacesTheOldOneAndAnEndedClientIsGone) {
  const std::string first = secret_in(call(Method::post, "/v1/clients", "tabib", body("lab")));
  const auto rotated = call(Method::post, "/v1/clients/lab/secret", "tabib");
  EXPECT_EQ(rotated.status, 200);
  EXPECT_NE(secret_in(rotated), first);
  EXPECT_EQ(world.client("lab").secret, client_secret_mac(world.master, secret_in(rotated)));
  const auto changed =
      call(Method::put, "/v1/clients/lab", "tabib", body("lab", R"(,"purpose":"Analizlər")"));
  EXPECT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(secret_in(changed), "") << "a change keeps the secret";
  EXPECT_EQ(world.client("lab").secret, client_secret_mac(world.master, secret_in(rotated)));
  EXPECT_EQ(call(Method::post, "/v1/clients/lab/end", "baku-city-hospital").status, 404) << "not theirs";
  EXPECT_EQ(call(Method::post, "/v1/clients/lab/end", "tabib").status, 204);
  EXPECT_FALSE(world.clients.find("lab"));
  EXPECT_EQ(call(Method::post, "/v1/clients/lab/end", "tabib").status, 404);
  EXPECT_EQ(call(Method::post, "/v1/clients/shop/secret", "tabib").status, 404);
}

TEST_P(ClientsRoutes, NobodyTakesOverAClientThatMayDoMoreThanThey) {
  const std::string first =
      secret_in(call(Method::post, "/v1/clients", "admin", body("strong", "", "tabib", "admin")));
  EXPECT_EQ(call(Method::post, "/v1/clients/strong/secret", "tabib").status, 403) << "a new secret";
  EXPECT_EQ(call(Method::put, "/v1/clients/strong", "tabib", body("strong")).status, 403) << "a change";
  EXPECT_EQ(world.client("strong").secret, client_secret_mac(world.master, first));
  EXPECT_EQ(call(Method::post, "/v1/clients/strong/end", "tabib").status, 204) << "an end takes no rights";
}

TEST(OrganisationScopes, AreWhatSuchABodyDoesWithItsOwn) {
  using enum registry::OrganisationKind;
  EXPECT_TRUE(is_organisation_scope(hospital, "attestations:write"));
  EXPECT_TRUE(is_organisation_scope(mobile_operator, "feed:read"));
  EXPECT_FALSE(is_organisation_scope(hospital, "feed:read"));
  EXPECT_FALSE(is_organisation_scope(business, "cases:read"));
  EXPECT_FALSE(is_organisation_scope(tv_operator, "attestations:write"));
  for (const auto kind :
       {agency, hospital, school, university, mobile_operator, internet_provider, tv_operator, business}) {
    for (const char* scope : {"admin", "persons:read", "persons:write", "organisations:write",
                              "regimes:write", "regimes:approve", "services:publish", "grants:read",
                              "audit:read", "clients:write", "me:read", "introspect", "none", ""}) {
      EXPECT_FALSE(is_organisation_scope(kind, scope)) << int(kind) << " " << scope;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, ClientsRoutes, testing::Values(store::Engine::sqlite));

}  // namespace
}  // namespace dayaq::identity::oidc
