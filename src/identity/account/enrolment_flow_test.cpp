// Every edge of making a digital ID: each step with each input, at its time, too late, and from elsewhere.
#include "identity/account/enrolment_flow.hpp"

#include <regex>

#include "crypto/cbor.hpp"
#include "crypto/cose.hpp"
#include "identity/account/accounts_test_support.hpp"
#include "identity/account/enrolment_state.hpp"
#include "support/cards.hpp"

namespace dayaq::identity {
namespace {

using test::code_of;
using test::must;
using namespace std::chrono_literals;
using Step = EnrolView::Step;

/// What a browser answers to creation options: a new passkey, without attestation.
std::string registered(const std::string& options, const std::string& origin = "https://id.test") {
  using crypto::cbor::Value;
  static int number = 0;
  std::smatch found;
  if (!std::regex_search(options, found, std::regex(R"re("challenge":"([^"]+)")re"))) return "";
  const std::string client = R"({"type":"webauthn.create","challenge":")" + found[1].str() +
                             R"(","origin":")" + origin + R"(","crossOrigin":false})";
  const std::string id = "credential-" + std::to_string(++number);
  const auto signer = crypto::CoseSigner::generate(crypto::CoseAlgorithm::es256);
  const crypto::Sha256 site = crypto::sha256(as_bytes("id.test"));
  Bytes data(site.begin(), site.end());
  data.push_back(std::byte{0x45});  // UP, UV, AT
  data.insert(data.end(), 4 + 16, std::byte{0});
  data.push_back(std::byte{0});
  data.push_back(std::byte(id.size()));
  for (const std::byte b : as_bytes(id)) data.push_back(b);
  const Bytes key = signer.public_key().encode();
  data.insert(data.end(), key.begin(), key.end());
  const Bytes object = crypto::cbor::encode(Value::map({{Value::text("fmt"), Value::text("none")},
                                                        {Value::text("attStmt"), Value::map({})},
                                                        {Value::text("authData"), Value::bytes(data)}}));
  const std::string name = to_base64url(as_bytes(id));
  return R"({"id":")" + name + R"(","rawId":")" + name +
         R"(","type":"public-key","response":{"clientDataJSON":")" + to_base64url(as_bytes(client)) +
         R"(","attestationObject":")" + to_base64url(object) + R"(","transports":["internal"]}})";
}

std::string digits_in(const std::string& text) {
  std::smatch found;
  return std::regex_search(text, found, std::regex("[0-9]{6}")) ? found.str() : "";
}
std::string activation_in(const std::string& text) {
  std::smatch found;
  return std::regex_search(text, found, std::regex("[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]"))
             ? found.str()
             : "";
}

enum class Input { request, code, card, passkey, totp, sms, first_code, card_only };
constexpr std::array inputs{Input::request, Input::code, Input::card,       Input::passkey,
                            Input::totp,    Input::sms,  Input::first_code, Input::card_only};

struct EnrolFlow : testing::TestWithParam<store::Engine> {
  void SetUp() override {
    node.people();
    EnrolSettings settings;
    settings.activation = {.asked_max = 10'000, .typed_max = 10'000};
    settings.cards.anchors = {root.der};
    flow.emplace(node.node.db(), *node.accounts, limits, party, settings);
  }
  Instant now() { return node.now(); }

  /// Everybody's digital IDs are gone, as before.
  void forget() {
    must(node.node.db().write([](store::Session& db) -> Result<void> {
      DAYAQ_TRY_OK(db.exec("DELETE FROM digital_id"));
      DAYAQ_TRY_OK(db.exec("DELETE FROM authenticator"));
      DAYAQ_TRY_OK(db.exec("DELETE FROM passkey_owner"));
      DAYAQ_TRY_OK(db.exec("DELETE FROM recovery"));
      DAYAQ_TRY_OK(db.exec("DELETE FROM activation"));
      return db.exec("DELETE FROM message");
    }));
  }
  std::string last_message() { return node.queued().back().text; }

