#include "settlement/api.hpp"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <future>

#include "settlement/settlement_test_support.hpp"
#include "support/registry.hpp"

namespace dayaq::settlement {
namespace {

namespace json = boost::json;
using http::Method;
using test::batch;
using test::signed_bytes;

/// The room's routes over an empty database, called without a network.
struct SettlementRoutes : testing::Test {
  dayaq::test::RegistryNode node{store::Engine::sqlite, nullptr, migrations()};
  test::FakeEdges edges;
  http::Router router;

  SettlementRoutes() {
    add_routes(router, {.db = node.db(),
                        .registry = *node.registry,
                        .edges = edges,
                        .law = [] { return test::quarantine_law(); },
                        .clock = node.clock});
  }

  http::Response call(Method method, const std::string& target, const std::string& body = "",
                      const std::string& caller = "azercell") {
    const std::size_t mark = target.find('?');
    const std::string path = target.substr(0, mark);
    auto match = router.match(method, path);
    EXPECT_NE(match.route, nullptr) << path;
    EXPECT_EQ(match.route->scope, http::Scope::feed_read);
    auto request = std::make_shared<http::Request>();
    request->method = method;
    request->path = path;
    request->query = mark == std::string::npos ? "" : std::string_view(target).substr(mark + 1);
    request->body = body;
    request->principal = {.organisation = OrganisationCode(caller), .key = 3};
    std::promise<http::Response> answer;
    auto answered = answer.get_future();
    (*match.handler)(
        request, http::Responder([&](http::Response response) { answer.set_value(std::move(response)); }));
    return answered.get();
  }
  http::Response send(const feed::Settlement& what, const std::string& caller = "azercell") {
    return call(Method::post, "/v1/settlements", std::string(as_text(signed_bytes(what))), caller);
  }
  static json::value parsed(const http::Response& response) { return json::parse(response.body); }
  static std::string code_of(const http::Response& response) {
    return std::string(parsed(response).at("code").as_string());
  }
};

TEST_F(SettlementRoutes, TakeABatchAndAnswerTheSameAgain) {
  const auto first = send(batch(1, 3600));
  EXPECT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(first.body, R"({"operator":"azercell","edge":"baku-1","number":1})");
  const auto again = send(batch(1, 3600));
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body, first.body);
  const auto other = send(batch(1, 3601));
  EXPECT_EQ(other.status, 409);
  EXPECT_EQ(code_of(other), "settlement.other_bytes");
}

TEST_F(SettlementRoutes, SayWhichNumberIsWantedWhereOneIsMissing) {
  const auto gap = send(batch(3));
  EXPECT_EQ(gap.status, 409);
  EXPECT_EQ(code_of(gap), "settlement.gap");
  ASSERT_FALSE(gap.headers.empty());
  EXPECT_EQ(gap.headers.back(), (std::pair<std::string, std::string>("Dayaq-Settlement-Next", "1")));
}

TEST_F(SettlementRoutes, RefuseTheWrongCaller) {
  EXPECT_EQ(send(batch(1), "bakcell").status, 403);
  EXPECT_EQ(send(batch(1), "digital-agency").status, 403);
  feed::Settlement stranger = batch(1);
  stranger.edge = "nobody";
  EXPECT_EQ(code_of(send(stranger)), "settlement.not_enrolled");
  EXPECT_EQ(call(Method::post, "/v1/settlements", "rubbish").status, 400);
  EXPECT_EQ(call(Method::post, "/v1/settlements", "").status, 400);
  EXPECT_EQ(call(Method::get, "/v1/settlements", "", "nobody").status, 403);
  const auto other = call(Method::get, "/v1/settlements?operator=azercell", "", "bakcell");
  EXPECT_EQ(other.status, 403);
  EXPECT_EQ(code_of(other), "settlement.other_operator");
  EXPECT_EQ(call(Method::post, "/v1/settlements/reconcile?operator=azercell", "", "bakcell").status, 403);
  EXPECT_EQ(call(Method::post, "/v1/settlements/reconcile", "", "nobody").status, 403);
}

TEST_F(SettlementRoutes, ShowAnOperatorItsOwnByNumberAndOfficialsAllByName) {
  ASSERT_EQ(send(batch(1, 3600)).status, 200);
  feed::Settlement other = batch(1, 600);
  other.operator_code = "bakcell";
  ASSERT_EQ(send(other, "bakcell").status, 200);

  const auto own = parsed(call(Method::get, "/v1/settlements"));
  ASSERT_EQ(own.at("sums").as_array().size(), 1u);
  const json::object& line = own.at("sums").at(0).as_object();
  EXPECT_EQ(line.at("operator"), "azercell");
  EXPECT_EQ(line.at("month"), "2026-11");
  EXPECT_EQ(line.at("gives"), "voice");
  EXPECT_EQ(line.at("unit"), "seconds");
  EXPECT_EQ(line.at("units"), 3600);
  EXPECT_EQ(line.at("pays"), "use");
  EXPECT_EQ(line.at("owed_qepik"), 180);
  EXPECT_FALSE(line.contains("code")) << "a measure's name may tell why somebody is granted it";
  EXPECT_EQ(own.at("edges").as_array().size(), 1u);

  const auto all = parsed(call(Method::get, "/v1/settlements", "", "digital-agency"));
  ASSERT_EQ(all.at("sums").as_array().size(), 2u);
  EXPECT_EQ(all.at("sums").at(0).at("code"), "health-workers-calls");
  EXPECT_EQ(all.at("owed").as_array().size(), 2u);
  const auto one = parsed(call(Method::get, "/v1/settlements?operator=bakcell", "", "digital-agency"));
  ASSERT_EQ(one.at("sums").as_array().size(), 1u);
  EXPECT_EQ(one.at("owed").at(0).at("owed_qepik"), 30);
}

TEST_F(SettlementRoutes, AnswerForDaysAndByDay) {
  ASSERT_EQ(send(batch(1, 3600)).status, 200);
  const auto none = parsed(call(Method::get, "/v1/settlements?from=2026-11-22&until=2026-12-01"));
  EXPECT_TRUE(none.at("sums").as_array().empty());
  const auto days = parsed(call(Method::get, "/v1/settlements?from=2026-11-21&until=2026-11-22&by=day"));
  EXPECT_EQ(days.at("sums").at(0).at("day"), "2026-11-21");
  for (const char* wrong : {"from=yesterday", "until=2026-13-01", "by=year", "by=day"}) {
    EXPECT_EQ(call(Method::get, std::string("/v1/settlements?") + wrong).status, 400) << wrong;
  }
  EXPECT_EQ(call(Method::get, "/v1/settlements?operator=nobody", "", "digital-agency").status, 400);
}

TEST_F(SettlementRoutes, ReconcileAnOperatorsRecords) {
  ASSERT_EQ(send(batch(1, 3600)).status, 200);
  const std::string csv = "day,measure,benefit,traffic_class,units\n2026-11-21,1,voice,,3000\n";
  const auto report = call(Method::post, "/v1/settlements/reconcile", csv);
  ASSERT_EQ(report.status, 200) << report.body;
  EXPECT_EQ(parsed(report).at("differences").at(0).at("more_there"), -600);
  const auto official =
      call(Method::post, "/v1/settlements/reconcile?operator=azercell", csv, "digital-agency");
  ASSERT_EQ(official.status, 200) << official.body;
  EXPECT_EQ(parsed(official).at("differences").at(0).at("measure"),
            "special-quarantine/health-workers-calls");
  EXPECT_EQ(code_of(call(Method::post, "/v1/settlements/reconcile", csv, "digital-agency")),
            "settlement.which");
  const auto bad = call(Method::post, "/v1/settlements/reconcile", csv + "2026-11-21,1,voice,,x\n");
  EXPECT_EQ(bad.status, 422);
  EXPECT_EQ(parsed(bad).at("errors").at(0).at("line"), 3);
}

}  // namespace
}  // namespace dayaq::settlement
