// What goes on to the operator's own charging system, and what the network is told then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/diameter/credit_test_support.ipp"

namespace dayaq::edge::diameter {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::Not;

constexpr Instant now = Instant(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21));
constexpr std::string_view number = "994501234567";

/// A charging system's answer: what it says after the AVPs that every answer has.
struct Cca {
  std::uint32_t result = 2001, type = 1, number = 0;
  std::string session = "pgw.test;1;1";
  std::uint8_t flags = 0x40;
  Bytes more;
  Bytes build() const {
    Bytes out;
    Writer writer(out);
    writer.begin(
        {.length = 0, .flags = flags, .command = 272, .application = 4, .hop_by_hop = 991, .end_to_end = 8});
    writer.text(avp::session_id, session);
    writer.u32(avp::result_code, result);
    writer.text(avp::origin_host, "ocs.test");
    writer.text(avp::origin_realm, "operator.test");
    writer.u32(avp::auth_application_id, 4);
    writer.u32(avp::cc_request_type, type);
    writer.u32(avp::cc_request_number, number);
    out.insert(out.end(), more.begin(), more.end());
    writer.end();
    return out;
  }
  Cca& part(std::uint32_t group, std::uint32_t code, std::uint64_t octets = 0, bool terminate = false) {
    Writer writer(more);
    const auto whole = writer.group_begin(avp::multiple_services_credit_control);
    if (octets != 0) {
      const auto granted = writer.group_begin(avp::granted_service_unit);
      writer.u64(avp::cc_total_octets, octets);
      writer.group_end(granted);
    }
    writer.u32(avp::rating_group, group);
    if (terminate) {
      const auto last = writer.group_begin(avp::final_unit_indication);
      writer.u32(avp::final_unit_action, 0);
      writer.group_end(last);
    }
    writer.u32(avp::result_code, code);
    writer.group_end(whole);
    return *this;
  }
};

struct CreditRelay : testing::Test {
  FakeEngine engine;
  CreditControl control{options(true), engine};

  void SetUp() override { engine.known[key_of(number)] = true; }
  void grant(ServiceIndex service, const FakeEngine::Grant& grant = {}) {
    engine.grants[{key_of(number), service}] = grant;
  }
  Reaction relayed(const Ccr& ccr) {
    Reaction reaction = control.on_request(ccr.build(), "peer.test", now);
    EXPECT_EQ(reaction.kind, Reaction::Kind::relay);
    EXPECT_NE(reaction.pending, nullptr);
    return reaction;
  }
  Reaction finish(Reaction reaction, BytesView cca) {
    return control.on_upstream_answer(std::move(reaction.pending), cca, now);
  }
  std::string answered(const Ccr& ccr) {
    const Reaction reaction = control.on_request(ccr.build(), "peer.test", now);
    EXPECT_EQ(reaction.kind, Reaction::Kind::answer);
    return shown_message(reaction.message);
  }
};

TEST_F(CreditRelay, WhatNoGrantCoversGoesOnUnchangedButForRouteRecord) {
  const Ccr ccr = Ccr{}.part({.group = 1, .service = 3}).part({.group = 2});
  Reaction reaction = relayed(ccr);
  Bytes expected = ccr.build();
  Writer(expected).text(avp::route_record, "peer.test");
  expected[2] = std::byte(expected.size() >> 8);
  expected[3] = std::byte(expected.size() & 0xff);
  EXPECT_EQ(to_hex(reaction.message), to_hex(expected));
  const Bytes cca = Cca{}.part(1, 2001, 5000).part(2, 4010).build();
  Reaction done = finish(std::move(reaction), cca);
  ASSERT_EQ(done.kind, Reaction::Kind::answer);
  Bytes as_sent = cca;
  set_hop_by_hop(as_sent, 7);
  EXPECT_EQ(to_hex(done.message), to_hex(as_sent));
}

