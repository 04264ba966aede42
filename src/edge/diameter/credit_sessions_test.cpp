#include "edge/diameter/credit_sessions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/random.hpp"
#include "edge/diameter/credit_repeats.hpp"
#include "edge/diameter/credit_test_support.ipp"

namespace dayaq::edge::diameter {
namespace {

using namespace testing_support;

constexpr SipKey hash_key{.k0 = 3, .k1 = 4};
constexpr Instant now = Instant(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21));

Sessions::Opening opening(std::string_view id, SubscriptionKey key, std::uint32_t expires = 1000) {
  return {.hash = Sessions::hash_of(hash_key, id),
          .session_id = id,
          .origin_host = "pgw.test",
          .peer = "pgw.test",
          .realm = "operator.test",
          .key = key,
          .expires = expires};
}

TEST(CreditSessions, RandomHistoriesEqualAPlainMap) {
  SeededRandom random(1);
  Sessions sessions(100000);
  std::map<std::string, SubscriptionKey> expected;
  for (int round = 0; round < 60000; ++round) {
    const std::string id = "s;" + std::to_string(random.next() % 3000);
    const std::uint64_t hash = Sessions::hash_of(hash_key, id);
    auto* found = sessions.find(hash, id);
    ASSERT_EQ(found != nullptr, expected.contains(id));
    if (random.next() % 2 == 0) {
      const SubscriptionKey key = expected.contains(id) ? expected[id] : random.next() % 200;
      ASSERT_NE(sessions.open(opening(id, key)), nullptr);
      expected[id] = key;
    } else if (found) {
      sessions.close(*found);
      expected.erase(id);
    }
    ASSERT_EQ(sessions.count(), expected.size());
  }
  for (SubscriptionKey key = 1; key < 200; ++key) {
    std::set<std::string> here, there;
    sessions.each_of(key, [&](const auto& session) { here.insert(std::string(session.session_id())); });
    for (const auto& [id, owner] : expected) {
      if (owner == key) there.insert(id);
    }
    EXPECT_EQ(here, there);
  }
}

TEST(CreditSessions, AMillionTakeLessThan300BytesEach) {
  Sessions sessions(2000000);
  for (std::uint32_t i = 0; i < 1000000; ++i) {
    const std::string id =
        "pgw01.epc.mnc001.mcc400.3gppnetwork.org;" + std::to_string(3900000000u + i) + ";17";
    auto* session = sessions.open(opening(id, i + 1));
    ASSERT_NE(session, nullptr);
    Sessions::set_lease(*session, {.part = 1, .measure = 3, .service = 2, .holder = Holder::edge});
  }
  EXPECT_LT(sessions.bytes() / 1000000, 300u);
  RecordProperty("bytes_per_session", std::to_string(sessions.bytes() / 1000000));
}

TEST(CreditSessions, LeasesBeyondTwoAreKeptToo) {
  Sessions sessions(10);
  auto* session = sessions.open(opening("a", 1));
  for (std::uint64_t part = 0; part < 300; ++part) {
    Sessions::set_lease(*session, {.part = part, .measure = std::uint32_t(part)});
  }
  EXPECT_EQ(Sessions::lease(*session, 1)->measure, 1u);
  EXPECT_EQ(Sessions::lease(*session, 200)->measure, 200u);
  EXPECT_EQ(Sessions::lease(*session, 299), nullptr);  // 255 at most
  Sessions::set_lease(*session, {.part = 200, .measure = 7});
  EXPECT_EQ(Sessions::lease(*session, 200)->measure, 7u);
}

TEST(CreditSessions, SupervisionEndsTheSilentOnes) {
  Sessions sessions(10);
  sessions.open(opening("a", 1, 100));
  sessions.open(opening("b", 1, 200));
  EXPECT_EQ(sessions.sweep(99, 1000), 0u);
  EXPECT_EQ(sessions.sweep(100, 1000), 1u);
  EXPECT_EQ(sessions.count(), 1u);
  EXPECT_EQ(sessions.sweep(200, 1000), 1u);
  EXPECT_EQ(sessions.count(), 0u);
  EXPECT_EQ(sessions.open(opening("c", 1))->session_id(), "c");
}

TEST(CreditSessions, BeyondTheirBoundNoneIsOpened) {
  Sessions sessions(2);
  EXPECT_NE(sessions.open(opening("a", 1)), nullptr);
  EXPECT_NE(sessions.open(opening("b", 1)), nullptr);
  EXPECT_EQ(sessions.open(opening("c", 1)), nullptr);
  EXPECT_NE(sessions.open(opening("b", 1)), nullptr);
}

TEST(KeptAnswers, TheOldestMakeRoomAndNothingIsEverMixedUp) {
  KeptAnswers kept(4096);
  SeededRandom random(3);
  std::map<std::uint64_t, std::string> given;
  std::vector<std::uint64_t> order;
  for (int round = 0; round < 5000; ++round) {
    const std::uint64_t key = random.next();
    given[key] = std::string(random.next() % 300, char('a' + round % 26));
    order.push_back(key);
    kept.keep(key, as_bytes(given[key]), std::uint64_t(round));
    ASSERT_TRUE(kept.find(key)) << round;
    for (std::size_t back = 0; back < std::min<std::size_t>(order.size(), 50); ++back) {
      const std::uint64_t earlier = order[order.size() - 1 - back];
      if (const auto found = kept.find(earlier)) {
        ASSERT_EQ(as_text(found->message), given[earlier]);
      }
    }
  }
  EXPECT_FALSE(kept.find(order[0]));
  kept.keep(1, Bytes(8000), 1);  // larger than the ring: not kept
  EXPECT_FALSE(kept.find(1));
}

struct ReAuthorisation : testing::Test {
  FakeEngine engine;
  CreditControl control{options(), engine};
  void open(std::string_view session, std::string_view number, MeasureNumber measure) {
    engine.grants[{key_of(number), data}] = {.measure = measure};
    control.on_request(
        Ccr{.session = std::string(session), .msisdn = std::string(number)}.part({.group = 1}).build(),
        "dra.test", now);
  }
};

TEST_F(ReAuthorisation, FindsTheSessionsOfASubscription) {
  open("one", "994501111111", 5);
  open("two", "994502222222", 5);
  open("three", "994501111111", 6);
  std::set<std::string> found;
  for (const auto& session : control.sessions_of(key_of("994501111111"))) {
    found.insert(session.session_id);
    EXPECT_EQ(session.peer, "dra.test");
    EXPECT_EQ(session.destination_host, "pgw.test");
    EXPECT_EQ(session.destination_realm, "operator.test");
  }
  EXPECT_EQ(found, (std::set<std::string>{"one", "three"}));
  EXPECT_TRUE(control.sessions_of(key_of("994503333333")).empty());
  control.forget("one");
  EXPECT_EQ(control.sessions_of(key_of("994501111111")).size(), 1u);
}

TEST_F(ReAuthorisation, WalksTheSessionsUnderAMeasureInPieces) {
  for (int i = 0; i < 1000; ++i) {
    open("s" + std::to_string(i), "99450" + std::to_string(1000000 + i), i % 2 == 0 ? 5u : 6u);
  }
  std::set<std::string> found;
  std::uint64_t cursor = 0;
  int calls = 0;
  do {
    const auto some = control.sessions_under(5, 7, cursor);
    EXPECT_LE(some.size(), 7u);
    for (const auto& session : some) EXPECT_TRUE(found.insert(session.session_id).second);
    ++calls;
  } while (cursor != 0);
  EXPECT_EQ(found.size(), 500u);
  EXPECT_GE(calls, 71);
}

TEST_F(ReAuthorisation, AsksForAnAuthorisationOfTheSession) {
  open("one", "994501111111", 5);
  const Bytes rar = control.re_auth_request(control.sessions_of(key_of("994501111111")).at(0));
  EXPECT_EQ(shown_message(rar),
            "263=one 264=edge.test 296=operator.test 283=operator.test 293=pgw.test 258=4 285=0");
  const auto header = parse_header(rar);
  EXPECT_EQ(header->command, command::re_auth);
  EXPECT_EQ(header->flags, 0xc0);
  EXPECT_EQ(header->application, 4u);
}

TEST_F(ReAuthorisation, SilentSessionsAreForgottenAfterTwiceTheirValidity) {
  open("one", "994501111111", 5);
  control.tick(now + std::chrono::seconds(7199));
  EXPECT_EQ(control.session_count(), 1u);
  control.tick(now + std::chrono::seconds(7200));
  EXPECT_EQ(control.session_count(), 0u);
}

}  // namespace
}  // namespace dayaq::edge::diameter
