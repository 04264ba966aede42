#include "services/cases/cases_api.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <future>

#include "services/cases/cases_test_support.hpp"

namespace dayaq::services {
namespace {

namespace json = boost::json;
using namespace test;
using http::Method;

/// The routes of cases, called without a network.
struct CaseRoutes : testing::Test {
  CasesNode node{store::Engine::sqlite};
  http::Router router;
  PersonId aygun = node.person("5ABC123");
  CaseRoutes() { add_case_routes(router, {.cases = *node.cases, .registry = *node.node.registry}); }
  struct Caller {
    const char* organisation = "digital-agency";
    std::uint64_t key = 1;
    PersonId person;
  };
  http::Response call(Method method, const std::string& target, const std::string& body,
                      const Caller& caller) {
    const std::string path = target.substr(0, target.find('?'));
    auto match = router.match(method, path);
    EXPECT_NE(match.route, nullptr) << path;
    auto request = std::make_shared<http::Request>();
    request->method = method;
    request->path = path;
    if (path.size() < target.size()) query = target.substr(path.size() + 1);
    request->query = query;
    request->body = body;
    request->parameters = std::move(match.parameters);
    request->principal.organisation = OrganisationCode(caller.organisation);
    request->principal.key = caller.key;
    request->principal.person = caller.person;
    std::promise<http::Response> answer;
    auto answered = answer.get_future();
    (*match.handler)(request, http::Responder([&](http::Response r) { answer.set_value(std::move(r)); }));
    return answered.get();
  }
  http::Response get(const std::string& target) { return call(Method::get, target, "", {}); }
  http::Response post(const std::string& target, const std::string& body) {
    return call(Method::post, target, body, {});
  }
  static json::object object(const http::Response& answer) { return json::parse(answer.body).as_object(); }
  static std::string text(const http::Response& answer, const char* field) {
    const json::object read = object(answer);
    const json::value* found = read.if_contains(field);
    return found != nullptr && found->is_string() ? std::string(found->as_string()) : "";
  }
  std::string query;
};

const std::string pass_body = R"({"person":"5ABC123","service":"pass","answers":{"reason":"shop"},"id":")" +
                              case_number(CaseId(99)) + R"("})";
const std::string help_body = R"({"person":"5ABC123","service":"help","answers":{"purpose":"bread"}})";

TEST_F(CaseRoutes, AnApplicationIsAnsweredWithItsPermitAndAgainWithTheSame) {
  const http::Response first = post("/v1/cases", pass_body);
  ASSERT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(text(first, "number"), case_number(CaseId(99)));
  EXPECT_EQ(text(first, "state"), "granted");
  const http::Response again = post("/v1/cases", pass_body);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(object(again).at("permit"), object(first).at("permit"));
  EXPECT_TRUE(object(again).at("repeated").as_bool());
  permit::Keys keys;
  keys.add(node.issuer.public_key());
  const std::string token(object(first).at("permit").as_object().at("text").as_string());
  EXPECT_EQ(must(permit::verify(must(permit::parse_text(token)), keys)).subject, "5ABC123");
}

TEST_F(CaseRoutes, WhoAppliedAlreadyIsToldWhenItIsPossibleAgain) {
  const auto wait_of = [](const http::Response& answer) {
    for (const auto& [name, value] : answer.headers) {
      if (name == "Retry-After") return std::stol(value);
    }
    return -1L;
  };
  node.node.clock.set(must(node.node.pack.zone().parse_local("2026-11-21T22:30")));
  ASSERT_EQ(post("/v1/cases", pass_body).status, 201);
  std::string second = pass_body;
  second.replace(second.find(case_number(CaseId(99))), 14, case_number(CaseId(100)));
  const http::Response refused = post("/v1/cases", second);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(text(refused, "code"), "case.limit");
  EXPECT_TRUE(text(refused, "detail").contains("from 2026-11-22 00:00")) << refused.body;
  EXPECT_EQ(wait_of(refused), 90 * 60);
  for (int i = 0; i < 2; ++i) ASSERT_EQ(post("/v1/cases", help_body).status, 201);
  EXPECT_EQ(wait_of(post("/v1/cases", help_body)), (9 * 24 + 1) * 3600 + 30 * 60) << "until December";
}

TEST_F(CaseRoutes, WhatIsWrongWithAnApplicationIsNamed) {
  const auto code = [&](const std::string& body) { return text(post("/v1/cases", body), "code"); };
  EXPECT_EQ(code("{"), "json.syntax");
  EXPECT_EQ(code(R"({"person":"5ABC123"})"), "json.missing");
  EXPECT_EQ(code(R"({"person":"5ABC123","service":"pass","answer":{}})"), "json.unknown");
  EXPECT_EQ(code(R"({"person":"5ABC123","service":"pass","answers":{"reason":1}})"), "json.type");
  EXPECT_EQ(code(R"({"person":"x","service":"pass"})"), "registry.national_id");
  EXPECT_EQ(code(R"({"person":"5ABC123","service":"pass","id":"AAAA-AAAA-AAAA"})"), "case.number");
  EXPECT_EQ(code(R"({"person":"5ABC123","service":"pass","channel":"fax"})"), "service.channel");
  EXPECT_EQ(code(R"({"person":"5ABC123","service":"none"})"), "service.unknown");
  EXPECT_EQ(code(R"({"person":"5ABC123","service":"pass","answers":{}})"), "service.answer");
}

