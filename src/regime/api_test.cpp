#include "regime/api.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdlib>
#include <future>

#include "regime/law_test_support.hpp"
#include "regime/store.hpp"
#include "support/audit_log.hpp"

namespace dayaq::regime {
namespace {

namespace json = boost::json;
using http::Method;
using test::azerbaijan;

/// The law's routes over an empty database, called without a network.
struct LawRoutes : testing::Test {
  dayaq::test::AuditLog audit{store::Engine::sqlite, migrations()};
  FileContext files = azerbaijan().file_context();
  LawJsonContext names{
      .country = azerbaijan().pack,
      .wording = azerbaijan().wording,
      .organisation_code = [](OrganisationIndex i) { return azerbaijan().pack.organisations()[i].code; }};
  Lawbook book{files, *audit.log};
  FixedClock clock{azerbaijan().moment("2026-03-25")};
  http::Router router;
  std::string quarantine = test::repository_file("country/az/regimes/special-quarantine.yaml");

  LawRoutes() {
    audit.db().add_hook(book);
    add_law_routes(router, {.db = audit.db(), .book = book, .files = files, .names = names, .clock = clock});
  }

  http::Response call(Method method, const std::string& target, const std::string& body = "",
                      std::uint64_t key = 1) {
    const std::size_t mark = target.find('?');
    const std::string path = target.substr(0, mark);
    auto match = router.match(method, path);
    EXPECT_NE(match.route, nullptr) << path;
    auto request = std::make_shared<http::Request>();
    request->method = method;
    request->path = path;
    request->query = mark == std::string::npos ? "" : std::string_view(target).substr(mark + 1);
    request->body = body;
    request->parameters = std::move(match.parameters);
    if (match.route->scope != http::Scope::none) {
      request->principal = {.organisation = OrganisationCode("digital-agency"), .key = key};
    }
    std::promise<http::Response> answer;
    auto answered = answer.get_future();
    (*match.handler)(
        request, http::Responder([&](http::Response response) { answer.set_value(std::move(response)); }));
    return answered.get();
  }
  static json::value parsed(const http::Response& response) { return json::parse(response.body); }
};

TEST_F(LawRoutes, TakeAFileToLawByTwoOfficials) {
  const auto submitted = call(Method::post, "/v1/regimes", quarantine);
  ASSERT_EQ(submitted.status, 201) << submitted.body;
  EXPECT_EQ(parsed(submitted).at("regime").at("standing"), "submitted");
  EXPECT_EQ(parsed(submitted).at("notices").as_array().size(), 1u) << "its period has begun";
  EXPECT_EQ(parsed(call(Method::get, "/v1/regimes")).at("regimes").as_array().size(), 0u);
  EXPECT_EQ(call(Method::get, "/v1/regimes/special-quarantine").status, 404) << "what waits isn't public";
  EXPECT_EQ(
      parsed(call(Method::get, "/v1/regimes/special-quarantine/versions")).at("regimes").as_array().size(),
      1u);

  const auto self = call(Method::post, "/v1/regimes/special-quarantine/approve", R"({"version":1})", 1);
  EXPECT_EQ(self.status, 403);
  EXPECT_EQ(parsed(self).at("code"), "regime.same_official");
  const auto approved = call(Method::post, "/v1/regimes/special-quarantine/approve", R"({"version":1})", 2);
  ASSERT_EQ(approved.status, 200) << approved.body;
  EXPECT_EQ(parsed(approved).at("approved").at("by"), "org:digital-agency/key:2");

  const auto law = parsed(call(Method::get, "/v1/regimes/special-quarantine"));
  EXPECT_EQ(law.at("standing"), "in_force");
  EXPECT_EQ(law.at("measures").as_array().size(), 10u);
  EXPECT_EQ(law.at("measures").at(0).at("who_text").at("en"), "health workers or health specialists");
  EXPECT_EQ(law.at("measures").at(0).at("benefits").at(0).at("quota"), 36000);
  EXPECT_FALSE(law.as_object().contains("submitted")) << "who submitted isn't public";
  EXPECT_EQ(parsed(call(Method::get, "/v1/regimes/special-quarantine/versions/1")).at("source"),
            json::value(quarantine));
}

TEST_F(LawRoutes, RefuseABadFileWithAllItsErrors) {
  const std::string bad = test::repository_file("src/regime/cases/bad_files/every_error.yaml");
  for (const auto* path : {"/v1/regimes", "/v1/regimes/check", "/v1/regimes/test/amend"}) {
    const auto refused = call(Method::post, path, bad);
    EXPECT_EQ(refused.status, 422) << path;
    EXPECT_EQ(refused.content_type, "application/problem+json");
    const auto problem = parsed(refused);
    EXPECT_EQ(problem.at("status"), 422);
    ASSERT_EQ(problem.at("errors").as_array().size(), 5u);
    EXPECT_EQ(problem.at("errors").at(0).at("line"), 5);
    EXPECT_EQ(problem.at("errors").at(0).at("column"), 20);
    EXPECT_EQ(problem.at("errors").at(0).at("field"), "territory[1]");
  }
  EXPECT_TRUE(book.versions().empty());
}

TEST_F(LawRoutes, CheckAFileAndStoreNothing) {
  const auto checked = call(Method::post, "/v1/regimes/check", quarantine);
  ASSERT_EQ(checked.status, 200) << checked.body;
  EXPECT_EQ(parsed(checked).at("regime").at("standing"), "draft");
  EXPECT_TRUE(book.versions().empty());
  EXPECT_EQ(audit.log->size(), 0u);
}

TEST_F(LawRoutes, AmendAndEndARegime) {
  ASSERT_EQ(call(Method::post, "/v1/regimes", quarantine).status, 201);
  ASSERT_EQ(call(Method::post, "/v1/regimes/special-quarantine/approve", R"({"version":1})", 2).status, 200);
  const std::string amendment =
      test::repository_file("country/az/regimes/examples/special-quarantine-amended.yaml");
  EXPECT_EQ(call(Method::post, "/v1/regimes", amendment).status, 409);
  EXPECT_EQ(call(Method::post, "/v1/regimes/regional-lockdown/amend", amendment).status, 422)
      << "another regime's file";
  const auto amended = call(Method::post, "/v1/regimes/special-quarantine/amend", amendment);
  ASSERT_EQ(amended.status, 201) << amended.body;
  ASSERT_EQ(amended.headers.size(), 1u);
  EXPECT_EQ(amended.headers[0].second, "/v1/regimes/special-quarantine/versions/2");
  EXPECT_EQ(parsed(call(Method::get, "/v1/regimes/special-quarantine")).at("version"), 1);
  clock.advance(std::chrono::hours(1));
  ASSERT_EQ(call(Method::post, "/v1/regimes/special-quarantine/approve", R"({"version":2})", 2).status, 200);
  EXPECT_EQ(parsed(call(Method::get, "/v1/regimes/special-quarantine")).at("version"), 2);
  EXPECT_EQ(parsed(call(Method::get, "/v1/regimes/special-quarantine/versions/1")).at("standing"), "over");
  const auto ended =
      call(Method::post, "/v1/regimes/special-quarantine/end", R"({"at":"2026-06-01T00:00:00+04:00"})");
  ASSERT_EQ(ended.status, 200) << ended.body;
  EXPECT_EQ(parsed(ended).at("in_force").at("until"), "2026-05-31T20:00:00Z");
  EXPECT_EQ(parsed(ended).at("standing"), "in_force");
}

TEST_F(LawRoutes, AnswerForAnyMoment) {
  ASSERT_EQ(call(Method::post, "/v1/regimes", quarantine).status, 201);
  ASSERT_EQ(call(Method::post, "/v1/regimes/special-quarantine/approve", R"({"version":1})", 2).status, 200);
  const std::string law = "/v1/regimes/special-quarantine?at=";
  EXPECT_EQ(call(Method::get, law + "2026-03-24T12:00:00Z").status, 404) << "before the approval";
  EXPECT_EQ(call(Method::get, law + "2026-04-01T00:00:00Z").status, 200);
  EXPECT_EQ(call(Method::get, law + "2027-03-24T00:00:00Z").status, 404) << "after its end";
  EXPECT_EQ(parsed(call(Method::get, "/v1/regimes?at=2026-04-01T00:00:00Z")).at("regimes").as_array().size(),
            1u);
  EXPECT_EQ(parsed(call(Method::get, "/v1/regimes?at=2027-04-01T00:00:00Z")).at("regimes").as_array().size(),
            0u);
  const auto bad = call(Method::get, "/v1/regimes?at=yesterday");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(parsed(bad).at("field"), "at");
}

TEST_F(LawRoutes, TellWhatTrafficClassesHold) {
  const auto classes = parsed(call(Method::get, "/v1/traffic-classes")).at("traffic_classes").as_array();
  ASSERT_EQ(classes.size(), azerbaijan().traffic.classes().size());
  EXPECT_EQ(classes[0].at("code"), "all");
  EXPECT_EQ(classes[0].at("everything"), true);
  EXPECT_EQ(classes[1].at("domains").at(0), "edu.az");
}

TEST_F(LawRoutes, RefuseBodiesThatSayNothingClear) {
  ASSERT_EQ(call(Method::post, "/v1/regimes", quarantine).status, 201);
  for (const std::string body :
       {"", "{", "[]", "{}", R"({"version":"1"})", R"({"version":0})", R"({"version":1,"x":2})"}) {
    EXPECT_EQ(call(Method::post, "/v1/regimes/special-quarantine/approve", body, 2).status, 400) << body;
  }
  for (const std::string body :
       {"{", R"({"at":5})", R"({"at":"tomorrow"})", R"({"when":"2026-06-01T00:00:00Z"})"}) {
    EXPECT_EQ(call(Method::post, "/v1/regimes/special-quarantine/end", body).status, 400) << body;
  }
}

TEST_F(LawRoutes, AnswerNotFoundWithTheNextStep) {
  EXPECT_EQ(call(Method::get, "/v1/regimes/nothing").status, 404);
  EXPECT_EQ(call(Method::get, "/v1/regimes/nothing/versions").status, 404);
  EXPECT_EQ(call(Method::get, "/v1/regimes/nothing/versions/1").status, 404);
  EXPECT_EQ(call(Method::post, "/v1/regimes/nothing/approve", R"({"version":1})").status, 404);
}

TEST_F(LawRoutes, ServeTheSchemaAndDescribeThemselves) {
  const auto schema = call(Method::get, "/schemas/regime.json");
  EXPECT_EQ(schema.body, test::repository_file("docs/regime.schema.json"));
  const auto openapi = json::parse(router.openapi("Dayaq", "1"));
  for (const auto* path : {"/v1/regimes", "/v1/regimes/{regime}", "/v1/regimes/{regime}/approve"}) {
    EXPECT_TRUE(openapi.at("paths").as_object().contains(path)) << path;
  }
}

TEST(RegimeFileSchema, AgreesWithTheParser) {
  const std::string root = test::source_folder().string();
  const std::string command = fmt::format(
      "python3 '{0}/tests/support/check_schema.py' '{0}/docs/regime.schema.json' "
      "'{0}/country/az/regimes' '{0}/src/regime/cases/bad_files'",
      root);
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace dayaq::regime
