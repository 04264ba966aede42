#include "identity/account/enrolment.hpp"

#include "identity/account/accounts_test_support.hpp"
#include "support/cards.hpp"
#include "support/watching.hpp"

namespace dayaq::identity {
namespace {

using test::code_of;
using test::must;
using namespace std::chrono_literals;

using dayaq::test::WatchingSession;

struct Enrolments : testing::TestWithParam<store::Engine> {
  void SetUp() override { node.people(); }
  PersonId aygun() { return node.person(node.aygun_id); }

  DrawnActivation draw(Enrolment how) { return draw_activation(*node.accounts, how, node.now()); }
  Result<void> ask(std::string_view national_id, Enrolment channel, const std::string& number,
                   const DrawnActivation& drawn) {
    return node.write([&](auto& db, auto& a) {
      return request_activation(db, a, {node.id_of(national_id), channel, number, Language::en}, drawn,
                                node.now());
    });
  }
  TypedCode type(std::string_view national_id, std::string_view code) {
    return must(node.write([&](auto& db, auto& a) {
      return check_typed(db, a, node.id_of(national_id), *normal_activation_code(code), node.now());
    }));
  }
  bool accepted(std::string_view national_id, std::string_view code) {
    return type(national_id, code).verdict == TypedCode::Verdict::accepted;
  }

