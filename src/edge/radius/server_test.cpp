#include "edge/radius/server.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include "edge/radius/datagrams.hpp"
#include "edge/radius/test_support.ipp"

namespace dayaq::edge::radius {
namespace {

using namespace testing_support;

/// A journal whose disk is as slow as the test says.
class SlowJournal final : public Journal {
 public:
  std::uint64_t append(const Record&) override { return ++last_; }
  std::uint64_t append_all(std::span<const Record> records) override { return last_ += records.size(); }
  [[nodiscard]] std::uint64_t last() const override { return last_; }
  [[nodiscard]] std::uint64_t durable() const noexcept override { return durable_; }
  void add_waker(std::function<void()> waker) override { waker_ = std::move(waker); }
  [[nodiscard]] Health health() const noexcept override { return Health::ok; }
  Result<void> read(std::uint64_t, const std::function<bool(std::uint64_t, const Record&)>&) const override {
    return {};
  }
  [[nodiscard]] std::uint64_t first_kept() const override { return 1; }
  void drop_through(std::uint64_t) override {}

  void flush(std::uint64_t through) {
    durable_ = through;
    waker_();
  }

 private:
  std::atomic<std::uint64_t> last_{0}, durable_{0};
  std::function<void()> waker_;
};

struct RadiusServer : testing::Test {
  FakeEngine engine;
  SlowJournal journal;
  SystemClock clock;
  ServerOptions options = options_for_tests();
  Inbox inbox;
  const Secret secret{"testing123"};
  std::uint8_t id = 0;

  void SetUp() override {
    options.auth_port = options.acct_port = 0;
    options.accept_without_password = true;
    options.clients[0].address = "127.0.0.1";
    options.clients[0].coa_address.clear();
    engine.grants[key_of("u1")].everything = true;
  }
  std::unique_ptr<Server> start() {
    auto server = Server::start(options, engine, journal, clock);
    EXPECT_TRUE(server) << (server ? "" : server.error().public_text);
    return std::move(*server);
  }
  static DatagramSocket towards(std::uint16_t port) {
    return std::move(*DatagramSocket::connect({.address = *parse_address("127.0.0.1"), .port = port}));
  }
  void ask_access(const DatagramSocket& socket) {
    Writer writer(Code::access_request, ++id);
    writer.add_message_authenticator();
    writer.add(type::user_name, std::string_view("u1"));
    Bytes bytes = std::move(writer).take();
    sign_access_request(bytes, secret);
    const Letter letter{.to = {}, .bytes = bytes};
    send_all(socket, {&letter, 1});
  }
  void account(const DatagramSocket& socket, std::uint32_t status, std::uint32_t octets) {
    Writer writer(Code::accounting_request, ++id);
    writer.add(type::acct_status_type, status);
    writer.add(type::acct_session_id, std::string_view("s1"));
    writer.add(type::user_name, std::string_view("u1"));
    writer.add(type::acct_input_octets, octets);
    Bytes bytes = std::move(writer).take();
    sign_request(bytes, secret);
    const Letter letter{.to = {}, .bytes = bytes};
    send_all(socket, {&letter, 1});
  }
  /// The code of what came within the time; 0 if nothing did.
  int answer(const DatagramSocket& socket, int milliseconds = 5000) {
    pollfd wait{.fd = socket.descriptor(), .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, milliseconds) <= 0) return 0;
    const auto got = inbox.receive(socket);
    return got.empty() ? 0 : int(Packet::parse(got[0].bytes)->code());
  }
};

TEST_F(RadiusServer, AnswersAccountingWhenTheDiskHasIt) {
  const auto server = start();
  const DatagramSocket socket = towards(server->acct_port());
  account(socket, 1, 0);
  EXPECT_EQ(answer(socket), int(Code::accounting_response));
  account(socket, 3, 500);
  EXPECT_EQ(answer(socket, 200), 0);
  journal.flush(1);
  EXPECT_EQ(answer(socket), int(Code::accounting_response));
}

TEST_F(RadiusServer, AnswersWhatTheDiskHadBeforeItEnds) {
  const auto server = start();
  const DatagramSocket socket = towards(server->acct_port());
  account(socket, 1, 0);
  EXPECT_EQ(answer(socket), int(Code::accounting_response));
  account(socket, 3, 500);
  EXPECT_EQ(answer(socket, 200), 0);
  std::thread disk([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    journal.flush(1);
  });
  server->stop();
  disk.join();
  EXPECT_EQ(answer(socket, 0), int(Code::accounting_response));
}

TEST_F(RadiusServer, TheNextProcessTakesTheSocketsAndWhatArrivedInThem) {
  auto first = start();
  const DatagramSocket socket = towards(first->auth_port());
  const std::uint16_t port = first->auth_port();
  ask_access(socket);
  EXPECT_EQ(answer(socket), int(Code::access_accept));
  options.inherited = first->hand_over();
  first.reset();
  ask_access(socket);  // nobody reads now
  const auto second = start();
  EXPECT_EQ(second->auth_port(), port);
  EXPECT_EQ(answer(socket), int(Code::access_accept));
}

TEST_F(RadiusServer, ServesBothFamiliesOnOneSocket) {
  options.address = "::";
  options.clients.push_back({.address = "::1", .secret = "testing123", .coa_address = {}});
  const auto server = start();
  for (const char* address : {"127.0.0.1", "::1"}) {
    const auto socket =
        DatagramSocket::connect({.address = *parse_address(address), .port = server->auth_port()});
    ASSERT_TRUE(socket) << address;
    ask_access(*socket);
    EXPECT_EQ(answer(*socket), int(Code::access_accept)) << address;
  }
}

TEST_F(RadiusServer, SaysWhichPortIsTaken) {
  const auto server = start();
  options.auth_port = server->auth_port();
  const auto second = Server::start(options, engine, journal, clock);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "radius.bind");
  options.auth_port = 0;
  options.inherited = {0};  // no datagram socket
  EXPECT_EQ(Server::start(options, engine, journal, clock).error().code, "radius.bind");
}

TEST_F(RadiusServer, SaysWhichCertificateIsBad) {
  options.tls_certificate = options.tls_key = options.tls_authority = "/nowhere.pem";
  const auto server = Server::start(options, engine, journal, clock);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, "radius.tls");
}

TEST_F(RadiusServer, TakesChangesFromOtherThreadsWhileItServes) {
  const auto server = start();
  const DatagramSocket socket = towards(server->auth_port());
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) {
      server->re_authorise(key_of("u1"));
      if (i % 100 == 0) server->re_authorise_all();
      (void)server->counts();
    }
  });
  for (int i = 0; i < 100; ++i) {
    ask_access(socket);
    ASSERT_EQ(answer(socket), int(Code::access_accept));
  }
  other.join();
  EXPECT_EQ(server->counts().access, 100u);
}

}  // namespace
}  // namespace dayaq::edge::radius
