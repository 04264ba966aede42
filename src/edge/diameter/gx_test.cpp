#include "edge/diameter/gx.hpp"

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

feed::Resources list(std::uint32_t version = 17) {
  return {.version = version,
          .classes = {
              {.traffic_class = "education",
               .rules = {"GOV-EDU-ZR"},
               .bases = {"GOV-EDU"},
               .domains = {"edu.az"},
               .prefixes = {}},
              {.traffic_class = "communication",
               .rules = {"GOV-COM"},
               .bases = {},
               .domains = {},
               .prefixes = {}},
              {.traffic_class = "unheard-of", .rules = {"X"}, .bases = {}, .domains = {}, .prefixes = {}}}};
}

struct GxTest : testing::Test {
  FakeEngine engine;
  ServiceTable services;
  ServiceIndex learning = services.add({feed::Benefit::data, "education"}).value();
  ServiceIndex talking = services.add({feed::Benefit::data, "communication"}).value();
  FixedClock clock{now};
  Gx gx{{.origin_host = "edge.test", .origin_realm = "operator.test", .feed_key = feed_key},
        services,
        engine,
        nullptr,
        clock};

  void SetUp() override { ASSERT_TRUE(gx.use(list())); }
  void grant(ServiceIndex service, MeasureNumber measure = 5) {
    engine.grants[{key_of(number), service}] = {.measure = measure};
  }
  static Bytes request(std::uint32_t type, std::uint32_t which, bool says_who = true) {
    Bytes out;
    Writer writer(out);
    writer.begin({.length = 0,
                  .flags = 0xc0,
                  .command = 272,
                  .application = application::gx,
                  .hop_by_hop = 1,
                  .end_to_end = 2});
    writer.text(avp::session_id, "pgw.test;gx;1");
    writer.u32(avp::auth_application_id, application::gx);
    writer.text(avp::origin_host, "pgw.test");
    writer.text(avp::origin_realm, "operator.test");
    writer.text(avp::destination_realm, "operator.test");
    writer.u32(avp::cc_request_type, type);
    writer.u32(avp::cc_request_number, which);
    if (says_who) {
      const auto group = writer.group_begin(avp::subscription_id);
      writer.u32(avp::subscription_id_type, 0);
      writer.text(avp::subscription_id_data, number);
      writer.group_end(group);
    }
    writer.u32(1027, 5, vendor_3gpp);  // IP-CAN-Type
    writer.end();
    return out;
  }
  std::string answer(std::uint32_t type, std::uint32_t which, bool says_who = true) {
    const Reaction reaction = gx.on_request(request(type, which, says_who), "pgw.test", now);
    EXPECT_EQ(reaction.kind, Reaction::Kind::answer);
    return shown_message(reaction.message);
  }
  std::string told() {
    std::vector<OpenSession> open;
    gx.sessions_of(key_of(number), open);
    EXPECT_EQ(open.size(), 1u);
    return shown_message(gx.re_auth_request(open.at(0)));
  }
};

TEST_F(GxTest, GrantedClassesGetTheirRulesByName) {
  grant(learning);
  EXPECT_EQ(answer(1, 0),
            "263=pgw.test;gx;1 268=2001 264=edge.test 296=operator.test 258=16777238 416=1 415=0 "
            "1001{1005=GOV-EDU-ZR 1004=GOV-EDU}");
  EXPECT_EQ(answer(1, 0),  // sent again, said again
            "263=pgw.test;gx;1 268=2001 264=edge.test 296=operator.test 258=16777238 416=1 415=0 "
            "1001{1005=GOV-EDU-ZR 1004=GOV-EDU}");
  EXPECT_EQ(gx.resources_version(), 17u);
}

TEST_F(GxTest, NobodyIsRejectedForHavingNoGrant) {
  EXPECT_EQ(answer(1, 0),
            "263=pgw.test;gx;1 268=2001 264=edge.test 296=operator.test 258=16777238 416=1 415=0");
}

TEST_F(GxTest, UpdatesSayWhatHasChanged) {
  grant(learning);
  answer(1, 0);
  EXPECT_THAT(answer(2, 1, false), Not(HasSubstr("100")));
  grant(talking);
  EXPECT_THAT(answer(2, 2, false), testing::EndsWith("415=2 1001{1005=GOV-COM}"));
  engine.grants.clear();
  EXPECT_THAT(answer(2, 3, false),
              testing::EndsWith("415=3 1002{1005=GOV-EDU-ZR 1004=GOV-EDU} 1002{1005=GOV-COM}"));
  EXPECT_THAT(answer(2, 4, false), testing::EndsWith("415=4"));
}

TEST_F(GxTest, AnUpdateOfAnUnknownSessionGetsAllItsRules) {
  grant(learning);
  EXPECT_THAT(answer(2, 9), HasSubstr("1001{1005=GOV-EDU-ZR 1004=GOV-EDU}"));
}

