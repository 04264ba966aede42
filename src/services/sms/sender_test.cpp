#include "services/sms/sender.hpp"

#include <gtest/gtest.h>

#include <fstream>

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
    DAYAQ_TRY(const auto n, s.one("SELECT COUNT(*) FROM sms_messages WHERE state = $1", {std::int64_t(state)},
                                  [](const store::Row& row) { return row.integer(0); }));
    return n.value_or(0);
  }));
}

bool settles(SmsNode& node, ReplyState state, std::int64_t count) {
  for (int i = 0; i < 500; ++i) {
    if (in_state(node, state) == count) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

TEST_P(SmsSender, SendsWhatWasAcceptedAndForgetsTheText) {
  SmsNode node(GetParam());
  node.start_sender();
  for (int i = 0; i < 30; ++i) node.say("salam", "99450" + std::to_string(1000000 + i));
  EXPECT_TRUE(settles(node, ReplyState::sent, 30));
  EXPECT_EQ(node.gateway.all().size(), 30u);
  EXPECT_EQ(node.count("SELECT COUNT(*) FROM sms_messages WHERE LENGTH(sealed) > 0"), 0);
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
  EXPECT_TRUE(settles(node, ReplyState::sent, 20));
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
  EXPECT_EQ(node.count("SELECT doubled FROM sms_messages"), 1);
}

TEST_P(SmsSender, AfterACrashOnlyWhatWasBeingSentIsDoubled) {
  SmsNode node(GetParam());
  node.say("salam", "994501111111");
  node.say("salam", "994502222222");
  must(node.cases.write([&](store::Session& s) {
    return s.exec("UPDATE sms_messages SET state = 1 WHERE message_id = $1",
                  {node.delivered.front().message});
  }));
  node.start_sender();
  EXPECT_TRUE(settles(node, ReplyState::sent, 2));
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
  EXPECT_TRUE(settles(node, ReplyState::sent, 40));
  EXPECT_EQ(node.gateway.all().size(), 40u);
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
