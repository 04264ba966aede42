#include "edge/web/decision_api.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <deque>

#include "edge/web/access.hpp"
#include "edge/web/service_name.hpp"
#include "http/local_call.hpp"

namespace dayaq::edge::web {
namespace {

using http::Method;
using testing::HasSubstr;

class FakeJournal final : public Journal {
 public:
  std::uint64_t append(const Record&) override { return ++appended; }
  std::uint64_t append_all(std::span<const Record> records) override { return appended += records.size(); }
  [[nodiscard]] std::uint64_t last() const override { return appended; }
  [[nodiscard]] std::uint64_t durable() const noexcept override { return on_disk; }
  void add_waker(std::function<void()>) override {}
  [[nodiscard]] Health health() const noexcept override { return state; }
  Result<void> read(std::uint64_t, const std::function<bool(std::uint64_t, const Record&)>&) const override {
    return {};
  }
  [[nodiscard]] std::uint64_t first_kept() const override { return 1; }
  void drop_through(std::uint64_t) override {}

  std::uint64_t appended = 0, on_disk = 0;
  Health state = Health::ok;
};

/// Grants everything to subscribers with an even key, and remembers what it was asked.
class FakeEngine final : public Engine {
 public:
  explicit FakeEngine(FakeJournal& journal) : journal_(journal) {}
  std::mutex& mutex() override { return mutex_; }
  Verdict decide(const Ask& ask, Instant) override {
    asked.push_back(ask);
    return {.outcome = Outcome::granted,
            .slice = ask.requested == 0 ? 600 : ask.requested,
            .validity = std::chrono::seconds(1800),
            .measure = 7,
            .sequence = journal_.append({})};
  }
  Verdict look(SubscriptionKey key, LineKind, ServiceIndex, Instant) override {
    looked.push_back(key);
    return {.outcome = Outcome::not_covered};
  }
  bool defers(SubscriptionKey, LineKind, Instant) override { return false; }
  [[nodiscard]] std::optional<LeaseView> lease(const LeaseId&) const override { return {}; }
  void apply_sibling(std::uint64_t, const Record&, Instant) override {}
  void sibling_heard(std::uint8_t, Instant) override {}
  void sibling_stands(std::uint8_t, std::uint64_t, std::uint64_t) override {}
  [[nodiscard]] std::uint64_t sibling_sequence(std::uint8_t) const override { return 0; }
  void tick(Instant) override {}
  void settled_through(std::uint64_t) override {}
  [[nodiscard]] Counts counts() const override { return {}; }

  std::vector<Ask> asked;
  std::vector<SubscriptionKey> looked;