TEST_F(GxTest, AGrantThatEndsIsTakenBackByReAuthorisationAndSaidTwiceAlike) {
  grant(learning);
  answer(1, 0);
  engine.grants.clear();
  const std::string first = told();
  EXPECT_EQ(
      first,
      "263=pgw.test;gx;1 258=16777238 264=edge.test 296=operator.test 283=operator.test 293=pgw.test 285=0 "
      "1002{1005=GOV-EDU-ZR 1004=GOV-EDU}");
  EXPECT_EQ(told(), first);
  grant(talking);
  EXPECT_THAT(told(), HasSubstr("1001{1005=GOV-COM}"));
}

TEST_F(GxTest, TheEndOfASessionIsTheEndOfIt) {
  grant(learning);
  answer(1, 0);
  EXPECT_EQ(gx.session_count(), 1u);
  EXPECT_THAT(answer(3, 1), testing::EndsWith("416=3 415=1"));
  EXPECT_EQ(gx.session_count(), 0u);
  EXPECT_THAT(answer(3, 2), HasSubstr("268=2001"));
}

TEST_F(GxTest, ANewListReplacesTheRulesOfTheOld) {
  grant(learning);
  answer(1, 0);
  feed::Resources newer = list(18);
  newer.classes[0].rules = {"GOV-EDU-2"};
  ASSERT_TRUE(gx.use(newer));
  EXPECT_THAT(answer(2, 1, false),
              testing::EndsWith("415=1 1002{1005=GOV-EDU-ZR} 1001{1005=GOV-EDU-2 1004=GOV-EDU}"));
  newer.version = 19;
  newer.classes.erase(newer.classes.begin());
  ASSERT_TRUE(gx.use(newer));
  EXPECT_THAT(told(), HasSubstr("1002{1005=GOV-EDU-ZR 1005=GOV-EDU-2 1004=GOV-EDU}"));
  const auto older = gx.use(list(17));
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code, "gx.older");
}

TEST_F(GxTest, IsReAuthorisedAlongWithGy) {
  grant(learning, 5);
  answer(1, 0);
  engine.grants[{key_of(number), data}] = {.measure = 5};
  CreditControl control(options(), engine);
  control.attach(&gx);
  control.on_request(Ccr{}.part({.group = 1}).build(), "pgw.test", now);
  EXPECT_EQ(control.session_count(), 2u);
  const auto sessions = control.sessions_of(key_of(number));
  ASSERT_EQ(sessions.size(), 2u);
  EXPECT_EQ(sessions[1].application, application::gx);
  EXPECT_EQ(parse_header(control.re_auth_request(sessions[1]))->application, application::gx);
  std::vector<std::string> found;
  std::uint64_t cursor = 0;
  do {
    for (const auto& session : control.sessions_under(5, 1, cursor)) found.push_back(session.session_id);
  } while (cursor != 0);
  EXPECT_THAT(found, testing::UnorderedElementsAre("pgw.test;1;1", "pgw.test;gx;1"));
  control.forget("pgw.test;gx;1");
  EXPECT_EQ(control.session_count(), 1u);
}

TEST_F(GxTest, ANewListIsToldToTheSessionsThatKnowAnOlderOneAlone) {
  grant(learning, 5);
  answer(1, 0);
  engine.grants[{key_of(number), data}] = {.measure = 5};
  CreditControl control(options(), engine);
  control.attach(&gx);
  control.on_request(Ccr{}.part({.group = 1}).build(), "pgw.test", now);
  const auto told_by_older = [&] {
    std::vector<OpenSession> found;
    std::uint64_t cursor = 0;
    do {
      for (auto& session : control.sessions_under(newer_list, 10, cursor))
        found.push_back(std::move(session));
    } while (cursor != 0);
    return found;
  };
  EXPECT_TRUE(told_by_older().empty());
  feed::Resources newer = list(18);
  newer.classes[0].rules = {"GOV-EDU-2"};
  ASSERT_TRUE(gx.use(newer));
  const auto found = told_by_older();
  ASSERT_EQ(found.size(), 1u) << "Gy's sessions have no list";
  EXPECT_THAT(shown_message(control.re_auth_request(found[0])),
              testing::EndsWith("1002{1005=GOV-EDU-ZR} 1001{1005=GOV-EDU-2 1004=GOV-EDU}"));
  EXPECT_TRUE(told_by_older().empty());
}

TEST_F(GxTest, WhatIsWrongIsSaid) {
  Bytes wrong = request(1, 0);
  wrong[11] = std::byte(4);  // another application in the header
  EXPECT_THAT(shown_message(gx.on_request(wrong, "pgw.test", now).message), HasSubstr("268=3007"));
  EXPECT_THAT(answer(7, 0), HasSubstr("268=5004"));
  EXPECT_EQ(gx.on_request(Bytes(10), "pgw.test", now).kind, Reaction::Kind::close);
}

}  // namespace
}  // namespace dayaq::edge::diameter
