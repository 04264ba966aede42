#include "http/router.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>
#include <thread>

#include "http/local_call.hpp"
#include "http/metrics.hpp"
#include "http/operational.hpp"
#include "http/test_support.ipp"

namespace dayaq::http {
namespace {

Response nothing(const Request&) {
  return Response::no_content();
}

struct Routing : testing::Test {
  Router router;
  Routing() {
    for (const char* pattern :
         {"/", "/v1/persons", "/v1/persons/{person}", "/v1/persons/{person}/grants", "/v1/persons/search",
          "/v1/persons/search/{what}/deep", "/v1/{kind}/search/x"}) {
      router.add({.pattern = pattern, .operation = pattern}, nothing);
    }
    router.add({.method = Method::post, .pattern = "/v1/persons", .operation = "add"}, nothing);
    router.add({.method = Method::del, .pattern = "/v1/persons/{id}", .operation = "remove"}, nothing);
  }
  [[nodiscard]] std::string found(std::string_view path, Method method = Method::get) const {
    const auto match = router.match(method, path);
    return match.route != nullptr ? match.route->operation
           : match.bad_path       ? "bad"
           : match.path_exists    ? "405"
                                  : "404";
  }
};

TEST_F(Routing, PrefersLiteralsAndComesBackFromDeadEnds) {
  EXPECT_EQ(found("/"), "/");
  EXPECT_EQ(found("/v1/persons"), "/v1/persons");
  EXPECT_EQ(found("/v1/persons/search"), "/v1/persons/search");
  EXPECT_EQ(found("/v1/persons/5ABC123"), "/v1/persons/{person}");
  EXPECT_EQ(found("/v1/persons/search/grants"), "/v1/persons/{person}/grants");
  EXPECT_EQ(found("/v1/persons/search/a/deep"), "/v1/persons/search/{what}/deep");
  EXPECT_EQ(found("/v1/persons/search/x"), "/v1/{kind}/search/x");
  EXPECT_EQ(found("/v1/persons", Method::post), "add");
}

TEST_F(Routing, DecodesParametersAndNamesThemAsTheirRouteDoes) {
  const auto get = router.match(Method::get, "/v1/persons/%C9%99%2F+b/grants");
  ASSERT_NE(get.route, nullptr);
  ASSERT_EQ(get.parameters.size(), 1u);
  EXPECT_EQ(get.parameters[0].first, "person");
  EXPECT_EQ(get.parameters[0].second, "\u0259/+b");
  const auto del = router.match(Method::del, "/v1/persons/7");
  ASSERT_NE(del.route, nullptr);
  EXPECT_EQ(del.parameters[0].first, "id");
  EXPECT_EQ(found("/v1/%70ersons"), "/v1/persons");
}

TEST_F(Routing, RefusesPathsThatHideSomething) {
  for (const char* bad :
       {"", "v1", "/v1/..", "/v1/./persons", "/v1/%2e%2E/x", "/v1/persons/%", "/v1/persons/%0",
        "/v1/persons/a%00b", "/v1/persons/%0a", "/v1/persons/%ff", "/v1/persons/%7f"}) {
    EXPECT_EQ(found(bad), "bad") << bad;
  }
}

TEST_F(Routing, DoesNotGuess) {
  for (const char* unknown : {"/v1/persons/", "//v1/persons", "/v1//grants", "/v1/persons//grants",
                              "/V1/persons", "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"}) {
    EXPECT_EQ(found(unknown), "404") << unknown;
  }
}

TEST_F(Routing, AnswersHeadByGetAndNamesWhatIsAllowed) {
  EXPECT_EQ(found("/v1/persons", Method::head), "/v1/persons");
  const auto match = router.match(Method::put, "/v1/persons");
  EXPECT_EQ(match.route, nullptr);
  EXPECT_TRUE(match.path_exists);
  EXPECT_EQ(match.allow, "GET, HEAD, POST, OPTIONS");
}

TEST_F(Routing, EndsTheProgramForARouteAddedTwice) {
  EXPECT_DEATH(router.add({.pattern = "/v1/persons", .operation = "again"}, nothing), "broken invariant");
  EXPECT_DEATH(router.add({.pattern = "persons", .operation = "no slash"}, nothing), "broken invariant");
  EXPECT_DEATH(router.add({.pattern = "/a/{", .operation = "open"}, nothing), "broken invariant");
}

struct OpenApi : testing::Test {
  Router router;
  Metrics metrics;
  boost::json::value document() {
    router.add_schema("Grants", R"({"type":"array"})");
    router.add_schema("Person", R"({"type":"object"})");
    router.add({.pattern = "/", .operation = "home", .tag = "pages"}, nothing);
    router.add({.pattern = "/v1/persons/{person}/grants",
                .scope = Scope::grants_read,
                .operation = "get_grants",
                .summary = "The grants of a person.",
                .response_schema = "Grants",
                .tag = "regime",
                .query_parameters = {{"at", "An instant."}}},
               nothing);
    router.add({.method = Method::put,
                .pattern = "/v1/persons/{person}/grants",
                .operation = "put_grants",
                .request_schema = "Person",
                .tag = "regime"},
               nothing);
    add_operational_routes(router, metrics, [] { return std::vector<std::string>(); });
    return boost::json::parse(router.openapi("Dayaq", "0.1.0"));
  }
};

TEST_F(OpenApi, ListsEveryRouteButPages) {
  const auto doc = document();
  EXPECT_EQ(doc.at("openapi").as_string(), "3.1.0");
  std::set<std::string> listed;
  for (const auto& [path, methods] : doc.at("paths").as_object()) {
    for (const auto& [method, operation] : methods.as_object()) {
      listed.insert(std::string(operation.at("operationId").as_string()));
    }
  }
  std::set<std::string> expected;
  for (const Route& route : router.routes()) {
    if (route.tag != "pages") expected.insert(route.operation);
  }
  EXPECT_EQ(listed, expected);
  EXPECT_EQ(listed.size(), 7u);
}

TEST_F(OpenApi, DescribesParametersScopesBodiesAndProblems) {
  const auto doc = document();
  const auto& path = doc.at("paths").at("/v1/persons/{person}/grants");
  const auto& get = path.at("get");
  EXPECT_EQ(get.at("parameters").at(0).at("name").as_string(), "person");
  EXPECT_EQ(get.at("parameters").at(0).at("in").as_string(), "path");
  EXPECT_EQ(get.at("parameters").at(1).at("name").as_string(), "at");
  EXPECT_EQ(get.at("security").at(0).at("bearer").at(0).as_string(), "grants:read");
  EXPECT_TRUE(get.at("responses").as_object().contains("403"));
  EXPECT_EQ(
      get.at("responses").at("2XX").at("content").at("application/json").at("schema").at("$ref").as_string(),
      "#/components/schemas/Grants");
  EXPECT_EQ(get.at("responses")
                .at("400")
                .at("content")
                .at("application/problem+json")
                .at("schema")
                .at("$ref")
                .as_string(),
            "#/components/schemas/Problem");
  const auto& put = path.at("put");
  EXPECT_TRUE(put.at("security").as_array().empty());
  EXPECT_TRUE(put.as_object().contains("requestBody"));
  EXPECT_FALSE(put.at("responses").as_object().contains("401"));
  EXPECT_EQ(doc.at("components").at("securitySchemes").at("bearer").at("scheme").as_string(), "bearer");
}

TEST_F(OpenApi, EndsTheProgramForASchemaThatIsNotThere) {
  router.add({.pattern = "/x", .operation = "x", .response_schema = "Missing"}, nothing);
  EXPECT_DEATH((void)router.openapi("Dayaq", "1"), "broken invariant");
}

TEST(LocalCall, PassesTheSameGateAsTheNetwork) {
  Router router;
  const FakeAuthenticator authenticator;
  router.add({.method = Method::post,
              .pattern = "/v1/{kind}",
              .scope = Scope::grants_read,
              .body_max = 10,
              .operation = "add"},
             [](const Request& request) {
               return Response::text(request.parameter("kind") + request.query_value("a").value_or("") +
                                     std::string(request.body) + request.principal.actor());
             });
  router.add_async({.pattern = "/later", .operation = "later"}, [](const std::shared_ptr<const Request>&,
                                                                   Responder respond) {
    std::thread([respond = std::move(respond)]() mutable { respond(Response::text("later")); }).detach();
  });
  const auto status = [&](std::string_view target, std::string_view body, std::string_view token) {
    return call(router, &authenticator, Method::post, target, body, "text/plain", token).status;
  };
  EXPECT_EQ(call(router, &authenticator, Method::post, "/v1/per%20son?a=b", "x", "text/plain", "reader").body,
            "per sonbxorg:azercell/key:7");
  EXPECT_EQ(status("/v1/x", "x", ""), 401);
  EXPECT_EQ(status("/v1/x", "x", "nothing"), 403);
  EXPECT_EQ(status("/v1/x", "more than ten", "reader"), 413);
  EXPECT_EQ(status("/nowhere", "", ""), 404);
  EXPECT_EQ(call(router, nullptr, Method::get, "/later", "", "", "").body, "later");
}

TEST(Scopes, AreReadAsTheyAreWritten) {
  for (std::size_t i = 1; i < scope_count; ++i) {
    const auto scope = static_cast<Scope>(i);
    EXPECT_EQ(parse_scope(to_string(scope)).value(), scope);
  }
  const auto unknown = parse_scope("persons:eat");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().public_text.find("persons:read, persons:write"), std::string::npos);
  EXPECT_FALSE(parse_scope("none"));
}

}  // namespace
}  // namespace dayaq::http
