// A person at a browser who signs in, step by step. A fixture for tests of identity/account/sign_in.hpp.
#pragma once

#include <gtest/gtest.h>

#include "identity/totp.hpp"
#include "support/sign_in.hpp"

namespace dayaq::test {

using namespace std::chrono_literals;
using Kind = AuthenticatorKind;
using Step = SignInView::Step;

template <class T>
[[nodiscard]] std::string_view code_of(const Result<T>& result) {
  return result ? std::string_view("done") : result.error().code;
}

struct SigningIn : testing::TestWithParam<store::Engine> {
  test::SignInNode node{GetParam()};
  SignIn& sign_in() { return *node.sign_in; }
  Instant now() const { return node.now(); }
  void pass(std::chrono::microseconds time) { node.pass(time); }

  static constexpr const char* aysel_id = "5ABC123";
  static constexpr const char* nobody_id = "7XYZ789";
  PersonId aysel = node.person(aysel_id, "994501112233");
  Bytes secret = Bytes(20, std::byte{7});
  Caller browser = node.browser();
  std::size_t messages = 0;
  std::string received;

  SignInView begin(const SignInWish& wish = {}) { return sign_in().start(wish, browser, now()); }
  Result<SignInView> named(const char* id, const SignInWish& wish = {}) {
    return sign_in().identify(begin(wish).state, id, browser, now());
  }
  Result<SignInView> choose(const Result<SignInView>& view, Kind kind) {
    return sign_in().choose(view->state, kind, browser, now());
  }
  Result<SignInView> type(const Result<SignInView>& view, std::string_view text) {
    return sign_in().code(view->state, text, browser, now());
  }
  Result<SignInView> touch(const Result<SignInView>& view, test::SoftPasskey& passkey) {
    if (passkey.counter > 0) ++passkey.counter;
    return sign_in().passkey(view->state, passkey.answer(view->passkey_options), browser, now());
  }
  Result<SignInView> poll(const Result<SignInView>& view) {
    return sign_in().poll(view->state, browser, now());
  }
  std::string sent_code() { return code_in(node.mailbox.wait_for(++messages)); }
  std::string app_code() const { return totp(secret, now()); }
  void add_sms() { (void)node.add(aysel, SmsNumber{"994501112233"}); }
  void add_totp() { (void)node.add(aysel, TotpSecret{secret, 0}); }
  void add_password() { (void)node.add(aysel, PasswordHash{crypto::hash_password("correct horse battery")}); }

  Session done(const Result<SignInView>& view) {
    if (!view || view->step != Step::done) {
      ADD_FAILURE() << (view ? "step " + std::to_string(int(view->step))
                             : view.error().detail + std::string(view.error().code));
      return {};
    }
    EXPECT_TRUE(view->session && view->token);
    const auto found = node.sessions->find(view->token->text, now());
    EXPECT_TRUE(found && *found);
    return *view->session;
  }
  std::int64_t count(const char* table) {
    return must(node.db().read([&](store::Session& session) -> Result<std::int64_t> {
      std::int64_t rows = 0;
      const auto read = [&](const store::Row& row) -> Result<bool> {
        rows = row.integer(0);
        return false;
      };
      const std::string_view name = table;
      if (name == "limit") DAYAQ_TRY_OK(session.query("SELECT COUNT(*) FROM identity_limit", {}, read));
      if (name == "code") DAYAQ_TRY_OK(session.query("SELECT COUNT(*) FROM identity_sent_code", {}, read));
      if (name == "session") DAYAQ_TRY_OK(session.query("SELECT COUNT(*) FROM identity_session", {}, read));
      if (name == "spent") DAYAQ_TRY_OK(session.query("SELECT COUNT(*) FROM identity_spent", {}, read));
      if (name == "confirmation") {
        DAYAQ_TRY_OK(session.query("SELECT COUNT(*) FROM identity_confirmation", {}, read));
      }
      return rows;
    }));
  }
  std::vector<std::string> entries(std::string_view action) {
    std::vector<std::string> out;
    for (const auto& entry : must(node.registry.log->entries_about(aysel, UINT64_MAX, 1000))) {
      if (entry.leaf.find(fmt::format("\"action\":\"{}\"", action)) != std::string::npos)
        out.push_back(entry.leaf);
    }
    return out;
  }
  void set_state(AccountState state) {
    node.write([&](store::Session& session) {
      return update_account(session, {.person = aysel,
                                      .state = state,
                                      .enrolment = Enrolment::counter,
                                      .created = now(),
                                      .changed = now()});
    });
  }
};

}  // namespace dayaq::test
