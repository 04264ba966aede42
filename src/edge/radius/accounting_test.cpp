// What the responder counts, and what it answers to accounting.
#include "edge/radius/responder_test_support.ipp"

namespace dayaq::edge::radius {
namespace {

using namespace testing_support;

TEST_F(RadiusResponder, CountsASessionByItsCountersHoweverOftenAndUnderWhateverIdentifierTheyCome) {
  start();
  engine.grants[key_of("u1")].everything = true;
  const auto delayed = [](Writer& w) { w.add(type::acct_delay_time, std::uint32_t(5)); };
  EXPECT_THAT(send(accounting(1, "s1", "u1", 0, 0), true), SizeIs(1));
  const auto interim = send(accounting(3, "s1", "u1", 100, (3ull << 32) + 7), true);
  ASSERT_THAT(interim, SizeIs(1));
  EXPECT_EQ(interim[0].after, 1u) << "answered when that record is on disk";
  EXPECT_THAT(send(accounting(3, "s1", "u1", 100, (3ull << 32) + 7, delayed), true), SizeIs(1));
  EXPECT_THAT(send(accounting(2, "s1", "u1", 100, (3ull << 32) + 9), true), SizeIs(1));
  EXPECT_THAT(send(accounting(2, "s1", "u1", 100, (3ull << 32) + 9, delayed), true), SizeIs(1));
  EXPECT_EQ(engine.grants[key_of("u1")].used, 100 + (3ull << 32) + 9);
  EXPECT_EQ(responder->counts().sessions, 0u);
}

TEST_F(RadiusResponder, WhatASessionUsedBeforeItsGrantIsNotCounted) {
  start();
  send(accounting(1, "s1", "u1", 0, 0), true);
  send(accounting(3, "s1", "u1", 7'000, 0), true);
  engine.grants[key_of("u1")].everything = true;
  send(accounting(3, "s1", "u1", 9'000, 0), true);
  EXPECT_EQ(engine.grants[key_of("u1")].used, 0u) << "how much of it came after the grant nobody knows";
  send(accounting(3, "s1", "u1", 9'500, 0), true);
  EXPECT_EQ(engine.grants[key_of("u1")].used, 500u);
  send(accounting(2, "s2", "u1", 800'000, 0), true);
  EXPECT_EQ(engine.grants[key_of("u1")].used, 500u) << "an end whose session nobody knows";
}

TEST_F(RadiusResponder, ASessionWhoseBeginningWasLostCountsWholeOnlyIfItWouldStillBeKnown) {
  start();
  engine.grants[key_of("u1")].everything = true;
  const MarkBytes mark =
      encode_mark({.key = key_of("u1"), .measure = 2, .profiles = 2}, mark_key(options.feed_key));
  const auto lasted = [&](std::uint32_t seconds, std::uint32_t delay) {
    return [&mark, seconds, delay](Writer& w) {
      w.add(type::class_, BytesView(mark));
      w.add(type::acct_session_time, seconds);
      w.add(type::acct_delay_time, delay);
    };
  };
  send(accounting(2, "short", "u1", 100, 0, lasted(300, 5)), true);
  EXPECT_EQ(engine.grants[key_of("u1")].used, 100u);
  send(accounting(2, "late", "u1", 100, 0, lasted(300, 300)), true);
  send(accounting(3, "long", "u1", 100, 0, lasted(3000, 0)), true);
  EXPECT_EQ(engine.grants[key_of("u1")].used, 100u);
}

TEST_F(RadiusResponder, WhatCannotBeCountedIsNotAnswered) {
  start();
  engine.grants[key_of("u1")].everything = true;
  engine.refuse = true;
  EXPECT_THAT(send(accounting(1, "s1", "u1", 0, 0), true), IsEmpty());
}

TEST_F(RadiusResponder, AccountingThatNoGrantCoversGoesOnAndItsAnswerWaitsForTheDiskToo) {
  start_with_operator();
  engine.grants[key_of("u1")] = {.everything = true, .quota = 50, .limited_after = false};
  send(accounting(1, "s1", "u1", 0, 0), true);
  const auto ours = send(accounting(3, "s1", "u1", 20, 20), true);
  ASSERT_THAT(ours, SizeIs(1));
  EXPECT_EQ(ours[0].way, Way::reply);

  const Bytes request = accounting(3, "s1", "u1", 40, 40);
  const auto sent = send(request, true);  // the quota ended within: the operator has a part in it
  const Packet sent_on = only(sent, Way::accounting_on);
  EXPECT_TRUE(check_request_authenticator(sent_on, operator_secret));
  const auto answer =
      from_operator(true, sent[0].socket, operator_answer(sent_on, Code::accounting_response));
  EXPECT_EQ(only(answer, Way::reply, &request).code(), Code::accounting_response);
  EXPECT_EQ(answer[0].after, 2u);

  EXPECT_EQ(send(accounting(3, "s9", "nobody", 1, 1), true)[0].way, Way::accounting_on);
}

TEST_F(RadiusResponder, TrustsAClassOnlyWithOurMac) {
  start();
  engine.grants[key_of("u1")].everything = true;
  engine.grants[key_of("u2")].everything = true;
  MarkBytes mark =
      encode_mark({.key = key_of("u1"), .measure = 2, .profiles = 2}, mark_key(options.feed_key));
  const auto with = [](const MarkBytes& bytes) {
    return [bytes](Writer& w) { w.add(type::class_, BytesView(bytes)); };
  };
  EXPECT_THAT(send(accounting(1, "s1", "rewritten-name", 0, 0, with(mark)), true), SizeIs(1));
  EXPECT_THAT(send(accounting(3, "s1", "rewritten-name", 10, 0, with(mark)), true), SizeIs(1));
  EXPECT_EQ(engine.grants[key_of("u1")].used, 10u);
  mark[1] ^= std::byte(1);
  EXPECT_THAT(send(accounting(1, "s2", "u2", 0, 0, with(mark)), true), SizeIs(1));
  EXPECT_THAT(send(accounting(3, "s2", "u2", 10, 0, with(mark)), true), SizeIs(1));
  EXPECT_EQ(engine.grants[key_of("u2")].used, 10u);
  EXPECT_EQ(responder->counts().foreign_class, 2u);
}

TEST_F(RadiusResponder, AccountingOnEndsTheSessionsOfThatServerAlone) {
  start();
  engine.grants[key_of("u1")].everything = true;
  send(accounting(1, "s1", "u1", 0, 0), true);
  send(accounting(3, "s2", "u1", 5, 0), true);
  Writer other(Code::accounting_request, 99);
  other.add(type::acct_status_type, std::uint32_t(7));
  other.add(type::nas_identifier, string_view("bng2"));
  Bytes elsewhere = std::move(other).take();
  sign_request(elsewhere, nas_secret);
  EXPECT_THAT(send(elsewhere, true), SizeIs(1));
  EXPECT_EQ(responder->counts().sessions, 2u);
  EXPECT_THAT(send(accounting(7, "", "", 0, 0), true), SizeIs(1));
  EXPECT_EQ(responder->counts().sessions, 0u);
  EXPECT_THAT(engine.ended, SizeIs(2));
}

}  // namespace
}  // namespace dayaq::edge::radius