  /// A code sent to Aygün's first number.
  EnrolView asked() {
    node.forget_messages();
    const EnrolView ask = flow->start(Language::en, browser, now());
    return must(
        flow->request(ask.state, node.aygun_id, Enrolment::sms_code, "+994 50 123-45-67", browser, now()));
  }
  EnrolView chosen() {
    const EnrolView code = asked();
    return must(flow->code(code.state, node.aygun_id, activation_in(last_message()), browser, now()));
  }
  /// Anew at a step, and what is the right input there.
  EnrolView at(Step step) {
    forget();
    switch (step) {
      case Step::ask:
        return flow->start(Language::en, browser, now());
      case Step::code:
        return asked();
      case Step::choose:
        return chosen();
      case Step::totp: {
        EnrolView view = must(flow->totp(chosen().state, std::nullopt, browser, now()));
        app_secret = view.totp_secret;
        return view;
      }
      default: {
        const EnrolView choose = chosen();
        node.forget_messages();
        return must(flow->sms(choose.state, 1, std::nullopt, browser, now()));
      }
    }
  }
  Result<EnrolView> give(Input input, const EnrolView& view, const Caller& from) {
    switch (input) {
      case Input::request:
        return flow->request(view.state, node.aygun_id, Enrolment::letter_code, "", from, now());
      case Input::code: {
        const DrawnActivation drawn = draw_activation(*node.accounts, Enrolment::counter, now());
        must(node.write([&](auto& db, auto& a) {
          return issue_activation_for(
              db, a, {.person = node.person(node.aygun_id), .document = "passport", .actor = "x"}, drawn,
              now());
        }));
        return flow->code(view.state, node.aygun_id, drawn.code, from, now());
      }
      case Input::card:
        return flow->card(view.state, card.der, {}, from, now());
      case Input::passkey:
        return flow->passkey(
            view.state,
            registered(view.passkey_options.empty() ? R"({"challenge":"AAAA"})" : view.passkey_options),
            "my phone", std::nullopt, from, now());
      case Input::totp:
        return flow->totp(view.state, std::nullopt, from, now());
      case Input::sms:
        return flow->sms(view.state, 1, std::nullopt, from, now());
      case Input::first_code: {
        const std::string typed =
            view.step == Step::totp ? app_code() : digits_in(view.step == Step::sms ? last_message() : "");
        return flow->first_code(view.state, typed, "mine", from, now());
      }
      case Input::card_only:
        return flow->card_only(view.state, "", std::nullopt, from, now());
    }
    return fail(ErrorKind::internal, "test", "");
  }
  /// What the app shows for the secret that was typed into it.
  std::string app_code() {
    static constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    Bytes secret;
    unsigned bits = 0;
    unsigned held = 0;
    for (const char c : app_secret) {
      bits = bits << 5 | unsigned(letters.find(c));
      held += 5;
      if (held >= 8) {
        held -= 8;
        secret.push_back(std::byte(bits >> held & 0xff));
      }
    }
    return totp(secret, now());
  }

  test::AccountsNode node{GetParam()};
  LimitPolicy policy{.message_person = 10'000, .wrong_network = 10'000, .message_network = 10'000};
  Limits limits{SipKey{1, 2}, policy};
  webauthn::RelyingParty party{"id.test", "Digital ID", {"https://id.test"}};
  dayaq::test::CardMaker::Made root = dayaq::test::CardMaker::authority("root");
  dayaq::test::CardMaker::Made card = dayaq::test::CardMaker::card("PNOAZ-5ABC123", root);
  Caller browser{"attempt-cookie-1", "192.0.2.7", ""};
  Caller elsewhere{"attempt-cookie-2", "192.0.2.7", ""};
  std::optional<Enrolling> flow;
  std::string app_secret;
};

INSTANTIATE_TEST_SUITE_P(Engines, EnrolFlow, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

TEST_P(EnrolFlow, EveryEdgeLeadsWhereItShould) {
  constexpr auto none = std::optional<Step>();
  struct State {
    Step step;
    std::array<std::optional<Step>, inputs.size()> leads;  // in the order of `inputs`; none: "enrol.step"
  };
  const std::array states{
      //             request     code          card          passkey     totp        sms        first_code
      //             card_only
      State{Step::ask, {Step::code, Step::choose, Step::choose, none, none, none, none, none}},
      State{Step::code, {Step::code, Step::choose, Step::choose, none, none, none, none, none}},
      State{Step::choose, {none, none, none, Step::done, Step::totp, Step::sms, none, none}},
      State{Step::totp, {none, none, none, none, none, none, Step::done, none}},
      State{Step::sms, {none, none, none, none, none, none, Step::done, none}},
  };
  for (const State& state : states) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "step " << int(state.step) << ", input " << i);
      const auto view = at(state.step);
      ASSERT_EQ(view.step, state.step);
      EXPECT_EQ(code_of(give(inputs[i], view, elsewhere)), "signin.state") << "another browser's";
      const auto led = give(inputs[i], view, browser);
      if (state.leads[i]) {
        ASSERT_TRUE(led) << led.error().code << " " << led.error().detail;
        EXPECT_EQ(led->step, *state.leads[i]);
        EXPECT_EQ(led->session.has_value(), *state.leads[i] == Step::done);
      } else {
        EXPECT_EQ(code_of(led), "enrol.step");
      }
    }
  }
}

