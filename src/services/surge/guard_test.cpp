// The gate in a real server: pages behind it, others beside it.
#include "services/surge/guard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "http/client.hpp"
#include "http/server.hpp"
#include "services/surge/door.hpp"
#include "services/surge/surge_test_support.hpp"

namespace dayaq::services::surge {
namespace {

using namespace std::chrono_literals;
using http::Client;
using http::Request;
using http::Response;
using testing::HasSubstr;

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

double ms_since(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
}
double median(std::vector<double> took) {
  if (took.empty()) return 0;
  std::ranges::nth_element(took, took.begin() + std::ptrdiff_t(took.size() / 2));
  return took[took.size() / 2];
}

/// The gate as the server asks it, at a time that the test sets.
struct GateAlone : testing::Test {
  FixedClock clock{from_micros(1'800'000'000'000'000)};
  Options options{.rate_max = 10, .rate_min = 5};
  Admission admission{key(), options}, others{key(), {.lane = 1}};
  Guard guard{admission, clock, "place", false}, others_guard{others, clock, "other", false};
  Door door{guard, others_guard, Door::Of::sign_in};

  struct Visitor {
    std::uint64_t person = 0;
    std::string cookie;
  };
  /// Asks once. `work` is what the server does with whoever the gate lets in.
  bool comes(Visitor& visitor, const std::function<void(Request&)>& work) {
    Request request;
    request.path = "/apply";
    if (!visitor.cookie.empty()) request.headers.emplace_back("cookie", visitor.cookie);
    const bool in = !guard.refuse(request);
    if (in) work(request);
    if (!request.gate_cookie.empty())
      visitor.cookie = request.gate_cookie.substr(0, request.gate_cookie.find(';'));
    return in;
  }
  /// In twenty seconds, of two hundred who press again and again.
  int let_in(const std::function<void(Visitor&, Request&)>& work) {
    std::vector<Visitor> visitors(200);
    for (std::size_t i = 0; i < visitors.size(); ++i) visitors[i].person = 100 + i;
    std::vector<bool> in(visitors.size());
    for (int tenth = 0; tenth < 200; ++tenth) {
      for (std::size_t i = 0; i < visitors.size(); ++i) {
        if (!in[i]) in[i] = comes(visitors[i], [&](Request& request) { work(visitors[i], request); });
      }
      clock.set(clock.now() + 100ms);
    }
    return int(std::ranges::count(in, true));
  }
};

TEST_F(GateAlone, LetsInAsFastAsAnswersAreGiven) {
  EXPECT_GT(let_in([&](Visitor&, Request&) { guard.answered(200, 1ms); }), 150);
}

// The server asks about them twice: before and after it is known who they are.
TEST_F(GateAlone, CountsWhoOnlyTheDatabaseKnowsOnce) {
  EXPECT_GT(let_in([&](Visitor& visitor, Request& request) {
              request.principal.person = PersonId(visitor.person);
              EXPECT_FALSE(guard.refuse(request));
              guard.answered(200, 1ms);
            }),
            150);
}

TEST_F(GateAlone, WhoeverIsTurnedAwayByTheSecondLookIsNotWaitedFor) {
  Visitor first{.person = 7, .cookie = {}};
  ASSERT_TRUE(comes(first, [&](Request& request) {
    request.principal.person = PersonId(first.person);
    EXPECT_FALSE(guard.refuse(request));
    guard.answered(200, 1ms);
  }));
  EXPECT_GT(let_in([&](Visitor&, Request&) {
              guard.answered(200, 1ms);
              Visitor thief{.person = 0, .cookie = first.cookie};
              EXPECT_TRUE(comes(thief, [&](Request& copied) {
                copied.principal.person = PersonId(8);
                EXPECT_TRUE(guard.refuse(copied));  // answered by the worker, which tells the gate nothing
              }));
            }),
            150);
}

TEST_F(GateAlone, WhoIsSentToSignInIsNotWaitedForThoughAWindowEndsMeanwhile) {
  EXPECT_GT(let_in([&](Visitor& visitor, Request&) {
              if (visitor.person % 2 == 0) return guard.answered(200, 1ms);
              clock.set(clock.now() + 300ms);
              guard.answered(303, 0ms);
            }),
            150);
}

TEST_F(GateAlone, ALookAtAPlaceOrAtTheOtherDoorsPassIsNoRequest) {
  const std::string pass = [&] {
    Request request;
    EXPECT_FALSE(others_guard.refuse(request));
    others_guard.answered(200, 1ms);
    return request.gate_cookie.substr(0, request.gate_cookie.find(';'));
  }();
  for (int i = 0; i < 1000; ++i) {
    Request request;
    request.headers.emplace_back("cookie", pass);
    EXPECT_FALSE(door.refuse(request));
    EXPECT_FALSE(door.refuse(request));
    guard.answered(200, 1ms);
  }
  EXPECT_GT(let_in([&](Visitor&, Request&) { guard.answered(200, 1ms); }), 150);
  int in = 0;
  for (int tenth = 0; tenth < 50; ++tenth) {
    Request request;
    if (!others_guard.refuse(request)) ++in, others_guard.answered(200, 1ms);
    clock.set(clock.now() + 100ms);
  }
  EXPECT_EQ(in, 50);
}

// Pass holders flood the submission; what doesn't yield (SMS, signing in, what is under way) keeps workers.
TEST_F(Gate, WhatDoesNotYieldKeepsItsShareOfWorkersInAFlood) {
  const auto pass = cookie_of(*client().get("/apply"), false);
  std::atomic<bool> stop = false;
  std::atomic<int> served = 0;
  std::mutex mutex;
  std::vector<double> flood_took;  // guarded by mutex
  std::vector<std::thread> flood;
  for (int i = 0; i < 48; ++i) {
    flood.emplace_back([&] {
      Client http = client();
      while (!stop) {
        const auto begun = std::chrono::steady_clock::now();
        const auto answer = http.post("/apply", "a=b", pass);
        if (!answer || answer->status != 200) continue;
        ++served;
        const std::lock_guard lock(mutex);
        flood_took.push_back(ms_since(begun));
      }
    });
  }
  std::this_thread::sleep_for(200ms);
  std::vector<double> took;
  Client http = client();
  for (int i = 0; i < 200; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    const auto answer = http.get("/cheap");
    took.push_back(ms_since(begun));
    ASSERT_TRUE(answer && answer->status == 200);
  }
  stop = true;
  for (std::thread& thread : flood) thread.join();
  EXPECT_GT(served, 100);
  EXPECT_EQ(served, submitted);
  EXPECT_LT(median(took), median(flood_took));  // it doesn't stand behind them
}

}  // namespace
}  // namespace dayaq::services::surge
