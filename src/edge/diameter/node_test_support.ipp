// What the node's tests share: a charging that does as it is told, and peers on plain sockets that speak
// through the codec alone.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "edge/diameter/node.hpp"
#include "edge/diameter/peer_messages.hpp"

namespace dayaq::edge::diameter {

using namespace std::chrono_literals;

inline Bytes bytes_of(BytesView view) {
  return Bytes(view.begin(), view.end());
}

/// 2001 to a CCR, with the Session-Id and who answers.
inline Bytes credit_answer(BytesView request, std::string_view origin, std::uint32_t code = result::success) {
  Header header = parse_header(request.first(header_bytes)).value();
  header.flags = header.flags & Header::proxiable_bit;
  if (code / 1000 == 3) header.flags |= Header::error_bit;
  Bytes out;
  Writer writer(out);
  writer.begin(header);
  if (const auto session = find_avp(request.subspan(header_bytes), avp::session_id)) writer.copy(*session);
  writer.u32(avp::result_code, code);
  writer.text(avp::origin_host, origin);
  writer.text(avp::origin_realm, "mobile.example");
  writer.end();
  return out;
}

/// Answers 2001, or does what the Session-Id begins with: "relay", "wait" (for the journal).
class ScriptedCharging final : public Charging {
 public:
  struct Kept final : Pending {
    Bytes request;
  };
  std::mutex& mutex() override { return mutex_; }
  [[nodiscard]] std::uint64_t durable() const override { return durable_; }
  void add_waker(std::function<void()> waker) override { wakers_.push_back(std::move(waker)); }
  /// Records up to this one are on disk.
  void flush_to(std::uint64_t number) {
    durable_ = number;
    for (const auto& waker : wakers_) waker();
  }
  Reaction on_request(BytesView ccr, std::string_view peer, Instant) override {
    const std::string session(find_avp(ccr.subspan(header_bytes), avp::session_id)->text());
    Reaction reaction;
    if (relays && session.starts_with("relay")) {
      auto kept = std::make_unique<Kept>();
      kept->request = bytes_of(ccr);
      reaction.kind = Reaction::Kind::relay;
      reaction.message = with_route_record(ccr, peer);
      reaction.pending = std::move(kept);
      return reaction;
    }
    reaction.message = credit_answer(ccr, "edge.mobile.example");
    if (session.starts_with("wait")) reaction.sequence = ++sequence;
    return reaction;
  }
  Reaction on_upstream_answer(std::unique_ptr<Pending> pending, BytesView cca, Instant) override {
    Reaction reaction;
    const Bytes& request = static_cast<Kept&>(*pending).request;
    reaction.message = cca.empty() ? credit_answer(request, "edge.mobile.example", result::unable_to_deliver)
                                   : bytes_of(cca);
    ++upstream_answers;
    return reaction;
  }
  [[nodiscard]] std::vector<CreditControl::Session> sessions_of(SubscriptionKey key) const override {
    return {
        {.session_id = "s;" + std::to_string(key), .peer = "pgw.example", .destination_realm = "example"}};
  }
  [[nodiscard]] std::vector<CreditControl::Session> sessions_under(MeasureNumber measure, std::size_t limit,
                                                                   std::uint64_t& cursor) const override {
    std::vector<CreditControl::Session> out;
    while (cursor < measure && out.size() < limit) out.push_back(sessions_of(cursor++).front());
    if (cursor >= measure) cursor = 0;
    return out;
  }
  [[nodiscard]] Bytes re_auth_request(const CreditControl::Session& session) const override {
    Bytes out;
    Writer writer(out);
    writer.begin({.flags = Header::request_bit | Header::proxiable_bit,
                  .command = command::re_auth,
                  .application = session.application});
    writer.text(avp::session_id, session.session_id);
    writer.text(avp::destination_host, session.peer);
    writer.end();
    return out;
  }
  void forget(std::string_view session_id) override { forgotten.emplace_back(session_id); }
  void tick(Instant) override { ++ticks; }

  bool relays = true;
  std::atomic<std::uint64_t> sequence{0};
  std::atomic<int> upstream_answers{0}, ticks{0};
  std::vector<std::string> forgotten;

