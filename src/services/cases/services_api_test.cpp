#include "services/cases/services_api.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdlib>
#include <future>

#include "regime/law_test_support.hpp"
#include "services/cases/cases.hpp"
#include "support/audit_log.hpp"

namespace dayaq::services {
namespace {

namespace json = boost::json;
using http::Method;
using regime::test::azerbaijan;
using regime::test::repository_file;

/// The routes of services over an empty database, called without a network.
struct ServiceRoutes : testing::Test {
  dayaq::test::AuditLog audit{store::Engine::sqlite, migrations()};
  regime::FileContext files = azerbaijan().file_context();
  ServiceBook book{files, *audit.log};
  FixedClock clock{azerbaijan().moment("2026-11-21")};
  regime::Regime counted;
  http::Router router;
  std::string leaving_home = repository_file("country/az/services/leaving-home.yaml");
  std::string support = repository_file("country/az/services/small-business-support.yaml");

  ServiceRoutes() {
    audit.db().add_hook(book);
    add_service_routes(
        router,
        {.db = audit.db(),
         .book = book,
         .files = files,
         .organisation_code = [](OrganisationIndex i) { return azerbaijan().pack.organisations()[i].code; },
         .count = [this](const regime::Regime& draft) { return count(draft); },
         .clock = clock});
  }

  regime::Preview count(const regime::Regime& draft) {
    counted = draft;
    regime::Preview preview;
    preview.at = clock.now();
    preview.places = {0, 1};
    preview.living = {10, 20};
    preview.any.persons = 12;
    preview.any_by_place.resize(2);
    preview.any_by_place[0].persons = 5;
    preview.any_by_place[1].persons = 7;
    return preview;
  }

