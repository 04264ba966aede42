#include "services/cases/cases.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "services/cases/cases_test_support.hpp"

namespace dayaq::services {
namespace {

using namespace test;

struct StoredCases : testing::TestWithParam<store::Engine> {
  CasesNode node{GetParam()};
  PersonId aygun = node.person("5ABC123");
};
INSTANTIATE_TEST_SUITE_P(Engines, StoredCases, testing::ValuesIn(dayaq::test::engines),
                         [](auto& i) { return dayaq::test::name_of(i.param); });

TEST_P(StoredCases, AreAnsweredAtOnceWithAPermitThatProvesItself) {
  const Receipt receipt = must(node.submit(CasesNode::pass(aygun, 5)));
  EXPECT_FALSE(receipt.repeated);
  EXPECT_EQ(receipt.stands.state, CaseState::granted);
  ASSERT_TRUE(receipt.permit);
  permit::Keys keys;
  keys.add(node.issuer.public_key());
  const permit::Claims claims = must(permit::verify(as_bytes(receipt.permit->token), keys));
  EXPECT_EQ(claims.subject, "5ABC123");
  EXPECT_EQ(claims.id, receipt.permit->id.value());
  EXPECT_EQ(claims.kind, node.kinds->number("leaving"));
  EXPECT_NE(claims.kind, 0);
  EXPECT_EQ(claims.detail, "shop");
  EXPECT_EQ(claims.valid, receipt.permit->valid);

  EXPECT_EQ(node.events(receipt.stands), (std::vector<std::string>{"submitted", "issued", "granted"}));
  const Case stored = node.find(receipt.stands);
  EXPECT_EQ(stored.answers, receipt.stands.answers);
  EXPECT_EQ(stored.decided, node.now());
  EXPECT_EQ(stored.permit, receipt.permit->id);
  const auto permits =
      must(node.read([&](store::Session& s) { return node.cases->permits_of(s, aygun, node.now()); }));
  ASSERT_EQ(permits.size(), 1u);
  EXPECT_EQ(permits[0].token, receipt.permit->token);
  ASSERT_EQ(node.notifier.texts.size(), 1u);
  EXPECT_EQ(node.notifier.texts[0].az, "Mağaza " + permit::sms_text(as_bytes(receipt.permit->token)) + " " +
                                           case_number(CaseId(receipt.permit->id.value())));
  const auto found = must(node.read([&](store::Session& s) { return node.cases->find(s, CaseId(5)); }));
  EXPECT_EQ(found.value().person, aygun);
  const auto entries = must(node.node.log->entries_about(aygun, ~std::uint64_t(0) >> 1, 10));
  EXPECT_TRUE(std::ranges::any_of(entries, [](const audit::Entry& e) {
    return e.leaf.contains(R"("action":"case.submit")") && e.leaf.contains(R"("state":"granted")") &&
           !e.leaf.contains("5ABC123");
  }));
}

TEST_P(StoredCases, ComeTwiceToTheSameReceipt) {
  const Receipt first = must(node.submit(CasesNode::pass(aygun, 5)));
  node.node.clock.advance(30h);
  const Receipt again = must(node.submit(CasesNode::pass(aygun, 5, "stay")));
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.stands.submitted, first.stands.submitted);
  EXPECT_EQ(again.permit->token, first.permit->token);
  EXPECT_EQ(code_of(node.submit(CasesNode::help(aygun, 5))), "case.id");
  EXPECT_EQ(node.notifier.texts.size(), 1u) << "nobody is told twice";
}

TEST_P(StoredCases, AreRefusedForTheReasonThatApplies) {
  const PersonId child = node.person("7GHJ789", Date(std::chrono::year(2015) / 5 / 5));
  const auto no = node.submit(CasesNode::pass(child, 1));
  EXPECT_EQ(code_of(no), "case.not_entitled");
  EXPECT_EQ(no.error().public_text, "Adults only");
  EXPECT_EQ(code_of(node.submit(CasesNode::pass(PersonId(1234), 1))), "registry.person");
  Submission bad = CasesNode::pass(aygun, 1);
  bad.service = ServiceCode("nothing");
  EXPECT_EQ(code_of(node.submit(bad)), "service.unknown");
  bad = CasesNode::help(aygun, 1);
  bad.channel = Channel::sms;
  EXPECT_EQ(code_of(node.submit(bad)), "service.channel");
  bad = CasesNode::pass(aygun, 1, "fly");
  const auto answer = node.submit(bad);
  EXPECT_EQ(code_of(answer), "service.answer");
  EXPECT_EQ(answer.error().field, "reason");
  node.facts.regime_over = node.now();
  EXPECT_EQ(code_of(node.submit(CasesNode::pass(aygun, 1))), "case.no_regime");
  node.facts.regime_over = instant_max;
  must(node.write([&](store::Session& s) {
    return node.book->suspend(s, ServiceCode("pass"), {"Dayanıb", "Stopped", "Стоп"}, official, node.now());
  }));
  EXPECT_EQ(code_of(node.submit(CasesNode::pass(aygun, 1))), "service.suspended");
  EXPECT_FALSE(must(node.read([&](store::Session& s) { return node.cases->find(s, CaseId(1)); })));
}

TEST_P(StoredCases, AreLimitedByTheCountrysDay) {
  const auto at = [&](const char* text) {
    node.node.clock.set(must(node.node.pack.zone().parse_local(text)));
  };
  at("2026-11-21T23:59");
  must(node.submit(CasesNode::pass(aygun, 1)));
  const auto again = node.submit(CasesNode::pass(aygun, 2));
  EXPECT_EQ(code_of(again), "case.limit");
  EXPECT_TRUE(again.error().public_text.contains("2026-11-22 00:00")) << again.error().public_text;
  at("2026-11-22T00:00");
  must(node.submit(CasesNode::pass(aygun, 3)));
  EXPECT_EQ(code_of(node.submit(CasesNode::pass(aygun, 4))), "case.limit");
  at("2026-11-23T12:00");
  EXPECT_EQ(must(node.submit(CasesNode::pass(aygun, 5, "stay"))).stands.state, CaseState::refused);
  EXPECT_EQ(must(node.submit(CasesNode::pass(aygun, 6))).stands.state, CaseState::granted)
      << "a refusal uses nothing up";
  at("2026-01-31T12:00");
  must(node.submit(CasesNode::help(aygun, 10)));
  must(node.submit(CasesNode::help(aygun, 11)));
  EXPECT_EQ(code_of(node.submit(CasesNode::help(aygun, 12))), "case.limit") << "open ones count";
  at("2026-02-01T00:00");
  must(node.submit(CasesNode::help(aygun, 13)));
}

TEST_P(StoredCases, SayFromWhenTheyArePossibleAgain) {
  const auto local = [&](const char* text) { return must(node.node.pack.zone().parse_local(text)); };
  const auto reached = [&](const char* code) {
    const ServiceHandle handle = node.book->published()->find(code);
    return must(node.read([&](store::Session& session) {
      return node.cases->limit_reached(session, aygun, handle->service, node.now());
    }));
  };
  std::string both = pass_file;
  both.replace(both.find("code: pass"), 10, "code: both");
  both.replace(both.find("limits: [{at_most: 1, per: day}]"), 32,
               "limits: [{at_most: 1, per: day}, {at_most: 2, per: month}]");
  node.publish(both);
  std::string open = help_file;
  open.replace(open.find("code: help"), 10, "code: open");
  open.replace(open.find("limits: [{at_most: 2, per: month}]"), 34, "limits: [{at_most: 1, open: true}]");
  node.publish(open);
  const auto submit = [&](const char* code, Submission submission) {
    submission.service = ServiceCode(code);
    return node.submit(submission);
  };
  node.node.clock.set(local("2026-11-20T10:00"));
  EXPECT_FALSE(reached("both"));
  must(submit("both", CasesNode::pass(aygun, 1)));
  ASSERT_TRUE(reached("both"));
  EXPECT_EQ(reached("both")->again, local("2026-11-21T00:00"));
  EXPECT_EQ(reached("both")->limit.per, Per::day);
  EXPECT_FALSE(reached("pass")) << "another service's";
  node.node.clock.set(local("2026-11-21T10:00"));
  EXPECT_FALSE(reached("both"));
  must(submit("both", CasesNode::pass(aygun, 2)));
  ASSERT_TRUE(reached("both"));
  EXPECT_EQ(reached("both")->again, local("2026-12-01T00:00")) << "tomorrow the month is still full";
  EXPECT_EQ(code_of(submit("both", CasesNode::pass(aygun, 3))), "case.limit");
  const Receipt asked = must(submit("open", CasesNode::help(aygun, 4)));
  ASSERT_TRUE(reached("open"));
  EXPECT_FALSE(reached("open")->again) << "that goes by an answer, not by time";
  must(node.act(asked.stands, Withdraw{}, "self"));
  EXPECT_FALSE(reached("open"));
}

TEST_P(StoredCases, GoThroughAnOfficeAndKeepTheirHistory) {
  const Receipt sent = must(node.submit(CasesNode::help(aygun, 8)));
  EXPECT_EQ(sent.stands.state, CaseState::in_review);
  const OrganisationIndex office = node.node.organisation("digital-agency");
  const auto queue = [&] {
    return must(
        node.read([&](store::Session& s) { return node.cases->queue(s, {.office = office}, node.now()); }));
  };
  EXPECT_EQ(queue().waiting, 1);
  const Receipt claimed = must(node.act(sent.stands, Claim{}, official, 1));
  EXPECT_EQ(code_of(node.act(sent.stands, Grant{}, other_official, 1)), "case.revision");
  EXPECT_EQ(code_of(node.act(sent.stands, Grant{}, other_official, 2)), "case.claimed");
  must(node.act(claimed.stands, Ask{{.az = "Hansı çörək?", .en = "Which?", .ru = "Какой?"}}));
  EXPECT_EQ(queue().waiting, 0) << "it waits for who applied";
  EXPECT_EQ(code_of(node.act(sent.stands, Reply{.answers = {{"purpose", ""}}, .text = ""}, "self")),
            "service.answer");
  const Receipt back =
      must(node.act(sent.stands, Reply{.answers = {{"note", "rye"}}, .text = "rye\x1f\x1e\x1d."}, "self"));
  EXPECT_EQ(back.stands.answers.at("purpose"), "bread");
  EXPECT_EQ(back.stands.claimed_by, official) << "it comes back to who asked";
  node.node.clock.advance(6 * 24h);
  EXPECT_EQ(queue().late, 1);
  const Receipt done = must(node.act(sent.stands, Grant{}));
  EXPECT_EQ(done.stands.state, CaseState::granted);
  EXPECT_EQ(node.events(sent.stands), (std::vector<std::string>{"submitted", "to_review", "claimed", "asked",
                                                                "replied", "approved", "granted"}));
  EXPECT_EQ(code_of(node.act(sent.stands, Withdraw{}, "self")), "case.state");
  const Zone& zone = node.node.pack.zone();
  const auto figures = must(node.read([&](store::Session& s) {
    return node.cases->figures(s, ServiceCode("help"), zone.day_of(sent.stands.submitted),
                               zone.day_of(node.now()) + std::chrono::days(1));
  }));
  ASSERT_EQ(figures.size(), 2u);
  EXPECT_EQ(figures[0].submitted, 1);
  EXPECT_EQ(figures[1].granted, 1);
  EXPECT_EQ(figures[1].late, 1);
  EXPECT_EQ(figures[1].seconds_to_answer, 6 * 24 * 3600);
}

TEST_P(StoredCases, AreDecidedByAnotherOfficialOnceTheyWereAppealed) {
  const Case sent = must(node.submit(CasesNode::help(aygun, 8))).stands;
  must(node.act(sent, Refuse{{.az = "Yox", .en = "No", .ru = "Нет"}}));
  must(node.act(sent, Appeal{{.az = "Baxın", .en = "Look", .ru = "Смотрите"}}, "self"));
  for (const char* same : {official, "org:baku-city-hospital/key:1"}) {
    for (const Action& action :
         std::vector<Action>{Claim{}, Grant{}, Refuse{{.az = "Yox"}}, Ask{{.az = "?"}}}) {
      EXPECT_EQ(code_of(node.act(sent, action, same)), "case.decided_before") << same << name_of(action);
    }
  }
  const auto barred = [&](const std::string& who) {
    return must(node.read([&](store::Session& s) { return node.cases->barred(s, node.find(sent), who); }));
  };
  EXPECT_EQ(barred(official), Barred::decided_before);
  EXPECT_EQ(barred(other_official), Barred::no);
  EXPECT_EQ(barred(fmt::format("org:baku-city-hospital/key:{}", aygun)), Barred::own);
  must(node.act(sent, Claim{}, other_official));
  must(node.act(sent, Ask{{.az = "Nə?", .en = "What?", .ru = "Что?"}}, other_official));
  must(node.act(sent, Reply{.answers = {}, .text = "bread"}, "self"));
  EXPECT_EQ(code_of(node.act(sent, Grant{}, official)), "case.decided_before") << "nor after a question";
  EXPECT_EQ(must(node.act(sent, Grant{}, other_official)).stands.state, CaseState::granted);
}

TEST_P(StoredCases, AreNotDecidedByWhoApplied) {
  const Case sent = must(node.submit(CasesNode::help(aygun, 8))).stands;
  const std::string self = fmt::format("org:baku-city-hospital/key:{}", aygun);
  for (const Action& action :
       std::vector<Action>{Claim{}, Grant{}, Refuse{{.az = "Yox"}}, Ask{{.az = "?"}}}) {
    EXPECT_EQ(code_of(node.act(sent, action, self)), "case.own") << name_of(action);
  }
  must(node.act(sent, Withdraw{}, "self"));
}

TEST_P(StoredCases, CreditTheRulesWithWhatTheyDid) {
  const auto history = [&](const Case& of) {
    std::string out;
    for (const CaseEvent& one :
         must(node.read([&](store::Session& s) { return node.cases->events(s, of.person, of.id); }))) {
      out += one.what + " " + one.actor + "; ";
    }
    return out;
  };
  const Case asked = must(node.submit(CasesNode::help(aygun, 8))).stands;
  must(node.act(asked, Grant{}));
  EXPECT_EQ(history(asked),
            "submitted self; to_review system; approved " + std::string(official) + "; granted system; ");
  const Receipt pass = must(node.submit(CasesNode::pass(aygun, 9)));
  EXPECT_EQ(history(pass.stands), "submitted self; issued system; granted system; ");
}

TEST_P(StoredCases, AreFoundByTheirNumberAlsoThoseOfEarlierVersions) {
  const auto by_number = [&](CaseId id) {
    const auto found = must(node.read([&](store::Session& s) { return node.cases->find(s, id); }));
    return found ? found->person.value() : 0;
  };
  const auto number_is_sought = [&] {
    return must(node.read([](store::Session& s) {
      return s.one("SELECT COUNT(*) FROM cases WHERE sought IS NOT NULL", {},
                   [](const store::Row& row) { return row.integer(0); });
    }));
  };
  const CaseId drawn = node.cases->draw_number(node.now());
  const Case sent = must(node.submit(CasesNode::help(aygun, drawn.value()))).stands;
  EXPECT_EQ(number_is_sought(), 1);
  EXPECT_EQ(by_number(drawn), aygun.value());
  EXPECT_EQ(by_number(node.cases->draw_number(node.now())), 0u);
  must(node.write([](store::Session& s) -> Result<void> {
    DAYAQ_TRY_OK(s.exec(
        "INSERT INTO case_events (bucket, person_id, case_id, number, at, actor, events) SELECT bucket, "
        "person_id, case_id, 1, submitted, $1, $2 FROM cases",
        {std::string_view("self"), std::string_view("submitted\x1e\x1dto_review\x1e")}));
    return s.exec("UPDATE cases SET begun = '', sought = NULL");
  }));
  EXPECT_EQ(by_number(drawn), aygun.value());
  EXPECT_EQ(node.events(sent), (std::vector<std::string>{"submitted", "to_review"}));
}

TEST_P(StoredCases, HaveOneOutcomeThoughManyOfficialsDecideAtOnce) {
  const Case one = must(node.submit(CasesNode::help(aygun, 8))).stands;
  std::atomic<int> decided = 0, conflicts = 0;
  std::vector<std::thread> officials;
  for (int i = 0; i < 8; ++i) {
    officials.emplace_back([&, i] {
      const Action action =
          i % 2 == 0 ? Action(Grant{}) : Action(Refuse{{.az = "Yox", .en = "No", .ru = "Нет"}});
      const auto done = node.act(one, action, "org:digital-agency/key:" + std::to_string(i), 1);
      if (done) ++decided;
      if (!done && done.error().kind == ErrorKind::conflict) ++conflicts;
    });
  }
  for (std::thread& each : officials) each.join();
  EXPECT_EQ(decided, 1);
  EXPECT_EQ(conflicts, 7);
  EXPECT_EQ(node.find(one).revision, 2);
}

TEST_P(StoredCases, AreMadeOnceThoughSentManyTimesAtOnce) {
  std::atomic<int> fresh = 0;
  std::mutex mutex;
  std::set<std::string> tokens;
  std::vector<std::thread> senders;
  for (int i = 0; i < 8; ++i) {
    senders.emplace_back([&] {
      const Receipt receipt = must(node.submit(CasesNode::pass(aygun, 9)));
      if (!receipt.repeated) ++fresh;
      const std::lock_guard lock(mutex);
      tokens.insert(receipt.permit->token);
    });
  }
  for (std::thread& each : senders) each.join();
  EXPECT_EQ(fresh, 1);
  EXPECT_EQ(tokens.size(), 1u);
  EXPECT_EQ(must(node.read([&](store::Session& s) { return node.cases->of_person(s, aygun, 10); })).size(),
            1u);
}

TEST_P(StoredCases, KeepOneDraftAServiceUntilItIsSent) {
  const auto save = [&](const Answers& answers) {
    return node.write([&](store::Session& s) {
      return node.cases->save_draft(s, aygun, ServiceCode("pass"), CaseId(4), answers, node.now());
    });
  };
  must(save({{"reason", "stay"}}));
  must(save({{"reason", "shop"}}));
  EXPECT_EQ(code_of(save({{"reason", std::string(9000, 'a')}})), "case.draft");
  const auto drafts = [&] {
    return must(node.read([&](store::Session& s) { return node.cases->drafts(s, aygun); }));
  };
  ASSERT_EQ(drafts().size(), 1u);
  EXPECT_EQ(drafts()[0].answers, (Answers{{"reason", "shop"}}));
  EXPECT_EQ(drafts()[0].id, CaseId(4));
  must(node.submit(CasesNode::pass(aygun, 4)));
  EXPECT_TRUE(drafts().empty());
}

TEST_P(StoredCases, LoseTheirPermitWhenItIsRevoked) {
  const Receipt receipt = must(node.submit(CasesNode::pass(aygun, 5)));
  const auto revoke = [&](PermitId id) {
    return node.write([&](store::Session& s) {
      return node.cases->revoke_permit(s, aygun, id, {"Saxta", "False", "Ложь"}, official, node.now());
    });
  };
  EXPECT_EQ(code_of(revoke(PermitId(1))), "permit.unknown");
  must(revoke(receipt.permit->id));
  must(revoke(receipt.permit->id));
  const auto revoked =
      must(node.read([&](store::Session& s) { return node.cases->revoked_live(s, node.now()); }));
  ASSERT_EQ(revoked.size(), 1u);
  EXPECT_EQ(revoked[0].revoked, node.now());
  EXPECT_TRUE(must(node.read([&](store::Session& s) {
                return node.cases->permits_of(s, aygun, node.now());
              })).empty());
  EXPECT_EQ(node.events(receipt.stands).back(), "permit_revoked");
  node.node.clock.advance(4h);
  EXPECT_TRUE(
      must(node.read([&](store::Session& s) { return node.cases->revoked_live(s, node.now()); })).empty());
}

}  // namespace
}  // namespace dayaq::services
