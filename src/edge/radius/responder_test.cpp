#include "edge/radius/responder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.hpp"
#include "edge/radius/test_support.ipp"

namespace dayaq::edge::radius {
namespace {

using namespace testing_support;
using std::string_view;

const Endpoint nas{.address = *parse_address("10.0.0.1"), .port = 40000};
const Endpoint old_nas{.address = *parse_address("10.0.0.2"), .port = 40000};
const Secret nas_secret("testing123"), operator_secret("theirs");

/// What a packet has of a type, in order.
std::vector<std::string> all(const Packet& packet, std::uint8_t type) {
  std::vector<std::string> out;
  BytesView rest = packet.attributes();
  Attribute attribute;
  while (take_attribute(rest, attribute)) {
    if (attribute.type == type) out.emplace_back(as_text(attribute.value));
  }
  return out;
}

struct RadiusResponder : testing::Test {
  FakeEngine engine;
  SeededRandom random{7};
  ServerOptions options = options_for_tests();
  std::unique_ptr<Responder> responder;
  Moment now{.wall = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21),
             .steady = Steady(std::chrono::hours(9))};
  std::uint8_t next_id = 1;
  Authenticator authenticator{};
  std::vector<Bytes> kept;

  void start() { responder = *Responder::create(options, engine, random); }
  void start_with_operator() {
    options.proxy_auth = "10.9.9.9:1812";
    options.proxy_acct = "10.9.9.9:1813";
    options.proxy_secret = "theirs";
    start();
  }

  std::vector<Outgoing> send(const Bytes& packet, bool accounting, Endpoint from = nas) {
    std::vector<Outgoing> out;
    const Incoming in{.from = from, .accounting_port = accounting, .bytes = packet};
    responder->handle(std::span(&in, 1), now, out);
    return out;
  }

  Bytes access(string_view name, const std::function<void(Writer&)>& add = {}, bool signed_too = true) {
    Writer writer(Code::access_request, next_id++);
    authenticator[0] = std::byte(next_id);
    writer.set_authenticator(authenticator);
    if (signed_too) writer.add_message_authenticator();
    writer.add(type::user_name, name);
    if (add) add(writer);
    Bytes bytes = std::move(writer).take();
    if (signed_too) sign_access_request(bytes, nas_secret);
    return bytes;
  }

  Bytes accounting(std::uint32_t status, string_view session, string_view name, std::uint64_t in,
                   std::uint64_t out, const std::function<void(Writer&)>& add = {}) {
    Writer writer(Code::accounting_request, next_id++);
    writer.add(type::acct_status_type, status);
    writer.add(type::acct_session_id, session);
    writer.add(type::user_name, name);
    writer.add(type::nas_identifier, string_view("bng1"));
    writer.add(type::acct_input_octets, std::uint32_t(in));
    writer.add(type::acct_output_octets, std::uint32_t(out));
    writer.add(type::acct_input_gigawords, std::uint32_t(in >> 32));
    writer.add(type::acct_output_gigawords, std::uint32_t(out >> 32));
    if (add) add(writer);
    Bytes bytes = std::move(writer).take();
    sign_request(bytes, nas_secret);
    return bytes;
  }

  /// The one packet that was sent; proved with the request if it is a reply.
  Packet only(const std::vector<Outgoing>& out, Way way, const Bytes* request = nullptr) {
    EXPECT_EQ(out.size(), 1u);
    if (out.size() != 1) return *Packet::parse(kept.emplace_back(Writer(Code(0), 0).take()));
    EXPECT_EQ(out[0].way, way);
    const Packet packet = *Packet::parse(kept.emplace_back(out[0].bytes));
    if (request != nullptr) {
      const Packet asked = *Packet::parse(*request);
      EXPECT_EQ(packet.id(), asked.id());
      EXPECT_TRUE(check_reply_authenticator(packet, asked.authenticator(), nas_secret));
      if (packet.code() != Code::accounting_response) {
        EXPECT_EQ(check_message_authenticator(packet, asked.authenticator(), nas_secret), Proof::right);
        EXPECT_EQ(std::uint8_t(packet.attributes()[0]), type::message_authenticator) << "must be the first";
      }
    }
    return packet;
  }