  test::AccountsNode node{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Engines, Enrolments, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

TEST_P(Enrolments, ACodeGoesToANumberThatTheRegistryKnows) {
  const auto drawn = draw(Enrolment::sms_code);
  must(ask(node.aygun_id, Enrolment::sms_code, "994501234567", drawn));
  ASSERT_EQ(node.queued().size(), 1u);
  EXPECT_EQ(node.queued()[0].to, "994501234567");
  EXPECT_NE(node.queued()[0].text.find(drawn.code), std::string::npos);
  EXPECT_FALSE(node.queued()[0].dead);
  const TypedCode typed = type(node.aygun_id, drawn.code);
  ASSERT_EQ(typed.verdict, TypedCode::Verdict::accepted);
  EXPECT_EQ(typed.proof->enrolment, Enrolment::sms_code);
  EXPECT_TRUE(accepted(node.aygun_id, drawn.code)) << "typing it doesn't spend it";
  const auto made = must(node.try_enrol(*typed.proof, node.passkey("key-1")));
  EXPECT_EQ(made.account.enrolment, Enrolment::sms_code);
  EXPECT_EQ(made.authenticator.assurance, Assurance::low) << "no surer than what was proved";
  EXPECT_FALSE(accepted(node.aygun_id, drawn.code));
  EXPECT_EQ(code_of(node.try_enrol(*typed.proof, node.passkey("key-2"))), "enrol.spent");
}

TEST_P(Enrolments, EachProofIsWorthWhatItIs) {
  for (const auto& [how, worth] : {std::pair{Enrolment::sms_code, Assurance::low},
                                   {Enrolment::letter_code, Assurance::substantial},
                                   {Enrolment::counter, Assurance::high},
                                   {Enrolment::card, Assurance::high}}) {
    EXPECT_EQ(assurance_of(how), worth);
  }
  auto attested = node.passkey("key-1");
  attested.material = node.credential("key-1", true);
  EXPECT_EQ(node.enrol_with(node.aygun_id, Enrolment::counter, attested).authenticator.assurance,
            Assurance::high);
  EXPECT_EQ(node.followers.states, std::vector{AccountState::active});
}

TEST_P(Enrolments, ACardThatIsAddedCountsForWhatACardIsWorth) {
  const PersonId aygun = node.person(node.aygun_id);
  const auto weak = node.enrol_with(node.aygun_id, Enrolment::sms_code, node.passkey("key-1")).authenticator;
  const Session session = node.sign_in(aygun, weak.id);
  ASSERT_EQ(session.assurance, Assurance::low);
  const auto add = [&](const Session& by, std::string_view whose, std::byte print) {
    Card card{node.id_of(whose), {}};
    card.fingerprint.fill(print);
    return node.write([&](auto& db, auto& a) {
      return add_card(db, a, by, card, AuthenticatorId(node.node.random.next_id()), node.now());
    });
  };
  EXPECT_EQ(code_of(add(session, node.rashad_id, std::byte{1})), "card.another");
  node.forget_messages();
  const auto added = must(add(session, node.aygun_id, std::byte{1}));
  EXPECT_EQ(added.kind, AuthenticatorKind::card);
  EXPECT_EQ(added.assurance, Assurance::high) << "it says itself who they are";
  EXPECT_EQ(node.account(aygun)->enrolment, Enrolment::card);
  EXPECT_FALSE(node.queued().empty()) << "their other channels are told";
  EXPECT_EQ(must(add(session, node.aygun_id, std::byte{1})).id, added.id) << "the same card";
  EXPECT_NE(must(add(session, node.aygun_id, std::byte{2})).id, added.id) << "a renewed one";
  EXPECT_EQ(node.authenticators(aygun).size(), 3u);
  EXPECT_EQ(node.sign_in(aygun, added.id).assurance, Assurance::high);
  EXPECT_EQ(node.sign_in(aygun, weak.id).assurance, Assurance::low) << "what was weak stays weak";
  node.node.clock.advance(fresh_for + 1s);
  EXPECT_EQ(code_of(add(session, node.aygun_id, std::byte{3})), "authenticator.fresh");
}

TEST_P(Enrolments, WhoAsksForNobodysCodeSeesAndCostsTheSame) {
  const auto course = [&](std::string_view national_id, Enrolment channel, const std::string& number) {
    std::vector<std::string> statements;
    const auto drawn = draw(channel);
    const auto answer = node.node.db().write([&](store::Session& db) -> Result<void> {
      WatchingSession watched(db);
      auto out =
          request_activation(watched, *node.accounts,
                             {node.id_of(national_id), channel, number, Language::en}, drawn, node.now());
      statements = watched.statements;
      return out;
    });
    EXPECT_EQ(code_of(answer), "none");
    return statements;
  };
  for (const Enrolment channel : {Enrolment::sms_code, Enrolment::letter_code}) {
    node.forget_messages();
    const auto right = course(node.aygun_id, channel, "994501234567");
    EXPECT_GT(right.size(), 6u);
    EXPECT_EQ(course(node.nobody_id, channel, "994501234567"), right);
    ASSERT_EQ(node.queued().size(), 2u);
    EXPECT_NE(node.queued()[0].dead, node.queued()[1].dead) << "one is sent, one is dropped";
    EXPECT_EQ(node.queued()[0].text.size(), node.queued()[1].text.size());
  }
  const auto right = course(node.rashad_id, Enrolment::sms_code, "994509876543");
  EXPECT_EQ(course(node.rashad_id, Enrolment::sms_code, "994501234567"), right) << "somebody else's number";
  EXPECT_EQ(node.rows("SELECT count(*) FROM activation"), 6);
  // In the log, too, an entry looks the same but for what is personal.
  const auto leaf_of = [&](std::uint64_t back) {
    auto leaf = must(node.node.log->entry(node.node.log->size() - back)).leaf;
    return leaf.substr(0, leaf.find("commitment")) + leaf.substr(leaf.find("\"data\""));
  };
  EXPECT_EQ(leaf_of(1), leaf_of(2));
}

TEST_P(Enrolments, WhoTypesNobodysCodeSeesAndCostsTheSame) {
  const std::string code = draw(Enrolment::sms_code).code;
  const auto course = [&](std::string_view national_id) {
    std::vector<std::string> statements;
    const auto typed = must(node.node.db().write([&](store::Session& db) -> Result<TypedCode> {
      WatchingSession watched(db);
      auto out = check_typed(watched, *node.accounts, node.id_of(national_id), *normal_activation_code(code),
                             node.now());
      statements = watched.statements;
      return out;
    }));
    EXPECT_EQ(typed.verdict, TypedCode::Verdict::refused);
    return statements;
  };
  const auto nobody = course(node.nobody_id);
  EXPECT_EQ(course(node.aygun_id), nobody) << "somebody without a code";
  must(ask(node.aygun_id, Enrolment::sms_code, "994501234567", draw(Enrolment::sms_code)));
  EXPECT_EQ(course(node.aygun_id), nobody) << "somebody with another code";
  node.enrol_with(node.aygun_id, Enrolment::counter, node.passkey("key-1"));
  EXPECT_EQ(course(node.aygun_id), nobody) << "somebody with a digital ID";
}

TEST_P(Enrolments, ACodeThatWasSentToNobodyOpensNothingLater) {
  const auto drawn = draw(Enrolment::sms_code);
  must(ask(node.nobody_id, Enrolment::sms_code, "994505555555", drawn));
  const auto wrong_number = draw(Enrolment::sms_code);
  must(ask(node.aygun_id, Enrolment::sms_code, "994505555555", wrong_number));
  node.record(node.nobody_id, "Yeni", Date(2000y / 1 / 1));
  EXPECT_FALSE(accepted(node.nobody_id, drawn.code));
  EXPECT_FALSE(accepted(node.aygun_id, wrong_number.code));
}

TEST_P(Enrolments, CodesAreLimitedByPersonAndDay) {
  const auto ask_once = [&](std::string_view id) {
    return code_of(ask(id, Enrolment::sms_code, "994501234567", draw(Enrolment::sms_code)));
  };
  for (const auto id : {node.aygun_id, node.nobody_id}) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask_once(id), "none");
    EXPECT_EQ(ask_once(id), "activation.limit") << "the same for nobody";
  }
  EXPECT_EQ(ask_once(node.rashad_id), "none") << "others aren't held up";
  node.node.clock.advance(24h);
  EXPECT_EQ(ask_once(node.aygun_id), "none");
}

TEST_P(Enrolments, TenWrongCodesUseUpAProofAndThirtyTheDay) {
  const auto drawn = draw(Enrolment::letter_code);
  must(ask(node.aygun_id, Enrolment::letter_code, "", drawn));
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(accepted(node.aygun_id, draw(Enrolment::letter_code).code));
  EXPECT_TRUE(accepted(node.aygun_id, drawn.code)) << "nine are forgiven";
  EXPECT_FALSE(accepted(node.aygun_id, draw(Enrolment::letter_code).code));
  EXPECT_FALSE(accepted(node.aygun_id, drawn.code)) << "ten aren't";
  EXPECT_FALSE(accepted(node.rashad_id, drawn.code)) << "nor is it anybody else's";
  for (int i = 12; i < 30; ++i)
    EXPECT_EQ(type(node.aygun_id, drawn.code).verdict, TypedCode::Verdict::refused);
  EXPECT_EQ(type(node.aygun_id, drawn.code).verdict, TypedCode::Verdict::limit);
  node.node.clock.advance(24h);
  EXPECT_EQ(type(node.aygun_id, drawn.code).verdict, TypedCode::Verdict::refused);
}

TEST_P(Enrolments, EveryCodeHasItsTime) {
  for (const auto& [how, life] : {std::pair<Enrolment, std::chrono::minutes>{Enrolment::sms_code, 60min},
                                  {Enrolment::letter_code, 24h * 14},
                                  {Enrolment::counter, 60min}}) {
    const auto drawn = draw(how);
    must(node.write([&](auto& db, auto& a) {
      return issue_activation_for(db, a,
                                  {.person = aygun(),
                                   .channel = how,
                                   .number = "994501234567",
                                   .document = "passport 1",
                                   .actor = "org:test/key:1"},
                                  drawn, node.now());
    }));
    node.node.clock.advance(life - 1us);
    EXPECT_TRUE(accepted(node.aygun_id, drawn.code)) << to_string(how);
    node.node.clock.advance(1us);
    EXPECT_FALSE(accepted(node.aygun_id, drawn.code)) << to_string(how);
    node.node.clock.advance(24h);
  }
  EXPECT_EQ(must(node.write([&](auto& db, auto&) { return sweep_activations(db, node.now() + 48h, 100); })),
            4);
  EXPECT_EQ(node.rows("SELECT count(*) FROM activation"), 0);
  EXPECT_EQ(node.rows("SELECT count(*) FROM activation_count"), 0);
}

TEST_P(Enrolments, AtACounterTheOfficialAndTheDocumentAreOnRecord) {
  const auto drawn = draw(Enrolment::counter);
  const auto issue = [&](PersonId person, const std::string& document) {
    return node.write([&](auto& db, auto& a) {
      return issue_activation_for(db, a, {.person = person, .document = document, .actor = "org:asan/key:3"},
                                  drawn, node.now());
    });
  };
  EXPECT_EQ(code_of(issue(aygun(), "")), "activation.document");
  EXPECT_EQ(code_of(issue(PersonId(17), "passport 1")), "registry.person");
  must(issue(aygun(), "passport AZE 1234567"));
  EXPECT_TRUE(node.queued().empty()) << "shown, not sent";
  const auto entry = must(node.node.log->entries_about(aygun(), node.node.log->size(), 1)).at(0);
  EXPECT_NE(entry.leaf.find(R"("actor":"org:asan/key:3")"), std::string::npos);
  EXPECT_EQ(entry.leaf.find("1234567"), std::string::npos);
  EXPECT_NE(entry.personal.find("passport AZE 1234567"), std::string::npos);
  const auto proof = type(node.aygun_id, drawn.code).proof;
  must(node.try_enrol(proof.value(), node.passkey("key-1")));
  const auto made = must(node.node.log->entries_about(aygun(), node.node.log->size(), 1)).at(0);
  EXPECT_NE(made.leaf.find(R"("actor":"org:asan/key:3")"), std::string::npos);
}

// -- cards

struct Cards : testing::Test {
  using CardMaker = dayaq::test::CardMaker;
  Result<Card> check(const CardMaker::Made& card, std::vector<Bytes> chain = {}) {
    return check_card(policy, rule, card.der, chain, now);
  }
  Instant now{1'800'000'000s};
  CardMaker::Made root = CardMaker::authority("root");
  CardPolicy policy{.anchors = {root.der}, .intermediates = {}, .country = "AZ"};
  registry::NationalIdRule rule{"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ", 7};
};

TEST_F(Cards, ANationalIdInTheSubjectsSerialNumberIsRead) {
  for (const std::string serial : {"5ABC123", "PNOAZ-5ABC123", "IDCAZ-5ABC123"}) {
    const auto card = CardMaker::card(serial, root);
    const auto checked = check(card);
    ASSERT_TRUE(checked) << serial << " " << checked.error().detail;
    EXPECT_EQ(checked->national_id.text(), "5ABC123");
    EXPECT_EQ(checked->fingerprint, crypto::sha256(card.der));
  }
}

TEST_F(Cards, AnotherSerialNumberIsRefused) {
  for (const std::string serial : {"", "5ABC12", "PNODE-5ABC123", "TAXAZ-5ABC123", "PNOAZ-", "5ABC12I"}) {
    EXPECT_EQ(code_of(check(CardMaker::card(serial, root))), "card.serial") << serial;
  }
  EXPECT_EQ(code_of(check(CardMaker::make({.subject = {{"CN", "nobody"}}}, &root))), "card.serial");
}

TEST_F(Cards, AnUntrustedCertificateIsRefused) {
  const auto other = CardMaker::authority("root");  // the same name, another key
  EXPECT_EQ(code_of(check(CardMaker::card("5ABC123", other))), "card.untrusted");
  const auto own = CardMaker::make({.subject = {{"serialNumber", "5ABC123"}}}, nullptr);
  EXPECT_EQ(code_of(check(own)), "card.untrusted") << "signed by itself";
  EXPECT_EQ(code_of(check(root)), "card.untrusted") << "an authority is nobody";
  policy.anchors.push_back(own.der);
  EXPECT_EQ(code_of(check(own)), "card.untrusted") << "a card that was configured as an anchor";
  const auto late = CardMaker::make({.subject = {{"serialNumber", "5ABC123"}}, .until = now - 1s}, &root);
  EXPECT_EQ(code_of(check(late)), "card.expired");
  const auto early = CardMaker::make({.subject = {{"serialNumber", "5ABC123"}}, .from = now + 1s}, &root);
  EXPECT_EQ(code_of(check(early)), "card.expired");
  policy.anchors.clear();
  EXPECT_EQ(code_of(check(CardMaker::card("5ABC123", root))), "card.untrusted") << "no anchors, no cards";
  policy.anchors = {root.der};
  EXPECT_EQ(code_of(check_card(policy, rule, as_bytes("not DER"), {}, now)), "cose.certificate");
}

TEST_F(Cards, AnIntermediateIsTakenFromTheConfigurationOrTheOtherSide) {
  const auto issuer = CardMaker::make({.subject = {{"CN", "cards 2026"}}, .authority = true}, &root);
  const auto card = CardMaker::card("5ABC123", issuer);
  EXPECT_EQ(code_of(check(card)), "card.untrusted");
  EXPECT_EQ(code_of(check(card, {issuer.der})), "none");
  policy.intermediates = {issuer.der};
  EXPECT_EQ(code_of(check(card)), "none");
  // A card doesn't issue cards.
  const auto forged = CardMaker::card("6DEF456", card);
  EXPECT_EQ(code_of(check(forged, {card.der})), "card.untrusted");
}

}  // namespace
}  // namespace dayaq::identity