TEST_F(CreditRelay, ADestinationHostThatIsThisEdgeGoes) {
  Ccr ccr = Ccr{}.part({.group = 1});
  Writer(ccr.more).text(avp::destination_host, "edge.test");
  EXPECT_THAT(shown_message(relayed(ccr).message), Not(HasSubstr("293=")));
  Ccr theirs = Ccr{.session = "b"}.part({.group = 1});
  Writer(theirs.more).text(avp::destination_host, "ocs.test");
  EXPECT_THAT(shown_message(relayed(theirs).message), HasSubstr("293=ocs.test 282=peer.test"));
}

TEST_F(CreditRelay, AMixedRequestIsSplitAndItsAnswersMadeOne) {
  grant(education);
  Reaction reaction = relayed(Ccr{}.part({.group = 900}).part({.group = 1}));
  EXPECT_THAT(shown_message(reaction.message),
              testing::AllOf(HasSubstr("416=1 415=0 "), HasSubstr("432=1}"), Not(HasSubstr("432=900"))));
  Cca cca = Cca{}.part(1, 2001, 5000);
  Writer(cca.more).u32(avp::credit_control_failure_handling, 2);
  const Reaction done = finish(std::move(reaction), cca.build());
  EXPECT_EQ(shown_message(done.message),
            "263=pgw.test;1;1 268=2001 264=edge.test 296=operator.test 258=4 416=1 415=0 427=2 "
            "456{431{421=1000} 432=900 448=3600 869=150 268=2001} 456{431{421=5000} 432=1 268=2001}");
  EXPECT_EQ(done.sequence, 1u);
}

TEST_F(CreditRelay, AMixedAnswerIsRepeatedAlike) {
  grant(education);
  const Ccr ccr = Ccr{}.part({.group = 900}).part({.group = 1});
  const Reaction done = finish(relayed(ccr), Cca{}.part(1, 2001, 5000).build());
  const Reaction again = control.on_request(ccr.build(), "peer.test", now);
  ASSERT_EQ(again.kind, Reaction::Kind::answer);
  EXPECT_EQ(to_hex(again.message), to_hex(done.message));
}

TEST_F(CreditRelay, TheChargingSystemMayRefuseItsShareAlone) {
  grant(education);
  const Ccr ccr = Ccr{}.part({.group = 900}).part({.group = 1});
  EXPECT_THAT(shown_message(finish(relayed(ccr), Cca{.result = 4012}.build()).message),
              testing::AllOf(HasSubstr("268=2001 264=edge.test"), HasSubstr("456{432=1 268=4012}")));
  const Ccr other = Ccr{.session = "b"}.part({.group = 900}).part({.group = 1});
  EXPECT_THAT(shown_message(finish(relayed(other), Cca{.result = 5030}.build()).message),
              HasSubstr("456{432=1 268=4010}"));
}

TEST_F(CreditRelay, WithoutTheChargingSystemWhatIsGrantedStands) {
  grant(education);
  const Reaction done = finish(relayed(Ccr{}.part({.group = 900}).part({.group = 1})), {});
  EXPECT_EQ(shown_message(done.message),
            "263=pgw.test;1;1 268=2001 264=edge.test 296=operator.test 258=4 416=1 415=0 418=1 427=1 "
            "456{431{421=1000} 432=900 448=3600 869=150 268=2001} 456{432=1 268=4010}");
  const Reaction alone = finish(relayed(Ccr{.session = "b"}.part({.group = 1})), {});
  EXPECT_EQ(shown_message(alone.message), "263=b 268=3002 264=edge.test 296=operator.test");
  EXPECT_NE(parse_header(alone.message)->flags & Header::error_bit, 0);
  const Reaction broken = finish(relayed(Ccr{.session = "c"}.part({.group = 1})), Bytes(50));
  EXPECT_THAT(shown_message(broken.message), HasSubstr("268=3002"));
}

