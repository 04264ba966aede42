// What the server's tests share: a server on a port of the kernel's choice, and a raw connection that sends
// any bytes. Included by tests alone.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "http/client.hpp"
#include "http/server.hpp"

namespace dayaq::http {

using namespace std::chrono_literals;

/// Knows "reader" (grants:read), "nothing" (no scope) and "broken" (the keys can't be read now).
class FakeAuthenticator final : public Authenticator {
 public:
  [[nodiscard]] Result<Principal> authenticate(const Credentials& credentials) const override {
    const std::string_view token = credentials.token;
    Principal principal;
    principal.organisation = OrganisationCode("azercell");
    principal.key = 7;
    if (token == "reader") {
      principal.scopes = 1u << static_cast<unsigned>(Scope::grants_read);
      return principal;
    }
    if (token == "nothing") return principal;
    if (token == "broken") return fail(ErrorKind::unavailable, "store.busy", "Try again.");
    return fail(ErrorKind::unauthenticated, "auth.token",
                "This key is not known. Ask the operator for a new one.");
  }
};

class RawConnection {
 public:
  explicit RawConnection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  RawConnection(RawConnection&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_) {}
  RawConnection& operator=(RawConnection&&) = delete;
  ~RawConnection() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] bool connected() const { return connected_; }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  void end_sending() const { ::shutdown(fd_, SHUT_WR); }

  /// Reads until `done` says so of all that has come, the server closes, or the time is over.
  template <class Done>
  std::string read_until(Done done, std::chrono::milliseconds timeout = 5s) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (!done(std::string_view(received_))) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd one{.fd = fd_, .events = POLLIN, .revents = 0};
      if (left.count() <= 0 || ::poll(&one, 1, static_cast<int>(left.count())) <= 0) break;
      char buffer[16 << 10];
      const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) {
        closed_ = true;
        break;
      }
      received_.append(buffer, static_cast<std::size_t>(n));
    }
    return std::exchange(received_, {});
  }
  std::string read_all(std::chrono::milliseconds timeout = 5s) {
    return read_until([](std::string_view) { return false; }, timeout);
  }
  /// Until `text` has come `times` times.
  std::string read_past(std::string_view text, int times = 1, std::chrono::milliseconds timeout = 5s) {
    return read_until(
        [=](std::string_view all) {
          int seen = 0;
          for (std::size_t at = all.find(text); at != all.npos; at = all.find(text, at + text.size())) ++seen;
          return seen >= times;
        },
        timeout);
  }
  [[nodiscard]] int descriptor() const { return fd_; }
  [[nodiscard]] bool closed_by_server() const { return closed_; }

 private:
  int fd_;
  bool connected_ = false;
  bool closed_ = false;
  std::string received_;
};

/// Routes are added to `router` before start().
struct ServerFixture : testing::Test {
  Router router;
  FakeAuthenticator authenticator;
  Metrics metrics;
  ServerOptions options{.port = 0, .io_threads = 1, .workers = 2, .shutdown_timeout = 2s};
  std::unique_ptr<Server> server;

  void start() {
    auto started = Server::start(options, router, &authenticator, &metrics);
    ASSERT_TRUE(started) << started.error().detail;
    server = std::move(*started);
  }
  [[nodiscard]] RawConnection connect() const { return RawConnection(server->port()); }
  [[nodiscard]] Client client(ClientOptions client_options = {}) const {
    auto created =
        Client::create("http://127.0.0.1:" + std::to_string(server->port()), std::move(client_options));
    EXPECT_TRUE(created);
    return std::move(*created);
  }
  /// Everything the server sends back before it closes.
  std::string exchange(std::string_view bytes) const {
    RawConnection connection = connect();
    connection.send(bytes);
    return connection.read_all(3s);
  }
  void add_hello() {
    router.add({.pattern = "/hello", .run = Run::inline_, .operation = "hello", .tag = "test"},
               [](const Request&) { return Response::text("hello"); });
  }
  void add_echo(std::size_t body_max = 64 << 10) {
    router.add({.method = Method::post,
                .pattern = "/echo",
                .run = Run::inline_,
                .body_max = body_max,
                .operation = "echo",
                .tag = "test"},
               [](const Request& request) { return Response::text(std::string(request.body)); });
  }
};

inline int status_in(std::string_view answer) {
  return answer.starts_with("HTTP/1.1 ") && answer.size() > 12 ? std::stoi(std::string(answer.substr(9, 3)))
                                                               : 0;
}

}  // namespace dayaq::http
