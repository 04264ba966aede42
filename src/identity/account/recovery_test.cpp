#include "identity/account/recovery.hpp"

#include "identity/account/accounts_test_support.hpp"

namespace dayaq::identity {
namespace {

using test::code_of;
using test::must;
using namespace std::chrono_literals;

struct Recovery : testing::TestWithParam<store::Engine> {
  void SetUp() override { node.people(); }
  PersonId aygun() { return node.person(node.aygun_id); }
  Authenticator one(std::string_view name) {
    for (const Authenticator& a : node.authenticators(aygun())) {
      if (a.name == name) return a;
    }
    ADD_FAILURE() << "no authenticator " << name;
    return {};
  }
  bool has(std::string_view name) {
    return std::ranges::any_of(node.authenticators(aygun()), [&](const auto& a) { return a.name == name; });
  }
  /// Enrolled at a counter with a passkey, signed in with it.
  Session begin() {
    const auto enrolled =
        node.enrol_with(node.aygun_id, Enrolment::counter, node.passkey("key-1", "old phone"));
    const auto session = node.sign_in(aygun(), enrolled.authenticator.id);
    node.node.clock.advance(24h);
    node.forget_messages();
    return session;
  }
  Enrolled recover(Enrolment how) {
    return node.enrol_with(node.aygun_id, how, node.passkey("key-2", "new phone"), one("old phone").id);
  }
  Result<void> undo(const std::string& token) {
    return node.write([&](auto& db, auto& a) { return undo_recovery(db, a, token, node.now()); });
  }