TEST_F(CreditRelay, ASessionThatBeganHereIsTheChargingSystemsFirstRequestWhenItComesToIt) {
  grant(data);
  EXPECT_THAT(answered(Ccr{}.part({.group = 1})), HasSubstr("431{421=1000}"));
  engine.grants.clear();  // the regime has ended
  Reaction reaction = relayed(Ccr{.type = 2, .number = 1}.part({.group = 1, .octets = 700}));
  // What was used was ours: it is counted here, and not told.
  EXPECT_THAT(
      shown_message(reaction.message),
      testing::AllOf(HasSubstr("416=1 415=0 "), HasSubstr("456{437{} 432=1}"), Not(HasSubstr("446{"))));
  EXPECT_EQ((engine.used[{key_of(number), data}]), 700u);
  EXPECT_THAT(
      shown_message(finish(std::move(reaction), Cca{}.part(1, 2001, 50).build()).message),
      testing::AllOf(HasSubstr("264=ocs.test"), HasSubstr("416=2 415=1 456{431{421=50} 432=1 268=2001}")));
  // From then on it has its own numbers without gaps, and its units are its own.
  const std::size_t asked = engine.asks.size();
  reaction = relayed(Ccr{.type = 2, .number = 2}.part({.group = 1, .octets = 50}));
  EXPECT_THAT(shown_message(reaction.message),
              testing::AllOf(HasSubstr("416=2 415=1 "), HasSubstr("446{421=50}")));
  EXPECT_EQ(engine.asks.back().used, 0u);
  EXPECT_GT(engine.asks.size(), asked);
  finish(std::move(reaction), Cca{.type = 2, .number = 1}.part(1, 2001, 50).build());
  reaction = relayed(Ccr{.type = 3, .number = 3}.part({.group = 1, .asks = false, .octets = 20}));
  EXPECT_THAT(shown_message(reaction.message),
              testing::AllOf(HasSubstr("416=3 415=2 "), HasSubstr("446{421=20}")));
  EXPECT_THAT(shown_message(finish(std::move(reaction), Cca{.type = 3, .number = 2}.build()).message),
              HasSubstr("416=3 415=3"));
  EXPECT_EQ(control.session_count(), 0u);
}

TEST_F(CreditRelay, WhatIsSentAgainHasTheSameNumberThere) {
  grant(data);
  answered(Ccr{}.part({.group = 1}));
  engine.grants.clear();
  const Ccr update = Ccr{.type = 2, .number = 1}.part({.group = 1});
  const Bytes first = relayed(update).message;
  EXPECT_EQ(to_hex(relayed(update).message), to_hex(first));
}

TEST_F(CreditRelay, AGrantInMidSessionTakesOverAndTheChargingSystemHearsWhatItsUnitsWere) {
  finish(relayed(Ccr{}.part({.group = 1})), Cca{}.part(1, 2001, 500).build());
  grant(data);
  Reaction reaction = relayed(Ccr{.type = 2, .number = 1}.part({.group = 1, .octets = 400}));
  EXPECT_THAT(shown_message(reaction.message),
              testing::AllOf(HasSubstr("416=2 415=1 "), HasSubstr("456{446{421=400} 432=1}")));
  EXPECT_EQ(engine.asks.back().used, 0u);  // those were paid for
  EXPECT_EQ(engine.asks.back().phase, Phase::start);
  const Reaction done = finish(std::move(reaction), Cca{.type = 2, .number = 1}.part(1, 2001).build());
  EXPECT_THAT(shown_message(done.message), HasSubstr("456{431{421=1000} 432=1 448=3600 869=150 268=2001}"));
  EXPECT_THAT(answered(Ccr{.type = 2, .number = 2}.part({.group = 1, .octets = 30})),
              HasSubstr("431{421=1000}"));
  EXPECT_EQ((engine.used[{key_of(number), data}]), 30u);
  // And its end is told, so that it keeps nothing reserved.
  reaction = relayed(Ccr{.type = 3, .number = 3}.part({.group = 1, .asks = false, .octets = 5}));
  EXPECT_THAT(shown_message(reaction.message),
              testing::AllOf(HasSubstr("416=3 415=2 "), Not(HasSubstr("456{"))));
  EXPECT_THAT(shown_message(finish(std::move(reaction), {}).message),
              testing::AllOf(HasSubstr("268=2001 264="), HasSubstr("456{432=1 268=2001}")));
  EXPECT_EQ((engine.used[{key_of(number), data}]), 35u);
}

