// Confirming on a phone or on a signed-in page that one signs in elsewhere.
#include "identity/account/confirmation.hpp"

#include <fmt/format.h>

#include <atomic>
#include <set>
#include <thread>

#include "identity/account/relations.hpp"
#include "support/signing_in.hpp"

namespace dayaq::identity {
namespace {

using namespace test;
using Stage = Confirmation::Stage;

struct Confirming : SigningIn {
  crypto::CoseSigner phone_key = crypto::CoseSigner::generate(crypto::CoseAlgorithm::es256);
  Authenticator phone = node.add(aysel, MobileKey{phone_key.public_key().encode(), "push:1"});
  SoftPasskey passkey = node.add_passkey(aysel);

  Result<SignInView> ask(const SignInWish& wish = {}) { return choose(named(aysel_id, wish), Kind::mobile); }
  std::vector<Confirmation> waiting() {
    return must(node.db().read([&](store::Session& s) { return confirmations_of(s, aysel, now()); }));
  }
  Result<Stage> by_page(const Session& session, ConfirmationId id, bool agreed, std::string_view number) {
    return node.db().write([&](store::Session& s) {
      return confirm_by_session(s, *node.accounts, session, id, agreed, number, now());
    });
  }
  Result<Stage> by_phone(ConfirmationId id, bool agreed, std::string_view number,
                         std::string_view signed_number = {}, PersonId person = {}) {
    const std::string statement =
        confirmation_statement(id, agreed, signed_number.empty() ? number : signed_number);
    const Bytes signature = phone_key.sign(as_bytes(statement));
    return node.db().write([&](store::Session& s) {
      return confirm_by_device(s, *node.accounts, person == PersonId() ? aysel : person, phone.id, id, agreed,
                               number, signature, now());
    });
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Confirming, testing::ValuesIn(test::engines),
                         [](auto& i) { return test::name_of(i.param); });

TEST_P(Confirming, OnThePhoneSignsTheBrowserIn) {
  browser.client = "shop";
  const auto view = ask({.least = Assurance::substantial});
  ASSERT_TRUE(view) << view.error().detail;
  EXPECT_EQ(view->step, Step::confirm);
  const Message push = node.mailbox.wait_for(1);
  EXPECT_EQ(push.to, "push:1");
  const auto asked = waiting();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(push.text, fmt::format(R"({{"confirmation":"{}","person":"{}"}})", asked[0].id, aysel))
      << "which one, and never the number";
  EXPECT_EQ(number_text(asked[0]), view->number);
  EXPECT_EQ(asked[0].client, "shop");
  EXPECT_EQ(asked[0].network, "192.0.2.7");
  const auto still = poll(view);
  EXPECT_EQ(still->step, Step::confirm);
  EXPECT_EQ(still->number, view->number);
  EXPECT_EQ(*by_phone(asked[0].id, true, view->number), Stage::confirmed);
  EXPECT_TRUE(waiting().empty());
  Caller other = node.browser();
  EXPECT_EQ(code_of(sign_in().poll(view->state, other, now())), "signin.state") << "another's browser";
  const Session session = done(poll(still));
  EXPECT_EQ(session.methods, Methods(Kind::mobile));
  EXPECT_EQ(session.assurance, Assurance::substantial);
  EXPECT_EQ(session.authenticator, phone.id);
  EXPECT_EQ(code_of(poll(view)), "signin.state") << "once";
}

TEST_P(Confirming, TakesTheRightNumberOnce) {
  const auto view = ask();
  const Confirmation asked = waiting().at(0);
  const auto choices = number_choices(asked);
  EXPECT_EQ(std::set<std::string>(choices.begin(), choices.end()).size(), 3u);
  EXPECT_NE(std::ranges::find(choices, view->number), choices.end());
  const std::string wrong = choices[0] == view->number ? choices[1] : choices[0];
  EXPECT_EQ(*by_phone(asked.id, true, wrong), Stage::denied);
  EXPECT_EQ(code_of(by_phone(asked.id, true, view->number)), "confirmation.unknown");
  EXPECT_EQ(code_of(poll(view)), "signin.refused");
  const auto other = ask();
  EXPECT_EQ(*by_phone(waiting().at(0).id, false, ""), Stage::denied);
  EXPECT_EQ(code_of(poll(other)), "signin.refused");
}

TEST_P(Confirming, TakesOnlyTheKeyOfAPhoneOfThisPerson) {
  const auto view = ask();
  const Confirmation asked = waiting().at(0);
  EXPECT_EQ(code_of(by_phone(asked.id, true, view->number, "00")), "confirmation.device")
      << "signed for another number";
  const PersonId murad = node.person("5ABC124", "994502223344");
  EXPECT_EQ(code_of(by_phone(asked.id, true, view->number, {}, murad)), "confirmation.device");
  node.write([&](store::Session& s) { return set_ends(s, aysel, phone.id, now()); });
  EXPECT_EQ(code_of(by_phone(asked.id, true, view->number)), "confirmation.device");
  EXPECT_EQ(poll(view)->step, Step::confirm);
  pass(3min);
  EXPECT_EQ(code_of(by_phone(asked.id, true, view->number)), "confirmation.device");
  EXPECT_EQ(code_of(poll(view)), "signin.expired");
  EXPECT_TRUE(waiting().empty());
}

TEST_P(Confirming, OnAPageProvesWhatThatSessionProvedAndWhen) {
  const Instant then = now();
  const Session page = done(touch(begin(), passkey));
  pass(10min);
  const auto view = ask();
  EXPECT_EQ(*by_page(page, waiting().at(0).id, true, view->number), Stage::confirmed);
  const Session session = done(poll(view));
  EXPECT_EQ(session.authenticated, then) << "not now: nobody touched anything now";
  EXPECT_EQ(session.authenticator, passkey.authenticator);
  EXPECT_EQ(session.assurance, Assurance::substantial);
  // One whose proof is old can only refuse.
  pass(6min);
  const auto later = ask();
  EXPECT_EQ(code_of(by_page(page, waiting().at(0).id, true, later->number)), "confirmation.fresh");
  EXPECT_EQ(*by_page(page, waiting().at(0).id, false, ""), Stage::denied);
}

TEST_P(Confirming, OnAPageCanNotProveAnewThatThePersonIsThere) {
  const Session page = done(touch(begin(), passkey));
  pass(1min);
  const auto view = choose(Result<SignInView>(begin({.present = page, .fresh = true})), Kind::mobile);
  EXPECT_EQ(*by_page(page, waiting().at(0).id, true, view->number), Stage::confirmed);
  EXPECT_EQ(code_of(poll(view)), "signin.refused");
}

TEST_P(Confirming, CountsNoMoreOnceWhatConfirmedItIsGone) {
  const auto view = ask();
  EXPECT_EQ(*by_phone(waiting().at(0).id, true, view->number), Stage::confirmed);
  node.write([&](store::Session& s) -> Result<void> {
    DAYAQ_TRY(const auto stored, stored_authenticators(s, aysel));
    for (const auto& one : stored) {
      if (one.authenticator.id == phone.id) DAYAQ_TRY_OK(delete_authenticator(s, one));
    }
    return {};
  });
  EXPECT_EQ(code_of(poll(view)), "signin.refused");
}

TEST_P(Confirming, OfManyPollsAtTheSameMomentOneSignsIn) {
  const auto view = ask();
  EXPECT_EQ(*by_phone(waiting().at(0).id, true, view->number), Stage::confirmed);
  std::atomic<int> won{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] { won += code_of(poll(view)) == "done" ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
}

TEST_P(Confirming, CanNotBeAskedForWithoutEnd) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(code_of(ask()), "done");
  EXPECT_EQ(code_of(ask()), "signin.limit");
  EXPECT_EQ(done(touch(begin(), passkey)).person, aysel);
}

TEST_P(Confirming, ASessionActsForAnotherOnlyByARelationThatStands) {
  const auto in = touch(begin(), passkey);
  const Session session = done(in);
  const PersonId child = node.person("5ABC124", "994502223344");
  EXPECT_EQ(code_of(sign_in().act_for(session, child, now())), "signin.relation");
  const RelationRequest request{.id = RelationId(5),
                                .kind = RelationKind::mandate,
                                .holder = aysel,
                                .principal = child,
                                .valid = {now(), now() + 24h}};
  node.write([&](store::Session& s) {
    return record_relation(s, *node.accounts, request, {"cli", "order 7 of the court"}, now());
  });
  const auto acting = sign_in().act_for(session, child, now());
  ASSERT_TRUE(acting) << acting.error().detail;
  EXPECT_EQ(acting->session.acting_for, child);
  EXPECT_EQ(acting->session.authenticated, session.authenticated);
  EXPECT_FALSE(must(node.sessions->find(in->token->text, now())));
  EXPECT_EQ(must(node.sessions->find(acting->token.text, now()))->acting_for, child);
  const auto back = sign_in().act_for(acting->session, PersonId(), now());
  EXPECT_EQ(must(node.sessions->find(back->token.text, now()))->acting_for, PersonId());
  const auto seen = must(node.registry.log->entries_about(child, UINT64_MAX, 10));
  EXPECT_NE(seen.at(0).leaf.find("identity.act_for"), std::string::npos) << "the principal sees it";
}

}  // namespace
}  // namespace dayaq::identity
