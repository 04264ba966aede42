#include "edge/radius/responder.hpp"

#include "edge/radius/responder_test_support.ipp"

namespace dayaq::edge::radius {
namespace {

using namespace testing_support;

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

}  // namespace
}  // namespace dayaq::edge::radius
