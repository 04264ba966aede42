#include "registry/api.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <future>

#include "support/registry.hpp"

namespace dayaq::registry {
namespace {

using http::Method;
using http::Scope;

constexpr std::uint32_t bit(Scope scope) {
  return 1u << static_cast<unsigned>(scope);
}
constexpr const char* aygun =
    R"({"family_name":"Əliyeva","given_name":"Aygün","sex":"female","birth_date":"1985-03-14",
        "place":"AZ-BA-587084"})";

struct Api : testing::Test {
  test::RegistryNode node{store::Engine::sqlite};
  SeededRandom random{5};
  KeyRing ring{*node.organisations, node.clock};
  http::Router router;
  std::string caller = "baku-city-hospital";

  Api() {
    node.db().add_hook(ring);
    add_routes(router, {node.db(), *node.registry, ring, random});
  }
  ~Api() override { node.opened.database.reset(); }  // its writer thread calls the ring

  /// As the server would call it, scopes having been checked.
  http::Response call(Method method, const std::string& path, const std::string& body = "") {
    const std::size_t question = std::min(path.find('?'), path.size());
    const auto match = router.match(method, std::string_view(path).substr(0, question));
    if (match.route == nullptr) return {.status = 404, .content_type = "", .body = "no route", .headers = {}};
    auto request = std::make_shared<http::Request>();
    request->method = method;
    request->path = std::string_view(path).substr(0, question);
    if (question < path.size()) request->query = std::string_view(path).substr(question + 1);
    request->body = body;
    request->parameters = match.parameters;
    request->principal = {.organisation = OrganisationCode(caller), .key = 1, .scopes = 0xffffffff};
    std::promise<http::Response> answer;
    auto future = answer.get_future();
    (*match.handler)(
        request, http::Responder([&](http::Response response) { answer.set_value(std::move(response)); }));
    return future.get();
  }
  http::Response put_aygun() { return call(Method::put, "/v1/persons/5ABC123", aygun); }
  static std::string field(const std::string& json, const std::string& name) {
    const std::size_t at = json.find("\"" + name + "\":\"");
    if (at == std::string::npos) return "";
    const std::size_t start = at + name.size() + 4;
    return json.substr(start, json.find('"', start) - start);
  }
};

TEST_F(Api, APersonIsRecordedOnceAndReadWithAReason) {
  EXPECT_EQ(put_aygun().status, 201);
  const auto again = put_aygun();
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(field(again.body, "recorded"), "unchanged");

  EXPECT_EQ(call(Method::get, "/v1/persons/5ABC123").status, 400);
  const std::uint64_t entries = node.log->size();
  const auto read = call(Method::get, "/v1/persons/5abc123?reason=transfer%20of%20patient");
  EXPECT_EQ(read.status, 200);
  EXPECT_EQ(field(read.body, "given_name"), "Aygün");
  EXPECT_NE(read.body.find(R"("residences":[{"place":"AZ-BA-587084")"), std::string::npos) << read.body;
  EXPECT_EQ(node.log->size(), entries + 1);
  EXPECT_EQ(call(Method::get, "/v1/persons/5ABC999?reason=transfer").status, 404);
  EXPECT_EQ(node.log->size(), entries + 1) << "nobody was read";
}

TEST_F(Api, APersonsBodyIsReadStrictly) {
  const auto code = [&](const std::string& body) {
    return field(call(Method::put, "/v1/persons/5ABC123", body).body, "code");
  };
  EXPECT_EQ(code("{}"), "json.missing");
  EXPECT_EQ(code("nonsense"), "json.syntax");
  EXPECT_EQ(code(R"({"surname":"x"})"), "json.unknown");
  std::string wrong = aygun;
  wrong.replace(wrong.find("1985"), 4, "2985");
  EXPECT_EQ(code(wrong), "registry.birth");
  wrong = aygun;
  wrong.replace(wrong.find("AZ-BA-587084"), 12, "AZ-XX");
  EXPECT_EQ(code(wrong), "registry.place");
  EXPECT_EQ(field(call(Method::put, "/v1/persons/5ABCI23", aygun).body, "code"), "registry.national_id");
}

