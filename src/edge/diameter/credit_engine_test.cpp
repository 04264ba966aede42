// Credit control over the real decision core and journal: what is answered is what is counted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "edge/diameter/credit_test_support.ipp"
#include "edge/fake_replica.hpp"

namespace dayaq::edge::diameter {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view number = "994501234567";

struct CreditEngine : testing::Test {
  std::filesystem::path folder;
  ServiceTable services;
  FakeReplica replica{services};
  EngineOptions engine_options;
  CreditControlOptions settings = options();
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<CreditControl> control;
  Instant now = Instant(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)) + std::chrono::hours(8);

  void SetUp() override {
    std::string name = testing::TempDir() + "credit.XXXXXX";
    folder = ::mkdtemp(name.data());
    for (ServiceRule& rule : settings.services) {
      if (rule.service == no_service) continue;
      const bool learning = rule.service == education;
      rule.service = *services.add({rule.kind, rule.kind != feed::Benefit::data ? ""
                                               : learning                       ? "education"
                                                                                : "all"});
    }
    engine_options.folder = folder;
    engine_options.slices = {.data_octets = 1000, .voice_seconds = 60};
    start();
  }
  void TearDown() override {
    control.reset();
    engine.reset();
    journal.reset();
    std::filesystem::remove_all(folder);
  }
  void start() {
    control.reset();
    engine.reset();
    journal.reset();
    auto opened = Journal::open({.folder = folder});
    ASSERT_TRUE(opened);
    journal = std::move(*opened);
    auto made = Engine::open(engine_options, services, replica, *journal, now);
    ASSERT_TRUE(made);
    engine = std::move(*made);
    control = std::make_unique<CreditControl>(settings, *engine);
  }
  void grant(feed::Benefit kind, std::string traffic_class, std::uint64_t quota,
             feed::WhenUsedUp when_used_up = feed::WhenUsedUp::charge) {
    feed::BenefitLine line;
    line.kind = kind;
    line.unit = kind == feed::Benefit::data ? feed::Unit::octets : feed::Unit::seconds;
    line.delivered_on = 1;
    line.traffic_class = std::move(traffic_class);
    line.limited = quota != 0;
    line.quota = quota;
    line.when_used_up = when_used_up;
    replica.grant(key_of(number), replica.define(std::move(line)));
  }
  std::string answer(const Ccr& ccr) {
    const Reaction reaction = control->on_request(ccr.build(), "pgw.test", now);
    EXPECT_EQ(reaction.kind, Reaction::Kind::answer);
    return shown_message(reaction.message);
  }
  std::uint64_t used(feed::Benefit kind) const { return engine->counts().used[std::size_t(kind)]; }
};

TEST_F(CreditEngine, ASessionFromItsBeginningToItsEnd) {
  grant(feed::Benefit::data, "all", 0);
  EXPECT_THAT(answer(Ccr{}.part({.group = 1})), HasSubstr("431{421=1000}"));
  EXPECT_THAT(answer(Ccr{.type = 2, .number = 1}.part({.group = 1, .octets = 900})),
              HasSubstr("431{421=1000}"));
  EXPECT_THAT(answer(Ccr{.type = 2, .number = 1}.part({.group = 1, .octets = 900})),
              HasSubstr("431{421=1000}"));
  answer(Ccr{.type = 3, .number = 2}.part({.group = 1, .asks = false, .octets = 50}));
  EXPECT_EQ(used(feed::Benefit::data), 950u);
  EXPECT_EQ(control->session_count(), 0u);
}

TEST_F(CreditEngine, AQuotaIsSharedByGroupsAndSessionsAndNeverOverdrawn) {
  grant(feed::Benefit::data, "education", 1500);
  EXPECT_THAT(answer(Ccr{}.part({.group = 900})), HasSubstr("431{421=1000}"));
  EXPECT_THAT(answer(Ccr{.session = "b"}.part({.group = 900})),
              testing::AllOf(HasSubstr("431{421=500}"), HasSubstr("430{449=0}")));
  EXPECT_THAT(answer(Ccr{.session = "c"}.part({.group = 900})), HasSubstr("268=4012 264="));
  // What one gives back another may have.
  answer(Ccr{.type = 3, .number = 1}.part({.group = 900, .asks = false, .octets = 200}));
  EXPECT_THAT(answer(Ccr{.session = "d"}.part({.group = 900})), HasSubstr("431{421=800}"));
}

TEST_F(CreditEngine, AfterTheQuotaComesLimitedServiceIfTheMeasureSaysSo) {
  grant(feed::Benefit::data, "education", 1500, feed::WhenUsedUp::limited);
  answer(Ccr{}.part({.group = 900}));
  EXPECT_THAT(answer(Ccr{.type = 2, .number = 1}.part({.group = 900, .octets = 1000})),
              HasSubstr("456{431{421=500} 432=900 448=3600 430{449=2 11=dayaq-limited} 268=2001}"));
  EXPECT_THAT(answer(Ccr{.type = 2, .number = 2}.part({.group = 900, .octets = 500})),
              HasSubstr("456{432=900 448=1800 430{449=2 11=dayaq-limited} 268=2001}"));
  EXPECT_EQ(used(feed::Benefit::data), 1500u);
}

