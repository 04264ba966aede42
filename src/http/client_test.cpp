#include "http/client.hpp"

#include <sys/eventfd.h>

#include <thread>

#include "http/test_support.ipp"

namespace dayaq::http {
namespace {

/// Accepts one connection after another and sends a fixed text to each, whatever is asked.
class FakeServer {
 public:
  explicit FakeServer(std::string answer, bool closes = true)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(fd_, 8);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer), closes] { serve(answer, closes); });
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  ~FakeServer() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
    for (const int fd : kept_) ::close(fd);
  }
  [[nodiscard]] Client client(ClientOptions options = {}) const {
    return Client::create("http://127.0.0.1:" + std::to_string(port_), std::move(options)).value();
  }

 private:
  void serve(const std::string& answer, bool closes) {
    for (int fd = ::accept(fd_, nullptr, nullptr); fd >= 0; fd = ::accept(fd_, nullptr, nullptr)) {
      char buffer[4096];
      if (::recv(fd, buffer, sizeof buffer, 0) > 0) ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      if (closes) {
        ::close(fd);
      } else {
        kept_.push_back(fd);
      }
    }
  }

  int fd_;
  std::uint16_t port_ = 0;
  std::vector<int> kept_;
  std::thread thread_;
};

std::string failure(const FakeServer& server, ClientOptions options = {}) {
  const auto answer = server.client(std::move(options)).get("/");
  return answer ? "answered" : std::string(answer.error().code);
}

TEST(ClientTest, InTwoStepsSeveralAreOnTheirWayAndNothingIsSentTwice) {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsalam";
  const FakeServer keeps(ok, false);
  Client one = keeps.client(), other = keeps.client();
  ASSERT_TRUE(one.begin("/a"));
  ASSERT_TRUE(other.begin("/b"));
  EXPECT_EQ(one.finish().value().body, "salam");
  EXPECT_EQ(other.finish().value().body, "salam");

  const FakeServer closes(ok);
  Client again = closes.client();
  for (int i = 0; i < 3;
       ++i) {  // each on a connection of its own, once the server's end of the last was seen
    ASSERT_TRUE(again.begin("/"));
    EXPECT_EQ(again.finish().value().body, "salam");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  const FakeServer silent("");
  Client asks = silent.client();
  ASSERT_TRUE(asks.begin("/"));
  EXPECT_EQ(asks.finish().error().code, "client.closed");
}

TEST(ClientTest, ReadsAnswersByLengthByChunksAndUntilTheEnd) {
  for (const char* text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsalam",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nsa\r\n3\r\nlam\r\n0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsalam",
        "HTTP/1.0 200 OK\r\n\r\nsalam"}) {
    const FakeServer server(text);
    const auto answer = server.client().get("/");
    ASSERT_TRUE(answer) << text << answer.error().detail;
    EXPECT_EQ(answer->body, "salam") << text;
  }
}

TEST(ClientTest, WaitsNoLongerThanItsCallerWants) {
  const FakeServer server("HTTP/1.1 200 OK\r\nContent-", false);
  const int cancel = ::eventfd(0, EFD_CLOEXEC);
  std::thread caller([&] {
    std::this_thread::sleep_for(50ms);
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(cancel, &one, sizeof one), ssize_t(sizeof one));
  });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(failure(server, {.answer_timeout = 20s, .cancel_fd = cancel}), "client.timeout");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s);
  caller.join();
  ::close(cancel);
}

TEST(ClientTest, SaysHowAnAnswerFailed) {
  EXPECT_EQ(failure(FakeServer("")), "client.closed");
  EXPECT_EQ(failure(FakeServer("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nsalam")), "client.closed");
  EXPECT_EQ(failure(FakeServer("SSH-2.0-OpenSSH\r\n\r\n\r\n\r\n")), "client.malformed");
  EXPECT_EQ(failure(FakeServer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsalam"), {.body_max = 4}),
            "client.body_size");
  EXPECT_EQ(failure(FakeServer("HTTP/1.1 200 OK\r\nContent-", false), {.answer_timeout = 100ms}),
            "client.timeout");
}

TEST(ClientTest, SaysThatNobodyListens) {
  std::uint16_t port = 0;
  {
    Router router;
    port = Server::start({.port = 0}, router, nullptr).value()->port();
  }
  const auto answer = Client::create("http://127.0.0.1:" + std::to_string(port))->get("/");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "client.connect");
}

TEST(ClientTest, RefusesWhatItCannotSend) {
  for (const char* bad :
       {"", "dayaq", "ftp://x", "http://", "http://x:port", "http://x/path", "http://a@b", "http://[::1"}) {
    EXPECT_FALSE(Client::create(bad)) << bad;
  }
  EXPECT_TRUE(Client::create("http://[::1]:8080/"));
  Client http = Client::create("http://127.0.0.1:1").value();
  EXPECT_EQ(http.get("/a b").error().code, "client.request");
  EXPECT_EQ(http.get("/a\r\nb").error().code, "client.request");
  EXPECT_EQ(http.get("/", {{"A", "b\r\nC: d"}}).error().code, "client.request");
}

struct ClientWithServer : ServerFixture {};

TEST_F(ClientWithServer, OpensAnotherConnectionWhenTheServerHasClosedTheIdleOne) {
  options.idle_timeout = 100ms;
  add_hello();
  start();
  Client http = client();
  ASSERT_TRUE(http.get("/hello"));
  std::this_thread::sleep_for(400ms);
  const auto again = http.get("/hello");
  ASSERT_TRUE(again) << again.error().detail;
  EXPECT_EQ(again->status, 200);
}

TEST_F(ClientWithServer, SendsItsTokenAndItsBody) {
  router.add({.method = Method::put, .pattern = "/x", .scope = Scope::grants_read, .operation = "x"},
             [](const Request& request) {
               return Response::json(std::string(request.body) + std::string(request.header("content-type")));
             });
  start();
  const auto answer = client({.bearer_token = "reader"}).request(Method::put, "/x", "{}");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "{}application/json");
}

TEST_F(ClientWithServer, SeesARefusalThatComesBeforeItsBodyIsRead) {
  add_echo(10);
  start();
  const auto answer = client().post("/echo", std::string(8u << 20, 'x'));
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, 413);
}

}  // namespace
}  // namespace dayaq::http
