#include "identity/account/accounts.hpp"

#include "identity/account/accounts_test_support.hpp"

namespace dayaq::identity {
namespace {

using test::code_of;
using test::must;
using namespace std::chrono_literals;

struct AccountRoom : testing::TestWithParam<store::Engine> {
  void SetUp() override { node.people(); }
  PersonId aygun() { return node.person(node.aygun_id); }

  Result<Authenticator> add(const Session& session, const NewAuthenticator& added) {
    return node.write(
        [&](auto& db, auto& a) { return add_authenticator(db, a, session, added, node.now()); });
  }
  Result<void> remove(const Session& session, AuthenticatorId id, bool even_the_last = false) {
    return node.write([&](auto& db, auto& a) {
      return remove_authenticator(db, a, session, id, even_the_last, node.now());
    });
  }

  test::AccountsNode node{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Engines, AccountRoom, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

TEST_P(AccountRoom, APasskeyIsReadBackAsItWasRegistered) {
  const auto enrolled = node.enrol_with(node.aygun_id, Enrolment::counter, node.passkey("key-1"));
  EXPECT_EQ(enrolled.authenticator.assurance, Assurance::substantial);
  const auto found =
      must(node.read([&](auto& db, auto&) { return passkey_of(db, aygun(), as_bytes("key-1")); }));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->second, node.credential("key-1"));
  EXPECT_EQ(found->first.name, "my phone");
  EXPECT_EQ(found->first.used, instant_min);
  EXPECT_EQ(found->first.id, enrolled.authenticator.id);
  const auto none =
      must(node.read([&](auto& db, auto&) { return passkey_of(db, aygun(), as_bytes("key-2")); }));
  EXPECT_FALSE(none);
  const auto of_another = must(node.read(
      [&](auto& db, auto&) { return passkey_of(db, node.person(node.rashad_id), as_bytes("key-1")); }));
  EXPECT_FALSE(of_another);
}

TEST_P(AccountRoom, APasskeyBelongsToOneAccount) {
  node.enrol_with(node.aygun_id, Enrolment::counter, node.passkey("key-1"));
  const auto again = node.try_enrol(node.proof(node.rashad_id, Enrolment::counter), node.passkey("key-1"));
  EXPECT_EQ(code_of(again), "authenticator.known");
  EXPECT_FALSE(node.account(node.person(node.rashad_id))) << "all or nothing";
  // Removed, it may be registered anew.
  const auto session = node.sign_in(aygun(), node.authenticators(aygun())[0].id);
  must(remove(session, session.authenticator, true));
  EXPECT_TRUE(node.try_enrol(node.proof(node.rashad_id, Enrolment::counter), node.passkey("key-1")));
}

TEST_P(AccountRoom, ACounterMovesForwardOnceHoweverManyAnswersItHas) {
  node.enrol_with(node.aygun_id, Enrolment::counter, node.passkey("key-1"));
  const Authenticator a = node.authenticators(aygun())[0];
  const auto note = [&](std::uint32_t counter) {
    const webauthn::Assertion assertion{.flags = {.user_present = true, .user_verified = true},
                                        .counter = counter,
                                        .counting = webauthn::Counter::advanced};
    return node.write(
        [&](auto& db, auto& accounts) { return note_passkey_used(db, accounts, a, assertion, node.now()); });
  };
  EXPECT_TRUE(note(0)) << "one that doesn't count";
  EXPECT_TRUE(note(0));
  EXPECT_TRUE(note(5));
  EXPECT_EQ(code_of(note(5)), "authenticator.moved_on");
  EXPECT_EQ(code_of(note(4)), "authenticator.moved_on");
  EXPECT_EQ(code_of(note(0)), "authenticator.moved_on") << "one that counted doesn't stop counting";
  EXPECT_TRUE(note(6));
  EXPECT_EQ(node.authenticators(aygun())[0].used, node.now());
}

TEST_P(AccountRoom, AnAppsSecretIsSealedAndItsCodeWorksOnce) {
  node.enrol_with(node.aygun_id, Enrolment::letter_code, node.totp());
  EXPECT_EQ(node.rows("SELECT count(*) FROM authenticator WHERE secret IS NOT NULL"), 1);
  const auto plain = must(node.node.db().read([&](store::Session& db) {
    return db.one("SELECT secret FROM authenticator", {},
                  [](const store::Row& row) { return to_hex(row.blob(0)); });
  }));
  EXPECT_EQ(plain->find(to_hex(Bytes(20, std::byte(9)))), std::string::npos);

  auto apps = must(node.read([&](auto& db, auto& a) { return totps_of(db, a.master, aygun()); }));
  ASSERT_EQ(apps.size(), 1u);
  EXPECT_TRUE(std::ranges::equal(apps[0].secret.view(), Bytes(20, std::byte(9))));
  const auto checked =
      check_totp(apps[0].secret.view(), apps[0].state, totp(apps[0].secret.view(), node.now()), node.now());
  ASSERT_EQ(checked.verdict, CodeVerdict::accepted);
  const auto set = [&] {
    return node.write([&](auto& db, auto&) {
      return set_totp_state(db, aygun(), apps[0].authenticator.id, apps[0].state, checked.next);
    });
  };
  EXPECT_TRUE(set());
  EXPECT_EQ(code_of(set()), "authenticator.moved_on") << "two at once: one of them";
  apps = must(node.read([&](auto& db, auto& a) { return totps_of(db, a.master, aygun()); }));
  EXPECT_EQ(apps[0].state, checked.next);
}

TEST_P(AccountRoom, AnAppsSecretMovedToAnotherRowDoesNotOpen) {
  node.enrol_with(node.aygun_id, Enrolment::letter_code, node.totp());
  must(node.node.db().write([&](store::Session& db) {
    return db.exec("UPDATE authenticator SET authenticator_id = authenticator_id + 1");
  }));
  must(log::set_level("off"));
  EXPECT_TRUE(must(node.read([&](auto& db, auto& a) { return totps_of(db, a.master, aygun()); })).empty());
}

TEST_P(AccountRoom, ANumberThatWasGivenUpProvesNothing) {
  const auto enrolled = node.enrol_with(node.aygun_id, Enrolment::sms_code, node.sms("994501234567"));
  const auto usable = [&] {
    return must(node.read([&](auto& db, auto& a) { return sms_of(db, a.persons, aygun(), node.now()); }))
        .size();
  };
  EXPECT_EQ(usable(), 1u);
  node.unsubscribe("994501234567");
  EXPECT_EQ(usable(), 0u);
  const auto session = node.sign_in(aygun(), enrolled.authenticator.id);
  EXPECT_EQ(code_of(add(session, node.sms("994509876543"))), "authenticator.number") << "somebody else's";
  EXPECT_EQ(masked_number("994", "994501234567"), "+994 ** *** ** 67");
}

TEST_P(AccountRoom, WhatIsAddedInAWeakSessionStaysWeak) {
  node.enrol_with(node.aygun_id, Enrolment::counter, node.passkey("key-1"));
  const auto strong = node.sign_in(aygun(), node.authenticators(aygun())[0].id);
  EXPECT_EQ(strong.assurance, Assurance::substantial);
  const auto number = must(add(strong, node.sms("994501234567")));
  const auto weak = node.sign_in(aygun(), number.id);
  EXPECT_EQ(weak.assurance, Assurance::low);
  EXPECT_EQ(must(add(weak, node.passkey("key-2"))).assurance, Assurance::low);
  EXPECT_EQ(must(add(strong, node.passkey("key-3"))).assurance, Assurance::substantial);
}

TEST_P(AccountRoom, AnOldProofChangesNothing) {
  const auto enrolled = node.enrol_with(node.aygun_id, Enrolment::counter, node.passkey("key-1"));
  const auto session = node.sign_in(aygun(), enrolled.authenticator.id);
  Session acting = session;
  acting.acting_for = PersonId(5);
  EXPECT_EQ(code_of(add(acting, node.totp())), "authenticator.fresh") << "nobody changes another's";
  node.node.clock.advance(15min);
  EXPECT_TRUE(add(session, node.totp()));
  node.node.clock.advance(1us);
  EXPECT_EQ(code_of(add(session, node.totp())), "authenticator.fresh");
  EXPECT_EQ(code_of(remove(session, enrolled.authenticator.id)), "authenticator.fresh");
}

TEST_P(AccountRoom, TheLastOneGoesOnlyKnowingly) {
  const auto enrolled = node.enrol_with(node.aygun_id, Enrolment::counter, node.passkey("key-1"));
  const auto session = node.sign_in(aygun(), enrolled.authenticator.id);
  EXPECT_EQ(code_of(remove(session, enrolled.authenticator.id)), "authenticator.last");
  EXPECT_EQ(node.authenticators(aygun()).size(), 1u);
  EXPECT_EQ(code_of(remove(session, AuthenticatorId(1))), "authenticator.unknown");
  EXPECT_TRUE(remove(session, enrolled.authenticator.id, true));
  EXPECT_TRUE(node.authenticators(aygun()).empty());
  EXPECT_TRUE(node.account(aygun())) << "they come back by a new proof";
}

TEST_P(AccountRoom, AWeakSessionRemovesNothingSurer) {
  const auto enrolled = node.enrol_with(node.aygun_id, Enrolment::counter, node.passkey("key-1"));
  const auto strong = node.sign_in(aygun(), enrolled.authenticator.id);
  const auto number = must(add(strong, node.sms("994501234567")));
  const auto weak = node.sign_in(aygun(), number.id);
  EXPECT_EQ(code_of(remove(weak, enrolled.authenticator.id)), "authenticator.surer");
  EXPECT_TRUE(remove(strong, number.id));
  const auto left = node.live(aygun());
  ASSERT_EQ(left.size(), 1u) << "the sessions made with it are gone";
  EXPECT_EQ(left[0].id, strong.id);
}

TEST_P(AccountRoom, EveryChangeIsInTheAuditLogAndTold) {
  const auto enrolled = node.enrol_with(node.aygun_id, Enrolment::sms_code, node.passkey("key-1"));
  node.forget_messages();
  const auto session = node.sign_in(aygun(), enrolled.authenticator.id);
  const auto app = must(add(session, node.totp("my app")));
  EXPECT_EQ(node.queued().size(), 2u) << "to both numbers";
  EXPECT_NE(node.queued()[0].text.find("my app"), std::string::npos);
  must(node.write([&](auto& db, auto& a) {
    return rename_authenticator(db, a, session, app.id, "köhnə telefon", node.now());
  }));
  EXPECT_EQ(code_of(node.write([&](auto& db, auto& a) {
              return rename_authenticator(db, a, session, app.id, "a\nb", node.now());
            })),
            "authenticator.name");
  must(remove(session, app.id));
  EXPECT_EQ(node.actions(aygun()),
            (std::vector<std::string>{"person.record", "subscription.record", "subscription.record",
                                      "identity.activation", "identity.enrol", "identity.authenticator.add",
                                      "identity.authenticator.add", "identity.authenticator.rename",
                                      "identity.authenticator.remove"}));
  const auto entries = must(node.node.log->entries_about(aygun(), node.node.log->size(), 1));
  EXPECT_EQ(entries[0].leaf.find("köhnə"), std::string::npos) << "a leaf holds nothing personal";
  EXPECT_NE(entries[0].personal.find("köhnə telefon"), std::string::npos);
}

TEST_P(AccountRoom, NobodyHasMoreThanSoMany) {
  const auto enrolled = node.enrol_with(node.aygun_id, Enrolment::counter, node.passkey("key-0"));
  const auto session = node.sign_in(aygun(), enrolled.authenticator.id);
  for (std::size_t i = 1; i < authenticators_max; ++i) {
    ASSERT_TRUE(add(session, node.passkey("key-" + std::to_string(i))));
  }
  EXPECT_EQ(code_of(add(session, node.totp())), "authenticator.many");
}

TEST(Worth, IsWhatAKindCanProve) {
  webauthn::Credential passkey;
  passkey.flags = {.user_present = true, .user_verified = true, .backup_eligible = false, .backed_up = false};
  const auto worth = [&] { return worth_of(Material(passkey)); };
  EXPECT_EQ(worth(), Assurance::substantial) << "nobody vouches that the key can't be copied";
  passkey.attestation = webauthn::Attestation::basic;
  EXPECT_EQ(worth(), Assurance::high);
  passkey.flags.backup_eligible = true;
  EXPECT_EQ(worth(), Assurance::substantial);
  passkey.flags.user_verified = false;
  EXPECT_EQ(worth(), Assurance::low);
  EXPECT_EQ(worth_of(Material(SmsNumber{"1"})), Assurance::low);
  EXPECT_EQ(worth_of(Material(CardPrint{})), Assurance::high);

  Methods both(AuthenticatorKind::password);
  EXPECT_EQ(assurance_of(both, Assurance::low), Assurance::low);
  both |= AuthenticatorKind::sms;
  EXPECT_EQ(assurance_of(both, Assurance::low), Assurance::substantial) << "known and held";
  Methods held(AuthenticatorKind::totp);
  held |= AuthenticatorKind::sms;
  EXPECT_EQ(assurance_of(held, Assurance::low), Assurance::low) << "two of one kind are one factor";
}

TEST(UserHandle, IsThePersonsIdAndNothingElse) {
  EXPECT_EQ(person_of_handle(user_handle(PersonId(0x0102030405060708))), PersonId(0x0102030405060708));
  EXPECT_FALSE(person_of_handle(as_bytes("")));
  EXPECT_FALSE(person_of_handle(Bytes(8)));
  EXPECT_FALSE(person_of_handle(Bytes(8, std::byte(0xff))));
  EXPECT_FALSE(person_of_handle(Bytes(9, std::byte(1))));
}

}  // namespace
}  // namespace dayaq::identity
