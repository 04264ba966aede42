// Changes of authorisation of running sessions.
#include "edge/radius/responder_test_support.ipp"

namespace dayaq::edge::radius {
namespace {

using namespace testing_support;

TEST_F(RadiusResponder, AQuotaThatEndsInMidSessionChangesTheSessionAndNeverDisconnects) {
  start();
  engine.grants[key_of("u1")] = {.everything = true, .quota = 100};
  const MarkBytes mark =
      encode_mark({.key = key_of("u1"), .measure = 2, .profiles = 2}, mark_key(options.feed_key));
  const auto with_class = [&](Writer& w) { w.add(type::class_, BytesView(mark)); };
  send(accounting(1, "s1", "u1", 0, 0, with_class), true);
  EXPECT_THAT(tick(), IsEmpty()) << "it has what it should have";
  send(accounting(3, "s1", "u1", 100, 0, with_class), true);
  const auto out = tick();
  const Packet change = only(out, Way::change);
  EXPECT_EQ(change.code(), Code::coa_request);
  EXPECT_EQ(out[0].to, (Endpoint{.address = nas.address, .port = 3799}));
  EXPECT_TRUE(check_request_authenticator(change, nas_secret));
  EXPECT_EQ(check_message_authenticator(change, Authenticator{}, nas_secret), Proof::right);
  EXPECT_EQ(change.text(type::acct_session_id), "s1");
  EXPECT_EQ(change.text(type::nas_identifier), "bng1");
  EXPECT_THAT(all(change, type::filter_id), ElementsAre("limited"));
  EXPECT_TRUE(change.number(type::event_timestamp));
  answer_change(change, Code::coa_ack);
  EXPECT_EQ(responder->counts().coa_acknowledged, 1u);
  EXPECT_THAT(tick(), IsEmpty());
  send(accounting(3, "s1", "u1", 120, 0, with_class), true);
  EXPECT_THAT(tick(), IsEmpty()) << "its Class is old, but it was changed since";

  engine.grants[key_of("u1")].quota = 1000;
  const SubscriptionKey keys[] = {key_of("u1")};
  responder->re_authorise(keys, now);
  EXPECT_THAT(all(only(tick(), Way::change), type::filter_id), ElementsAre("open"));
}

TEST_F(RadiusResponder, ASessionWithoutAGrantIsChangedWhenOneComesAndBackWhenItEnds) {
  start();
  send(accounting(1, "s1", "u1", 0, 0), true);
  EXPECT_TRUE(engine.asked.empty());
  engine.grants[key_of("u1")].lessons = true;
  const SubscriptionKey keys[] = {key_of("u1")};
  responder->re_authorise(keys, now);
  Packet change = only(tick(), Way::change);
  EXPECT_THAT(all(change, type::filter_id), ElementsAre("edu"));
  engine.grants.clear();
  responder->re_authorise(keys, now);  // before the first is answered
  EXPECT_THAT(tick(), IsEmpty());
  answer_change(change, Code::coa_ack);
  change = only(tick(), Way::change);
  EXPECT_THAT(all(change, type::filter_id), ElementsAre("paid")) << "back to normal";
}

TEST_F(RadiusResponder, ForgetsASessionThatTheNetworkDoesNotKnowAndAsksNoSecondTimeWhatItRefuses) {
  start();
  engine.grants[key_of("u1")].lessons = true;
  send(accounting(1, "s1", "u1", 0, 0), true);
  answer_change(only(tick(), Way::change), Code::coa_nak, 402);
  send(accounting(3, "s1", "u1", 5, 0), true);
  EXPECT_THAT(tick(), IsEmpty());
  EXPECT_EQ(responder->counts().sessions, 1u);
  const SubscriptionKey keys[] = {key_of("u1")};
  responder->re_authorise(keys, now);
  answer_change(only(tick(), Way::change), Code::coa_nak, 503);
  EXPECT_EQ(responder->counts().sessions, 0u);
  EXPECT_EQ(responder->counts().coa_refused, 2u);
}

TEST_F(RadiusResponder, ChangesAllSessionsAtTheConfiguredPace) {
  options.coa_per_second_per_nas = 200;
  start();
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "u" + std::to_string(i);
    send(accounting(1, "s" + std::to_string(i), name, 0, 0), true);
    engine.grants[key_of(name)].lessons = true;
  }
  responder->re_authorise_all();
  std::size_t first_second = 0, total = 0;
  for (int i = 0; i < 350; ++i) {
    const auto out = tick();
    for (const Outgoing& message : out) answer_change(*Packet::parse(message.bytes), Code::coa_ack);
    if (i < 50) first_second += out.size();
    total += out.size();
  }
  EXPECT_LE(first_second, 220u);
  EXPECT_GE(first_second, 190u);
  EXPECT_EQ(total, 1000u);
  EXPECT_FALSE(responder->busy());
}

/// A session of "bng1" that comes over RadSec.
struct RadSecChanges : RadiusResponder {
  const Endpoint first{.address = *parse_address("10.0.0.7"), .port = 50000, .stream = 1},
      second{.address = *parse_address("10.0.0.7"), .port = 50001, .stream = 2};
  const Secret radsec{"radsec"};

