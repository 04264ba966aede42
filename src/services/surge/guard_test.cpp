// The gate in a real server: pages behind it, others beside it.
#include "services/surge/guard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "http/client.hpp"
#include "http/server.hpp"

namespace dayaq::services::surge {
namespace {

using namespace std::chrono_literals;
using http::Client;
using http::Request;
using http::Response;
using testing::HasSubstr;

crypto::SecretBytes key() {
  Bytes bytes(32, std::byte('g'));
  return crypto::SecretBytes::take(bytes);
}

struct Gate : testing::Test {
  SystemClock clock;
  Options options{.rate_max = 40, .rate_min = 5};
  Admission admission{key(), options};
  Guard guard{admission, clock, "place", false};
  http::Router router;
  http::ServerOptions server_options;
  std::unique_ptr<http::Server> server;
  std::atomic<int> submitted = 0;

  void SetUp() override {
    server_options.port = 0;
    server_options.workers = 4;
    const WaitingPage page("<p>@ahead@ before you, @wait@.</p>",
                           {"soon", {"0 min", "1 min", "2 min"}, {"0 h", "1 h"}});
    guard.set_pages({page, page, page});
    router.add(guard.guarded(
                   {.method = http::Method::post, .pattern = "/apply", .open = "test", .operation = "apply"}),
               [this](const Request&) {
                 std::this_thread::sleep_for(2ms);
                 ++submitted;
                 return Response::text("receipt");
               });
    router.add(guard.guarded({.pattern = "/apply", .open = "test", .operation = "form"}),
               [](const Request&) { return Response::text("form"); });
    router.add({.pattern = "/cheap", .open = "test", .operation = "cheap"},
               [](const Request&) { return Response::text("cheap"); });
    guard.add_routes(router);
    auto started = http::Server::start(server_options, router, nullptr);
    ASSERT_TRUE(started) << started.error().public_text;
    server = std::move(*started);
  }

  Client client() { return *Client::create("http://127.0.0.1:" + std::to_string(server->port())); }
  /// The value of a Set-Cookie header, as a Cookie header.
  static Client::Headers cookie_of(const http::ClientResponse& answer, bool html = true) {
    const std::string_view set = answer.header("set-cookie");
    Client::Headers out{{"Cookie", std::string(set.substr(0, set.find(';')))}};
    if (html) out.emplace_back("Accept", "text/html");
    return out;
  }
  /// Visitors without a cookie, until one has to wait.
  http::ClientResponse first_who_waits() {
    Client http = client();
    for (int i = 0; i < 1000; ++i) {
      auto answer = http.get("/apply?lang=en&x=1", {{"Accept", "text/html"}});
      EXPECT_TRUE(answer);
      if (!answer || answer->status != 200) return answer ? *answer : http::ClientResponse{};
    }
    ADD_FAILURE() << "nobody had to wait";
    return {};
  }
};

TEST_F(Gate, ShowsAWaitingPageThatComesBackByItselfAndKeepsThePlace) {
  const auto waits = first_who_waits();
  EXPECT_EQ(waits.status, 503);
  EXPECT_THAT(waits.body, HasSubstr("before you, soon."));
  EXPECT_THAT(std::string(waits.header("refresh")), HasSubstr("; url=/apply?lang=en&x=1"));
  EXPECT_GE(std::stoi(std::string(waits.header("retry-after"))), 4);
  EXPECT_EQ(waits.header("cache-control"), "no-store");
  const auto cookie = cookie_of(waits);
  Client http = client();
  const auto place = http.get("/surge/place", cookie);
  EXPECT_THAT(place->body, HasSubstr("\"seconds\":"));
  EXPECT_EQ(http.get("/surge/place")->status, 404);
  EXPECT_EQ(http.get("/cheap")->status, 200);  // cheap pages are for everybody
  for (int i = 0; i < 300 && http.get("/apply", cookie)->status == 503; ++i)
    std::this_thread::sleep_for(10ms);
  const auto in = http.get("/apply", cookie);
  EXPECT_EQ(in->status, 200);
  const auto pass = cookie_of(*in);
  EXPECT_NE(pass[0].second, cookie[0].second);
  const auto again = http.request(http::Method::post, "/apply", "a=b", pass);
  EXPECT_EQ(again->body, "receipt");
  EXPECT_EQ(again->header("set-cookie"), "");
}

TEST_F(Gate, AnswersProgramsWithProblemDetails) {
  first_who_waits();
  const auto refused = client().post("/apply", "{}");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
  EXPECT_THAT(refused->body, HasSubstr("\"surge.wait\""));
  EXPECT_FALSE(refused->header("retry-after").empty());
  EXPECT_EQ(submitted, 0);
}

TEST_F(Gate, HoldsWhoAsksAgainBeforeTheirTimeUntilTheirNumberComesUp) {
  const auto cookie = cookie_of(first_who_waits());
  Client http = client();
  const auto begun = std::chrono::steady_clock::now();
  int asks = 1;
  for (; http.get("/apply", cookie)->status == 503; ++asks) ASSERT_LT(asks, 100);
  // The place was near: a few asks, each of which took its time, instead of thousands.
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 30s);
  EXPECT_LE(asks, 8);
}

TEST_F(Gate, WhoComesForTheFirstTimeIsAnsweredAtOnceThoughOthersOfTheConnectionAreTooEarly) {
  first_who_waits();
  for (int i = 0; i < 2000; ++i) (void)admission.enter({}, {}, clock.now());  // a place far off
  Client proxy = client();  // one connection for many visitors
  const auto one = proxy.get("/apply", {{"Accept", "text/html"}});
  ASSERT_EQ(one->status, 503);
  auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(proxy.get("/apply")->status, 503);
  EXPECT_EQ(proxy.get("/cheap", cookie_of(*one))->status, 200);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 2s);
  begun = std::chrono::steady_clock::now();
  EXPECT_EQ(proxy.get("/apply", cookie_of(*one))->status,
            503);  // too early: held for four seconds since then
  EXPECT_GT(std::chrono::steady_clock::now() - begun, 500ms);
}

double p99_ms(std::vector<double> took) {
  std::sort(took.begin(), took.end());
  return took.empty() ? 1e9 : took[took.size() * 99 / 100];
}

// Pass holders flood the submission; what doesn't yield (SMS, signing in, what is under way) keeps workers.
TEST_F(Gate, WhatDoesNotYieldKeepsItsShareOfWorkersInAFlood) {
  const auto pass = cookie_of(*client().get("/apply"), false);
  std::atomic<bool> stop = false;
  std::atomic<int> served = 0, turned_away = 0;
  std::vector<std::thread> flood;
  for (int i = 0; i < 48; ++i) {
    flood.emplace_back([&] {
      Client http = client();
      while (!stop) {
        const auto answer = http.post("/apply", "a=b", pass);
        ++(answer && answer->status == 200 ? served : turned_away);
      }
    });
  }
  std::this_thread::sleep_for(200ms);
  std::vector<double> took;
  Client http = client();
  for (int i = 0; i < 200; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    const auto answer = http.get("/cheap");
    took.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count());
    ASSERT_TRUE(answer && answer->status == 200);
  }
  stop = true;
  for (std::thread& thread : flood) thread.join();
  EXPECT_GT(served, 100);
  EXPECT_EQ(served, submitted);
  EXPECT_LT(p99_ms(took), 40) << "served " << served << ", turned away " << turned_away;
}

}  // namespace
}  // namespace dayaq::services::surge
