// What signing in withstands: guessing, too little assurance, bad authenticators.
#include "support/signing_in.hpp"
#include "support/watching.hpp"

namespace dayaq::identity {
namespace {

using namespace test;

// -- guessing

TEST_P(SigningIn, GuessingPausesWhatIsGuessedAndNothingElseAlsoAfterARestart) {
  add_sms(), add_totp();
  auto passkey = node.add_passkey(aysel);
  int refused = 0;
  std::string_view last;
  for (int i = 0; i < 20 && last != "signin.limit"; ++i) {
    last = code_of(type(choose(named(aysel_id), Kind::totp), "000000"));
    if (last == "signin.refused") ++refused;
  }
  EXPECT_EQ(last, "signin.limit");
  EXPECT_EQ(refused, 10);
  node.restart();
  pass(6min);  // the app's own pause is over
  EXPECT_EQ(code_of(type(choose(named(aysel_id), Kind::totp), app_code())), "signin.limit");
  const auto sms = choose(named(aysel_id), Kind::sms);
  EXPECT_EQ(done(type(sms, sent_code())).person, aysel);
  EXPECT_EQ(done(touch(begin(), passkey)).person, aysel);
  pass(1h);
  EXPECT_EQ(done(type(choose(named(aysel_id), Kind::totp), app_code())).person, aysel);
}

TEST_P(SigningIn, GuessingAtManyPersonsPausesTheNetworkAndTheClient) {
  for (const bool network : {true, false}) {
    browser = node.browser();
    browser.network = network ? "198.51.100.1" : "198.51.100.2";
    browser.client = network ? "" : "shop";
    node.sign_in.emplace(node.db(), *node.accounts, node.party,
                         network ? LimitPolicy{.wrong_network = 4} : LimitPolicy{.wrong_client = 4});
    std::string_view last;
    for (int i = 0; i < 5; ++i) {
      const std::string id = fmt::format("6AAA11{}", i);
      last = code_of(type(choose(named(id.c_str()), Kind::totp), "000000"));
      EXPECT_EQ(last, i < 4 ? "signin.refused" : "signin.limit") << i;
    }
    add_totp();
    EXPECT_EQ(code_of(type(choose(named(aysel_id), Kind::totp), app_code())), "signin.limit");
    Caller elsewhere = browser;
    elsewhere.network = "203.0.113.9";
    elsewhere.client.clear();
    std::swap(browser, elsewhere);
    EXPECT_EQ(done(type(choose(named(aysel_id), Kind::totp), app_code())).person, aysel);
    std::swap(browser, elsewhere);
    auto passkey = node.add_passkey(aysel);
    EXPECT_EQ(done(touch(begin(), passkey)).person, aysel);
    pass(31s);
  }
}

TEST_P(SigningIn, MessagesToOnePersonAreBoundedAndARightCodeCountsNothing) {
  add_sms(), add_totp();
  EXPECT_EQ(done(type(choose(named(aysel_id), Kind::totp), app_code())).person, aysel);
  EXPECT_EQ(count("limit"), 0);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(code_of(choose(named(aysel_id), Kind::sms)), "done");
  EXPECT_EQ(code_of(choose(named(aysel_id), Kind::sms)), "signin.limit");
  EXPECT_EQ(code_of(choose(named("5ABC777"), Kind::sms)), "done");
  pass(61min);
  EXPECT_EQ(code_of(choose(named(aysel_id), Kind::sms)), "done");
  pass(2h);
  EXPECT_GT(node.write([&](store::Session& s) { return sign_in().sweep(s, now(), 100); }), 0);
  EXPECT_EQ(count("limit"), 0);
  EXPECT_EQ(count("code"), 0);
}

TEST_P(SigningIn, ACodeBySmsHasThreeAttempts) {
  add_sms();
  const auto view = choose(named(aysel_id), Kind::sms);
  const std::string code = sent_code();
  const std::string wrong = code == "123456" ? "654321" : "123456";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(code_of(type(view, wrong)), "signin.refused");
  EXPECT_EQ(code_of(type(view, code)), "signin.refused");
  EXPECT_EQ(count("session"), 0);
}

// -- who exists

/// All that a caller could compare: answers without what is random in them, and what the database was asked.
struct Course {
  std::vector<std::string> seen;
  std::vector<std::string> asked;
  bool operator==(const Course&) const = default;
};

TEST_P(SigningIn, WhoTypesNobodysIdSeesAndCostsTheSame) {
  add_sms(), add_totp(), add_password();
  (void)node.person("5ABC130", "994509998877");  // without any of them
  test::WatchingDatabase watched(node.db());
  SignIn watching(watched, *node.accounts, node.party);
  const auto course = [&](const char* id, Kind kind, int times) {
    Course out;
    browser = node.browser();
    const auto note = [&](const Result<SignInView>& view) {
      out.seen.push_back(view ? fmt::format("{} {} {} {} {} {}", int(view->step), int(view->method),
                                            view->state.size(), view->passkey_options.size(),
                                            view->number.size(), view->masked.size())
                              : fmt::format("{} {}", view.error().code, view.error().public_text));
      return view;
    };
    const auto named = note(watching.identify(watching.start({}, browser, now()).state, id, browser, now()));
    const auto chosen = note(watching.choose(named->state, kind, browser, now()));
    for (int i = 0; i < times; ++i) (void)note(watching.code(chosen->state, "000000", browser, now()));
    out.asked = watched.take();
    pass(2h);  // no bound of one course counts in the next
    return out;
  };
  for (const Kind kind : {Kind::sms, Kind::totp, Kind::password}) {
    // As often as it takes until their own pause begins, and once more.
    const Course nobody = course(nobody_id, kind, 7);
    EXPECT_GT(nobody.asked.size(), 20u);
    EXPECT_EQ(course(aysel_id, kind, 7), nobody) << to_string(kind) << ": somebody with a wrong code";
    EXPECT_EQ(course("5ABC130", kind, 7), nobody) << to_string(kind) << ": somebody without one";
  }
  const Course nobody = course(nobody_id, Kind::mobile, 0);
  EXPECT_EQ(course(aysel_id, Kind::mobile, 0), nobody) << "somebody without a phone";
}

// -- how sure

TEST_P(SigningIn, OnlyWhatCouldBeSureEnoughIsOffered) {
  const auto offered = [&](Assurance least) {
    std::string out;
    for (const Kind kind : begin({.least = least}).offered) out += std::string(to_string(kind)) + " ";
    return out;
  };
  EXPECT_EQ(offered(Assurance::low), "passkey mobile totp sms card password ");
  EXPECT_EQ(offered(Assurance::substantial), "passkey mobile card password ");
  EXPECT_EQ(offered(Assurance::high), "passkey card ");
  EXPECT_EQ(code_of(choose(named(aysel_id, {.least = Assurance::high}), Kind::sms)), "signin.state");
}

TEST_P(SigningIn, APasswordAndACodeTogetherAreSurerThanEach) {
  add_password(), add_totp();
  const auto first = type(choose(named(aysel_id, {.least = Assurance::substantial}), Kind::password),
                          "correct horse battery");
  ASSERT_TRUE(first) << first.error().detail;
  EXPECT_EQ(first->step, Step::choose);
  EXPECT_FALSE(first->session);
  EXPECT_EQ(count("session"), 0);
  const Session session = done(type(choose(first, Kind::totp), app_code()));
  EXPECT_EQ(session.assurance, Assurance::substantial);
  EXPECT_TRUE(session.methods.has(Kind::password) && session.methods.has(Kind::totp));
}

TEST_P(SigningIn, NoSurerThanItWasEnrolled) {
  const PersonId low = node.person("5ABC130", "994509998877", Enrolment::sms_code);
  auto passkey = node.add_passkey(low);
  EXPECT_EQ(done(touch(begin(), passkey)).assurance, Assurance::low);
  EXPECT_EQ(code_of(touch(begin({.least = Assurance::substantial}), passkey)), "signin.assurance");
  EXPECT_EQ(count("session"), 1);
}

TEST_P(SigningIn, WithWhatStillWaitsAfterARecoveryIsWorthLittle) {
  test::SoftPasskey passkey;
  passkey.person = aysel;
  passkey.id = Bytes(16, std::byte{3});
  (void)node.add(aysel, passkey.credential(), Assurance::high, now() + 24h);
  EXPECT_EQ(done(touch(begin(), passkey)).assurance, Assurance::low);
  const auto more = touch(begin({.least = Assurance::substantial}), passkey);
  ASSERT_TRUE(more);
  EXPECT_EQ(more->step, Step::choose);
}

TEST_P(SigningIn, StepUpMakesTheSessionSurerUnderANewToken) {
  add_totp();
  auto passkey = node.add_passkey(aysel);
  const auto first = type(choose(named(aysel_id), Kind::totp), app_code());
  const Session low = done(first);
  pass(10min);
  const SignInView start = begin({.least = Assurance::substantial, .present = low});
  EXPECT_EQ(start.step, Step::choose);
  const auto second = touch(start, passkey);
  const Session sure = done(second);
  EXPECT_EQ(sure.id, low.id);
  EXPECT_EQ(sure.assurance, Assurance::substantial);
  EXPECT_TRUE(sure.methods.has(Kind::passkey) && sure.methods.has(Kind::totp));
  EXPECT_EQ(sure.authenticated, now());
  EXPECT_EQ(sure.expires, low.expires);
  EXPECT_FALSE(must(node.sessions->find(first->token->text, now()))) << "the old token isn't made surer";
  EXPECT_EQ(code_of(touch(start, passkey)), "signin.state") << "the same challenge again";
  EXPECT_EQ(entries("identity.step_up").size(), 1u);
  // Another person's passkey does nothing for it.
  auto his = node.add_passkey(node.person("5ABC124", "994502223344"));
  EXPECT_EQ(code_of(touch(begin({.present = sure}), his)), "signin.refused");
  // Nor one that comes after the session ended.
  const SignInView late = begin({.present = sure});
  node.write([&](store::Session& s) { return node.sessions->end(s, aysel, sure.id, now()); });
  EXPECT_EQ(code_of(touch(late, passkey)), "signin.state");
}

TEST_P(SigningIn, AfreshCountsOnlyWhatIsProvedNow) {
  add_totp();
  auto passkey = node.add_passkey(aysel);
  const Session sure = done(touch(begin(), passkey));
  const auto view = choose(
      Result<SignInView>(begin({.least = Assurance::low, .present = sure, .fresh = true})), Kind::totp);
  pass(1min);
  const auto again = type(view, app_code());
  const Session session = done(again);
  EXPECT_EQ(session.authenticated, now());
  EXPECT_EQ(session.assurance, Assurance::low);
  EXPECT_EQ(session.methods, Methods(Kind::totp));
}

TEST_P(SigningIn, ATokenFromBeforeSigningInIsNeverTheSessionAfterIt) {
  auto passkey = node.add_passkey(aysel);
  SystemRandom random;
  const SignInView start = begin();
  const SessionToken planted = draw_session_token(random, aysel, SessionId(77));
  const auto view = touch(start, passkey);
  const Session session = done(view);
  EXPECT_NE(view->token->text, planted.text);
  EXPECT_FALSE(must(node.sessions->find(planted.text, now())));
  EXPECT_FALSE(must(node.sessions->find(draw_session_token(random, aysel, session.id).text, now())));
  const auto next = touch(begin(), passkey);
  EXPECT_NE(done(next).id, session.id);
  EXPECT_NE(next->token->text, view->token->text);
}

// -- bad authenticators and accounts

TEST_P(SigningIn, ACounterThatGoesBackIsRefusedAndNoted) {
  auto passkey = node.add_passkey(aysel, 5);
  EXPECT_EQ(done(touch(begin(), passkey)).person, aysel);  // 6
  passkey.counter = 4;
  EXPECT_EQ(code_of(touch(begin(), passkey)), "signin.refused");  // 5
  EXPECT_EQ(code_of(touch(begin(), passkey)), "signin.refused");  // 6 again
  EXPECT_EQ(entries("identity.counter").size(), 2u);
  EXPECT_EQ(done(touch(begin(), passkey)).person, aysel);  // 7
}

TEST_P(SigningIn, APasskeyFromAnotherSiteOrOfNobodyIsRefused) {
  auto passkey = node.add_passkey(aysel);
  passkey.origin = "https://id.example.az.evil.example";
  EXPECT_EQ(code_of(touch(begin(), passkey)), "signin.refused");
  passkey.origin = "https://id.example.az";
  passkey.rp_id = "evil.example";
  EXPECT_EQ(code_of(touch(begin(), passkey)), "signin.refused");
  passkey.rp_id = "id.example.az";
  passkey.id.back() ^= std::byte{1};
  EXPECT_EQ(code_of(touch(begin(), passkey)), "signin.refused");
  passkey.id.back() ^= std::byte{1};
  passkey.person = PersonId(4711);
  EXPECT_EQ(code_of(touch(begin(), passkey)), "signin.refused");
  passkey.person = aysel;
  EXPECT_EQ(code_of(sign_in().passkey(begin().state, "{}", browser, now())), "signin.refused");
  EXPECT_EQ(done(touch(begin(), passkey)).person, aysel);
}

TEST_P(SigningIn, NotWhileTheAccountIsSuspendedOrClosedOrTheAuthenticatorHasEnded) {
  add_totp();
  auto passkey = node.add_passkey(aysel);
  for (const AccountState state : {AccountState::suspended, AccountState::closed}) {
    set_state(state);
    EXPECT_EQ(code_of(touch(begin(), passkey)), "signin.refused");
    EXPECT_EQ(code_of(type(choose(named(aysel_id), Kind::totp), app_code())), "signin.refused");
  }
  set_state(AccountState::active);
  node.write([&](store::Session& s) { return set_ends(s, aysel, passkey.authenticator, now()); });
  EXPECT_EQ(code_of(touch(begin(), passkey)), "signin.refused");
}

}  // namespace
}  // namespace dayaq::identity