 private:
  FakeJournal& journal_;
  std::mutex mutex_;
};

struct DecisionApiTest : testing::Test {
  DecisionApiTest() {
    voice = *services.add({.kind = feed::Benefit::voice, .traffic_class = {}});
    learning = *services.add({.kind = feed::Benefit::data, .traffic_class = "education"});
    add_decision_routes(router, api);
  }
  http::Response post(std::string_view path, std::string_view body,
                      std::string_view token = "a-good-token-0001") {
    journal.on_disk = 1'000'000;  // what waits is tested apart
    return http::call(router, &access, Method::post, path, body, "application/json", token);
  }
  FakeJournal journal;
  FakeEngine engine{journal};
  DurableAnswers answers{journal, WhenDiskFull::refuse};
  ServiceTable services;
  ServiceIndex voice = 0, learning = 0;
  FixedClock clock{from_micros(1'800'000'000'000'000)};
  SipKey key{.k0 = 1, .k1 = 2};
  Access access{"azercell", {"a-good-token-0001", "another-token-0002"}};
  http::Router router;
  std::shared_ptr<DecisionApi> api = std::make_shared<DecisionApi>(engine, answers, services, key, clock);
};

TEST_F(DecisionApiTest, ALookNamesTheSubscriptionByItsPseudonym) {
  const auto answer = post("/v1/decide", R"({"subscription":"mobile:+994501234567","service":"voice"})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body, R"({"outcome":"not_covered","measure":0,"unlimited":false})");
  EXPECT_THAT(engine.looked, testing::ElementsAre(feed::pseudonym(key, "mobile", "994501234567")));
}

TEST_F(DecisionApiTest, ALeaseGoesThroughItsPhases) {
  post("/v1/leases/reserve",
       R"({"lease":"call-1","subscription":"mobile:1","service":"voice","requested":60})");
  post("/v1/leases/commit", R"({"lease":"call-1","number":1,"subscription":"mobile:1","service":"voice",
                               "used":55,"more":false})");
  const auto last =
      post("/v1/leases/release",
           R"({"lease":"call-1","number":2,"subscription":"mobile:1","service":"voice","used":5})");
  post("/v1/usage", R"({"lease":"sms-1","subscription":"fixed:1","service":"data:education","used":1})");
  EXPECT_THAT(last.body, HasSubstr(R"("lease":"call-1","number":2,"outcome":"granted")"));
  ASSERT_EQ(engine.asked.size(), 4u);
  EXPECT_EQ(engine.asked[0].phase, Phase::start);
  EXPECT_EQ(engine.asked[0].requested, 60u);
  EXPECT_EQ(engine.asked[1].phase, Phase::update);
  EXPECT_FALSE(engine.asked[1].wants_slice);
  EXPECT_EQ(engine.asked[1].used, 55u);
  EXPECT_EQ(engine.asked[2].phase, Phase::stop);
  EXPECT_EQ(engine.asked[3].phase, Phase::event);
  EXPECT_EQ(engine.asked[3].line, LineKind::fixed);
  EXPECT_EQ(engine.asked[3].service, learning);
  EXPECT_EQ(engine.asked[0].lease, engine.asked[2].lease);
  EXPECT_EQ(engine.asked[0].lease, lease_id("http", "call-1"));
}

TEST_F(DecisionApiTest, AListIsAnsweredInItsOrder) {
  const auto answer = post("/v1/leases/reserve", R"([
    {"lease":"a","subscription":"mobile:1","service":"voice","requested":1},
    {"lease":"b","subscription":"mobile:2","service":"voice","requested":2}])");
  const auto list = boost::json::parse(answer.body).as_array();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].at("slice").as_int64(), 1);
  EXPECT_EQ(list[1].at("lease").as_string(), "b");
  EXPECT_EQ(post("/v1/decide", "[]").body, "[]");
}

TEST_F(DecisionApiTest, AFaultNamesItsFieldAndNothingIsDecided) {
  struct Case {
    std::string_view body, code, field;
  };
  for (const Case& one : {
           Case{"{", "json.syntax", ""},
           Case{"7", "json.type", ""},
           Case{R"({"service":"voice"})", "json.missing", "subscription"},
           Case{R"({"subscription":"voice","service":"voice"})", "edge.subscription", "subscription"},
           Case{R"({"subscription":"mobile:1","service":"data"})", "edge.service", "service"},
           Case{R"({"subscription":"mobile:1","service":"data:games"})", "edge.service_unknown", "service"},
           Case{R"({"subscription":"mobile:1","service":"voice","lease":""})", "edge.lease", "lease"},
           Case{R"({"subscription":"mobile:1","service":"voice","lease":"a","used":-1})", "json.type",
                "used"},
           Case{R"({"subscription":"mobile:1","service":"voice","lease":"a","used":1.5})", "json.type",
                "used"},
           Case{R"({"subscription":"mobile:1","service":"voice","lease":"a","number":4294967296})",
                "json.type", "number"},
           Case{R"({"subscription":"mobile:1","service":"voice","lease":"a","usde":1})", "json.unknown",
                "usde"},
           Case{R"([{"subscription":"mobile:1","service":"voice","lease":"a"},{"lease":"b"}])",
                "json.missing", "[1].subscription"},
       }) {
    const auto answer = post("/v1/leases/commit", one.body);
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.content_type, "application/problem+json");
    const auto problem = boost::json::parse(answer.body).as_object();
    EXPECT_EQ(problem.at("code").as_string(), one.code) << one.body;
    if (!one.field.empty()) {
      EXPECT_EQ(problem.at("field").as_string(), one.field);
    }
  }
  std::string many = "[";
  for (int i = 0; i <= 1000; ++i) {
    many += R"({"lease":"a","subscription":"mobile:1","service":"voice"},)";
  }
  many.back() = ']';
  EXPECT_THAT(post("/v1/leases/reserve", many).body, HasSubstr("edge.bulk"));
  EXPECT_TRUE(engine.asked.empty());
}