  test::AccountsNode node{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Engines, Recovery, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

TEST_P(Recovery, BySmsIsLowAtOnceAndNeverMore) {
  begin();
  const auto recovered = recover(Enrolment::sms_code);
  EXPECT_TRUE(recovered.recovered);
  EXPECT_TRUE(node.live(aygun()).empty()) << "all sessions have ended";
  const Authenticator fresh = one("new phone");
  EXPECT_EQ(fresh.worth_at(node.now()), Assurance::low) << "signed in again within minutes";
  EXPECT_EQ(fresh.active_from, node.now() + 72h);
  EXPECT_EQ(fresh.worth_at(node.now() + 72h), Assurance::low) << "never more than was proved";
  EXPECT_EQ(node.account(aygun())->enrolment, Enrolment::counter) << "the surest so far";
}

TEST_P(Recovery, BySmsLeavesTheSurerOneWorkingUntilItsOwnerCouldObject) {
  begin();
  recover(Enrolment::sms_code);
  const Authenticator old = one("old phone");
  EXPECT_EQ(old.worth_at(node.now()), Assurance::substantial);
  EXPECT_EQ(old.worth_at(node.now() + 72h - 1us), Assurance::substantial);
  EXPECT_EQ(old.worth_at(node.now() + 72h), Assurance::none);
}

TEST_P(Recovery, ByLetterCountsInFullAfterADay) {
  begin();
  recover(Enrolment::letter_code);
  const Authenticator fresh = one("new phone");
  EXPECT_EQ(fresh.worth_at(node.now()), Assurance::low);
  EXPECT_EQ(fresh.worth_at(node.now() + 24h), Assurance::substantial);
  EXPECT_EQ(one("old phone").ends, node.now() + 24h);
}

TEST_P(Recovery, AtACounterOrByCardIsDoneAtOnce) {
  for (const Enrolment how : {Enrolment::counter, Enrolment::card}) {
    const bool first = how == Enrolment::counter;
    if (first) begin();
    const std::string name = first ? "new phone" : "newest phone";
    const auto lost = one(first ? "old phone" : "new phone").id;
    node.enrol_with(node.aygun_id, how, node.passkey(name, name), lost);
    EXPECT_EQ(one(name).worth_at(node.now()), Assurance::substantial);
    EXPECT_EQ(node.authenticators(aygun()).size(), 1u) << "the lost one is gone";
    EXPECT_EQ(code_of(undo(node.last_undo.text)), "recovery.undo") << "no link takes that back";
  }
}

TEST_P(Recovery, EveryOtherAuthenticatorGoesOnWorking) {
  const auto session = begin();
  Session fresh = session;
  fresh.authenticated = node.now();
  must(node.write(
      [&](auto& db, auto& a) { return add_authenticator(db, a, fresh, node.totp("my app"), node.now()); }));
  for (const Enrolment how :
       {Enrolment::sms_code, Enrolment::letter_code, Enrolment::counter, Enrolment::card}) {
    node.enrol_with(node.aygun_id, how,
                    node.passkey(std::string(to_string(how)), std::string(to_string(how))));
    EXPECT_EQ(one("my app").worth_at(node.now() + 1000h), Assurance::low) << to_string(how);
    EXPECT_EQ(one("old phone").worth_at(node.now() + 1000h), Assurance::substantial) << to_string(how);
    node.node.clock.advance(24h);  // codes for oneself are limited by the day
  }
}

TEST_P(Recovery, IsToldToTheOtherChannelsAndNotToTheOneThatProvedIt) {
  begin();
  recover(Enrolment::sms_code);  // by 994501234567
  std::vector<std::string> told;
  for (const auto& message : node.queued()) {
    if (message.text.find("/id/undo?t=") != std::string::npos) told.push_back(message.to);
  }
  EXPECT_EQ(told, std::vector<std::string>{"994501234568"});
}

TEST_P(Recovery, IsToldByLetterIfThereIsNoOtherChannel) {
  begin();
  node.unsubscribe("994501234568");
  recover(Enrolment::sms_code);
  const auto messages = node.queued();
  const auto told = std::ranges::find_if(
      messages, [](const auto& m) { return m.text.find("/id/undo?t=") != std::string::npos; });
  ASSERT_NE(told, messages.end());
  EXPECT_EQ(told->channel, Message::Channel::letter);
  EXPECT_NE(told->to.find("Əliyeva Aygün"), std::string::npos);
}

TEST_P(Recovery, TheLinkTakesItAllBackOnce) {
  begin();
  recover(Enrolment::letter_code);
  const std::string link = node.last_undo.text;
  const auto thief = node.sign_in(aygun(), one("new phone").id);
  must(node.write([&](auto& db, auto& a) {  // what it added goes too
    return add_authenticator(db, a, thief, node.totp("thief's app"), node.now());
  }));
  EXPECT_EQ(code_of(undo("")), "recovery.undo");
  EXPECT_EQ(code_of(undo(std::string(43, 'A'))), "recovery.undo");
  std::string other = link;
  other.back() = other.back() == 'A' ? 'E' : 'A';
  EXPECT_EQ(code_of(undo(other)), "recovery.undo");
  ASSERT_TRUE(undo(link));
  EXPECT_FALSE(has("new phone"));
  EXPECT_FALSE(has("thief's app"));
  EXPECT_EQ(one("old phone").ends, instant_max);
  EXPECT_TRUE(node.live(aygun()).empty());
  EXPECT_EQ(code_of(undo(link)), "recovery.undo");
  EXPECT_EQ(node.actions(aygun()).back(), "identity.recover.undo");
}

TEST_P(Recovery, TheLinkWorksForTwoWeeksAlsoAfterTheLostOneEnded) {
  begin();
  recover(Enrolment::sms_code);
  const std::string link = node.last_undo.text;
  node.node.clock.advance(14 * 24h - 1us);
  EXPECT_EQ(one("old phone").worth_at(node.now()), Assurance::none);
  EXPECT_EQ(must(node.write([&](auto& db, auto&) { return sweep_recoveries(db, node.now(), 10); })), 0);
  ASSERT_TRUE(undo(link));
  EXPECT_EQ(one("old phone").worth_at(node.now()), Assurance::substantial);
}

TEST_P(Recovery, AfterTwoWeeksItIsForGood) {
  begin();
  recover(Enrolment::sms_code);
  const std::string link = node.last_undo.text;
  node.node.clock.advance(14 * 24h);
  EXPECT_EQ(code_of(undo(link)), "recovery.undo");
  EXPECT_EQ(must(node.write([&](auto& db, auto&) { return sweep_recoveries(db, node.now(), 10); })), 1);
  EXPECT_FALSE(has("old phone"));
  EXPECT_TRUE(has("new phone"));
  EXPECT_EQ(node.rows("SELECT count(*) FROM recovery"), 0);
}

TEST_P(Recovery, WhoStillHasTheLostOneUndoesItBySigningIn) {
  begin();
  recover(Enrolment::sms_code);
  node.node.clock.advance(71h);
  const auto owner = node.sign_in(aygun(), one("old phone").id);
  EXPECT_EQ(owner.assurance, Assurance::substantial);
  EXPECT_FALSE(has("new phone"));
  EXPECT_EQ(one("old phone").ends, instant_max);
  ASSERT_EQ(node.live(aygun()).size(), 1u);
}

TEST_P(Recovery, ARaisedEnrolmentGoesBackWithIt) {
  node.enrol_with(node.aygun_id, Enrolment::sms_code, node.passkey("key-1", "old phone"));
  recover(Enrolment::letter_code);
  EXPECT_EQ(node.account(aygun())->enrolment, Enrolment::letter_code);
  ASSERT_TRUE(undo(node.last_undo.text));
  EXPECT_EQ(node.account(aygun())->enrolment, Enrolment::sms_code);
}

TEST_P(Recovery, WhatWaitsRemovesNothing) {
  begin();
  recover(Enrolment::letter_code);
  const auto thief = node.sign_in(aygun(), one("new phone").id);
  const auto remove = [&](const Session& session, std::string_view name) {
    return node.write([&](auto& db, auto& a) {
      return remove_authenticator(db, a, session, one(name).id, true, node.now());
    });
  };
  const auto lose = [&](const Session& session, std::string_view name) {
    const UndoToken token = draw_undo_token(node.node.random, aygun());
    return node.write(
        [&](auto& db, auto& a) { return declare_lost(db, a, session, one(name).id, token, node.now()); });
  };
  EXPECT_EQ(code_of(remove(thief, "old phone")), "authenticator.waiting");
  EXPECT_EQ(code_of(lose(thief, "old phone")), "authenticator.waiting");
  const auto app = must(node.write(
      [&](auto& db, auto& a) { return add_authenticator(db, a, thief, node.totp("app"), node.now()); }));
  EXPECT_EQ(app.active_from, one("new phone").active_from) << "what it adds waits with it";
  const auto again = node.sign_in(aygun(), app.id);
  EXPECT_EQ(code_of(remove(again, "old phone")), "authenticator.waiting");
}

TEST_P(Recovery, ALostOneIsGoneAtOnceIfTheSessionProvedAsMuch) {
  const auto session = begin();
  Session fresh = session;
  fresh.authenticated = node.now();
  const auto second = must(node.write([&](auto& db, auto& a) {
    return add_authenticator(db, a, fresh, node.passkey("key-2", "tablet"), node.now());
  }));
  const auto tablet = node.sign_in(aygun(), second.id);
  const UndoToken token = draw_undo_token(node.node.random, aygun());
  EXPECT_EQ(must(node.write([&](auto& db, auto& a) {
              return declare_lost(db, a, tablet, one("old phone").id, token, node.now());
            })),
            node.now());
  EXPECT_FALSE(has("old phone"));
  EXPECT_EQ(node.live(aygun()).size(), 1u);
}

TEST_P(Recovery, ALostOneThatIsSurerThanTheSessionWaits) {
  const auto session = begin();
  Session fresh = session;
  fresh.authenticated = node.now();
  const auto app = must(node.write(
      [&](auto& db, auto& a) { return add_authenticator(db, a, fresh, node.totp("app"), node.now()); }));
  const auto weak = node.sign_in(aygun(), app.id);
  const UndoToken token = draw_undo_token(node.node.random, aygun());
  const auto lose = [&] {
    return node.write(
        [&](auto& db, auto& a) { return declare_lost(db, a, weak, one("old phone").id, token, node.now()); });
  };
  EXPECT_EQ(must(lose()), node.now() + 72h);
  EXPECT_EQ(code_of(lose()), "authenticator.lost_already");
  EXPECT_EQ(one("old phone").worth_at(node.now()), Assurance::substantial);
  ASSERT_TRUE(undo(token.text));
  EXPECT_EQ(one("old phone").ends, instant_max);
  EXPECT_TRUE(has("app")) << "it was there before";
}

TEST_P(Recovery, ACounterVisitMakesTheNewOneCountAtOnce) {
  begin();
  recover(Enrolment::sms_code);
  const auto session = node.sign_in(aygun(), one("new phone").id);
  EXPECT_EQ(session.assurance, Assurance::low);
  const Proof counter = node.proof(node.aygun_id, Enrolment::counter);
  const auto reached =
      node.write([&](auto& db, auto& a) { return raise_assurance(db, a, session, counter, node.now()); });
  EXPECT_EQ(must(reached), Assurance::substantial);
  EXPECT_EQ(one("new phone").worth_at(node.now()), Assurance::substantial);
  EXPECT_EQ(code_of(node.write(
                [&](auto& db, auto& a) { return raise_assurance(db, a, session, counter, node.now()); })),
            "enrol.spent");
  ASSERT_TRUE(undo(node.last_undo.text));
  EXPECT_TRUE(has("new phone")) << "an official has seen who it is of";
}

}  // namespace
}  // namespace dayaq::identity
