#include "identity/account/life.hpp"

#include "identity/account/accounts_test_support.hpp"
#include "identity/account/relations.hpp"

namespace dayaq::identity {
namespace {

using test::code_of;
using test::must;
using namespace std::chrono_literals;

struct Life : testing::TestWithParam<store::Engine> {
  void SetUp() override {
    node.people();
    enrolled = node.enrol_with(node.aygun_id, Enrolment::counter, node.passkey("key-1"));
    node.sign_in(aygun(), enrolled.authenticator.id);
    node.followers.states.clear();
  }
  PersonId aygun() { return node.person(node.aygun_id); }
  void die(std::optional<Date> death = Date(std::chrono::sys_days{2026y / 11 / 20})) {
    node.record(node.aygun_id, "Aygün", Date(1985y / 3 / 14), death);
  }
  Result<Account> suspended(const std::string& reason = "stolen documents") {
    return node.write(
        [&](auto& db, auto& a) { return suspend(db, a, aygun(), reason, "org:test/key:1", node.now()); });
  }
  Result<Account> reactivated() {
    return node.write(
        [&](auto& db, auto& a) { return reactivate(db, a, aygun(), "found", "org:test/key:1", node.now()); });
  }
  AccountState state() { return node.account(aygun())->state; }

  test::AccountsNode node{GetParam()};
  Enrolled enrolled;
};

INSTANTIATE_TEST_SUITE_P(Engines, Life, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

TEST_P(Life, ADeathInTheRegistryClosesTheDigitalIdInTheSameTransaction) {
  ASSERT_EQ(node.live(aygun()).size(), 1u);
  die();
  EXPECT_EQ(state(), AccountState::closed);
  EXPECT_TRUE(node.live(aygun()).empty());
  EXPECT_EQ(node.followers.states, std::vector{AccountState::closed});
  EXPECT_EQ(node.actions(aygun()).at(node.actions(aygun()).size() - 2), "identity.close");
  EXPECT_EQ(code_of(suspended()), "account.closed");
  EXPECT_EQ(code_of(reactivated()), "account.closed") << "no official brings the dead back";
}

TEST_P(Life, ACodeOfSomebodyWhoDiedOpensNothing) {
  const Proof before = node.proof(node.aygun_id, Enrolment::counter);
  const DrawnActivation drawn = draw_activation(*node.accounts, Enrolment::counter, node.now());
  die();
  EXPECT_EQ(code_of(node.try_enrol(before, node.passkey("key-2"))), "account.closed");
  EXPECT_EQ(code_of(node.write([&](auto& db, auto& a) {
              return issue_activation_for(
                  db, a, {.person = aygun(), .document = "passport", .actor = "org:x"}, drawn, node.now());
            })),
            "registry.deceased");
}

TEST_P(Life, ADeathThatWasAnErrorIsTakenBackWithAllAuthenticators) {
  die();
  die(std::nullopt);
  EXPECT_EQ(state(), AccountState::active);
  EXPECT_EQ(node.authenticators(aygun()).size(), 1u);
  EXPECT_TRUE(node.live(aygun()).empty()) << "but nobody is signed in";
  ASSERT_TRUE(suspended());
  die();
  die(std::nullopt);
  EXPECT_EQ(state(), AccountState::suspended) << "as it was before";
}

TEST_P(Life, ADeathThatNobodyFollowedIsFoundAtTheStart) {
  must(node.node.db().write([&](store::Session& db) { return db.exec("UPDATE person SET death = 20000"); }));
  const auto close = [&] {
    return must(node.write([&](auto& db, auto& a) { return close_deceased(db, a, node.now(), 10); }));
  };
  EXPECT_EQ(close(), 1);
  EXPECT_EQ(state(), AccountState::closed);
  EXPECT_EQ(close(), 0);
}

TEST_P(Life, SuspensionEndsSessionsAndLosesNothing) {
  EXPECT_EQ(code_of(suspended("x")), "account.reason");
  ASSERT_TRUE(suspended());
  EXPECT_EQ(state(), AccountState::suspended);
  EXPECT_TRUE(node.live(aygun()).empty());
  EXPECT_EQ(node.authenticators(aygun()).size(), 1u);
  EXPECT_NE(node.queued().back().text.find("suspended"), std::string::npos);
  ASSERT_TRUE(suspended()) << "twice is once";
  EXPECT_EQ(node.actions(aygun()).back(), "identity.suspend");
  ASSERT_TRUE(reactivated());
  EXPECT_EQ(state(), AccountState::active);
  EXPECT_EQ(node.followers.states, (std::vector{AccountState::suspended, AccountState::active}));
  const auto entry = must(node.node.log->entries_about(aygun(), node.node.log->size(), 1)).at(0);
  EXPECT_NE(entry.leaf.find(R"("actor":"org:test/key:1")"), std::string::npos);
  EXPECT_EQ(entry.leaf.find("found"), std::string::npos);
  EXPECT_NE(entry.personal.find("found"), std::string::npos) << "the person can read why";
}

TEST_P(Life, ASuspendedOneIsNotRecoveredAround) {
  ASSERT_TRUE(suspended());
  const DrawnActivation drawn = draw_activation(*node.accounts, Enrolment::counter, node.now());
  EXPECT_EQ(code_of(node.write([&](auto& db, auto& a) {
              return issue_activation_for(
                  db, a, {.person = aygun(), .document = "passport", .actor = "org:x"}, drawn, node.now());
            })),
            "account.suspended");
  EXPECT_EQ(code_of(node.write([&](auto& db, auto& a) {
              return suspend(db, a, node.person(node.rashad_id), "no account", "x", node.now());
            })),
            "account.unknown");
}

TEST_P(Life, TheNextFollowerHearsEverything) {
  dayaq::test::RememberingObserver next;
  LifeFollower first(&next);
  first.follow(*node.accounts);
  must(node.node.db().write([&](store::Session& db) -> Result<void> {
    return first.on_change(db, registry::PersonRecorded{{.id = PersonId(3)}, true});
  }));
  EXPECT_EQ(next.changes.size(), 1u);
}

}  // namespace
}  // namespace dayaq::identity