  http::Response call(Method method, const std::string& path, const std::string& body = "",
                      std::uint64_t key = 1, const char* organisation = "digital-agency") {
    auto match = router.match(method, path);
    EXPECT_NE(match.route, nullptr) << path;
    auto request = std::make_shared<http::Request>();
    request->method = method;
    request->path = path;
    request->body = body;
    request->parameters = std::move(match.parameters);
    if (match.route->scope != http::Scope::none) {
      request->principal.organisation = OrganisationCode(organisation);
      request->principal.key = key;
    }
    std::promise<http::Response> answer;
    auto answered = answer.get_future();
    (*match.handler)(
        request, http::Responder([&](http::Response response) { answer.set_value(std::move(response)); }));
    return answered.get();
  }
  static json::value parsed(const http::Response& response) { return json::parse(response.body); }
  void publish_leaving_home() {
    ASSERT_EQ(call(Method::post, "/v1/services", leaving_home).status, 201);
    ASSERT_EQ(call(Method::post, "/v1/services/leaving-home/versions/1/publish", "{}", 2).status, 200);
  }
};

TEST_F(ServiceRoutes, TakeAFileToPeopleByTwoOfficials) {
  const auto submitted = call(Method::post, "/v1/services", leaving_home);
  ASSERT_EQ(submitted.status, 201) << submitted.body;
  ASSERT_EQ(submitted.headers.size(), 1u);
  EXPECT_EQ(submitted.headers[0].second, "/v1/services/leaving-home/versions/1");
  EXPECT_EQ(parsed(submitted).at("service").at("state"), "submitted");
  EXPECT_EQ(parsed(submitted).at("notices").as_array().size(), 0u) << submitted.body;
  EXPECT_EQ(parsed(call(Method::get, "/v1/services")).at("services").as_array().size(), 0u);
  EXPECT_EQ(call(Method::get, "/v1/services/leaving-home").status, 404) << "what waits isn't public";
  const auto versions = parsed(call(Method::get, "/v1/services/leaving-home/versions"));
  EXPECT_EQ(versions.at("services").at(0).at("submitted").at("by"), "org:digital-agency/key:1");

  const auto self = call(Method::post, "/v1/services/leaving-home/versions/1/publish", "{}", 1);
  EXPECT_EQ(self.status, 403);
  EXPECT_EQ(parsed(self).at("code"), "service.same_official");
  const auto published = call(Method::post, "/v1/services/leaving-home/versions/1/publish", "{}", 2);
  ASSERT_EQ(published.status, 200) << published.body;
  EXPECT_EQ(parsed(published).at("published").at("by"), "org:digital-agency/key:2");

  const auto list = parsed(call(Method::get, "/v1/services"));
  ASSERT_EQ(list.at("services").as_array().size(), 1u);
  EXPECT_EQ(list.at("services").at(0).at("channels").as_array().size(), 3u);
  EXPECT_FALSE(list.at("services").at(0).as_object().contains("submitted")) << "who submitted isn't public";
  const auto one = parsed(call(Method::get, "/v1/services/leaving-home"));
  EXPECT_EQ(one.at("form").at(0).at("choices").as_array().size(), 3u);
  EXPECT_EQ(one.at("promised_seconds"), 60);
  EXPECT_EQ(one.at("sms").at("order").at(1), "reason");
  EXPECT_FALSE(one.as_object().contains("source"));
  const auto whole = parsed(call(Method::get, "/v1/services/leaving-home/versions/1"));
  EXPECT_EQ(whole.at("source"), json::value(leaving_home));
}

TEST_F(ServiceRoutes, RefuseABadFileWithAllItsErrorsAndStoreNothing) {
  const std::string bad = repository_file("src/services/test_data/bad_files/every_error.yaml");
  for (const auto* path : {"/v1/services", "/v1/services/check", "/v1/services/preview"}) {
    const auto refused = call(Method::post, path, bad);
    EXPECT_EQ(refused.status, 422) << path;
    EXPECT_EQ(refused.content_type, "application/problem+json");
    const auto problem = parsed(refused);
    EXPECT_GE(problem.at("errors").as_array().size(), 5u);
    EXPECT_GT(problem.at("errors").at(0).at("line").as_int64(), 0);
  }
  EXPECT_TRUE(book.versions().empty());
}

TEST_F(ServiceRoutes, CheckAndPreviewStoreNothing) {
  const auto checked = call(Method::post, "/v1/services/check", support);
  ASSERT_EQ(checked.status, 200) << checked.body;
  EXPECT_FALSE(parsed(checked).as_object().contains("may_apply"));
  EXPECT_EQ(parsed(checked).at("service").at("state"), "draft");
  const auto preview = call(Method::post, "/v1/services/preview", support);
  ASSERT_EQ(preview.status, 200) << preview.body;
  const auto may_apply = parsed(preview).at("may_apply");
  EXPECT_EQ(may_apply.at("persons"), 12);
  EXPECT_EQ(may_apply.at("living"), 30);
  EXPECT_EQ(may_apply.at("by_place").at(1).at("persons"), 7);
  ASSERT_EQ(counted.measures.size(), 1u);
  EXPECT_EQ(counted.measures[0].who.kind, regime::Rule::Kind::all) << "the file's own rule is counted";
  EXPECT_TRUE(book.versions().empty());
  EXPECT_EQ(audit.log->size(), 0u);
}

TEST_F(ServiceRoutes, SayWhatAWriterShouldLookAt) {
  std::string wordy = leaving_home;
  const std::string title = "  en: Permit to leave home\n";
  wordy.erase(wordy.find(title), title.size());
  const auto checked = parsed(call(Method::post, "/v1/services/check", wordy));
  ASSERT_EQ(checked.at("notices").as_array().size(), 1u);
  EXPECT_EQ(checked.at("notices").at(0).at("code"), "review.language");
  EXPECT_EQ(checked.at("notices").at(0).at("field"), "title");
  EXPECT_GT(checked.at("notices").at(0).at("line").as_int64(), 0);
}

TEST_F(ServiceRoutes, SuspendAndResume) {
  publish_leaving_home();
  const char* target = "/v1/services/leaving-home/suspend";
  EXPECT_EQ(call(Method::post, target, "{}").status, 400);
  EXPECT_EQ(call(Method::post, target, R"({"because":"no"})").status, 400);
  EXPECT_EQ(call(Method::post, target, R"({"because":{"az":"Təmir"}})", 1, "tabib").status, 403);
  const auto suspended = call(Method::post, target, R"({"because":{"az":"Təmir","en":"Works"}})");
  ASSERT_EQ(suspended.status, 200) << suspended.body;
  const auto one = parsed(call(Method::get, "/v1/services/leaving-home"));
  EXPECT_EQ(one.at("state"), "suspended");
  EXPECT_EQ(one.at("suspended_because").at("en"), "Works");
  EXPECT_EQ(one.at("suspended_because").at("ru"), "Təmir") << "what isn't translated is shown in az";
  EXPECT_EQ(call(Method::post, "/v1/services/leaving-home/resume", "{}").status, 200);
  EXPECT_EQ(parsed(call(Method::get, "/v1/services/leaving-home")).at("state"), "published");
}

TEST_F(ServiceRoutes, KnowWhatIsNotThere) {
  EXPECT_EQ(call(Method::get, "/v1/services/nothing/versions").status, 404);
  EXPECT_EQ(call(Method::post, "/v1/services/nothing/versions/1/publish", "{}").status, 404);
  publish_leaving_home();
  for (const auto* version : {"2", "x", "1x", "-1", "99999999999"}) {
    const std::string path = fmt::format("/v1/services/leaving-home/versions/{}", version);
    EXPECT_EQ(call(Method::get, path).status, 404) << version;
    EXPECT_EQ(call(Method::post, path + "/publish", "{}").status, 404) << version;
  }
}

TEST_F(ServiceRoutes, ServeTheSchemaThatHoldsForTheFiles) {
  const auto schema = call(Method::get, "/schemas/service.json");
  EXPECT_EQ(schema.body, repository_file("docs/service.schema.json"));
  EXPECT_EQ(schema.content_type, "application/schema+json");
  const std::string root = regime::test::source_folder().string();
  const std::string command = fmt::format(
      "python3 '{0}/tests/support/check_schema.py' '{0}/docs/service.schema.json' "
      "'{0}/country/az/services' '{0}/src/services/test_data/bad_files'",
      root);
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace dayaq::services