  /// The operator's server's answer to what was sent on.
  Bytes operator_answer(const Packet& sent_on, Code code, const std::function<void(Writer&)>& add = {},
                        bool with_message_authenticator = true) {
    Writer writer(code, sent_on.id());
    if (with_message_authenticator && code != Code::accounting_response) writer.add_message_authenticator();
    if (add) add(writer);
    for (const std::string& state : all(sent_on, type::proxy_state))
      writer.add(type::proxy_state, string_view(state));
    Bytes bytes = std::move(writer).take();
    sign_reply(bytes, sent_on.authenticator(), operator_secret);
    return bytes;
  }
  std::vector<Outgoing> from_operator(bool is_accounting, std::uint32_t socket, const Bytes& bytes) {
    std::vector<Outgoing> out;
    responder->from_operator(is_accounting, socket, bytes, now, out);
    return out;
  }
  std::vector<Outgoing> tick(std::chrono::milliseconds later = std::chrono::milliseconds(20)) {
    now.steady += later;
    now.wall += later;
    std::vector<Outgoing> out;
    responder->tick(now, out);
    return out;
  }
  void answer_change(const Packet& change, Code code, std::optional<std::uint32_t> cause = {}) {
    Writer writer(code, change.id());
    if (cause) writer.add(type::error_cause, *cause);
    Bytes bytes = std::move(writer).take();
    sign_reply(bytes, change.authenticator(), nas_secret);
    std::vector<Outgoing> out;
    responder->from_nas({.address = nas.address, .port = 3799}, bytes, now, out);
    EXPECT_TRUE(out.empty());
  }
};

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(RadiusResponder, StaysSilentToStrangersAndToWhatIsNotProved) {
  start();
  engine.grants[key_of("u1")].everything = true;
  EXPECT_THAT(send(access("u1"), false, {.address = *parse_address("10.0.0.3"), .port = 1}), IsEmpty());
  EXPECT_THAT(send(access("u1", {}, false), false), IsEmpty()) << "no Message-Authenticator";
  Bytes wrong = access("u1");
  wrong.back() ^= std::byte(1);
  EXPECT_THAT(send(wrong, false), IsEmpty());
  Bytes wrong_accounting = accounting(1, "s", "u1", 0, 0);
  wrong_accounting.back() ^= std::byte(1);
  EXPECT_THAT(send(wrong_accounting, true), IsEmpty());
  EXPECT_THAT(send(access("u1"), true), IsEmpty()) << "on the accounting port";
  EXPECT_THAT(send(Bytes(3), false), IsEmpty());
  const auto counts = responder->counts();
  EXPECT_EQ(counts.unknown_client, 1u);
  EXPECT_EQ(counts.bad_authenticator, 3u);
  EXPECT_EQ(counts.malformed, 1u);
  EXPECT_TRUE(engine.asked.empty());
}

TEST_F(RadiusResponder, OtherClientsTakeThePlaceOfThoseSoFar) {
  const Endpoint late{.address = *parse_address("10.0.0.3"), .port = 1};
  start();
  engine.grants[key_of("u1")].everything = true;
  EXPECT_THAT(send(access("u1"), false, old_nas), IsEmpty()) << "its secret is another";
  std::vector<ClientOptions> clients = {{.address = "10.0.0.3", .secret = "testing123", .coa_address = {}},
                                        {.address = "10.0.0.2", .secret = "testing123", .coa_address = {}}};
  ASSERT_TRUE(responder->use_clients(clients));
  EXPECT_THAT(send(access("u1"), false, late), SizeIs(1));
  EXPECT_THAT(send(access("u1"), false, old_nas), SizeIs(1)) << "its new secret";
  EXPECT_THAT(send(access("u1"), false), IsEmpty()) << "gone";
  clients.front().address = "nowhere";
  EXPECT_EQ(responder->use_clients(clients).error().code, "radius.client");
  EXPECT_THAT(send(access("u1"), false, late), SizeIs(1)) << "a bad list changes nothing";
}

TEST_F(RadiusResponder, AnOldNasThatIsAllowedToMayAskWithoutMessageAuthenticatorButNotForEap) {
  start();
  EXPECT_THAT(send(access("u1", {}, false), false, old_nas), SizeIs(1));
  const auto eap = [](Writer& writer) { writer.add(type::eap_message, string_view("\x02\x01\x00\x05\x01")); };
  EXPECT_THAT(send(access("u1", eap, false), false, old_nas), IsEmpty());
}

TEST_F(RadiusResponder, WithoutTheOperatorsServerRejectsUnlessToldOtherwise) {
  start();
  engine.grants[key_of("u1")].everything = true;
  const Bytes request = access("u1");
  EXPECT_EQ(only(send(request, false), Way::reply, &request).code(), Code::access_reject);
}

TEST_F(RadiusResponder, LetsAGrantInWithoutAPasswordWhereTheFileSaysSo) {
  options.accept_without_password = true;
  start();
  engine.grants[key_of("u1")] = {.everything = true, .lessons = true};
  const Bytes request =
      access("u1@isp.az", [](Writer& writer) { writer.add(type::proxy_state, string_view("p1")); });
  const Packet accept = only(send(request, false), Way::reply, &request);
  ASSERT_EQ(accept.code(), Code::access_accept);
  EXPECT_THAT(all(accept, type::filter_id), ElementsAre("edu", "open"));
  EXPECT_THAT(all(accept, type::proxy_state), ElementsAre("p1"));
  EXPECT_EQ(accept.number(type::session_timeout), 86400u);
  EXPECT_EQ(accept.number(type::termination_action), 1u);
  EXPECT_EQ(accept.number(type::acct_interim_interval), 600u);
  const auto mark = decode_mark(*accept.find(type::class_), mark_key(options.feed_key));
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->key, key_of("u1"));
  EXPECT_EQ(mark->measure, 2u);
  EXPECT_EQ(mark->profiles, 3u);
  EXPECT_EQ(accept.text(type::chargeable_user_identity).size(), 16u);
  EXPECT_EQ(accept.text(type::chargeable_user_identity).find("u1"), string_view::npos);

