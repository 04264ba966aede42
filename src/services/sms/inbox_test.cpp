#include "services/sms/inbox.hpp"

#include <gtest/gtest.h>

#include "services/sms/api.hpp"
#include "services/sms/script.hpp"
#include "services/sms/sms_test_support.hpp"

namespace dayaq::services::sms {
namespace {

using namespace std::chrono_literals;
using test::must;
using test::SmsNode;

struct SmsInbox : testing::TestWithParam<store::Engine> {};

INSTANTIATE_TEST_SUITE_P(Engines, SmsInbox, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

TEST_P(SmsInbox, AnswersWithAPermitThatAnInspectorVerifies) {
  SmsNode node(GetParam());
  const PersonId person = node.cases.person("5ABC129");
  const std::string reply = node.say("Salam, bazar 5abc129");
  EXPECT_EQ(node.last.outcome, "granted");
  EXPECT_TRUE(reply.starts_with("Icaze: 5ABC129 (2), 21.11 15:00-dek. No ")) << reply;
  EXPECT_TRUE(is_gsm7(reply));
  EXPECT_LE(segments_of(reply), 2);
  const Bytes token = must(permit::parse_text(reply.substr(reply.find("DP1."))));
  permit::Keys keys;
  keys.add(node.cases.issuer.public_key());
  const permit::Claims claims = must(permit::verify(token, keys));
  EXPECT_EQ(claims.subject, "5ABC129");
  EXPECT_EQ(claims.valid.until, node.cases.now() + 3h);
  const auto cases =
      must(node.cases.read([&](store::Session& s) { return node.cases.cases->of_person(s, person, 5); }));
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_EQ(cases[0].channel, Channel::sms);
  EXPECT_NE(reply.find(case_number(cases[0].id)), std::string::npos);
}

TEST_P(SmsInbox, TheGatewaysRetryIsTheSameMessage) {
  SmsNode node(GetParam());
  node.cases.person("5ABC129");
  EXPECT_NE(node.say("1 5ABC129", "994501234567", "one"), "");
  EXPECT_EQ(node.say("1 5ABC129", "994501234567", "one"), "");
  EXPECT_TRUE(node.last.repeated);
  EXPECT_EQ(node.last.outcome, "granted");
  EXPECT_EQ(node.count("SELECT COUNT(*) FROM sms_replies"), 1);
  EXPECT_EQ(node.count("SELECT COUNT(*) FROM cases"), 1);
  EXPECT_EQ(node.taken("granted"), 1u);
  EXPECT_EQ(node.taken("repeated"), 1u);
  // Without an id: the same text of the same minute.
  const Incoming plain{.from = "+994 50 1", .text = "salam", .id = {}, .sent = {}};
  EXPECT_FALSE(must(node.inbox->take(plain, node.cases.now())).repeated);
  EXPECT_TRUE(must(node.inbox->take(plain, node.cases.now())).repeated);
  EXPECT_FALSE(must(node.inbox->take(plain, node.cases.now() + 1min)).repeated);
}

TEST_P(SmsInbox, SaysAPermitAgainToThePhoneThatAskedAndNothingToAnother) {
  SmsNode node(GetParam());
  node.cases.person("5ABC129");
  const std::string first = node.say("2 5ABC129");
  EXPECT_EQ(node.say("5ABC129 2"), first) << "its answer may have been lost";
  EXPECT_EQ(node.last.outcome, "already");
  const std::string other = node.say("2 5ABC129", "994559999999");
  EXPECT_EQ(node.last.outcome, "refused");
  EXPECT_EQ(other.find("DP1."), std::string::npos);
  EXPECT_EQ(node.count("SELECT COUNT(*) FROM cases"), 1);
}

TEST_P(SmsInbox, OnceThePermitIsOverSaysFromWhenANewOneIsPossible) {
  SmsNode node(GetParam());
  node.cases.person("5ABC129");
  const auto at = [&](const char* text) {
    node.cases.node.clock.set(must(node.cases.node.pack.zone().parse_local(text)));
  };
  at("2026-11-21T09:00");
  node.say("2 5ABC129");
  ASSERT_EQ(node.last.outcome, "granted");
  at("2026-11-21T15:00");
  EXPECT_EQ(node.say("2 5ABC129"),
            "5ABC129 ucun icaze artiq verilib. Yenisi 22.11 00:00 tarixinden mumkundur.");
  EXPECT_EQ(node.last.outcome, "already");
}

TEST_P(SmsInbox, ARefusalSaysNothingOfThePerson) {
  SmsNode node(GetParam());
  const PersonId person = node.cases.person("5ABC129");
  node.cases.person("6DEF457");
  const auto status = node.cases.node.status("quarantined");
  must(node.cases.node.write([&](auto& db, auto& registry) {
    return registry::attest(db, registry,
                            {.id = registry::AttestationId(7),
                             .person = person,
                             .status = status,
                             .issuer = node.cases.node.organisation("baku-city-hospital"),
                             .valid = {node.cases.now() - 1h, node.cases.now() + 240h}},
                            "cli");
  }));
  const std::string quarantined = node.say("1 5ABC129");
  EXPECT_EQ(node.last.outcome, "refused");
  EXPECT_EQ(quarantined, "5ABC129 ucun icaze verilmir. Sebebi sexsi sehifede ve xidmet merkezinde deyilir.");
  // The same words as for somebody who was out already, asked for by a stranger.
  node.say("1 6DEF457", "994551111111");
  EXPECT_EQ(node.say("1 6DEF457", "994552222222"),
            "6DEF457 ucun icaze verilmir. Sebebi sexsi sehifede ve xidmet merkezinde deyilir.");
  EXPECT_TRUE(node.say("please 1 9ZZZ999", "994552222222").starts_with("9ZZZ999 isn't known"));
}

TEST_P(SmsInbox, AFamilySharesAPhone) {
  SmsNode node(GetParam());
  std::string everybody = "2";
  for (int i = 0; i < 8; ++i) {
    const std::string id = "5ABC12" + std::to_string(i);
    node.cases.person(id);
    everybody += " " + id;
  }
  node.cases.person("6DEF457");
  const std::string reply = node.say(everybody);
  std::size_t permits = 0;
  for (auto at = reply.find("DP1."); at != std::string::npos; at = reply.find("DP1.", at + 1)) ++permits;
  EXPECT_EQ(permits, 8u);
  EXPECT_EQ(node.count("SELECT COUNT(*) FROM sms_replies"), 1);
  EXPECT_TRUE(node.say("1 6DEF457").starts_with("6DEF457: bu nomreden gunde 8 nefer"));
  EXPECT_EQ(node.last.outcome, "limited");
  EXPECT_NE(node.say("1 6DEF457", "994551111111").find("DP1."), std::string::npos) << "from another phone";
  EXPECT_NE(node.say("2 5ABC123").find("DP1."), std::string::npos) << "one of them may ask again";
  node.cases.node.clock.advance(24h);
  EXPECT_NE(node.say("1 6DEF457").find("DP1."), std::string::npos) << "tomorrow";
}

TEST_P(SmsInbox, WhoWritesTooOftenIsToldOnceAnHour) {
  SmsNode node(GetParam());
  for (int i = 0; i < 40; ++i) EXPECT_NE(node.say("salam"), "") << i;
  EXPECT_TRUE(node.say("salam").starts_with("Bu nomreden bu gun cox mesaj"));
  EXPECT_EQ(node.say("salam"), "");
  EXPECT_EQ(node.last.outcome, "limited");
  node.cases.node.clock.advance(61min);
  EXPECT_NE(node.say("salam"), "");
  EXPECT_EQ(node.say("salam"), "");
}

TEST_P(SmsInbox, WhoTriesIdsOutLearnsLittle) {
  SmsNode node(GetParam());
  node.cases.person("5ABC129");
  int unknown = 0;
  for (int i = 0; i < 30; ++i) {
    node.say("1 9ZZZ9" + std::to_string(10 + i));
    unknown += node.last.outcome == "unknown" ? 1 : 0;
  }
  EXPECT_EQ(unknown, 16);
  EXPECT_EQ(node.say("1 5ABC129").find("DP1."), std::string::npos);
}

TEST_P(SmsInbox, AsksInTheSendersLanguage) {
  SmsNode node(GetParam());
  EXPECT_EQ(node.say("1 5ABC12"), "FIN-de 7 isare olmalidir, 6 yazilib: 5ABC12. Numune: 5ABC123 2");
  EXPECT_EQ(node.say("please 1 5ABC12"), "A FIN has 7 characters, here are 6: 5ABC12. Example: 5ABC123 2");
  EXPECT_EQ(node.say("пожалуйста 1 5ABC12"), "В ФИН 7 знаков, а здесь 6: 5ABC12. Пример: 5ABC123 2");
  EXPECT_EQ(node.last.outcome, "asked");
}

TEST_P(SmsInbox, StatusAndCancelByNumber) {
  SmsNode node(GetParam());
  node.cases.person("5ABC129");
  const std::string reply = node.say("1 5ABC129");
  const std::string number = reply.substr(reply.find("No ") + 3, 14);
  EXPECT_EQ(node.say("durum " + number, "994559999999"), "No " + number + ": verilib, 21.11 15:00");
  EXPECT_EQ(node.say("legv et " + number), "No " + number + ": legv olundu.");
  EXPECT_EQ(node.say("status please " + number), "No " + number + ": cancelled.");
  EXPECT_TRUE(node.say("durum K7M2-9QXF-3DR4").starts_with("Bele nomre yoxdur"));
  EXPECT_EQ(node.count("SELECT COUNT(*) FROM permits WHERE revoked IS NOT NULL"), 1);
}

TEST_P(SmsInbox, NoNumberAndNoTextStandInTheClear) {
  SmsNode node(GetParam());
  node.cases.person("5ABC129");
  node.say("1 5ABC129");
  must(node.cases.read([&](store::Session& s) {
    return s.query("SELECT sealed FROM sms_replies", {}, [](const store::Row& row) -> Result<bool> {
      const std::string_view sealed = as_text(row.blob(0));
      EXPECT_GT(sealed.size(), 100u);
      EXPECT_EQ(sealed.find("994501234567"), std::string_view::npos);
      EXPECT_EQ(sealed.find("5ABC129"), std::string_view::npos);
      return true;
    });
  }));
}

TEST_P(SmsInbox, ForgetsAfterAWhile) {
  SmsNode node(GetParam());
  node.say("salam");
  must(node.cases.write([](store::Session& s) { return s.exec("UPDATE sms_replies SET state = 2"); }));
  for (std::int64_t bucket = 0; bucket < registry::buckets; ++bucket) {
    must(node.cases.write(
        [&](store::Session& s) { return node.inbox->sweep(s, bucket, node.cases.now() + 48h); }));
  }
  EXPECT_EQ(node.count("SELECT COUNT(*) FROM sms_replies"), 0);
  EXPECT_EQ(node.count("SELECT COUNT(*) FROM sms_senders"), 0);
}

TEST_P(SmsInbox, RemembersTwoDaysOfASendersMessages) {
  SmsNode node(GetParam());
  for (int i = 0; i < 30; ++i) {
    node.say("salam", "994501234567", "day " + std::to_string(i));
    node.cases.node.clock.advance(12h);
  }
  EXPECT_EQ(node.say("salam", "994501234567", "day 26"), "");
  EXPECT_TRUE(node.last.repeated);
  EXPECT_EQ(node.last.outcome, "asked");
  EXPECT_NE(node.say("salam", "994501234567", "day 3"), "")
      << "forgotten, with the gateway's queue long gone";
  EXPECT_LE(node.count("SELECT LENGTH(latest) FROM sms_senders"), 7 * 40);
}

TEST_P(SmsInbox, AFloodIsntKept) {
  SmsNode node(GetParam());
  for (int i = 0; i < 200; ++i) node.say("salam");
  EXPECT_EQ(node.taken("limited"), 160u);
  EXPECT_EQ(node.count("SELECT COUNT(*) FROM sms_replies"), 41);
  EXPECT_LE(node.count("SELECT LENGTH(latest) FROM sms_senders"), 41 * 40);
}

TEST_P(SmsInbox, WhatAnEarlierVersionStoredIsTakenOver) {
  dayaq::test::OpenedDatabase opened{GetParam()};
  store::Database& db = *opened.database;
  must(db.migrate(migrations().first(1)));
  must(db.write([](store::Session& s) -> Result<void> {
    const auto message = [&](std::int64_t id, std::int64_t state, std::int64_t doubled) {
      return s.exec(
          "INSERT INTO sms_messages (bucket, message_id, sender, received, outcome, state, until_at, "
          "doubled, "
          "sealed) VALUES (7, $1, 263, $2, 'granted', $3, 9, $4, $5)",
          {id, 60'000'000 * id, state, doubled, BytesView{}});
    };
    DAYAQ_TRY_OK(message(11, 0, 0));
    DAYAQ_TRY_OK(message(12, 1, 0));
    DAYAQ_TRY_OK(message(13, 2, 0));
    DAYAQ_TRY_OK(message(14, 2, 1));
    return s.exec(
        "INSERT INTO sms_senders (bucket, sender, day, messages, strangers, told, persons) VALUES "
        "(7, 263, 5, 4, 0, 0, $1), (7, 519, 5, 1, 0, 0, $1)",
        {BytesView{}});
  }));
  must(db.migrate(migrations()));
  std::vector<std::int64_t> left;
  std::vector<std::string> latest;
  must(db.read([&](store::Session& s) -> Result<void> {
    DAYAQ_TRY_OK(s.query("SELECT message_id, state FROM sms_replies ORDER BY received", {},
                         [&](const store::Row& row) -> Result<bool> {
                           left.push_back(row.integer(0) * 10 + row.integer(1));
                           return true;
                         }));
    return s.query("SELECT latest FROM sms_senders ORDER BY sender", {},
                   [&](const store::Row& row) -> Result<bool> {
                     latest.emplace_back(row.text(0));
                     return true;
                   });
  }));
  EXPECT_EQ(left, (std::vector<std::int64_t>{110, 121, 142}));
  ASSERT_EQ(latest.size(), 2u);
  for (const char* one : {"11 11 granted;", "12 12 granted;", "13 13 granted;", "14 14 granted;"}) {
    EXPECT_TRUE(latest[0].contains(one)) << latest[0];
  }
  EXPECT_EQ(latest[1], "");
}

TEST(SmsDoor, DecodesWhatUcs2ComesIn) {
  EXPECT_EQ(decode_text(std::string("\x04\x12\x00\x31", 4), "UTF-16BE", "2"), "В1");
  EXPECT_EQ(decode_text(std::string("\x04\x12\x00\x31", 4), "", "2"), "В1");
  EXPECT_EQ(decode_text("В1", "UTF-8", "2"), "В1");
  EXPECT_EQ(decode_text("salam", "", "0"), "salam");
  EXPECT_EQ(decode_text(std::string("\xd8\x3d\xdc", 3), "UTF-16BE", "2"), " ");
}

}  // namespace
}  // namespace dayaq::services::sms