TEST_F(Api, AnOrganisationAttestsItsOwnStatusesAndRevokesOnlyItsOwn) {
  put_aygun();
  const auto made =
      call(Method::post, "/v1/attestations",
           R"({"person":"5ABC123","status":"health_worker","from":"2026-11-21","until":"2026-12-31"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string name = field(made.body, "id");
  EXPECT_EQ(name.size(), 33u);
  EXPECT_NE(made.body.find(R"("audit":)"), std::string::npos);
  EXPECT_EQ(call(Method::post, "/v1/attestations",
                 R"({"person":"5ABC123","status":"health_worker","from":"2026-11-21","until":"2026-12-31"})")
                .status,
            200);

  EXPECT_EQ(
      call(Method::post, "/v1/attestations", R"({"person":"5ABC123","status":"pupil","until":"2026-12-31"})")
          .status,
      403);
  caller = "tabib";
  EXPECT_EQ(call(Method::post, "/v1/attestations/" + name + "/revoke").status, 403);
  caller = "baku-city-hospital";
  EXPECT_EQ(call(Method::post, "/v1/attestations/" + name + "/revoke").status, 200);
  EXPECT_EQ(call(Method::post, "/v1/attestations/nonsense/revoke").status, 400);
  EXPECT_EQ(
      call(Method::post, "/v1/attestations/" + std::string(16, '0') + "-" + std::string(16, '1') + "/revoke")
          .status,
      404);
  caller = "nobody";
  EXPECT_EQ(field(call(Method::post, "/v1/attestations/" + name + "/revoke").body, "code"),
            "registry.no_organisation");
}

TEST_F(Api, AnIdChosenByTheCallerMakesARetryTheSameAttestation) {
  put_aygun();
  const std::string body =
      R"({"person":"5ABC123","status":"health_worker","from":"2026-11-21","until":"2026-12-31",
          "id":"00000000000000ff"})";
  const auto first = call(Method::post, "/v1/attestations", body);
  EXPECT_EQ(first.status, 201);
  EXPECT_TRUE(field(first.body, "id").ends_with("-00000000000000ff"));
  EXPECT_EQ(call(Method::post, "/v1/attestations", body).status, 200);
  for (const char* id : {"ff", "0000000000000000", "ffffffffffffffff", "00000000000000fg"}) {
    const auto answer = call(
        Method::post, "/v1/attestations",
        fmt::format(R"({{"person":"5ABC123","status":"health_worker","until":"2026-12-31","id":"{}"}})", id));
    EXPECT_EQ(field(answer.body, "code"), "registry.attestation_id") << id;
  }
}

TEST_F(Api, AnOperatorRecordsAndEndsItsOwnLines) {
  put_aygun();
  caller = "azercell";
  const std::string body = R"({"person":"5ABC123","kind":"mobile","number":"994501234567"})";
  EXPECT_EQ(call(Method::post, "/v1/subscriptions", body).status, 201);
  EXPECT_EQ(call(Method::post, "/v1/subscriptions", body).status, 200);
  node.clock.advance(std::chrono::hours(1));
  caller = "bakcell";
  EXPECT_EQ(
      call(Method::post, "/v1/subscriptions/end", R"({"kind":"mobile","number":"994501234567"})").status,
      404);
  caller = "azercell";
  EXPECT_EQ(
      call(Method::post, "/v1/subscriptions/end", R"({"kind":"mobile","number":"994501234567"})").status,
      200);
  caller = "tabib";
  EXPECT_EQ(field(call(Method::post, "/v1/subscriptions", body).body, "code"), "registry.provider");
}