  void SetUp() override {
    options.radsec_changes = true;
    start();
  }
  std::vector<Outgoing> account(std::uint32_t status, std::uint64_t octets, const Endpoint& from) {
    Bytes bytes = accounting(status, "s1", "u1", octets, 0);
    sign_request(bytes, radsec);
    return send(bytes, false, from);
  }
  void answer(const Packet& change, Code code, const Endpoint& from) {
    Writer writer(code, change.id());
    Bytes bytes = std::move(writer).take();
    sign_reply(bytes, change.authenticator(), radsec);
    EXPECT_THAT(send(bytes, false, from), IsEmpty());
  }
  void grant_lessons(bool granted) {
    engine.grants[key_of("u1")].lessons = granted;
    const SubscriptionKey keys[] = {key_of("u1")};
    responder->re_authorise(keys, now);
  }
};

TEST_F(RadSecChanges, GoBackOnTheConnectionOnWhichTheServerWasHeardLast) {
  account(1, 0, first);
  account(3, 0, second);
  EXPECT_THAT(tick(), IsEmpty());
  grant_lessons(true);
  const auto out = tick();
  const Packet change = only(out, Way::change);
  EXPECT_EQ(out[0].to, second);
  EXPECT_TRUE(check_request_authenticator(change, radsec));
  EXPECT_EQ(check_message_authenticator(change, Authenticator{}, radsec), Proof::right);
  EXPECT_THAT(all(change, type::filter_id), ElementsAre("edu"));
  answer(change, Code::coa_ack, first);
  EXPECT_EQ(responder->counts().coa_acknowledged, 0u) << "nobody was asked there";
  answer(change, Code::coa_ack, second);
  EXPECT_EQ(responder->counts().coa_acknowledged, 1u);
}

TEST_F(RadSecChanges, WaitForAServerThatIsAwayAndReachItWhenItIsBack) {
  account(1, 0, first);
  grant_lessons(true);
  ASSERT_THAT(tick(), SizeIs(1));
  responder->closed(first);  // before the answer
  EXPECT_THAT(tick(), IsEmpty());
  EXPECT_FALSE(responder->busy());
  grant_lessons(false);
  grant_lessons(true);
  EXPECT_THAT(tick(), IsEmpty());
  account(3, 5, second);
  const auto out = tick();
  answer(only(out, Way::change), Code::coa_ack, second);
  EXPECT_EQ(out[0].to, second);
  EXPECT_EQ(responder->counts().coa_acknowledged, 1u);
  responder->closed(first);  // long forgotten: nothing of the second's goes
  grant_lessons(false);
  EXPECT_THAT(tick(), SizeIs(1));
}

TEST_F(RadSecChanges, AnAccessRequestAloneBringsItsServersSessionsBack) {
  account(1, 0, first);
  responder->closed(first);
  grant_lessons(true);
  EXPECT_THAT(tick(), IsEmpty());
  Bytes other = access("u9", [](Writer& w) { w.add(type::nas_identifier, string_view("bng1")); });
  sign_access_request(other, radsec);
  send(other, false, second);
  EXPECT_THAT(tick(), SizeIs(1));
}

TEST(RadSecWithoutChanges, SendsNone) {
  FakeEngine engine;
  SeededRandom random(1);
  const auto responder = *Responder::create(options_for_tests(), engine, random);
  const Moment now{.wall = {}, .steady = Steady(std::chrono::hours(1))};
  Writer writer(Code::accounting_request, 1);
  writer.add(type::acct_status_type, std::uint32_t(1));
  writer.add(type::acct_session_id, string_view("s1"));
  writer.add(type::user_name, string_view("u1"));
  Bytes bytes = std::move(writer).take();
  sign_request(bytes, Secret("radsec"));
  std::vector<Outgoing> out;
  const Incoming in{.from = {.address = {}, .port = 1, .stream = 1}, .bytes = bytes};
  responder->handle(std::span(&in, 1), now, out);
  EXPECT_THAT(out, SizeIs(1));
  engine.grants[key_of("u1")].lessons = true;
  responder->re_authorise_all();
  out.clear();
  responder->tick(now, out);
  EXPECT_THAT(out, IsEmpty());
}

}  // namespace
}  // namespace dayaq::edge::radius
