// What happens when more is asked than can be done, and when the server stops under load.
#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "base/waiting.hpp"
#include "http/test_support.ipp"
#include "http/worker_pool.hpp"

namespace dayaq::http {
namespace {

struct Overload : ServerFixture {};

struct Tally {
  std::mutex mutex;
  std::map<int, int> by_status;
  std::vector<double> admitted_ms;
  std::vector<double> refused_ms;
  int without_retry_after = 0;

  void add(const ClientResponse& answer, std::chrono::duration<double, std::milli> took) {
    const std::scoped_lock lock(mutex);
    ++by_status[answer.status];
    (answer.status == 200 ? admitted_ms : refused_ms).push_back(took.count());
    if (answer.status == 503 && answer.header("retry-after").empty()) ++without_retry_after;
  }
};

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0
                        : values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

TEST_F(Overload, RefusesEarlyWithRetryAfterWhileAdmittedRequestsKeepTheirLatency) {
  options.workers = 2;
  options.queue_max = 8;
  router.add({.pattern = "/work", .run = Run::worker, .operation = "work"}, [](const Request&) {
    std::this_thread::sleep_for(10ms);
    return Response::text("done");
  });
  start();
  Tally tally;
  std::vector<std::thread> callers;
  for (int i = 0; i < 64; ++i) {  // four times what two workers and a queue of eight hold
    callers.emplace_back([&] {
      Client http = client();
      const auto end = std::chrono::steady_clock::now() + 1500ms;
      while (std::chrono::steady_clock::now() < end) {
        const auto begun = std::chrono::steady_clock::now();
        const auto answer = http.get("/work");
        ASSERT_TRUE(answer) << answer.error().detail;
        tally.add(*answer, std::chrono::steady_clock::now() - begun);
        if (answer->status == 503) std::this_thread::sleep_for(5ms);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_GT(tally.by_status[200], 20);  // two workers, 10 ms each: 300 in 1.5 s, fewer on a busy machine
  EXPECT_GT(tally.by_status[503], tally.by_status[200]);
  EXPECT_EQ(tally.by_status.size(), 2u);
  EXPECT_EQ(tally.without_retry_after, 0);
  // (8 waiting + 1 running) / 2 workers * 10 ms = 45 ms; if all 64 waited it would be 320.
  EXPECT_LT(percentile(tally.admitted_ms, 0.5), 160);
  EXPECT_LT(percentile(tally.refused_ms, 0.5), percentile(tally.admitted_ms, 0.5));
}

TEST_F(Overload, RefusesNewWorkWhenTheOldestHasWaitedTooLong) {
  options.workers = 1;
  options.queue_max = 1000;
  options.queue_age_max = 100ms;
  std::atomic<bool> open = false;
  router.add({.pattern = "/stuck", .run = Run::worker, .operation = "stuck"}, [&](const Request&) {
    while (!open) std::this_thread::sleep_for(1ms);
    return Response::text("done");
  });
  start();
  RawConnection running = connect();
  running.send("GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(30ms);
  RawConnection waiting = connect();
  waiting.send("GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(200ms);
  const auto refused = client().get("/stuck");  // those before it are stuck still
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
  open = true;
  EXPECT_EQ(status_in(running.read_past("done")), 200);
  EXPECT_EQ(status_in(waiting.read_past("done")), 200);  // admitted work is done
}

TEST_F(Overload, DoesNotCountASlowUploadAsWaitingOrAsTheHandlersTime) {
  options.workers = 1;
  options.queue_age_max = 100ms;
  options.request_timeout = 300ms;
  std::atomic<bool> open = false;
  router.add({.method = Method::post, .pattern = "/stuck", .run = Run::worker, .operation = "stuck"},
             [&](const Request&) {
               while (!open) std::this_thread::sleep_for(1ms);
               return Response::text("done");
             });
  start();
  RawConnection slow = connect();
  slow.send("POST /stuck HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{");
  std::this_thread::sleep_for(400ms);
  RawConnection running = connect();
  running.send("POST /stuck HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
  std::this_thread::sleep_for(30ms);
  slow.send("}");
  std::this_thread::sleep_for(20ms);
  RawConnection next = connect();
  next.send("POST /stuck HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
  std::this_thread::sleep_for(20ms);
  open = true;
  for (RawConnection* one : {&slow, &running, &next}) EXPECT_EQ(status_in(one->read_past("done")), 200);
}

TEST_F(Overload, AnswersInlineRoutesWhileEveryWorkerIsBusy) {
  options.workers = 1;
  std::atomic<bool> open = false;
  router.add({.pattern = "/stuck", .run = Run::worker, .operation = "stuck"}, [&](const Request&) {
    while (!open) std::this_thread::sleep_for(1ms);
    return Response::text("done");
  });
  add_hello();
  start();
  RawConnection running = connect();
  running.send("GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(client().get("/hello")->status, 200);
  open = true;
  EXPECT_EQ(status_in(running.read_past("done")), 200);
}

struct OverloadOfWaiting : Overload {
  std::atomic<bool> open = false;
  std::atomic<int> inside = 0;

  /// "/commit" waits as for a commit; "/commit-yielding" too, and yields; "/work" uses its thread.
  void SetUp() override {
    options.workers = 1;
    options.queue_age_max = 60s;
    for (const bool yields : {false, true}) {
      Route route{
          .pattern = yields ? "/commit-yielding" : "/commit", .run = Run::worker, .operation = "commit"};
      route.yields = yields;
      router.add(route, [this](const Request&) {
        const Waiting others_may_work;
        return stay();
      });
    }
    router.add({.pattern = "/work", .run = Run::worker, .operation = "work"},
               [this](const Request&) { return stay(); });
    router.add({.pattern = "/quick", .run = Run::worker, .operation = "quick"},
               [](const Request&) { return Response::text("done"); });
    start();
  }
  Response stay() {
    ++inside;
    while (!open) std::this_thread::sleep_for(1ms);
    --inside;
    return Response::text("done");
  }
  std::vector<RawConnection> ask(std::string_view path, int count) {
    std::vector<RawConnection> out;
    for (int i = 0; i < count; ++i) {
      out.push_back(connect());
      out.back().send("GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    return out;
  }
  void wait_until_inside(int count) const {
    for (int i = 0; i < 3000 && inside != count; ++i) std::this_thread::sleep_for(10ms);
    ASSERT_EQ(inside, count);
  }
};

TEST_F(OverloadOfWaiting, OthersWorkWhileSomeWaitForACommit) {
  auto waiting = ask("/commit", 20);
  wait_until_inside(20);  // beside one worker and two that are kept from what yields
  EXPECT_EQ(status_in(exchange("GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")), 200);
  auto working = ask("/work", 6);
  wait_until_inside(23);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(inside, 23) << "three work at a time";
  open = true;
  for (auto* some : {&waiting, &working})
    for (RawConnection& one : *some) EXPECT_EQ(status_in(one.read_past("done")), 200);
}

TEST_F(OverloadOfWaiting, WhatYieldsLeavesThreadsToTheOthersThoughAllWait) {
  auto waiting = ask("/commit-yielding", 60);
  wait_until_inside(33);  // (1 worker + 2 reserved + 32 that may wait) - 2 reserved
  EXPECT_EQ(status_in(exchange("GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")), 200);
  open = true;
  for (RawConnection& one : waiting) EXPECT_EQ(status_in(one.read_past("done")), 200);
}

TEST_F(Overload, DoesNotStartWorkThatHasTimedOutInTheQueue) {
  options.workers = 1;
  options.request_timeout = 100ms;
  options.queue_age_max = 10s;
  std::atomic<int> runs = 0;
  std::atomic<bool> open = false;
  router.add({.pattern = "/stuck", .run = Run::worker, .operation = "stuck"}, [&](const Request&) {
    ++runs;
    while (!open) std::this_thread::sleep_for(1ms);
    return Response::text("done");
  });
  start();
  RawConnection first = connect();
  first.send("GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(status_in(exchange("GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n")), 503);
  open = true;
  server->stop();
  EXPECT_EQ(runs, 1);
}

TEST_F(Overload, StopsUnderLoadWithoutLosingAnAdmittedRequest) {
  options.workers = 4;
  options.io_threads = 2;
  options.shutdown_timeout = 5s;
  std::atomic<int> ran = 0;
  router.add({.method = Method::post, .pattern = "/work", .run = Run::worker, .operation = "work"},
             [&](const Request&) {
               std::this_thread::sleep_for(3ms);
               ++ran;
               return Response::text("done");
             });
  start();
  std::atomic<int> done = 0;
  std::atomic<int> stray = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 16; ++i) {
    callers.emplace_back([&] {
      Client http = client();
      while (true) {
        const auto answer = http.post("/work", "{}");
        if (!answer) return;  // closed or refused: not admitted
        if (answer->status == 200) ++done;
        if (answer->status != 200 && answer->status != 503) ++stray;
      }
    });
  }
  std::this_thread::sleep_for(300ms);
  server->stop();
  for (std::thread& caller : callers) caller.join();
  EXPECT_GT(done, 50);
  EXPECT_EQ(done, ran);  // whatever ran was answered
  EXPECT_EQ(stray, 0);
}

/// Refuses; from the second ask of a connection on it first holds. Lets in once `open`.
struct HoldingGate final : Gate {
  std::atomic<bool> open = false, up = false;
  std::atomic<std::chrono::steady_clock::time_point> until;
  std::atomic<int> asked = 0, answers = 0;
  std::chrono::milliseconds hold{200};

  std::optional<Response> refuse(Request& request) override {
    ++asked;
    if (open) return std::nullopt;
    if (request.gate_number == 1 && request.gate_held.count() == 0) {
      request.gate_hold = hold;
      until = std::chrono::steady_clock::now() + hold;
    }
    request.gate_number = 1;
    return problem(503, "test.wait", "Wait", "Come again.");
  }
  [[nodiscard]] std::chrono::milliseconds hold_on(const Request&) override {
    const auto left = until.load() - std::chrono::steady_clock::now();
    return up ? 0ms : std::max(0ms, std::chrono::ceil<std::chrono::milliseconds>(left));
  }
  void answered(int, std::chrono::microseconds) noexcept override { ++answers; }
};

struct Held : ServerFixture {
  HoldingGate gate;
  std::atomic<int> applied = 0;
  static constexpr std::string_view ask = "POST /apply HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\na=bc";

  void SetUp() override {
    router.add({.method = Method::post, .pattern = "/apply", .gate = &gate, .operation = "apply"},
               [this](const Request& request) {
                 ++applied;
                 return Response::text("got " + std::string(request.body));
               });
    add_hello();
    start();
  }
  [[nodiscard]] int held() const {
    const std::string all = metrics.expose();
    constexpr std::string_view name = "\ndayaq_http_held_connections ";
    return std::stoi(all.substr(all.find(name) + name.size()));
  }
  /// A connection that was refused once.
  RawConnection refused() {
    RawConnection out = connect();
    out.send(ask);
    EXPECT_EQ(status_in(out.read_past("Come again.")), 503);
    return out;
  }
  void wait_until_held(int count) const {
    for (int i = 0; i < 3000 && held() != count; ++i) std::this_thread::sleep_for(10ms);
    ASSERT_EQ(held(), count);
  }
};

TEST_F(Held, IsNeitherReadNorAnsweredUntilItsTimeAndThenAskedAgain) {
  gate.hold = 400ms;
  RawConnection visitor = refused();
  const auto begun = std::chrono::steady_clock::now();
  visitor.send(ask);
  wait_until_held(1);
  EXPECT_EQ(client().get("/hello")->status, 200);  // nobody else is
  gate.open = true;
  const std::string answer = visitor.read_past("got a=bc");
  EXPECT_EQ(status_in(answer), 200);
  EXPECT_EQ(answer.find("Connection: close"), std::string::npos);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 400ms);
  EXPECT_EQ(gate.asked, 3);
  EXPECT_EQ(applied, 1);
  EXPECT_EQ(held(), 0);
  visitor.send(ask);
  EXPECT_EQ(status_in(visitor.read_past("got a=bc")), 200);  // the connection goes on
  EXPECT_EQ(gate.answers, 2);
}

TEST_F(Held, IsLetInAsSoonAsTheirTurnHasCome) {
  gate.hold = 60s;
  RawConnection visitor = refused();
  visitor.send(ask);
  wait_until_held(1);
  gate.open = gate.up = true;
  EXPECT_EQ(status_in(visitor.read_past("got a=bc")), 200);
}

TEST_F(Held, IsRefusedAtTheEndIfTheGateSaysSoAndMayBeHeldAgain) {
  RawConnection visitor = refused();
  for (int i = 0; i < 2; ++i) {
    visitor.send(ask);
    EXPECT_EQ(status_in(visitor.read_past("Come again.")), 503);
  }
  EXPECT_EQ(gate.asked, 5);
  EXPECT_EQ(applied, 0);
  EXPECT_EQ(gate.answers, 0);
}

TEST_F(Held, WhoSendsMoreMeanwhileGetsOneAnswerAndTheConnectionEnds) {
  RawConnection visitor = refused();
  std::string many;
  for (int i = 0; i < 50; ++i) many += ask;
  visitor.send(many);
  wait_until_held(1);
  gate.open = true;
  const std::string answer = visitor.read_all();
  EXPECT_EQ(status_in(answer), 200);
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(visitor.closed_by_server());
  EXPECT_EQ(applied, 1);
}

TEST_F(Held, WhoSendsMoreBehindARefusedOneGetsOneAnswerAndTheConnectionEnds) {
  RawConnection visitor = connect();
  std::string many;
  for (int i = 0; i < 50; ++i) many += ask;
  visitor.send(many);
  const std::string answer = visitor.read_all();
  EXPECT_EQ(status_in(answer), 503);
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_EQ(gate.asked, 1) << "one place, and not fifty";
}

TEST_F(Held, ABodyThatHasNotComeIsReadOnceTheGateLetsItIn) {
  RawConnection visitor = refused();
  visitor.send(ask.substr(0, ask.size() - 2));
  wait_until_held(1);
  gate.open = true;
  visitor.send(ask.substr(ask.size() - 2));
  EXPECT_EQ(status_in(visitor.read_past("got a=bc")), 200);
}

TEST_F(Held, WhoHangsUpHasGone) {
  {
    RawConnection visitor = refused();
    visitor.send(ask);
    wait_until_held(1);
    gate.open = true;
  }
  wait_until_held(0);
  EXPECT_EQ(gate.asked, 2);
  EXPECT_EQ(applied, 0);
}

TEST_F(Held, IsAnsweredWhenTheServerStops) {
  gate.hold = 60s;
  RawConnection visitor = refused();
  visitor.send(ask);
  wait_until_held(1);
  const auto begun = std::chrono::steady_clock::now();
  server->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 30s);
  EXPECT_EQ(status_in(visitor.read_past("Come again.")), 503);
}

struct HeldByOne : Held {
  HeldByOne() { options.held_max = 1; }
};

TEST_F(HeldByOne, WithoutRoomItIsAnsweredAndTheConnectionEnds) {
  gate.hold = 60s;
  RawConnection first = refused(), second = refused();
  first.send(ask);
  wait_until_held(1);
  second.send(ask);
  const std::string answer = second.read_all();
  EXPECT_EQ(status_in(answer), 503);
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_TRUE(second.closed_by_server());
}

// Whoever isn't woken for a job that yields must not leave it lying when its place is free again.
TEST(WorkerPoolTest, NoJobIsLeftLyingHoweverBothKindsCome) {
  WorkerPool pool({.threads = 3, .queue_max = 10'000, .age_max = 60s, .reserved = 2});
  std::atomic<int> done = 0;
  const AsyncHandler handler = [&](const std::shared_ptr<const Request>&, Responder respond) {
    if (done % 7 == 0) std::this_thread::sleep_for(100us);
    ++done;
    respond(Response::no_content());
  };
  Route open, yielding;
  yielding.yields = true;
  for (int round = 0; round < 200; ++round) {
    constexpr int jobs = 10;
    const int before = done;
    for (int i = 0; i < jobs; ++i) {
      Job job{.handler = &handler,
              .route = (round + i * i) % 3 == 0 ? &open : &yielding,
              .request = nullptr,
              .respond = Responder([](const Response&) {}),
              .arrived = std::chrono::steady_clock::now()};
      ASSERT_TRUE(pool.admit(job));
    }
    const auto until = std::chrono::steady_clock::now() + 30s;
    while (done < before + jobs && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    ASSERT_EQ(done, before + jobs);
  }
}

TEST(WorkerPoolTest, RefusesAllOnceItStops) {
  WorkerPool pool({.threads = 1, .queue_max = 4});
  pool.stop();
  const AsyncHandler handler = [](const std::shared_ptr<const Request>&, Responder) {};
  const Route route;
  int answers = 0;
  Job job{.handler = &handler,
          .route = &route,
          .request = nullptr,
          .respond = Responder([&](const Response&) { ++answers; }),
          .arrived = std::chrono::steady_clock::now()};
  EXPECT_FALSE(pool.admit(job));
  EXPECT_EQ(answers, 0);  // untouched: the caller says why
  job.respond(Response::no_content());
  EXPECT_EQ(answers, 1);
}

}  // namespace
}  // namespace dayaq::http
