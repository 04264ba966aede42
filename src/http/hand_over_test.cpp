// One server gives its sockets to the next: whoever is connected notices nothing.
#include <atomic>
#include <thread>
#include <vector>

#include "http/test_support.ipp"

namespace dayaq::http {
namespace {

struct HandOver : ServerFixture {
  std::unique_ptr<Server> next;

  void begin() {
    add_hello();
    add_echo();
    router.add({.pattern = "/slow", .operation = "slow"}, [](const Request&) {
      std::this_thread::sleep_for(100ms);
      return Response::text("slow");
    });
    start();
  }

  void replace() {
    Server::Sockets sockets = server->hand_over();
    server.reset();
    ServerOptions again = options;
    again.inherited_listener = sockets.listener;
    again.inherited_connections = std::move(sockets.connections);
    auto started = Server::start(again, router, &authenticator);
    ASSERT_TRUE(started) << started.error().detail;
    server = std::move(*started);
  }
};

constexpr std::string_view hello_request = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(HandOver, AnIdleConnectionGoesOnInTheNextServer) {
  begin();
  RawConnection used = connect(), fresh = connect();
  used.send(hello_request);
  EXPECT_NE(used.read_past("\r\n\r\nhello").find("200 OK"), std::string::npos);
  std::this_thread::sleep_for(20ms);
  const std::uint16_t port = server->port();
  replace();
  EXPECT_EQ(server->port(), port);
  for (RawConnection* connection : {&used, &fresh}) {
    connection->send(hello_request);
    const std::string answer = connection->read_past("\r\n\r\nhello");
    EXPECT_NE(answer.find("200 OK"), std::string::npos);
    EXPECT_EQ(answer.find("Connection: close"), std::string::npos);
  }
  EXPECT_EQ(exchange("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").find("HTTP/1.1 200"), 0u);
}

TEST_F(HandOver, ARunningRequestIsAnsweredAndItsConnectionGoesOn) {
  begin();
  RawConnection connection = connect();
  connection.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(30ms);
  replace();
  EXPECT_NE(connection.read_past("\r\n\r\nslow").find("200 OK"), std::string::npos);
  connection.send(hello_request);
  EXPECT_NE(connection.read_past("\r\n\r\nhello").find("200 OK"), std::string::npos);
}

TEST_F(HandOver, AHalfSentRequestIsReadToItsEndFirst) {
  begin();
  RawConnection connection = connect();
  connection.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
  std::this_thread::sleep_for(20ms);
  std::thread sends([&] {
    std::this_thread::sleep_for(60ms);
    connection.send("cd");
  });
  replace();
  sends.join();
  EXPECT_NE(connection.read_past("abcd").find("200 OK"), std::string::npos);
  connection.send(hello_request);
  EXPECT_NE(connection.read_past("\r\n\r\nhello").find("200 OK"), std::string::npos);
}

TEST_F(HandOver, UnderLoadNoRequestFails) {
  begin();
  const std::string url = "http://127.0.0.1:" + std::to_string(server->port());
  std::atomic<bool> done{false};
  std::atomic<int> good{0}, bad{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&, i, port = server->port()] {
      RawConnection kept(port);
      while (!done) {
        if (i % 2 == 0) {  // one connection, never opened again: a client that retries would hide a failure
          kept.send(hello_request);
          const bool answered = kept.read_past("\r\n\r\nhello").find("200 OK") != std::string::npos;
          ++(answered ? good : bad);
          if (!answered) return;
        } else {
          auto fresh = Client::create(url);
          const auto answer = fresh->get("/hello");
          ++(answer && answer->status == 200 ? good : bad);
        }
      }
    });
  }
  std::this_thread::sleep_for(100ms);
  for (int i = 0; i < 5; ++i) {
    replace();
    std::this_thread::sleep_for(50ms);
  }
  done = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(bad, 0);
  EXPECT_GT(good, 100);
}

}  // namespace
}  // namespace dayaq::http