TEST_F(CreditEngine, ARestartLosesNothingThatWasAnswered) {
  grant(feed::Benefit::voice, "", 600);
  answer(Ccr{.context = std::string(ims_context)}.part({.group = 1}));
  answer(Ccr{.type = 2, .number = 1, .context = std::string(ims_context)}.part({.group = 1, .seconds = 60}));
  start();
  // The same request again, and the session goes on where it was.
  answer(Ccr{.type = 2, .number = 1, .context = std::string(ims_context)}.part({.group = 1, .seconds = 60}));
  EXPECT_THAT(answer(Ccr{.type = 2, .number = 2, .context = std::string(ims_context)}.part(
                  {.group = 1, .seconds = 60})),
              HasSubstr("431{420=60}"));
  EXPECT_EQ(control->session_count(), 1u);
  const Verdict left = engine->decide({.key = key_of(number),
                                       .service = services.find(feed::Benefit::voice, ""),
                                       .lease = lease_id("x", "y"),
                                       .phase = Phase::start,
                                       .requested = 10000},
                                      now);
  EXPECT_EQ(left.slice, 600u - 120u - 60u);    // used, and reserved by the session
  EXPECT_EQ(used(feed::Benefit::voice), 60u);  // since this start: the request sent again counted nothing
}

TEST_F(CreditEngine, AGrantThatEndsInMidSessionIsCountedAndThenTheOperatorsOwn) {
  settings.relays = true;
  start();
  grant(feed::Benefit::data, "all", 0);
  answer(Ccr{}.part({.group = 1}));
  replica.revoke(key_of(number));
  const Reaction reaction = control->on_request(
      Ccr{.type = 2, .number = 1}.part({.group = 1, .octets = 700}).build(), "pgw.test", now);
  ASSERT_EQ(reaction.kind, Reaction::Kind::relay);
  EXPECT_THAT(shown_message(reaction.message),
              testing::AllOf(HasSubstr("416=1 415=0"), Not(HasSubstr("446{"))));
  EXPECT_EQ(used(feed::Benefit::data), 700u);
}

TEST_F(CreditEngine, AfterARestartWhatThisEdgeGrantedIsStillNotTheChargingSystems) {
  settings.relays = true;
  start();
  grant(feed::Benefit::data, "all", 0);
  answer(Ccr{}.part({.group = 1}));
  start();  // the session is forgotten, the lease is not
  replica.revoke(key_of(number));
  const Reaction reaction = control->on_request(
      Ccr{.type = 2, .number = 1}.part({.group = 1, .octets = 700}).build(), "pgw.test", now);
  ASSERT_EQ(reaction.kind, Reaction::Kind::relay);
  EXPECT_THAT(shown_message(reaction.message), Not(HasSubstr("446{")));
  EXPECT_EQ(used(feed::Benefit::data), 700u);
}

/// An event about messages, or its refund.
Ccr message_event(std::uint32_t action, std::string session, std::uint32_t end_to_end, std::uint64_t units,
                  BytesView information = {}) {
  Ccr event{.type = 4,
            .session = std::move(session),
            .context = std::string(sms_context),
            .many = false,
            .end_to_end = end_to_end};
  Writer writer(event.more);
  writer.u32(avp::requested_action, action);
  const auto asked = writer.group_begin(avp::requested_service_unit);
  writer.u64(avp::cc_service_specific_units, units);
  writer.group_end(asked);
  if (!information.empty()) writer.bytes(avp::refund_information, information, vendor_3gpp);
  return event;
}

TEST_F(CreditEngine, ARefundBringsBackWhatAnEventDebitedOnceWhateverSessionAsks) {
  grant(feed::Benefit::messages, "", 10);
  const Reaction debited = control->on_request(message_event(0, "a", 1, 8).build(), "pgw.test", now);
  const auto information =
      find_avp(BytesView(debited.message).subspan(header_bytes), avp::refund_information, vendor_3gpp);
  ASSERT_TRUE(information);
  const Bytes brought(information->data.begin(), information->data.end());
  const auto left = [&] {
    return engine->look(key_of(number), LineKind::mobile, settings.services[1].service, now).slice;
  };
  EXPECT_EQ(left(), 2u);
  now += std::chrono::hours(3);  // the event's own lease is long forgotten
  for (int i = 0; i < 3700; ++i) engine->tick(now - std::chrono::hours(3) + std::chrono::seconds(i));
  start();
  EXPECT_THAT(answer(message_event(1, "b", 2, 8, brought)), HasSubstr("268=2001"));
  EXPECT_EQ(left(), 10u);
  EXPECT_THAT(answer(message_event(1, "b", 2, 8, brought)), HasSubstr("268=2001"));
  EXPECT_THAT(answer(message_event(1, "c", 3, 8, brought)), HasSubstr("268=2001"));
  EXPECT_EQ(left(), 10u) << "once";
  Bytes forged = brought;
  forged[50] ^= std::byte(1);
  EXPECT_EQ(engine->counts().refunded, 1u);
  answer(message_event(1, "d", 4, 8, forged));
  EXPECT_EQ(engine->counts().refunded, 1u);
}

TEST_F(CreditEngine, ARefundOfTheSameSessionNeedsNoInformationAndWhatWasNotOursGoesOn) {
  grant(feed::Benefit::messages, "", 10);
  answer(message_event(0, "a", 1, 3));
  Ccr refund = message_event(1, "a", 2, 3);
  refund.number = 1;
  EXPECT_THAT(answer(refund), HasSubstr("268=2001"));
  EXPECT_EQ(engine->counts().refunded, 1u);
  settings.relays = true;
  start();
  const Reaction reaction = control->on_request(message_event(1, "paid", 3, 3).build(), "pgw.test", now);
  EXPECT_EQ(reaction.kind, Reaction::Kind::relay);
}

}  // namespace
}  // namespace dayaq::edge::diameter