TEST_F(DecisionApiTest, AStrangerIsRefused) {
  const std::string_view body = R"({"subscription":"mobile:1","service":"voice"})";
  EXPECT_EQ(post("/v1/decide", body, "").status, 401);
  EXPECT_EQ(post("/v1/decide", body, "a-good-token-0002").status, 401);
  EXPECT_EQ(post("/v1/decide", body, "another-token-0002").status, 200);
  access.replace({"a-third-token-000003"});
  EXPECT_EQ(post("/v1/decide", body, "another-token-0002").status, 401);
}

TEST_F(DecisionApiTest, TheDocumentNamesAllRoutesAndItsSchemasAreThere) {
  const auto document = boost::json::parse(router.openapi("Dayaq edge", "0")).as_object();
  const auto& paths = document.at("paths").as_object();
  for (const auto* path :
       {"/v1/decide", "/v1/leases/reserve", "/v1/leases/commit", "/v1/leases/release", "/v1/usage"}) {
    EXPECT_TRUE(paths.contains(path));
  }
}

struct DurableAnswersTest : testing::Test {
  http::Responder into(int& status) {
    return http::Responder([&status](const http::Response& response) { status = response.status; });
  }
  FakeJournal journal;
};

TEST_F(DurableAnswersTest, AnAnswerWaitsForItsRecordAndNoOther) {
  DurableAnswers answers(journal, WhenDiskFull::refuse);
  int first = 0, second = 0, at_once = 0;
  answers.send(1, into(first), http::Response::json("{}"));
  answers.send(2, into(second), http::Response::json("{}"));
  answers.send(0, into(at_once), http::Response::json("{}"));
  EXPECT_EQ(at_once, 200);
  EXPECT_EQ(first, 0);
  journal.on_disk = 1;
  answers.wake();
  EXPECT_EQ(first, 200);
  EXPECT_EQ(second, 0);
  EXPECT_EQ(answers.waiting(), 1u);
  journal.on_disk = 2;
  answers.wake();
  EXPECT_EQ(second, 200);
}

TEST_F(DurableAnswersTest, AFullDiskIsAnsweredAsTheOperatorChose) {
  for (const auto& [policy, status] :
       {std::pair(WhenDiskFull::refuse, 503), std::pair(WhenDiskFull::grant, 200)}) {
    journal.state = Journal::Health::ok;
    DurableAnswers answers(journal, policy);
    int before = 0, after = 0;
    answers.send(9, into(before), http::Response::json("{}"));
    journal.state = Journal::Health::full;
    answers.wake();
    EXPECT_EQ(before, status);
    answers.send(10, into(after), http::Response::json("{}"));
    EXPECT_EQ(after, status);
  }
}

TEST(ServiceName, SaysAndReadsServicesAndLines) {
  EXPECT_EQ(service_name(*parse_service("data:education")), "data:education");
  EXPECT_EQ(service_name(*parse_service("voice")), "voice");
  for (const auto* bad : {"", "voice:all", "data", "data:", "deferral", "tv", "Voice"}) {
    EXPECT_FALSE(parse_service(bad)) << bad;
  }
  EXPECT_EQ(parse_line("mobile:+99450")->number, "99450");
  EXPECT_EQ(parse_line("tv:box 7")->kind, LineKind::tv);
  for (const auto* bad : {"", "mobile", "mobile:", "phone:1", "mobile:+"})
    EXPECT_FALSE(parse_line(bad)) << bad;
}

}  // namespace
}  // namespace dayaq::edge::web
