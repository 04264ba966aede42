#include "edge/tv/authorizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/tv/routes.hpp"
#include "http/local_call.hpp"

namespace dayaq::edge::tv {
namespace {

using namespace std::chrono_literals;
using What = Authorizer::Answer::What;

/// Grants the packages of `granted` and adds up what is reported, counting each (lease, number) once.
class FakeEngine final : public Engine {
 public:
  std::mutex& mutex() override { return mutex_; }
  Verdict decide(const Ask& ask, Instant now) override {
    if (!numbers.emplace(ask.lease, ask.number).second)
      return {.outcome = Outcome::granted, .repeated = true};
    used += ask.used;
    phases.push_back(ask.phase);
    return ask.phase == Phase::stop ? Verdict{.outcome = Outcome::granted}
                                    : look(ask.key, ask.line, ask.service, now);
  }
  Verdict look(SubscriptionKey key, LineKind, ServiceIndex, Instant) override {
    ++looks;
    if (!granted.contains(key)) return {.outcome = Outcome::not_covered};
    return {.outcome = Outcome::granted, .measure = 5};
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

  std::set<SubscriptionKey> granted;
  std::set<std::pair<LeaseId, std::uint32_t>> numbers;
  std::vector<Phase> phases;
  std::uint64_t used = 0;
  int looks = 0;

 private:
  std::mutex mutex_;
};

struct AuthorizerTest : testing::Test {
  AuthorizerTest() {
    options.channels = {{.name = "all", .prefix = "/hls/", .service = 1},
                        {.name = "news", .prefix = "/hls/news/", .service = 0}};
    options.feed_key = {.k0 = 3, .k1 = 4};
    options.token_key = *from_hex("00112233445566778899aabbccddeeff");
    engine.granted = {feed::pseudonym(options.feed_key, "tv", "good")};
  }
  /// A line that watches: a piece every 4 seconds.
  void watch(Authorizer& authorizer, std::chrono::seconds length, std::string_view line = "good") {
    for (const Instant end = now + length; now < end; now += 4s) {
      EXPECT_EQ(authorizer.on_request("/hls/news/1.ts", line, now).what, What::allowed);
      authorizer.tick(now);
    }
  }
  void quiet(Authorizer& authorizer, std::chrono::seconds length) {
    for (const Instant end = now + length; now < end; now += 1s) authorizer.tick(now);
  }
  Options options;
  FakeEngine engine;
  Instant now = Instant(1'800'000'000s);
};

TEST_F(AuthorizerTest, AGrantOpensItsChannelAndNobodyElseGetsIn) {
  Authorizer authorizer(options, engine);
  const auto answer = authorizer.on_request("/hls/news/index.m3u8?x=1", "good", now);
  EXPECT_EQ(answer.what, What::allowed);
  EXPECT_EQ(answer.channel, "news");
  EXPECT_EQ(answer.measure, 5u);
  EXPECT_EQ(answer.cache, 10s);
  EXPECT_EQ(authorizer.on_request("/hls/news/index.m3u8", "other", now).what, What::denied);
  EXPECT_EQ(authorizer.on_request("/hls/news/index.m3u8", "", now).what, What::nobody);
  EXPECT_EQ(authorizer.on_request("/vod/1.ts", "good", now).what, What::elsewhere);
  EXPECT_EQ(authorizer.on_request("/hls/news/../../vod/1.ts", "good", now).what, What::elsewhere);
  EXPECT_EQ(authorizer.on_request("/hls/other/../news/1.ts", "good", now).channel, "news");
}

TEST_F(AuthorizerTest, AnAnswerHoldsForAWhileAndNoLonger) {
  Authorizer authorizer(options, engine);
  for (int i = 0; i < 100; ++i) (void)authorizer.on_request("/hls/news/1.ts", "good", now);
  EXPECT_EQ(engine.looks, 1);
  engine.granted.clear();
  now += 8s;
  EXPECT_EQ(authorizer.on_request("/hls/news/1.ts", "good", now).what, What::allowed);
  now += 2s;
  EXPECT_EQ(authorizer.on_request("/hls/news/1.ts", "good", now).what, What::denied);
  engine.granted = {feed::pseudonym(options.feed_key, "tv", "good")};
  authorizer.forget_answers();  // the feed said something
  EXPECT_EQ(authorizer.on_request("/hls/news/1.ts", "good", now).what, What::allowed);
}

TEST_F(AuthorizerTest, WhoeverKeepsAnswersIsToldALongOneAgain) {
  Authorizer authorizer(options, engine);
  (void)authorizer.on_request("/hls/news/1.ts", "good", now);
  now += 9300ms;  // a second of nginx's clock is not one of ours
  EXPECT_EQ(authorizer.on_request("/hls/news/1.ts", "good", now).cache, 10s);
}

TEST_F(AuthorizerTest, ViewingIsCountedByTheSecondAndEndsWithTheLastPiece) {
  Authorizer authorizer(options, engine);
  watch(authorizer, 600s);  // the last piece is 596 s after the first
  quiet(authorizer, 120s);
  EXPECT_EQ(engine.used, 596u);
  EXPECT_EQ(engine.phases.front(), Phase::start);
  EXPECT_EQ(engine.phases.back(), Phase::stop);
  EXPECT_LE(engine.phases.size(), 24u) << "a report a heartbeat, not a piece";
  EXPECT_EQ(authorizer.counts().viewers, 0u);
}

TEST_F(AuthorizerTest, APauseIsNotCounted) {
  Authorizer authorizer(options, engine);
  watch(authorizer, 100s);
  now += 3600s;  // no tick either: the edge was busy elsewhere
  watch(authorizer, 100s);
  quiet(authorizer, 120s);
  EXPECT_EQ(engine.used, 192u);
}

TEST_F(AuthorizerTest, WhoeverOnlyTriesAnAddressIsNoViewer) {
  Authorizer authorizer(options, engine);
  (void)authorizer.on_request("/hls/news/index.m3u8", "good", now);
  quiet(authorizer, 120s);
  EXPECT_TRUE(engine.phases.empty());
}

TEST_F(AuthorizerTest, TwoEdgesBehindOneNginxCountAViewerOnce) {
  Authorizer one(options, engine), two(options, engine);  // one engine stands for edges that have met
  for (const Instant end = now + 600s; now < end; now += 4s) {
    (void)one.on_request("/hls/news/1.ts", "good", now);
    (void)two.on_request("/hls/news/2.ts", "good", now + 1s);
    one.tick(now);
    two.tick(now);
  }
  for (int i = 0; i < 120; ++i, now += 1s) {
    one.tick(now);
    two.tick(now);
  }
  EXPECT_NEAR(double(engine.used), 596.0, 60.0);
}

TEST_F(AuthorizerTest, AClockThatIsSetBackCountsNothingTwice) {
  Authorizer authorizer(options, engine);
  watch(authorizer, 100s);
  now -= 3600s;
  watch(authorizer, 100s);
  quiet(authorizer, 120s);
  EXPECT_LE(engine.used, 200u);
  EXPECT_GE(engine.used, 150u);
}

TEST_F(AuthorizerTest, AStopReportsWhatIsOpen) {
  Authorizer authorizer(options, engine);
  watch(authorizer, 100s);
  authorizer.finish(now);
  EXPECT_EQ(engine.used, 96u);
}

TEST_F(AuthorizerTest, FullTablesJudgeWithoutCounting) {
  options.viewers_max = 16;
  Authorizer authorizer(options, engine);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(authorizer.on_request("/hls/news/1.ts", std::to_string(i), now).what, What::denied);
  }
  EXPECT_EQ(authorizer.on_request("/hls/news/1.ts", "good", now).what, What::allowed);
  EXPECT_LE(authorizer.counts().viewers, 16u);
}

TEST_F(AuthorizerTest, ATokenStandsForTheLine) {
  Authorizer authorizer(options, engine);
  const auto permit = authorizer.permit("news", "good", now);
  ASSERT_TRUE(permit);
  EXPECT_EQ(permit->prefix, "/hls/news/");
  const std::string address = "/hls/news/1.ts?hdnts=" + permit->token;
  EXPECT_EQ(authorizer.on_request(address, "", now).what, What::allowed);
  EXPECT_EQ(authorizer.on_request("/hls/film/1.ts?hdnts=" + permit->token, "", now).what, What::nobody);
  EXPECT_EQ(authorizer.on_request(address, "", now + 301s).what, What::nobody);
  EXPECT_EQ(authorizer.permit("news", "other", now).error().code, "tv.not_covered");
  EXPECT_EQ(authorizer.permit("none", "good", now).error().code, "tv.channel");
  engine.granted.clear();  // what a token opened is judged again
  EXPECT_EQ(authorizer.on_request(address, "", now + 20s).what, What::denied);
}

TEST_F(AuthorizerTest, TheRoutesSayItInNginxsWords) {
  struct Anybody final : http::Authenticator {
    [[nodiscard]] Result<http::Principal> authenticate(const http::Credentials&) const override {
      return http::Principal{.organisation = OrganisationCode("tv"), .key = 1, .scopes = ~0u};
    }
  } anybody;
  FixedClock clock(now);
  http::Router router;
  options.secure_link_secret = "open sesame";
  add_routes(router, std::make_shared<Authorizer>(options, engine), clock);
  const auto ask = http::call(router, &anybody, http::Method::get, "/tv/authorize", "", "", "x");
  EXPECT_EQ(ask.status, 403);  // no address: no channel
  const auto made = http::call(router, &anybody, http::Method::post, "/v1/tv/tokens",
                               R"({"line":"good","channel":"news"})", "application/json", "x");
  EXPECT_EQ(made.status, 200);
  EXPECT_THAT(made.body, testing::HasSubstr(R"("secure_link":"md5=)"));
  EXPECT_EQ(http::call(router, &anybody, http::Method::post, "/v1/tv/tokens", R"({"line":"good"})",
                       "application/json", "x")
                .status,
            400);
  EXPECT_EQ(
      http::call(router, &anybody, http::Method::post, "/v1/tv/tokens", "[", "application/json", "x").status,
      400);
  EXPECT_EQ(http::call(router, nullptr, http::Method::get, "/tv/authorize", "", "", "").status, 401);
}

}  // namespace
}  // namespace dayaq::edge::tv
