// Bad requests, slow callers, too many connections, and the end of the server.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "http/test_support.ipp"

namespace dayaq::http {
namespace {

struct Limits : ServerFixture {
  void SetUp() override {
    add_hello();
    add_echo(1000);
  }
};

struct BadRequest {
  const char* name;
  std::string bytes;
  int status;
};

std::vector<BadRequest> bad_requests() {
  const std::string get = "GET /hello HTTP/1.1\r\n";
  const std::string post = "POST /echo HTTP/1.1\r\nHost: x\r\n";
  return {
      {"noise", "\x16\x03\x01\x02\r\n\r\n", 400},
      {"a lone word", "GET\r\n\r\n", 400},
      {"no version", "GET /hello\r\n\r\n", 400},
      {"HTTP/2 by name", "GET /hello HTTP/2.0\r\nHost: x\r\n\r\n", 505},
      {"no Host", get + "\r\n", 400},
      {"two Hosts", get + "Host: a\r\nHost: b\r\n\r\n", 400},
      {"a space before the colon", get + "Host : x\r\n\r\n", 400},
      {"a header without a colon", get + "Host: x\r\nnonsense\r\n\r\n", 400},
      {"a folded header", get + "Host: x\r\nA: b\r\n c\r\n\r\n", 400},
      {"a NUL in a header", get + "Host: x\r\nA: b" + std::string(1, '\0') + "c\r\n\r\n", 400},
      {"a bare CR in a header", get + "Host: x\r\nA: b\rc\r\n\r\n", 400},
      {"a fragment", "GET /hello#x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"a raw byte in the target", "GET /h\xC9\x99llo HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"an asterisk for GET", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"another scheme", "GET ftp://x/hello HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"CONNECT", "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 501},
      {"an unknown method", "BREW /hello HTTP/1.1\r\nHost: x\r\n\r\n", 501},
      {"a broken escape", "GET /hell%6 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400},
      {"an encoded dot segment", "GET /%2e%2e/hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400},
      {"length and chunks", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"chunks and length", post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
      {"two lengths", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nsalam", 400},
      {"the same length twice", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nsalam", 400},
      {"a list of lengths", post + "Content-Length: 5, 5\r\n\r\nsalam", 400},
      {"a signed length", post + "Content-Length: +5\r\n\r\nsalam", 400},
      {"a negative length", post + "Content-Length: -5\r\n\r\nsalam", 400},
      {"a hexadecimal length", post + "Content-Length: 0x5\r\n\r\nsalam", 400},
      {"an overflowing length", post + "Content-Length: 99999999999999999999999\r\n\r\nsalam", 400},
      {"an unknown coding", post + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {"a coding before chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {"chunked twice", post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501},
      {"a coding in HTTP/1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"a chunk size that is none", post + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n", 400},
      {"a chunk longer than it says", post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400},
      {"a huge chunk size", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400},
      {"an unknown expectation", post + "Expect: wonders\r\nContent-Length: 1\r\n\r\nx", 417},
      {"two Authorizations", get + "Host: x\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
       400},
      {"a body over the limit", post + "Content-Length: 1001\r\n\r\n", 413},
      {"chunks over the limit",
       post + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x') + "\r\n0\r\n\r\n", 413},
      {"a long header", get + "Host: x\r\nA: " + std::string(20'000, 'a') + "\r\n\r\n", 431},
      {"a head without an end", get + "A: " + std::string(40'000, 'a'), 431},
      {"a long target", "GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
  };
}

TEST_F(Limits, RefusesEachMalformedRequestWithItsStatusAndGoesOnServing) {
  start();
  for (const BadRequest& bad : bad_requests()) {
    const std::string answer = exchange(bad.bytes);
    EXPECT_EQ(status_in(answer), bad.status) << bad.name << ": " << answer;
    EXPECT_NE(answer.find("application/problem+json"), std::string::npos) << bad.name;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos) << bad.name;
    EXPECT_EQ(answer.find("\r\nDate:"), answer.rfind("\r\nDate:"))
        << bad.name << " was answered twice: " << answer;
  }
  EXPECT_EQ(client().get("/hello")->status, 200);
}

TEST_F(Limits, RefusesMoreThanAHundredHeaders) {
  start();
  std::string request = "GET /hello HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 101; ++i) request += "a: b\r\n";
  EXPECT_EQ(status_in(exchange(request + "\r\n")), 431);
}

TEST_F(Limits, NeverRunsARequestHiddenBehindARefusedOne) {
  std::atomic<int> runs = 0;
  router.add({.method = Method::post, .pattern = "/hidden", .run = Run::inline_, .operation = "hidden"},
             [&](const Request&) {
               ++runs;
               return Response::no_content();
             });
  start();
  const std::string hidden = "POST /hidden HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
  for (const BadRequest& bad : bad_requests()) exchange(bad.bytes + hidden);
  exchange("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n\r\n" + hidden);
  EXPECT_EQ(runs, 0);
}

TEST_F(Limits, SkipsTheBodyOfARefusedRequestThatHasComeWhole) {
  start();
  RawConnection connection = connect();
  connection.send(
      "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nsalamGET /hello HTTP/1.1\r\nHost: "
      "x\r\n\r\n");
  const std::string answers = connection.read_past("hello");
  EXPECT_EQ(status_in(answers), 404);
  EXPECT_NE(answers.find("HTTP/1.1 200 OK"), std::string::npos);
}

TEST_F(Limits, TakesAHeadByteByByte) {
  start();
  RawConnection connection = connect();
  for (const char c :
       std::string_view("\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nsalam")) {
    connection.send({&c, 1});
    std::this_thread::sleep_for(100us);
  }
  EXPECT_EQ(status_in(connection.read_past("salam")), 200);
}

TEST_F(Limits, EndsSlowHeadsSlowBodiesAndIdleConnections) {
  options.header_timeout = 200ms;
  options.body_timeout = 300ms;
  options.idle_timeout = 400ms;
  start();
  RawConnection idle = connect();
  RawConnection used = connect();
  used.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  RawConnection slow_body = connect();
  slow_body.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nsa");
  RawConnection slow_head = connect();
  std::string answer;
  for (int i = 0; i < 400 && answer.empty() && slow_head.send("A"); ++i) {  // a byte at a time earns nothing
    answer = slow_head.read_until([](std::string_view all) { return !all.empty(); }, 20ms);
  }
  EXPECT_EQ(status_in(answer), 408);
  EXPECT_EQ(status_in(slow_body.read_all(2s)), 408);
  EXPECT_TRUE(slow_body.closed_by_server());
  EXPECT_EQ(status_in(used.read_all(2s)), 200);
  EXPECT_TRUE(used.closed_by_server());
  EXPECT_EQ(idle.read_all(2s), "");
  EXPECT_TRUE(idle.closed_by_server());
}

TEST_F(Limits, EndsACallerWhoDoesNotReadItsAnswer) {
  options.body_timeout = 200ms;
  router.add({.pattern = "/large", .run = Run::inline_, .operation = "large"},
             [](const Request&) { return Response::text(std::string(64u << 20, 'x')); });
  start();
  RawConnection connection = connect();
  connection.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(800ms);
  const std::string answer = connection.read_all();
  EXPECT_LT(answer.size(), 64u << 20);
  EXPECT_TRUE(connection.closed_by_server());
}

TEST_F(Limits, SendsLargeAnswersWhole) {
  router.add({.pattern = "/large", .run = Run::worker, .operation = "large"}, [](const Request&) {
    std::string body(10u << 20, 'x');
    for (std::size_t i = 0; i < body.size(); i += 997) body[i] = static_cast<char>('a' + i % 23);
    return Response::text(std::move(body));
  });
  start();
  std::string expected(10u << 20, 'x');
  for (std::size_t i = 0; i < expected.size(); i += 997) expected[i] = static_cast<char>('a' + i % 23);
  Client http = client();
  for (int i = 0; i < 3; ++i) {
    const auto answer = http.get("/large");
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_TRUE(answer->body == expected);
  }
}

TEST_F(Limits, AnswersForAHandlerThatNeverDoesAndIgnoresOneThatIsLate) {
  options.request_timeout = 200ms;
  std::vector<std::pair<std::shared_ptr<const Request>, Responder>> kept;
  std::mutex mutex;
  router.add_async(
      {.method = Method::post, .pattern = "/never/{name}", .run = Run::inline_, .operation = "never"},
      [&](std::shared_ptr<const Request> request, Responder respond) {
        const std::scoped_lock lock(mutex);
        kept.emplace_back(std::move(request), std::move(respond));
      });
  start();
  const std::string answer =
      exchange("POST /never/leyla HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nsalam");
  EXPECT_EQ(status_in(answer), 503);
  EXPECT_NE(answer.find("http.timeout"), std::string::npos);
  const std::scoped_lock lock(mutex);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_FALSE(kept[0].second.wanted());
  EXPECT_EQ(kept[0].first->parameter("name"), "leyla");  // the request outlives its connection
  EXPECT_EQ(kept[0].first->body, "salam");
  kept[0].second(Response::text("too late"));
  EXPECT_EQ(client().get("/hello")->status, 200);
}

TEST_F(Limits, LetsAnAnswerComeAfterTheServerIsGone) {
  options.shutdown_timeout = 100ms;
  std::vector<Responder> kept;
  router.add_async(
      {.pattern = "/never", .run = Run::inline_, .operation = "never"},
      [&](const std::shared_ptr<const Request>&, Responder respond) { kept.push_back(std::move(respond)); });
  start();
  RawConnection connection = connect();
  connection.send("GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(50ms);
  server->stop();
  EXPECT_EQ(status_in(connection.read_all()), 503);
  server.reset();
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_FALSE(kept[0].wanted());
  kept[0](Response::text("hello?"));  // nobody is there, and nothing breaks
}

TEST_F(Limits, TellsConnectionsOverTheLimitSoAndKeepsTheOthers) {
  options.connections_max = 5;
  start();
  std::vector<RawConnection> held;
  for (int i = 0; i < 5; ++i) {
    held.push_back(connect());
    held.back().send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(status_in(held.back().read_past("hello")), 200);
  }
  const std::string refused = exchange("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_in(refused), 503);
  EXPECT_NE(refused.find("Retry-After: "), std::string::npos);
  held[0].send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_in(held[0].read_past("hello")), 200);
  held.clear();
  int status = 0;
  for (int i = 0; i < 100 && status != 200; ++i) {
    std::this_thread::sleep_for(5ms);
    const auto answer = client().get("/hello");
    status = answer ? answer->status : 0;
  }
  EXPECT_EQ(status, 200);
}

/// Holds idle connections in a process of its own, since one process may not have descriptors for both ends.
class Crowd {
 public:
  /// Before the server starts, so that the child is a copy of a process with one thread.
  explicit Crowd(int count) {
    if (::pipe2(orders_, O_CLOEXEC) != 0 || ::pipe2(reports_, O_CLOEXEC) != 0) return;
    child_ = ::fork();
    if (child_ == 0) act(count);
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd() {
    for (const int fd : {orders_[0], orders_[1], reports_[0], reports_[1]}) ::close(fd);
    ::waitpid(child_, nullptr, 0);
  }
  /// How many connections are open.
  [[nodiscard]] int gather(std::uint16_t port) const {
    int open = 0;
    if (::write(orders_[1], &port, sizeof port) != sizeof port) return 0;
    return ::read(reports_[0], &open, sizeof open) == sizeof open ? open : 0;
  }

 private:
  [[noreturn]] void act(int count) const {
    ::close(orders_[1]);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    std::uint16_t port = 0;
    if (::read(orders_[0], &port, sizeof port) != sizeof port) ::_exit(1);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int open = 0;
    for (int i = 0; i < count; ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) ++open;
    }
    if (::write(reports_[1], &open, sizeof open) != sizeof open) ::_exit(1);
    char end = 0;
    ::_exit(::read(orders_[0], &end, 1) == 0 ? 0 : 1);  // until the test closes its end
  }

  int orders_[2]{-1, -1};
  int reports_[2]{-1, -1};
  pid_t child_ = -1;
};

TEST_F(Limits, ServesOthersWhileTenThousandConnectionsIdle) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < 11'000) GTEST_SKIP() << "the hard limit of open files is " << limit.rlim_max;
  constexpr int crowd_size = 10'000;
  const Crowd crowd(crowd_size);
  start();
  ASSERT_EQ(crowd.gather(server->port()), crowd_size);
  Client http = client();
  int slow = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    const auto answer = http.get("/hello");
    ASSERT_TRUE(answer) << answer.error().detail;
    ASSERT_EQ(answer->status, 200);
    slow += std::chrono::steady_clock::now() - begun > 500ms;
  }
  EXPECT_LE(slow, 20);  // the machine may do something else now and then
  const std::string text = metrics.expose();
  const std::size_t at = text.find("\ndayaq_http_connections ");
  ASSERT_NE(at, std::string::npos);
  EXPECT_GE(std::stod(text.substr(at + 24)), crowd_size);
}

TEST_F(Limits, StopsThoughATickHasJustFiredOrACallerHasJustCome) {
  options.idle_timeout = options.header_timeout = 4ms;  // the deadlines are swept every ten milliseconds
  options.shutdown_timeout = 500ms;
  options.connections_max = 100;
  for (int i = 0; i < 100; ++i) {
    start();
    const RawConnection late = connect();
    std::this_thread::sleep_for(9500us + std::chrono::microseconds(i * 17 % 1000));
    server->stop();
    server.reset();
  }
}

TEST_F(Limits, StopsAtOnceWhenAllIsIdle) {
  options.shutdown_timeout = 60s;
  start();
  RawConnection idle = connect();
  RawConnection used = connect();
  used.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  used.read_past("hello");
  const auto begun = std::chrono::steady_clock::now();
  server->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 30s);
  used.read_all();
  EXPECT_TRUE(used.closed_by_server());
  EXPECT_FALSE(connect().connected());
}

}  // namespace
}  // namespace dayaq::http