  const Bytes stranger = access("nobody");
  EXPECT_EQ(only(send(stranger, false), Way::reply, &stranger).code(), Code::access_reject);
}

TEST_F(RadiusResponder, FindsALineByItsCallingStation) {
  options.accept_without_password = true;
  start();
  engine.grants[key_of("00-11-22-33-44-55")].everything = true;
  const Bytes request = access("anonymous", [](Writer& writer) {
    writer.add(type::calling_station_id, string_view("00-11-22-33-44-55"));
  });
  EXPECT_EQ(only(send(request, false), Way::reply, &request).code(), Code::access_accept);
}

TEST_F(RadiusResponder, GivesLimitedServiceWhenTheQuotaIsUsedUpOrPaymentsAreDeferred) {
  options.accept_without_password = true;
  start();
  engine.grants[key_of("u1")] = {.everything = true, .quota = 10, .used = 10};
  engine.grants[key_of("u2")] = {.deferral = true};
  for (const char* name : {"u1", "u2"}) {
    const Bytes request = access(name);
    const Packet accept = only(send(request, false), Way::reply, &request);
    EXPECT_EQ(accept.code(), Code::access_accept) << name;
    EXPECT_THAT(all(accept, type::filter_id), ElementsAre("limited")) << name;
  }
}

TEST_F(RadiusResponder, TheOperatorsServerProvesThePasswordAndTheGrantCompletesItsAccept) {
  start_with_operator();
  engine.grants[key_of("u1")].everything = true;
  Bytes password(16);
  std::ranges::copy(as_bytes("hello"), password.begin());
  const Bytes request = access("u1", [&](Writer& writer) {
    Bytes hidden = password;
    hide(hidden, authenticator, {}, nas_secret);
    writer.add(type::user_password, BytesView(hidden));
    writer.add(type::proxy_state, string_view("front"));
  });
  const auto sent = send(request, false);
  const Packet sent_on = only(sent, Way::access_on);
  EXPECT_EQ(check_message_authenticator(sent_on, sent_on.authenticator(), operator_secret), Proof::right);
  EXPECT_FALSE(std::ranges::equal(sent_on.authenticator(), authenticator));
  Bytes revealed(sent_on.find(type::user_password)->begin(), sent_on.find(type::user_password)->end());
  reveal(revealed, sent_on.authenticator(), {}, operator_secret);
  EXPECT_EQ(revealed, password);
  EXPECT_THAT(all(sent_on, type::proxy_state), SizeIs(2));

  const auto answer =
      from_operator(false, sent[0].socket, operator_answer(sent_on, Code::access_accept, [](Writer& w) {
                      w.add(type::filter_id, string_view("paid"));
                      w.add(type::framed_ip_address, std::uint32_t(0x0a636363));
                      w.add(type::class_, string_view("theirs"));
                    }));
  const Packet accept = only(answer, Way::reply, &request);
  EXPECT_EQ(accept.code(), Code::access_accept);
  EXPECT_THAT(all(accept, type::filter_id), ElementsAre("open")) << "the grant's takes the operator's place";
  EXPECT_EQ(accept.number(type::framed_ip_address), 0x0a636363u);
  EXPECT_THAT(all(accept, type::class_), SizeIs(2));
  EXPECT_THAT(all(accept, type::proxy_state), ElementsAre("front"));
  EXPECT_EQ(accept.number(type::acct_interim_interval), 600u);
}