TEST_F(CaseRoutes, AnOfficeSeesItsQueueAndDecides) {
  const std::string number = text(post("/v1/cases", help_body), "number");
  const http::Response queue = get("/v1/cases?service=help&claimed_by=nobody");
  ASSERT_EQ(queue.status, 200) << queue.body;
  EXPECT_EQ(object(queue).at("waiting").as_int64(), 1);
  const std::string act = "/v1/cases/" + number + "/actions";
  EXPECT_EQ(text(post(act, R"({"action":"dance"})"), "code"), "case.action");
  EXPECT_EQ(text(post(act, R"({"action":"deadline"})"), "code"), "case.action") << "time's alone";
  EXPECT_EQ(post(act, R"({"action":"claim","revision":1})").status, 200);
  EXPECT_EQ(text(post(act, R"({"action":"grant","revision":1})"), "code"), "case.revision");
  EXPECT_EQ(
      text(call(Method::post, act, R"({"action":"grant"})", {.organisation = "digital-agency", .key = 2}),
           "code"),
      "case.claimed");
  EXPECT_EQ(text(post(act, R"({"action":"refuse"})"), "code"), "case.reason");
  const http::Response refused =
      post(act, R"({"action":"refuse","reason":{"az":"Yox","en":"No","ru":"Нет"}})");
  EXPECT_EQ(text(refused, "state"), "refused") << refused.body;
  EXPECT_EQ(object(get("/v1/cases")).at("waiting").as_int64(), 0);
  EXPECT_EQ(post(act, R"({"action":"appeal","reason":{"az":"Niyə?"}})").status, 200);
  const http::Response same = post(act, R"({"action":"claim"})");
  EXPECT_EQ(same.status, 403) << "who refused it doesn't decide on the appeal";
  EXPECT_EQ(text(same, "code"), "case.decided_before");
  EXPECT_EQ(text(post(act, R"({"action":"grant"})"), "code"), "case.decided_before");
  const http::Response other =
      call(Method::post, act, R"({"action":"grant"})", {.organisation = "digital-agency", .key = 2});
  EXPECT_EQ(text(other, "state"), "granted") << other.body;
}

TEST_F(CaseRoutes, ACaseIsReadWithAReasonThatThePersonSees) {
  const std::string path = "/v1/cases/" + text(post("/v1/cases", help_body), "number");
  EXPECT_EQ(text(get(path), "code"), "registry.reason");
  const http::Response read = get(path + "?reason=a+complaint");
  ASSERT_EQ(read.status, 200) << read.body;
  EXPECT_EQ(object(read).at("answers").as_object().at("purpose").as_string(), "bread");
  EXPECT_EQ(object(read).at("events").as_array().size(), 2u);
  const auto entries = must(node.node.log->entries_about(aygun, ~std::uint64_t(0) >> 1, 10));
  EXPECT_TRUE(entries.front().leaf.contains(R"("action":"person.read")"));
}

TEST_F(CaseRoutes, AnotherOrganisationFindsNothing) {
  const std::string path = "/v1/cases/" + text(post("/v1/cases", help_body), "number");
  const Caller other{.organisation = "baku-city-hospital", .key = 3};
  EXPECT_EQ(text(call(Method::get, path + "?reason=curious", "", other), "code"), "case.unknown");
  EXPECT_EQ(text(call(Method::post, path + "/actions", R"({"action":"grant"})", other), "code"),
            "case.unknown");
  EXPECT_EQ(
      text(call(Method::post, path + "/revoke", R"({"action":"refuse","reason":{"az":"x"}})", other), "code"),
      "case.unknown");
  node.node.clock.advance(48h);
  EXPECT_EQ(must(node.write([&](store::Session& s) { return node.cases->do_due(s, node.now(), 10); })), 1);
  EXPECT_EQ(call(Method::post, path + "/actions", R"({"action":"grant"})", other).status, 200)
      << "it came to them";
}

TEST_F(CaseRoutes, APermitIsTakenBack) {
  const std::string path = "/v1/cases/" + text(post("/v1/cases", pass_body), "number") + "/revoke";
  EXPECT_EQ(text(post(path, R"({"action":"refuse"})"), "code"), "case.reason");
  const http::Response revoked = post(path, R"({"action":"refuse","reason":{"az":"Saxta"}})");
  ASSERT_EQ(revoked.status, 200) << revoked.body;
  EXPECT_EQ(object(revoked).at("permit").as_object().at("revoked").as_string(), format_instant(node.now()));
}

TEST_F(CaseRoutes, APersonsClientSeesTheirCasesAndNoOfficial) {
  post("/v1/cases", pass_body);
  const std::string number = text(post("/v1/cases", help_body), "number");
  post("/v1/cases/" + number + "/actions", R"({"action":"claim"})");
  const http::Response mine =
      call(Method::get, "/v1/me/cases", "", {.organisation = "", .key = 0, .person = aygun});
  ASSERT_EQ(mine.status, 200) << mine.body;
  EXPECT_EQ(object(mine).at("cases").as_array().size(), 2u);
  EXPECT_FALSE(mine.body.contains("key:1"));
}

}  // namespace
}  // namespace dayaq::services
