#include "identity/account/messages.hpp"

#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "identity/account/accounts_test_support.hpp"

namespace dayaq::identity {
namespace {

using test::must;
using namespace std::chrono_literals;

bool eventually(const std::function<bool()>& what) {
  for (int i = 0; i < 1500; ++i) {
    if (what()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

struct Messages : testing::TestWithParam<store::Engine> {
  Message sms(std::uint64_t id, std::string text = "kod 123", Instant until = instant_max) {
    return {.id = id,
            .channel = Message::Channel::sms,
            .to = "994501234567",
            .text = std::move(text),
            .until = until};
  }
  Result<void> queue(const Message& message) {
    return node.write([&](auto& db, auto& a) { return a.outbox.queue(db, message); });
  }
  std::int64_t waiting() { return node.rows("SELECT count(*) FROM message"); }

  test::AccountsNode node{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Engines, Messages, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

TEST_P(Messages, AreSentAfterTheirCommitAndThenGone) {
  must(node.outbox->start());
  must(queue(sms(1, "Kod: ə\nikinci sətir")));
  ASSERT_TRUE(eventually([&] { return waiting() == 0; }));
  const auto sent = node.gateway.all();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].to, "994501234567");
  EXPECT_EQ(sent[0].text, "Kod: ə\nikinci sətir");
}

TEST_P(Messages, OfATransactionThatFailedAreNeverSent) {
  must(node.outbox->start());
  const auto failed = node.write([&](auto& db, auto& a) -> Result<void> {
    DAYAQ_TRY_OK(a.outbox.queue(db, sms(1, "never")));
    return fail(ErrorKind::conflict, "test.no", "No.");
  });
  EXPECT_FALSE(failed);
  must(queue(sms(2, "but this")));
  ASSERT_TRUE(eventually([&] { return node.gateway.all().size() == 1; }));
  EXPECT_EQ(node.gateway.all()[0].text, "but this");
}

TEST_P(Messages, WaitWhileTheGatewayIsAway) {
  {
    const std::lock_guard lock(node.gateway.mutex);
    node.gateway.away = true;
  }
  must(node.outbox->start());
  for (std::uint64_t i = 1; i <= 200; ++i) must(queue(sms(i)));
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(node.gateway.mutex);
    return node.gateway.tries > 3;
  }));
  EXPECT_EQ(waiting(), 200);
  {
    const std::lock_guard lock(node.gateway.mutex);
    EXPECT_LT(node.gateway.tries, 2000) << "a gateway that is away isn't asked for each message";
    node.gateway.away = false;
  }
  ASSERT_TRUE(eventually([&] { return waiting() == 0; }));
  EXPECT_EQ(node.gateway.all().size(), 200u) << "each once";
}

TEST_P(Messages, ThatCameTooLateAreDropped) {
  must(queue(sms(1, "an old code", node.now())));
  must(queue(sms(2, "a code", node.now() + 1us)));
  must(node.outbox->start());
  ASSERT_TRUE(eventually([&] { return waiting() == 0; }));
  ASSERT_EQ(node.gateway.all().size(), 1u);
  EXPECT_EQ(node.gateway.all()[0].text, "a code");
}

TEST_P(Messages, WhatAStopLeftIsSentAfterTheStart) {
  must(queue(sms(1)));
  node.outbox->stop();
  EXPECT_EQ(waiting(), 1);
  Outbox next(node.node.db(), node.gateway, *node.master, node.node.random, node.node.clock);
  must(next.start());
  ASSERT_TRUE(eventually([&] { return waiting() == 0; }));
  next.stop();
  EXPECT_EQ(node.gateway.all().size(), 1u);
}

TEST_P(Messages, LieSealed) {
  must(queue(sms(1, "Kod: SECRETSECRET")));
  const auto hex = must(node.node.db().read([&](store::Session& db) {
    return db.one("SELECT sealed FROM message", {},
                  [](const store::Row& row) { return to_hex(row.blob(0)); });
  }));
  EXPECT_EQ(hex->find(to_hex(as_bytes("SECRET"))), std::string::npos);
  EXPECT_EQ(hex->find(to_hex(as_bytes("994501234567"))), std::string::npos);
}

TEST(FileDrop, WritesOneFileAMessage) {
  dayaq::test::TemporaryFolder folder("drop");
  FileDrop drop(folder.path());
  const Message message{.id = 42,
                        .channel = Message::Channel::letter,
                        .to = "Əliyeva \"Aygün\"",
                        .text = "line\nline",
                        .until = Instant(1'800'000'000s)};
  must(drop.send(message));
  must(drop.send(message));
  std::ifstream file(folder / "42.json");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(),
            "{\"id\":\"42\",\"channel\":\"letter\",\"to\":\"Əliyeva \\\"Aygün\\\"\",\"text\":\"line\\u000aline\","
            "\"until\":\"2027-01-15T08:00:00Z\"}\n");
  FileDrop nowhere(folder / "missing");
  EXPECT_FALSE(nowhere.send(message));
}

}  // namespace
}  // namespace dayaq::identity