TEST_P(EnrolFlow, EveryStepHasItsTime) {
  const std::array right{std::pair{Step::ask, Input::code}, std::pair{Step::code, Input::code},
                         std::pair{Step::choose, Input::passkey}, std::pair{Step::totp, Input::first_code},
                         std::pair{Step::sms, Input::first_code}};
  for (const auto& [step, input] : right) {
    SCOPED_TRACE(testing::Message() << "step " << int(step));
    EnrolView view = at(step);
    const Instant begun = now();
    node.node.clock.set(begun + life_of(step) - 1us);
    EXPECT_EQ(code_of(give(input, view, browser)), "none");
    node.node.clock.set(begun);
    view = at(step);
    node.node.clock.set(begun + life_of(step));
    EXPECT_EQ(code_of(give(input, view, browser)), "signin.expired");
    node.node.clock.advance(24h);
  }
}

TEST_P(EnrolFlow, AProofRegistersOneAuthenticatorHoweverManyPagesAreOpen) {
  const EnrolView choose = chosen();
  const EnrolView app = must(flow->totp(choose.state, std::nullopt, browser, now()));
  app_secret = app.totp_secret;
  const auto done = must(flow->passkey(choose.state, registered(choose.passkey_options), "my phone",
                                       std::nullopt, browser, now()));
  EXPECT_EQ(done.enrolled->authenticator.name, "my phone");
  EXPECT_EQ(done.session->assurance, Assurance::low);
  EXPECT_EQ(done.session->methods, Methods(AuthenticatorKind::passkey));
  EXPECT_FALSE(done.recovery);
  EXPECT_EQ(must(node.sessions->find(done.token->text, now()))->id, done.session->id);
  EXPECT_EQ(code_of(flow->passkey(choose.state, registered(choose.passkey_options), "", std::nullopt, browser,
                                  now())),
            "enrol.spent");
  EXPECT_EQ(code_of(flow->first_code(app.state, app_code(), "", browser, now())), "enrol.spent");
  EXPECT_EQ(node.authenticators(node.person(node.aygun_id)).size(), 1u);
}

TEST_P(EnrolFlow, ANumberThatTheCodeWentToNeedsNoSecondCode) {
  const auto done = must(flow->sms(chosen().state, 0, std::nullopt, browser, now()));
  ASSERT_EQ(done.step, Step::done);
  EXPECT_EQ(done.enrolled->authenticator.kind, AuthenticatorKind::sms);
  EXPECT_EQ(code_of(flow->sms(chosen().state, 2, std::nullopt, browser, now())), "enrol.number");
}

TEST_P(EnrolFlow, ACardIsAnAuthenticatorToo) {
  const auto choose = must(flow->card(at(Step::ask).state, card.der, {}, browser, now()));
  EXPECT_EQ(choose.offered.back(), AuthenticatorKind::card);
  const auto done = must(flow->card_only(choose.state, "", std::nullopt, browser, now()));
  EXPECT_EQ(done.session->assurance, Assurance::high);
  const auto found = must(node.read(
      [&](auto& db, auto&) { return card_of(db, node.person(node.aygun_id), crypto::sha256(card.der)); }));
  EXPECT_EQ(found->id, done.enrolled->authenticator.id);
  const auto stranger = dayaq::test::CardMaker::card("9ZZZ999", root);
  EXPECT_EQ(code_of(flow->card(at(Step::ask).state, stranger.der, {}, browser, now())), "enrol.refused");
}

TEST_P(EnrolFlow, WrongCodesOfANumberAreCountedHoweverOftenThePageIsSent) {
  const EnrolView view = at(Step::sms);
  const std::string right = digits_in(last_message());
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(
        code_of(flow->first_code(view.state, right == "000000" ? "000001" : "000000", "", browser, now())),
        "enrol.code");
  }
  EXPECT_EQ(code_of(flow->first_code(view.state, right, "", browser, now())), "activation.limit");
}

TEST_P(EnrolFlow, AnswersAreTheSameForNobody) {
  const auto refusal = [&](std::string_view id) {
    const EnrolView ask = flow->start(Language::en, browser, now());
    const auto sent = must(flow->request(ask.state, id, Enrolment::sms_code, "994501234567", browser, now()));
    const std::string wrong = draw_activation(*node.accounts, Enrolment::sms_code, now()).code;
    const auto refused = flow->code(sent.state, id, wrong, browser, now());
    EXPECT_FALSE(refused);
    return std::to_string(int(sent.step)) + std::to_string(sent.state.size()) +
           std::string(refused.error().code) + refused.error().public_text;
  };
  EXPECT_EQ(refusal(node.aygun_id), refusal(node.nobody_id));
  EXPECT_EQ(refusal(node.rashad_id), refusal(node.nobody_id));
}