 private:
  std::mutex mutex_;
  std::atomic<std::uint64_t> durable_{0};
  std::vector<std::function<void()>> wakers_;
};

inline Bytes credit_request(std::string_view session, std::uint32_t hop_by_hop,
                            std::string_view realm = "mobile.example",
                            std::uint32_t application = application::credit_control,
                            std::uint32_t command = command::credit_control) {
  Bytes out;
  Writer writer(out);
  writer.begin({.flags = Header::request_bit | Header::proxiable_bit,
                .command = command,
                .application = application,
                .hop_by_hop = hop_by_hop,
                .end_to_end = hop_by_hop + 1'000'000});
  writer.text(avp::session_id, session);
  writer.text(avp::origin_host, "pgw.example");
  writer.text(avp::origin_realm, "example");
  writer.text(avp::destination_realm, realm);
  writer.end();
  return out;
}

/// A peer on a blocking socket.
class TestPeer {
 public:
  explicit TestPeer(int descriptor) : descriptor_(descriptor) {
    const int on = 1;
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  TestPeer(TestPeer&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), in_(std::move(other.in_)) {}
  TestPeer& operator=(TestPeer&&) = delete;
  ~TestPeer() { close(); }

  static TestPeer connect(std::uint16_t port) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return TestPeer(descriptor);
  }
  /// Connected, and its capabilities exchanged.
  static TestPeer client(std::uint16_t port, const std::string& name = "pgw.example",
                         std::uint32_t origin_state = 0) {
    TestPeer peer = connect(port);
    peer.send(capabilities_request(
        {.origin_host = name, .origin_realm = "example", .origin_state_id = origin_state}, 1, 1));
    const auto cea = peer.receive();
    EXPECT_TRUE(cea.has_value());
    if (cea) {
      EXPECT_EQ(result_code_of(*cea), result::success);
    }
    return peer;
  }

  void send(BytesView bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes = bytes.subspan(std::size_t(count));
    }
  }
  /// The next message; nothing after `wait` or when the other side has closed.
  std::optional<Bytes> receive(std::chrono::milliseconds wait = 5s) {
    const auto until = std::chrono::steady_clock::now() + wait;
    while (true) {
      if (in_.size() >= header_bytes) {
        const auto header = parse_header(BytesView(in_).first(header_bytes));
        EXPECT_TRUE(header);
        if (header && in_.size() >= header->length) {
          Bytes message(in_.begin(), in_.begin() + header->length);
          in_.erase(in_.begin(), in_.begin() + header->length);
          EXPECT_TRUE(check_message(message));
          return message;
        }
      }
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      pollfd waiting{.fd = descriptor_, .events = POLLIN, .revents = 0};
      if (left.count() <= 0 || ::poll(&waiting, 1, int(left.count())) <= 0) return std::nullopt;
      std::array<std::byte, 65536> some{};
      const ssize_t count = ::recv(descriptor_, some.data(), some.size(), 0);
      if (count <= 0) {
        ended_ = true;
        return std::nullopt;
      }
      in_.insert(in_.end(), some.begin(), some.begin() + count);
    }
  }
  /// The result code of the next message, 0 if there is none.
  std::uint32_t receive_result(std::chrono::milliseconds wait = 5s) {
    const auto message = receive(wait);
    return message ? result_code_of(*message).value_or(0) : 0;
  }
  /// Whether the other side has closed, or does within the time.
  bool closed(std::chrono::milliseconds wait = 5s) {
    while (receive(wait)) {
    }
    return ended_;
  }
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

 private:
  int descriptor_;
  Bytes in_;
  bool ended_ = false;
};

inline Header header_of(BytesView message) {
  return parse_header(message.first(header_bytes)).value();
}

/// A charging system on a port of its own; the test accepts and answers by hand.
class TestSystem {
 public:
  TestSystem() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 4), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~TestSystem() { ::close(listener_); }
  TestSystem(const TestSystem&) = delete;
  TestSystem& operator=(const TestSystem&) = delete;

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// Takes the node's connection and answers its CER.
  TestPeer accept(const std::string& name) {
    pollfd waiting{.fd = listener_, .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&waiting, 1, 5000), 1);
    TestPeer peer(::accept(listener_, nullptr, nullptr));
    const auto cer = peer.receive();
    EXPECT_TRUE(cer);
    if (cer) {
      peer.send(capabilities_answer({.origin_host = name, .origin_realm = "mobile.example"}, header_of(*cer),
                                    result::success));
    }
    return peer;
  }

 private:
  int listener_;
  std::uint16_t port_ = 0;
};

/// A node with scripted charging; the watchdog is too long to disturb unless a test says otherwise.
struct NodeFixture : testing::Test {
  SystemClock clock;
  std::shared_ptr<ScriptedCharging> charging = std::make_shared<ScriptedCharging>();
  NodeOptions options{.origin_host = "edge.mobile.example",
                      .origin_realm = "mobile.example",
                      .port = 0,
                      .clients = {{.origin_host = "pgw.example"}},
                      .origin_state_id = 42};
  std::unique_ptr<Node> node;

  void start() {
    auto started = Node::start(options, charging, clock);
    ASSERT_TRUE(started) << started.error().detail;
    node = std::move(*started);
  }
  template <class Condition>
  static bool eventually(Condition condition, std::chrono::milliseconds wait = 5s) {
    const auto until = std::chrono::steady_clock::now() + wait;
    while (std::chrono::steady_clock::now() < until) {
      if (condition()) return true;
      std::this_thread::sleep_for(2ms);
    }
    return condition();
  }
};

}  // namespace dayaq::edge::diameter