TEST_F(CreditRelay, AQuotaThatEndsFallsBackToTheOperatorsOwnCharging) {
  grant(data, {.quota = 100, .slice = 100});
  EXPECT_THAT(answered(Ccr{}.part({.group = 1})),
              testing::AllOf(HasSubstr("431{421=100}"), Not(HasSubstr("430{"))));
  Reaction reaction = relayed(Ccr{.type = 2, .number = 1}.part({.group = 1, .octets = 100}));
  EXPECT_THAT(shown_message(reaction.message),
              testing::AllOf(HasSubstr("416=1 415=0 "), Not(HasSubstr("446{"))));
  EXPECT_THAT(shown_message(finish(std::move(reaction), Cca{}.part(1, 2001, 9).build()).message),
              HasSubstr("431{421=9}"));
}

TEST_F(CreditRelay, AnEdgeThatNeverSawTheSessionAsksAgainAsItsBeginning) {
  Reaction reaction = relayed(Ccr{.type = 2, .number = 4}.part({.group = 1}));
  EXPECT_THAT(shown_message(reaction.message), HasSubstr("416=2 415=4 "));
  Reaction again = finish(std::move(reaction), Cca{.result = 5002, .type = 2, .number = 4}.build());
  ASSERT_EQ(again.kind, Reaction::Kind::relay);
  EXPECT_THAT(shown_message(again.message), HasSubstr("416=1 415=0 "));
  const Reaction done = finish(std::move(again), Cca{}.part(1, 2001, 70).build());
  ASSERT_EQ(done.kind, Reaction::Kind::answer);
  EXPECT_THAT(shown_message(done.message),
              testing::AllOf(HasSubstr("416=2 415=4 "), HasSubstr("431{421=70}")));
  reaction = relayed(Ccr{.type = 2, .number = 5}.part({.group = 1}));
  EXPECT_THAT(shown_message(reaction.message), HasSubstr("416=2 415=1 "));
  const Reaction refused = finish(std::move(reaction), Cca{.result = 4012, .type = 2, .number = 1}.build());
  EXPECT_THAT(shown_message(refused.message), HasSubstr("268=4012"));
}

TEST_F(CreditRelay, DeferredPaymentsMakeACutOffIntoLimitedService) {
  engine.deferring[key_of(number)] = true;
  const std::string_view limited = "430{449=2 11=dayaq-limited}";
  // The whole command refused: no part is named.
  Reaction done = finish(relayed(Ccr{}.part({.group = 1})), Cca{.result = 4012}.build());
  EXPECT_EQ(shown_message(done.message),
            "263=pgw.test;1;1 268=2001 264=ocs.test 296=operator.test 258=4 416=1 415=0 "
            "456{432=1 448=1800 430{449=2 11=dayaq-limited} 268=2001}");
  // One part refused, another's last units.
  done = finish(relayed(Ccr{.session = "b"}.part({.group = 1}).part({.group = 2}).part({.group = 3})),
                Cca{}.part(1, 4012).part(2, 2001, 10, true).part(3, 2001, 99).build());
  EXPECT_THAT(shown_message(done.message),
              HasSubstr("456{432=1 268=2001 " + std::string(limited) + "} 456{431{421=10} 432=2 " +
                        std::string(limited) + " 268=2001} 456{431{421=99} 432=3 268=2001}"));
  // Other refusals are the operator's to make, and who doesn't defer is cut off.
  done = finish(relayed(Ccr{.session = "c"}.part({.group = 1})), Cca{.result = 4010}.build());
  EXPECT_THAT(shown_message(done.message), HasSubstr("268=4010"));
  engine.deferring.clear();
  done = finish(relayed(Ccr{.session = "d"}.part({.group = 1})), Cca{.result = 4012}.build());
  EXPECT_THAT(shown_message(done.message), HasSubstr("268=4012"));
}