TEST_P(EnrolFlow, FormsAreCheckedBeforeAnythingElse) {
  const EnrolView ask = flow->start(Language::en, browser, now());
  const auto code = [&](std::string_view id, std::string_view typed) {
    return code_of(flow->code(ask.state, id, typed, browser, now()));
  };
  EXPECT_EQ(code("x", "AAAA"), "registry.national_id");
  EXPECT_EQ(code(node.aygun_id, "AAAA-AAAA-AAAA"), "enrol.slip");
  EXPECT_EQ(code_of(flow->request(ask.state, node.aygun_id, Enrolment::sms_code, "12 34", browser, now())),
            "enrol.number");
  EXPECT_EQ(code_of(flow->request(ask.state, node.aygun_id, Enrolment::counter, "", browser, now())),
            "enrol.step");
  EXPECT_EQ(code_of(flow->code("", node.aygun_id, "", browser, now())), "signin.state");
  const EnrolView choose = chosen();
  EXPECT_EQ(code_of(flow->passkey(choose.state, registered(choose.passkey_options, "https://evil.test"), "",
                                  std::nullopt, browser, now())),
            "webauthn.origin");
}

TEST_P(EnrolFlow, WhoHasADigitalIdRecoversItAndSaysWhatIsLost) {
  const auto first =
      must(flow->card_only(must(flow->card(at(Step::ask).state, card.der, {}, browser, now())).state, "",
                           std::nullopt, browser, now()));
  const EnrolView choose = chosen();
  EXPECT_TRUE(choose.recovery);
  ASSERT_EQ(choose.standing.size(), 1u);
  const auto done = must(flow->passkey(choose.state, registered(choose.passkey_options), "new",
                                       choose.standing[0].id, browser, now()));
  EXPECT_TRUE(done.recovery);
  EXPECT_EQ(done.session->assurance, Assurance::low);
  EXPECT_FALSE(must(node.sessions->find(first.token->text, now()))) << "the old session has ended";
  EXPECT_EQ(node.live(node.person(node.aygun_id)).size(), 1u);
}

TEST_P(EnrolFlow, ACodeFromACounterRaisesWhatOneIsSignedInWith) {
  const EnrolView choose = chosen();
  const auto done = must(
      flow->passkey(choose.state, registered(choose.passkey_options), "phone", std::nullopt, browser, now()));
  EXPECT_EQ(done.session->assurance, Assurance::low);
  const DrawnActivation drawn = draw_activation(*node.accounts, Enrolment::counter, now());
  must(node.write([&](auto& db, auto& a) {
    return issue_activation_for(
        db, a, {.person = node.person(node.aygun_id), .document = "passport", .actor = "org:asan/key:3"},
        drawn, now());
  }));
  EXPECT_EQ(
      code_of(flow->raise(*done.session, draw_activation(*node.accounts, Enrolment::counter, now()).code,
                          browser, now())),
      "enrol.refused");
  EXPECT_EQ(code_of(flow->raise(*done.session, "AAAA", browser, now())), "enrol.slip");
  EXPECT_EQ(must(flow->raise(*done.session, drawn.code, browser, now())), Assurance::substantial);
  EXPECT_EQ(node.account(node.person(node.aygun_id))->enrolment, Enrolment::counter);
  EXPECT_EQ(code_of(flow->raise(*done.session, drawn.code, browser, now())), "enrol.refused") << "spent";
}

TEST(EnrolState, IsReadAsItWasWritten) {
  EnrolState s;
  s.step = Step::sms;
  s.language = Language::ru;
  s.national_id = "5ABC123";
  s.proof = {.id = ActivationId(5),
             .person = PersonId(6),
             .enrolment = Enrolment::card,
             .number = "994",
             .actor = "self"};
  s.lost = AuthenticatorId(9);
  s.totp_secret = std::string("\0x", 2);
  s.sms_number = "99450";
  s.sms_expires = Instant(77us);
  s.challenge.fill(std::byte(3));
  const Bytes bytes = encode(s);
  const auto read = decode_enrol_state(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(encode(*read), bytes);
  EXPECT_EQ(read->totp_secret, s.totp_secret);
  EXPECT_EQ(read->proof.number, "994");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_enrol_state(BytesView(bytes).first(size))) << size;
  }
  Bytes longer = bytes;
  longer.push_back(std::byte(0));
  EXPECT_FALSE(decode_enrol_state(longer));
}

}  // namespace
}  // namespace dayaq::identity