TEST_F(RadiusResponder, WhatIsNotOursGoesThroughUnchangedChallengesToo) {
  start_with_operator();
  const auto eap = [](Writer& writer) {
    writer.add(type::eap_message, string_view("\x02\x01\x00\x05\x01", 5));
    writer.add(type::state, string_view("st"));
  };
  const Bytes request = access("nobody", eap);
  const auto sent = send(request, false);
  const Packet sent_on = only(sent, Way::access_on);
  EXPECT_EQ(sent_on.text(type::state), "st");
  const auto answer =
      from_operator(false, sent[0].socket, operator_answer(sent_on, Code::access_challenge, [](Writer& w) {
                      w.add(type::eap_message, string_view("\x01\x02\x00\x05\x04", 5));
                      w.add(type::state, string_view("st2"));
                      w.add(type::filter_id, string_view("theirs"));
                    }));
  const Packet challenge = only(answer, Way::reply, &request);
  EXPECT_EQ(challenge.code(), Code::access_challenge);
  EXPECT_EQ(challenge.text(type::state), "st2");
  EXPECT_THAT(all(challenge, type::filter_id), ElementsAre("theirs"));
  EXPECT_THAT(all(challenge, type::class_), IsEmpty());
  EXPECT_THAT(all(challenge, type::proxy_state), IsEmpty());
}

TEST_F(RadiusResponder, ARetransmissionIsSentOnAsTheSameAndAnsweredFromMemory) {
  start_with_operator();
  const Bytes request = access("u1");
  const auto first = send(request, false);
  const auto again = send(request, false);
  ASSERT_THAT(first, SizeIs(1));
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(first[0].bytes, again[0].bytes);
  EXPECT_EQ(first[0].socket, again[0].socket);
  EXPECT_EQ(responder->counts().proxied, 1u);
  const Bytes accept = operator_answer(*Packet::parse(first[0].bytes), Code::access_accept);
  const auto answer = from_operator(false, first[0].socket, accept);
  EXPECT_THAT(from_operator(false, first[0].socket, accept), IsEmpty()) << "the second answer is nobody's";
  const auto third = send(request, false);
  ASSERT_THAT(third, SizeIs(1));
  EXPECT_EQ(third[0].way, Way::reply);
  EXPECT_EQ(third[0].bytes, answer[0].bytes);
}

TEST_F(RadiusResponder, TakesNoForgedAnswerOfTheOperatorsServer) {
  start_with_operator();
  const auto sent = send(access("u1"), false);
  const Packet sent_on = only(sent, Way::access_on);
  Bytes forged = operator_answer(sent_on, Code::access_accept);
  sign_reply(forged, sent_on.authenticator(), nas_secret);
  EXPECT_THAT(from_operator(false, sent[0].socket, forged), IsEmpty());
  EXPECT_THAT(from_operator(false, sent[0].socket, operator_answer(sent_on, Code::access_accept, {}, false)),
              IsEmpty())
      << "without Message-Authenticator";
  EXPECT_THAT(from_operator(false, sent[0].socket, operator_answer(sent_on, Code::accounting_response)),
              IsEmpty());
  EXPECT_THAT(from_operator(false, sent[0].socket + 1, operator_answer(sent_on, Code::access_accept)),
              IsEmpty());
  EXPECT_THAT(from_operator(false, sent[0].socket, operator_answer(sent_on, Code::access_accept)), SizeIs(1));
}

