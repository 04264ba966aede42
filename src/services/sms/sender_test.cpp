#include "services/sms/sender.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "services/sms/sms_test_support.hpp"

namespace dayaq::services::sms {
namespace {

using namespace std::chrono_literals;
using test::must;
using test::SmsNode;

struct SmsSender : testing::TestWithParam<store::Engine> {};

INSTANTIATE_TEST_SUITE_P(Engines, SmsSender, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

std::int64_t in_state(SmsNode& node, ReplyState state) {
  return must(node.cases.read([&](store::Session& s) -> Result<std::int64_t> {
    DAYAQ_TRY(const auto n, s.one("SELECT COUNT(*) FROM sms_replies WHERE state = $1", {std::int64_t(state)},
                                  [](const store::Row& row) { return row.integer(0); }));
    return n.value_or(0);
  }));
}

bool settles(SmsNode& node, ReplyState state, std::int64_t count) {
  for (int i = 0; i < 3000; ++i) {
    if (in_state(node, state) == count) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

/// So many were sent, and nothing of them is left.
bool all_gone(SmsNode& node, std::uint64_t sent) {
  for (int i = 0; i < 3000; ++i) {
    if (node.sender->figures().sent == sent && in_state(node, ReplyState::waits) == 0 &&
        in_state(node, ReplyState::sending) == 0) {
      return true;
    }
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

TEST_P(SmsSender, SendsWhatWasAcceptedAndForgetsTheText) {
  SmsNode node(GetParam());
  node.start_sender();
  for (int i = 0; i < 30; ++i) node.say("salam", "99450" + std::to_string(1000000 + i));
  EXPECT_TRUE(all_gone(node, 30));
  EXPECT_EQ(node.gateway.all().size(), 30u);
  EXPECT_EQ(node.count("SELECT COUNT(*) FROM sms_replies"), 0);
  EXPECT_EQ(node.sender->figures().sent, 30u);
}

TEST_P(SmsSender, AGatewayThatIsAwayLosesNothing) {
  SmsNode node(GetParam());
  node.gateway.away = true;
  node.start_sender();
  for (int i = 0; i < 20; ++i) node.say("salam", "99450" + std::to_string(1000000 + i));
  EXPECT_TRUE(node.gateway.wait_until([&] { return node.gateway.tries > 25; }));
  {
    const std::lock_guard lock(node.gateway.mutex);
    node.gateway.away = false;
  }
  EXPECT_TRUE(all_gone(node, 20));
  for (const Outgoing& one : node.gateway.all()) EXPECT_FALSE(one.doubled);
  EXPECT_EQ(node.gateway.all().size(), 20u) << "none twice";
}

TEST_P(SmsSender, WhatMayHaveBeenTakenIsMarkedAsDoubled) {
  SmsNode node(GetParam());
  node.gateway.unsure = true;
  node.start_sender();
  node.say("salam");
  EXPECT_TRUE(node.gateway.wait_until([&] { return node.gateway.tries >= 2; }));
  {
    const std::lock_guard lock(node.gateway.mutex);
    node.gateway.unsure = false;
  }
  EXPECT_TRUE(settles(node, ReplyState::sent, 1));
  EXPECT_TRUE(node.gateway.all().back().doubled);
  EXPECT_EQ(node.count("SELECT doubled FROM sms_replies"), 1);
  EXPECT_EQ(node.count("SELECT LENGTH(sealed) FROM sms_replies"), 0);
}

TEST_P(SmsSender, AfterACrashOnlyWhatWasBeingSentIsDoubled) {
  SmsNode node(GetParam());
  node.say("salam", "994501111111");
  node.say("salam", "994502222222");
  must(node.cases.write([&](store::Session& s) {
    return s.exec("UPDATE sms_replies SET state = 1 WHERE message_id = $1", {node.delivered.front().message});
  }));
  node.start_sender();
  EXPECT_TRUE(all_gone(node, 2));
  for (const Outgoing& one : node.gateway.all()) EXPECT_EQ(one.doubled, one.to == "994502222222") << one.to;
}

TEST_P(SmsSender, WhatIsTooLateIsDropped) {
  SmsNode node(GetParam());
  node.say("salam");
  node.cases.node.clock.advance(2h);
  node.start_sender();
  EXPECT_TRUE(settles(node, ReplyState::late, 1));
  EXPECT_TRUE(node.gateway.all().empty());
}

TEST_P(SmsSender, WhatDoesntFitInMemoryIsReadLater) {
  SmsNode node(GetParam());
  node.gateway.away = true;
  node.sender.emplace(node.cases.node.db(), node.gateway, *node.master, node.cases.node.clock,
                      SenderOptions{.threads = 2, .held_max = 10, .retry_first = 5ms, .retry_max = 20ms});
  must(node.sender->start());
  for (int i = 0; i < 40; ++i) node.say("salam", "99450" + std::to_string(1000000 + i));
  EXPECT_LE(node.sender->figures().held, 10u + 2 * 64);
  {
    const std::lock_guard lock(node.gateway.mutex);
    node.gateway.away = false;
  }
  EXPECT_TRUE(all_gone(node, 40));
  EXPECT_EQ(node.gateway.all().size(), 40u);
}

TEST_P(SmsSender, WhileFewAreHeldTheirRowsSayAtOnceThatTheyAreBeingSent) {
  SmsNode node(GetParam());
  node.gateway.holds = true;
  node.start_sender(3);
  for (int i = 0; i < 3; ++i) node.say("salam", "99450" + std::to_string(1000000 + i));
  EXPECT_TRUE(node.gateway.wait_until([&] { return node.gateway.tries == 2; })) << "both threads are at it";
  EXPECT_EQ(in_state(node, ReplyState::sending), 3);
  for (int i = 3; i < 10; ++i) node.say("salam", "99450" + std::to_string(1000000 + i));
  EXPECT_EQ(in_state(node, ReplyState::sending), 3);
  EXPECT_EQ(in_state(node, ReplyState::waits), 7);
  {
    const std::lock_guard lock(node.gateway.mutex);
    node.gateway.holds = false;
  }
  node.gateway.released.notify_all();
  EXPECT_TRUE(all_gone(node, 10));
  EXPECT_EQ(node.gateway.all().size(), 10u);
  for (const Outgoing& one : node.gateway.all()) EXPECT_FALSE(one.doubled);
}

TEST_P(SmsSender, AStopLeavesNothingInDoubt) {
  SmsNode node(GetParam());
  node.start_sender();
  for (int i = 0; i < 50; ++i) node.say("salam", "99450" + std::to_string(1000000 + i));
  node.sender->stop();
  EXPECT_EQ(in_state(node, ReplyState::sending), 0);
  EXPECT_EQ(in_state(node, ReplyState::waits) + std::ssize(node.gateway.all()), 50);
}

TEST(SmsFileDrop, WritesAnAnswerAsAFile) {
  dayaq::test::TemporaryFolder folder("sms");
  const auto gateway = make_file_drop(folder.path());
  Outgoing reply{.bucket = 1, .message = 7, .to = "994501", .parts = {"a \"b\"", "c"}, .until = instant_max};
  must(gateway->send(reply));
  std::ifstream in(folder / "sms-7.json");
  std::string text;
  std::getline(in, text);
  EXPECT_EQ(text, R"({"to":"994501","parts":["a \"b\"","c"],"doubled":false})");
}

/// An smsbox that takes what it is asked to, refuses texts with "refuse" and goes away over those with
/// "vanish".
class FakeSmsbox {
 public:
  FakeSmsbox() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listener_, 64);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    threads_.emplace_back([this] {
      for (int fd = ::accept(listener_, nullptr, nullptr); fd >= 0;
           fd = ::accept(listener_, nullptr, nullptr)) {
        const std::lock_guard lock(mutex_);
        connections_.push_back(fd);
        threads_.emplace_back([this, fd] { serve(fd); });
      }
    });
  }
  FakeSmsbox(const FakeSmsbox&) = delete;
  FakeSmsbox& operator=(const FakeSmsbox&) = delete;
  ~FakeSmsbox() {
    ::shutdown(listener_, SHUT_RDWR);
    threads_.front().join();
    for (const int fd : connections_) ::shutdown(fd, SHUT_RDWR);
    for (std::size_t i = 1; i < threads_.size(); ++i) threads_[i].join();
    for (const int fd : connections_) ::close(fd);
    ::close(listener_);
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::atomic<int> taken = 0;

 private:
  void serve(int fd) {
    std::string held;
    char buffer[4096];
    for (ssize_t n = ::recv(fd, buffer, sizeof buffer, 0); n > 0; n = ::recv(fd, buffer, sizeof buffer, 0)) {
      held.append(buffer, std::size_t(n));
      const auto end = held.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      const bool refuse = held.contains("refuse");
      if (held.contains("vanish")) {
        ::shutdown(fd, SHUT_RDWR);
        return;
      }
      held.erase(0, end + 4);
      if (!refuse) ++taken;
      const std::string_view answer = refuse ? "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"
                                             : "HTTP/1.1 202 OK\r\nContent-Length: 2\r\n\r\n0:";
      ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }
  int listener_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<int> connections_;
  std::deque<std::thread> threads_;
};

TEST(SmsKannel, SeveralAreOnTheirWayAndEachHasItsOwnResult) {
  FakeSmsbox box;
  const auto gateway = must(make_kannel({.url = box.url(), .user = "u", .secret = "s", .number = "8103"}));
  std::vector<Outgoing> replies;
  for (int i = 0; i < 50; ++i) {
    Outgoing one{.message = i, .to = "994501", .parts = {"a"}, .until = instant_max};
    if (i % 10 == 3) one.parts = {"refuse"};
    if (i % 10 == 5) one.parts = {"a", "b", "c"};
    if (i % 10 == 7) one.parts = {"a", "refuse"};
    if (i % 10 == 9) one.parts = {"vanish"};
    replies.push_back(std::move(one));
  }
  std::vector<const Outgoing*> all;
  for (const Outgoing& one : replies) all.push_back(&one);
  for (int round = 0; round < 2; ++round) {  // the second time on connections that are there, or were
    std::map<std::size_t, std::string> results;
    gateway->send_all(
        all, [] { return false; },
        [&](std::size_t which, const Result<void>& taken) {
          EXPECT_TRUE(results.emplace(which, taken ? "taken" : taken.error().code).second) << which;
        });
    ASSERT_EQ(results.size(), 50u);
    for (const auto& [which, result] : results) {
      const bool unsure = which % 10 == 7 || which % 10 == 9;  // a part of it has gone out, or may have
      EXPECT_EQ(result, which % 10 == 3 ? "sms.refused" : unsure ? "sms.unknown" : "taken") << which;
    }
  }
  EXPECT_EQ(box.taken, 2 * (35 + 15));
  int begun = 0;
  gateway->send_all(all, [&] { return begun >= 1; }, [&](std::size_t, const Result<void>&) { ++begun; });
  EXPECT_LE(begun, 17) << "those that were on their way when it was to stop, and no more";
  EXPECT_GE(begun, 1);
}

TEST(SmsKannel, SaysWhatIsCertain) {
  // Nobody listens on a port of discard: surely not sent.
  const auto gateway =
      must(make_kannel({.url = "http://127.0.0.1:9", .user = "u", .secret = "s", .number = "8103"}));
  const Outgoing reply{.bucket = 1, .message = 7, .to = "994501", .parts = {"a"}, .until = instant_max};
  const auto done = gateway->send(reply);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "sms.refused");
  EXPECT_FALSE(make_kannel({.url = "kannel", .user = {}, .secret = {}, .number = {}}));
}

}  // namespace
}  // namespace dayaq::services::sms
