// What happens when more is asked than can be done, and when the server stops under load.
#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

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
  EXPECT_GT(tally.by_status[200], 200);  // two workers, 10 ms each: 300 in 1.5 s
  EXPECT_GT(tally.by_status[503], 1000);
  EXPECT_EQ(tally.by_status.size(), 2u);
  EXPECT_EQ(tally.without_retry_after, 0);
  // (8 waiting + 1 running) / 2 workers * 10 ms = 45 ms, and what a busy machine adds.
  EXPECT_LT(percentile(tally.admitted_ms, 0.95), 150);
  EXPECT_LT(percentile(tally.refused_ms, 0.5), 20);
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
  const auto begun = std::chrono::steady_clock::now();
  const auto refused = client().get("/stuck");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 100ms);
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