TEST_F(RadiusResponder, ARejectForWantOfPaymentBecomesLimitedServiceWhileDeferredAndNoOther) {
  options.unpaid_reply = "unpaid";
  start_with_operator();
  engine.grants[key_of("u1")].deferral = true;
  for (const auto& [name, message, code] : {std::tuple("u1", "account unpaid", Code::access_accept),
                                            {"u1", "wrong password", Code::access_reject},
                                            {"u2", "account unpaid", Code::access_reject}}) {
    const Bytes request = access(name);
    const auto sent = send(request, false);
    const auto answer =
        from_operator(false, sent[0].socket,
                      operator_answer(*Packet::parse(sent[0].bytes), Code::access_reject,
                                      [&](Writer& w) { w.add(type::reply_message, string_view(message)); }));
    const Packet packet = only(answer, Way::reply, &request);
    EXPECT_EQ(packet.code(), code) << name << message;
    if (code == Code::access_accept) {
      EXPECT_THAT(all(packet, type::filter_id), ElementsAre("limited"));
    }
  }
}

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

TEST_F(RadiusResponder, AnswersStatusServerOnlyWithMessageAuthenticator) {
  start();
  for (const bool signed_too : {true, false}) {
    Writer writer(Code::status_server, 3);
    if (signed_too) writer.add_message_authenticator();
    Bytes bytes = std::move(writer).take();
    sign_access_request(bytes, nas_secret);
    for (const bool acct : {false, true}) {
      const auto out = send(bytes, acct);
      ASSERT_THAT(out, SizeIs(signed_too ? 1 : 0));
      if (signed_too) {
        EXPECT_EQ(Packet::parse(out[0].bytes)->code(),
                  acct ? Code::accounting_response : Code::access_accept);
      }
    }
  }
}

TEST_F(RadiusResponder, WhatTheOperatorsServerNeverAnswersIsForgottenAndCounted) {
  start_with_operator();
  for (int i = 0; i < 300; ++i) {
    authenticator[3] = std::byte(i / 256);
    ASSERT_THAT(send(access("u" + std::to_string(i)), false), SizeIs(1));
  }
  EXPECT_THAT(tick(std::chrono::seconds(31)), IsEmpty());
  EXPECT_EQ(responder->counts().operator_silent, 300u);
}

TEST(RadiusOptions, AreRefusedWithWhatIsWrong) {
  FakeEngine engine;
  SeededRandom random(1);
  const auto code_of = [&](const std::function<void(ServerOptions&)>& change) {
    ServerOptions options = options_for_tests();
    change(options);
    const auto made = Responder::create(options, engine, random);
    return made ? std::string() : std::string(made.error().code);
  };
  EXPECT_EQ(code_of([](ServerOptions&) {}), "");
  EXPECT_EQ(code_of([](ServerOptions& o) { o.limited = {"No-Such=1"}; }), "radius.attribute");
  EXPECT_EQ(code_of([](ServerOptions& o) { o.clients[0].address = "10.0.0.0/33"; }), "radius.client");
  EXPECT_EQ(code_of([](ServerOptions& o) { o.clients[0].secret.clear(); }), "radius.client");
  EXPECT_EQ(code_of([](ServerOptions& o) { o.clients[0].coa_address = "bng:3799"; }), "radius.client");
}

TEST(Clients, AreFoundByTheLongestPrefix) {
  const ClientOptions options[] = {{.address = "10.0.0.0/8", .secret = "a", .coa_address = {}},
                                   {.address = "10.1.0.0/16", .secret = "b", .coa_address = {}},
                                   {.address = "10.1.2.3", .secret = "c", .coa_address = {}},
                                   {.address = "2001:db8::/33", .secret = "d", .coa_address = {}}};
  const auto clients = *Clients::create(options);
  const auto secret = [&](string_view address) {
    const auto found = clients.find(*parse_address(address));
    return found ? std::string(as_text(clients.at(*found).secret.bytes())) : std::string();
  };
  EXPECT_EQ(secret("10.9.9.9"), "a");
  EXPECT_EQ(secret("10.1.9.9"), "b");
  EXPECT_EQ(secret("10.1.2.3"), "c");
  EXPECT_EQ(secret("2001:db8:7fff::1"), "d");
  EXPECT_EQ(secret("2001:db8:8000::1"), "");
  EXPECT_EQ(secret("11.0.0.1"), "");
}

}  // namespace
}  // namespace dayaq::edge::radius