TEST_F(CreditRelay, AfterLimitedServiceTheSessionBeginsAnewThere) {
  engine.deferring[key_of(number)] = true;
  finish(relayed(Ccr{}.part({.group = 1})), Cca{.result = 4012}.build());
  const Reaction reaction = relayed(Ccr{.type = 2, .number = 1}.part({.group = 1, .octets = 12}));
  EXPECT_THAT(shown_message(reaction.message),
              testing::AllOf(HasSubstr("416=1 415=0 "), Not(HasSubstr("446{"))));
}

TEST_F(CreditRelay, AvpsThatOnlyTheChargingSystemKnowsAreNoReasonToRefuse) {
  Ccr ccr = Ccr{}.part({.group = 1});
  Writer(ccr.more).u32(99999, 5);
  EXPECT_THAT(shown_message(relayed(ccr).message), HasSubstr("99999=5"));
  grant(data);
  Ccr ours = Ccr{.session = "b"}.part({.group = 1});
  Writer(ours.more).u32(99999, 5);
  EXPECT_THAT(answered(ours), HasSubstr("268=5001"));
}

TEST_F(CreditRelay, WithoutTheProxiableBitNothingIsRelayed) {
  EXPECT_THAT(answered(Ccr{.flags = 0x80}.part({.group = 1})), HasSubstr("268=4010"));
}

TEST_F(CreditRelay, SessionsOfTheChargingSystemAreKnownForReAuthorisation) {
  finish(relayed(Ccr{}.part({.group = 1})), Cca{}.part(1, 2001, 500).build());
  EXPECT_EQ(control.sessions_of(key_of(number)).size(), 1u);
  finish(relayed(Ccr{.session = "b"}.part({.group = 1})), Cca{.result = 4010}.build());
  EXPECT_EQ(control.sessions_of(key_of(number)).size(), 1u);  // refused: it never began
}

TEST_F(CreditRelay, SessionsWithoutPartsAndEventsGoOnToo) {
  EXPECT_THAT(shown_message(relayed(Ccr{}).message), HasSubstr("416=1"));
  Ccr event{.type = 4, .session = "e", .context = std::string(sms_context), .many = false};
  Writer(event.more).u32(avp::requested_action, 0);
  EXPECT_THAT(shown_message(relayed(event).message), HasSubstr("416=4"));
}

TEST_F(CreditRelay, WhileTheCommandsOwnUnitsMoveToAGrantTheChargingSystemHearsItsShare) {
  const Ccr initial{.context = std::string(ims_context), .many = false};
  finish(relayed(initial), Cca{}.build());
  grant(voice, {.slice = 60});
  Ccr update{.type = 2, .number = 1, .context = std::string(ims_context), .many = false};
  Writer writer(update.more);
  writer.group_end(writer.group_begin(avp::requested_service_unit));
  const auto used = writer.group_begin(avp::used_service_unit);
  writer.u32(avp::cc_time, 25);
  writer.group_end(used);
  Reaction reaction = relayed(update);
  EXPECT_THAT(shown_message(reaction.message),
              testing::AllOf(HasSubstr("446{420=25}"), Not(HasSubstr("437{"))));
  EXPECT_THAT(shown_message(finish(std::move(reaction), Cca{.type = 2, .number = 1}.build()).message),
              HasSubstr("416=2 415=1 418=1"));
}

}  // namespace
}  // namespace dayaq::edge::diameter
