#include "edge/diameter/credit_control.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/diameter/credit_request.hpp"
#include "edge/diameter/credit_test_support.ipp"

namespace dayaq::edge::diameter {
namespace {

using namespace testing_support;

constexpr Instant now = Instant(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21));
constexpr std::string_view number = "994501234567";

struct CreditControlTest : testing::Test {
  FakeEngine engine;
  CreditControlOptions settings = options();
  std::unique_ptr<CreditControl> control;

  void SetUp() override { engine.known[key_of(number)] = true; }
  void grant(ServiceIndex service, const FakeEngine::Grant& grant = {}) {
    engine.grants[{key_of(number), service}] = grant;
  }
  Reaction send(const Ccr& ccr) {
    if (!control) control = std::make_unique<CreditControl>(settings, engine);
    return control->on_request(ccr.build(), "pgw.test", now);
  }
  std::string answer(const Ccr& ccr) {
    const Reaction reaction = send(ccr);
    EXPECT_EQ(reaction.kind, Reaction::Kind::answer);
    return shown_message(reaction.message);
  }
};

TEST_F(CreditControlTest, AGrantedGroupIsAnsweredInTheExactOrderOfAvps) {
  grant(data, {.slice = 100000});
  const Reaction reaction = send(Ccr{}.part({.group = 100, .service = 5}));
  EXPECT_EQ(shown_message(reaction.message),
            "263=pgw.test;1;1 268=2001 264=edge.test 296=operator.test 258=4 416=1 415=0 418=1 427=1 "
            "456{431{421=100000} 432=100 439=5 448=3600 869=15000 268=2001}");
  const auto header = parse_header(reaction.message);
  EXPECT_EQ(header->flags, Header::proxiable_bit);
  EXPECT_EQ(header->hop_by_hop, 7u);
  EXPECT_EQ(header->end_to_end, 8u);
  EXPECT_EQ(reaction.sequence, 1u);  // held back until the journal has it
  ASSERT_EQ(engine.asks.size(), 1u);
  EXPECT_EQ(engine.asks[0].key, key_of(number));
  EXPECT_EQ(engine.asks[0].phase, Phase::start);
  EXPECT_EQ(engine.asks[0].lease, lease_id("pgw.test", "pgw.test;1;1", std::uint64_t(100) << 32 | 5));
}

TEST_F(CreditControlTest, MeasuresThatCloseSayTerminateAndNoFailover) {
  grant(data, {.keep_open = false});
  EXPECT_THAT(answer(Ccr{}.part({.group = 100})), testing::HasSubstr(" 415=0 427=0 456{"));
}

TEST_F(CreditControlTest, UnitsAreThoseOfTheService) {
  grant(voice, {.slice = 600});
  grant(messages, {.slice = 10});
  EXPECT_THAT(answer(Ccr{.session = "v", .context = "ext.01.400.8.32260@3gpp.org"}.part({.group = 1})),
              testing::HasSubstr("456{431{420=600} 432=1 448=3600 868=90 268=2001}"));
  EXPECT_THAT(answer(Ccr{.session = "m", .context = std::string(sms_context)}.part({.group = 1})),
              testing::HasSubstr("456{431{417=10} 432=1 448=3600 1226=1 268=2001}"));
}

TEST_F(CreditControlTest, TotalOctetsCountIfSaidElseInputAndOutput) {
  grant(data);
  answer(Ccr{}.part({.group = 1}));
  answer(Ccr{.type = 2, .number = 1}.part({.group = 1, .octets = 500, .input = 1, .output = 2}));
  answer(Ccr{.type = 2, .number = 2}.part({.group = 1, .input = 30, .output = 12, .seconds = 99}));
  answer(Ccr{.type = 3, .number = 3}.part(
      {.group = 1, .asks = false, .input = 0xffffffffffffffff, .output = 9}));
  ASSERT_EQ(engine.asks.size(), 4u);
  EXPECT_EQ(engine.asks[1].used, 500u);
  EXPECT_EQ(engine.asks[1].phase, Phase::update);
  EXPECT_EQ(engine.asks[2].used, 42u);
  EXPECT_EQ(engine.asks[3].used, 0xffffffffffffffffull);  // and does not wrap
  EXPECT_EQ(engine.asks[3].phase, Phase::stop);
}

TEST_F(CreditControlTest, SeveralUsedUnitsOfOneGroupAreAddedUp) {
  grant(voice);
  answer(Ccr{.context = std::string(ims_context)}.part({.group = 1}));
  Ccr update{.type = 2, .number = 1, .context = std::string(ims_context)};
  Writer writer(update.more);
  const auto whole = writer.group_begin(avp::multiple_services_credit_control);
  for (const std::uint32_t seconds : {10u, 20u, 12u}) {
    const auto used = writer.group_begin(avp::used_service_unit);
    writer.u32(avp::cc_time, seconds);
    writer.group_end(used);
  }
  writer.u32(avp::rating_group, 1);
  writer.group_end(whole);
  EXPECT_THAT(answer(update), testing::HasSubstr("456{432=1 448=3600 268=2001}"));  // only a report: no slice
  EXPECT_EQ(engine.asks[1].used, 42u);
  EXPECT_FALSE(engine.asks[1].wants_slice);
}

TEST_F(CreditControlTest, EachGroupIsItsOwnLeaseAndFaresByItself) {
  grant(education);
  const std::string mixed =
      answer(Ccr{}.part({.group = 900}).part({.group = 1}).part({.group = 2, .service = 8}));
  EXPECT_THAT(mixed, testing::HasSubstr("268=2001 264=edge.test"));
  EXPECT_THAT(mixed, testing::HasSubstr("456{431{421=1000} 432=900 448=3600 869=150 268=2001} "
                                        "456{432=1 268=4010} 456{431{421=1000} 432=2 439=8"));
  EXPECT_EQ(engine.leases.size(), 3u);
}

TEST_F(CreditControlTest, MissingRatingGroupsGoByTheContext) {
  grant(data);
  EXPECT_THAT(answer(Ccr{}.part({.group = std::nullopt})),
              testing::HasSubstr("456{431{421=1000} 448=3600 869=150 268=2001}"));
  EXPECT_EQ(engine.asks[0].lease, lease_id("pgw.test", "pgw.test;1;1", 0));
}

TEST_F(CreditControlTest, WithoutMultipleServicesTheCommandCarriesTheUnits) {
  grant(voice, {.slice = 60});
  Ccr initial{.context = std::string(ims_context), .many = false};
  EXPECT_EQ(answer(initial),
            "263=pgw.test;1;1 268=2001 264=edge.test 296=operator.test 258=4 416=1 415=0 418=1 427=1 "
            "431{420=60} 448=3600");
  Ccr refused{.session = "other", .msisdn = "994509999999", .many = false};
  EXPECT_THAT(answer(refused), testing::HasSubstr("268=5030 264=edge.test"));
}

TEST_F(CreditControlTest, ASessionMayOpenWithoutAskingForAnything) {
  grant(data);
  EXPECT_EQ(answer(Ccr{}), "263=pgw.test;1;1 268=2001 264=edge.test 296=operator.test 258=4 416=1 415=0");
  EXPECT_TRUE(engine.asks.empty());
  EXPECT_EQ(control->session_count(), 1u);
}

TEST_F(CreditControlTest, ResultCodesSayWhyNot) {
  grant(data, {.quota = 10, .slice = 10, .limited_after = false});
  answer(Ccr{}.part({.group = 1}));
  EXPECT_THAT(answer(Ccr{.type = 2, .number = 1}.part({.group = 1, .octets = 10})),
              testing::AllOf(testing::HasSubstr("268=2001 264="), testing::HasSubstr("456{432=1 268=4012}")));
  EXPECT_THAT(answer(Ccr{.session = "new"}.part({.group = 1})),
              testing::AllOf(testing::HasSubstr("268=4012 264="), testing::HasSubstr("456{432=1 268=4012}")));
  EXPECT_THAT(answer(Ccr{.session = "edu"}.part({.group = 900})), testing::HasSubstr("268=4010 264="));
  EXPECT_THAT(answer(Ccr{.session = "theirs"}.part({.group = 666})), testing::HasSubstr("268=4010 264="));
  EXPECT_THAT(answer(Ccr{.session = "mms", .context = "32270@3gpp.org"}.part({.group = 1})),
              testing::HasSubstr("268=5031 264="));
  EXPECT_THAT(answer(Ccr{.session = "who", .msisdn = "994509999999"}.part({.group = 1})),
              testing::AllOf(testing::HasSubstr("268=5030 264="), testing::HasSubstr("268=4010}")));
}

TEST_F(CreditControlTest, TheLastUnitsSayWhatFollows) {
  grant(data, {.quota = 10, .slice = 100});
  EXPECT_THAT(answer(Ccr{}.part({.group = 1})),
              testing::HasSubstr("456{431{421=10} 432=1 448=3600 430{449=0} 268=2001}"));
  grant(education, {.quota = 10, .slice = 100, .limited_after = true});
  EXPECT_THAT(answer(Ccr{.session = "e"}.part({.group = 900})),
              testing::HasSubstr("456{431{421=10} 432=900 448=3600 430{449=2 11=dayaq-limited} 268=2001}"));
  EXPECT_THAT(answer(Ccr{.type = 2, .number = 1, .session = "e"}.part({.group = 900, .octets = 10})),
              testing::HasSubstr("456{432=900 448=1800 430{449=2 11=dayaq-limited} 268=2001}"));
}

TEST_F(CreditControlTest, LimitedServiceMayBeAPageOrFilterRules) {
  grant(data, {.quota = 10, .slice = 100, .limited_after = true});
  settings.limited_filter_rules = {"permit out ip from 192.0.2.0/24 to any"};
  EXPECT_THAT(answer(Ccr{}.part({.group = 1})),
              testing::HasSubstr("430{449=2 438=permit out ip from 192.0.2.0/24 to any}"));
  control.reset();
  settings.redirect_url = "https://pay.example/";
  EXPECT_THAT(answer(Ccr{.session = "b"}.part({.group = 1})),
              testing::HasSubstr("430{449=1 434{433=2 435=https://pay.example/}}"));
}

TEST_F(CreditControlTest, WhoDefersIsLimitedInsteadOfDenied) {
  engine.deferring[key_of(number)] = true;
  EXPECT_THAT(answer(Ccr{}.part({.group = 1})),
              testing::AllOf(testing::HasSubstr("268=2001 264="),
                             testing::HasSubstr("456{432=1 448=1800 430{449=2 11=dayaq-limited} 268=2001}")));
}

TEST_F(CreditControlTest, AnUnknownSessionIsDecidedFromTheReplica) {
  grant(data);
  EXPECT_THAT(answer(Ccr{.type = 2, .number = 7}.part({.group = 1, .octets = 300})),
              testing::HasSubstr("456{431{421=1000} 432=1"));
  EXPECT_THAT(
      answer(Ccr{.type = 3, .number = 8, .session = "x"}.part({.group = 1, .asks = false, .octets = 50})),
      testing::HasSubstr("416=3 415=8 456{432=1 268=2001}"));
  EXPECT_EQ((engine.used[{key_of(number), data}]), 350u);
}

TEST_F(CreditControlTest, ADuplicateGetsTheSameBytesWhateverItsFlagsSay) {
  grant(data);
  const Reaction first = send(Ccr{}.part({.group = 1}));
  const std::size_t asked = engine.asks.size();
  engine.grants.clear();  // even if the world has moved on
  const Reaction again = send(Ccr{}.part({.group = 1}));
  EXPECT_EQ(to_hex(first.message), to_hex(again.message));
  EXPECT_EQ(first.sequence, again.sequence);
  const Reaction marked = send(Ccr{.flags = 0xd0, .hop_by_hop = 70, .end_to_end = 8}.part({.group = 1}));
  EXPECT_EQ(to_hex(BytesView(first.message).subspan(header_bytes)),
            to_hex(BytesView(marked.message).subspan(header_bytes)));
  EXPECT_EQ(parse_header(marked.message)->hop_by_hop, 70u);
  EXPECT_FALSE(parse_header(marked.message)->retransmitted());
  EXPECT_EQ(engine.asks.size(), asked);
}

TEST_F(CreditControlTest, ADuplicateWhoseAnswerIsForgottenCountsNothingTwice) {
  settings.kept_answer_bytes = 64;  // holds none
  grant(data);
  send(Ccr{}.part({.group = 1}));
  const Reaction first = send(Ccr{.type = 2, .number = 1}.part({.group = 1, .octets = 40}));
  const Reaction again = send(Ccr{.type = 2, .number = 1}.part({.group = 1, .octets = 40}));
  EXPECT_EQ(to_hex(first.message), to_hex(again.message));
  EXPECT_EQ((engine.used[{key_of(number), data}]), 40u);
}

TEST_F(CreditControlTest, ProxyInfoComesBackInOrderAndOfEachRequestItsOwn) {
  grant(data);
  const auto with_proxies = [](std::initializer_list<std::string_view> hosts) {
    Ccr ccr = Ccr{}.part({.group = 1});
    Writer writer(ccr.more);
    for (const std::string_view host : hosts) {
      const auto group = writer.group_begin(avp::proxy_info);
      writer.text(avp::proxy_host, host);
      writer.text(33, "state of " + std::string(host));
      writer.group_end(group);
    }
    return ccr;
  };
  EXPECT_THAT(answer(with_proxies({"a.test", "b.test"})),
              testing::HasSubstr(" 284{280=a.test 33=state of a.test} 284{280=b.test 33=state of b.test}"));
  EXPECT_THAT(answer(with_proxies({"c.test"})),  // the same request, sent again over another agent
              testing::AllOf(testing::EndsWith("268=2001} 284{280=c.test 33=state of c.test}"),
                             testing::Not(testing::HasSubstr("a.test"))));
}

TEST_F(CreditControlTest, EventsAreCountedAtOnce) {
  grant(messages);
  Ccr event{.type = 4, .context = std::string(sms_context), .many = false};
  Writer writer(event.more);
  writer.u32(avp::requested_action, 0);
  const auto asked = writer.group_begin(avp::requested_service_unit);
  writer.u64(avp::cc_service_specific_units, 3);
  writer.group_end(asked);
  EXPECT_THAT(answer(event), testing::HasSubstr("416=4 415=0 428=1 431{417=3}"));
  EXPECT_EQ(engine.asks[0].phase, Phase::event);
  EXPECT_EQ(engine.asks[0].requested, 3u);
  EXPECT_EQ(control->session_count(), 0u);
}

TEST_F(CreditControlTest, EnquiriesAreAnsweredAndNotCounted) {
  grant(voice);
  const auto enquiry = [](std::uint32_t action, std::string session) {
    Ccr event{.type = 4, .session = std::move(session), .context = std::string(ims_context), .many = false};
    Writer(event.more).u32(avp::requested_action, action);
    return event;
  };
  EXPECT_THAT(answer(enquiry(2, "a")), testing::HasSubstr("268=2001 264=edge.test 296=operator.test 258=4 "
                                                          "416=4 415=0 422=0"));
  EXPECT_THAT(answer(enquiry(3, "b")), testing::HasSubstr("423{445{447=0} 425=944}"));
  engine.grants.clear();
  EXPECT_THAT(answer(enquiry(2, "c")), testing::HasSubstr("422=1"));
  EXPECT_THAT(answer(enquiry(3, "d")), testing::HasSubstr("268=5031"));
  EXPECT_TRUE(engine.asks.empty());
}

TEST_F(CreditControlTest, WhatCannotBeCountedIsSentToAnotherEdge) {
  grant(data);
  engine.refuses = true;
  const Reaction reaction = send(Ccr{}.part({.group = 1}));
  EXPECT_EQ(parse_header(reaction.message)->flags, Header::proxiable_bit | Header::error_bit);
  EXPECT_EQ(shown_message(reaction.message), "263=pgw.test;1;1 268=3004 264=edge.test 296=operator.test");
  engine.refuses = false;  // and is not remembered
  EXPECT_THAT(answer(Ccr{}.part({.group = 1})), testing::HasSubstr("268=2001"));
}

TEST_F(CreditControlTest, TheEndOfASessionEndsWhatItDoesNotName) {
  grant(data);
  grant(education);
  answer(Ccr{}.part({.group = 1}).part({.group = 900}));
  EXPECT_EQ(control->session_count(), 1u);
  answer(Ccr{.type = 3, .number = 1}.part({.group = 1, .asks = false, .octets = 10}));
  ASSERT_EQ(engine.asks.size(), 4u);
  EXPECT_EQ(engine.asks[3].phase, Phase::stop);
  EXPECT_EQ(engine.asks[3].used, 0u);
  EXPECT_EQ(engine.asks[3].lease, engine.asks[1].lease);
  EXPECT_EQ(control->session_count(), 0u);
}

TEST_F(CreditControlTest, SubscriptionsAreChosenByTypeNotByOrder) {
  grant(data);
  const auto with = [](std::initializer_list<std::pair<std::uint32_t, std::string_view>> ids) {
    static int session = 0;
    Ccr ccr = Ccr{.session = "s" + std::to_string(++session), .msisdn = {}}.part({.group = 1});
    Writer writer(ccr.more);
    for (const auto& [type, id] : ids) {
      const auto group = writer.group_begin(avp::subscription_id);
      writer.text(avp::subscription_id_data, id);  // and their AVPs in either order
      writer.u32(avp::subscription_id_type, type);
      writer.group_end(group);
    }
    return ccr;
  };
  const auto granted = testing::HasSubstr("431{421=1000}");
  EXPECT_THAT(answer(with({{1, "400011234567890"}, {0, "994501234567"}})), granted);  // Open5GS: IMSI first
  EXPECT_THAT(answer(with({{0, "994501234567"}, {1, "400011234567890"}})), granted);
  EXPECT_THAT(answer(with({{0, "+994501234567"}})), granted);
  EXPECT_THAT(answer(with({{2, "sip:+994501234567@ims.example;user=phone"}})), granted);
  EXPECT_THAT(answer(with({{0, "sip:994501234567@ims.example"}})),
              granted);  // Kamailio without P-Asserted-Identity
  EXPECT_THAT(answer(with({{2, "TEL:+994-50-123-45-67;phone-context=x"}})), granted);
  EXPECT_THAT(answer(with({{3, "994501234567@nai.example"}})), granted);
  EXPECT_THAT(answer(with({{1, "400011234567890"}})), testing::HasSubstr("268=5030"));
  EXPECT_THAT(answer(with({{2, "sip:alice@ims.example"}})), testing::HasSubstr("268=5030"));
  EXPECT_THAT(answer(with({})), testing::HasSubstr("268=5030"));
  engine.grants[{feed::pseudonym(feed_key, "imsi", "400011234567890"), data}] = {};
  EXPECT_THAT(answer(with({{1, "400011234567890"}})), granted);
}

TEST_F(CreditControlTest, AccountsOfFixedLinesAreTakenAsTheyAre) {
  settings.line = LineKind::fixed;
  engine.grants[{feed::pseudonym(feed_key, "fixed", "A-1001"), data}] = {};
  Ccr ccr = Ccr{.msisdn = {}}.part({.group = 1});
  Writer writer(ccr.more);
  const auto group = writer.group_begin(avp::subscription_id);
  writer.u32(avp::subscription_id_type, 4);
  writer.text(avp::subscription_id_data, "A-1001");
  writer.group_end(group);
  EXPECT_THAT(answer(ccr), testing::HasSubstr("431{421=1000}"));
}

TEST_F(CreditControlTest, OriginStateIdIsSaidIfThereIsOne) {
  settings.origin_state_id = 1763700000;
  grant(data);
  EXPECT_THAT(answer(Ccr{}.part({.group = 1})), testing::EndsWith("268=2001} 278=1763700000"));
}

}  // namespace
}  // namespace dayaq::edge::diameter