TEST_F(Api, OrganisationsAreListedAddedAndChanged) {
  EXPECT_NE(call(Method::get, "/v1/organisations").body.find("\"tabib\""), std::string::npos);
  EXPECT_EQ(call(Method::get, "/v1/organisations/quba-hospital").status, 404);
  const std::string body =
      R"({"name":{"az":"Quba","en":"Guba","ru":"Губа"},"kind":"hospital","issues":["health_worker"]})";
  EXPECT_EQ(call(Method::put, "/v1/organisations/quba-hospital", body).status, 200);
  EXPECT_EQ(field(call(Method::get, "/v1/organisations/quba-hospital").body, "ru"), "Губа");
  const std::string as_read = call(Method::get, "/v1/organisations/quba-hospital").body;
  EXPECT_EQ(call(Method::put, "/v1/organisations/quba-hospital", as_read).status, 200);
  EXPECT_EQ(call(Method::put, "/v1/organisations/other", as_read).status, 400);
  EXPECT_EQ(call(Method::put, "/v1/organisations/Quba", body).status, 400);
  EXPECT_EQ(call(Method::get, "/v1/statuses").body.find("wizard"), std::string::npos);
  EXPECT_NE(call(Method::get, "/v1/places").body.find("AZ-BA-587084"), std::string::npos);
}

TEST_F(Api, AChunkOfAFileIsImportedAndItsRejectsAreToldByTheirLines) {
  const std::string chunk =
      "national_id,family_name,given_name,sex,birth_date,place\r\n"
      "5ABC123,Əliyeva,Aygün,female,1985-03-14,AZ-BA-587084\r\n5ABC124,Ə,A,female,2985-03-14,AZ-BA-"
      "587084\r\n";
  const auto first = call(Method::post, "/v1/imports/persons/chunks?first_line=20002", chunk);
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_NE(first.body.find(R"("recorded":1,"changed":0,"unchanged":0,"rejected":1)"), std::string::npos)
      << first.body;
  EXPECT_NE(first.body.find(R"("line":20003,"field":"birth_date")"), std::string::npos) << first.body;
  EXPECT_NE(call(Method::post, "/v1/imports/persons/chunks", chunk).body.find(R"("unchanged":1)"),
            std::string::npos);
  EXPECT_EQ(call(Method::post, "/v1/imports/houses/chunks", chunk).status, 400);
  EXPECT_EQ(call(Method::post, "/v1/imports/persons/chunks?first_line=x", chunk).status, 400);
  EXPECT_EQ(call(Method::post, "/v1/imports/persons/chunks", "").status, 400);
}

TEST_F(Api, KeysAreCreatedShownOnceRotatedAndRevoked) {
  const auto made =
      call(Method::post, "/v1/keys",
           R"({"organisation":"tabib","name":"lab","scopes":["attestations:write","persons:read"]})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string token = field(made.body, "token");
  ASSERT_TRUE(ring.authenticate(token));
  EXPECT_TRUE(ring.authenticate(token)->may(Scope::persons_read));
  EXPECT_EQ(ring.authenticate(token)->scopes, bit(Scope::persons_read) | bit(Scope::attestations_write));
  const auto list = call(Method::get, "/v1/keys");
  EXPECT_NE(list.body.find("\"lab\""), std::string::npos);
  EXPECT_EQ(list.body.find("token"), std::string::npos);

  const auto rotated = call(Method::post, "/v1/keys/1/rotate", R"({"grace_s":60})");
  EXPECT_TRUE(ring.authenticate(field(rotated.body, "token")));
  node.clock.advance(std::chrono::seconds(60));
  EXPECT_FALSE(ring.authenticate(token));
  EXPECT_EQ(call(Method::post, "/v1/keys/2/revoke").status, 200);
  EXPECT_FALSE(ring.authenticate(field(rotated.body, "token")));
  EXPECT_EQ(call(Method::post, "/v1/keys/x/revoke").status, 404);
  EXPECT_EQ(
      call(Method::post, "/v1/keys", R"({"organisation":"tabib","name":"lab","scopes":["all"]})").status,
      400);
}

TEST_F(Api, EveryRouteButTheCatalogueNeedsAScopeAndDescribesItself) {
  for (const http::Route& route : router.routes()) {
    const bool catalogue = route.pattern == "/v1/statuses" || route.pattern == "/v1/places";
    EXPECT_EQ(route.scope == Scope::none, catalogue) << route.pattern;
    EXPECT_FALSE(route.operation.empty() || route.summary.empty() || route.response_schema.empty())
        << route.pattern;
  }
}

}  // namespace
}  // namespace dayaq::registry
