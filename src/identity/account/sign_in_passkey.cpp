// Signing in with a passkey, by name or without.
#include <utility>

#include "identity/account/sessions_rows.hpp"
#include "identity/account/sign_in_steps.hpp"
#include "identity/webauthn_json.hpp"

namespace dayaq::identity {
namespace {

using Step = SignInView::Step;

/// A passkey that was checked; what is left is to write it down.
struct Checked {
  Attempt attempt;
  Authenticator authenticator;
  webauthn::Assertion assertion;
  Drawn drawn;
  Caller caller;
  Instant now;
};

/// The transaction. Pure but for the session, so that it may run more than once.
Result<Outcome> write_down(const SignInSteps& s, store::Session& session, const Checked& c,
                           const SignIn::WithSession& also) {
  DAYAQ_TRY(const auto account, s.usable_account(session, c.authenticator.person));
  if (!account) return Outcome{};
  if (c.assertion.counting == webauthn::Counter::repeated) {
    // WebAuthn section 7.2 step 21: there may be two of this authenticator. Refused, and its owner can see
    // it.
    const audit::EntryDraft draft{.action = "identity.counter",
                                  .actor = "self",
                                  .subject = account->person,
                                  .data = {},
                                  .personal = {}};
    DAYAQ_TRY_OK(s.accounts.log.append(session, draft));
    return Outcome{};
  }
  DAYAQ_TRY_OK(note_passkey_used(session, s.accounts, c.authenticator, c.assertion, c.now));
  const Used used{c.authenticator, AuthenticatorKind::passkey, c.now};
  DAYAQ_TRY(Outcome out, s.accept(session, c.attempt, *account, used, c.drawn, c.caller, c.now));
  if (also && out.what == Outcome::What::done) DAYAQ_TRY_OK(also(session, out.session));
  return out;
}

Result<Checked> check(const SignInSteps& s, std::string_view state, std::string_view json,
                      const Caller& caller, Instant now) {
  DAYAQ_TRY(Attempt attempt, s.open(state, caller, now, bit(Step::identify) | bit(Step::choose)));
  const auto response = webauthn::parse_assertion(json);
  if (!response) return refused(response.error().detail);
  const auto person = person_of_handle(response->user_handle);
  if (!person || (attempt.person != PersonId() && attempt.person != *person))
    return refused("another person's");
  Drawn drawn = s.draw(attempt, *person);

  struct Found {
    std::optional<std::pair<Authenticator, webauthn::Credential>> passkey;
    bool spent = false;
  };
  DAYAQ_TRY(const Found found, s.db.read([&](store::Session& session) -> Result<Found> {
    Found out;
    DAYAQ_TRY(const auto account, s.usable_account(session, *person));
    if (!account) return out;
    DAYAQ_TRY(out.passkey, passkey_of(session, *person, response->id));
    // Only for what is there already; of two at the same moment the transaction lets one pass.
    DAYAQ_TRY(out.spent, is_spent(session, *person, drawn.once));
    DAYAQ_TRY(const auto made, select_session(session, *person, SessionId(drawn.once)));
    out.spent = out.spent || made;
    return out;
  }));
  if (found.spent) return bad_state("used already");
  if (!found.passkey || found.passkey->first.worth_at(now) == Assurance::none)
    return refused("no such passkey");
  const auto assertion = webauthn::verify_assertion(
      *response, found.passkey->second,
      {.party = s.party, .challenge = attempt.challenge, .user_handle = response->user_handle});
  if (!assertion) return refused(std::string(assertion.error().code));
  return Checked{std::move(attempt), found.passkey->first, *assertion, std::move(drawn), caller, now};
}

}  // namespace

void SignIn::passkey_async(std::string_view state, std::string_view response_json, const Caller& caller,
                           Instant now, std::function<void(Result<SignInView>)> done) {
  auto checked = check(*state_, state, response_json, caller, now);
  if (!checked) return done(std::unexpected(std::move(checked).error()));
  // Shared by the two functions that the writer is given, which outlive this call.
  struct Work {
    Checked checked;
    std::optional<Outcome> outcome;
    std::function<void(Result<SignInView>)> done;
  };
  auto work = std::make_shared<Work>(Work{std::move(*checked), std::nullopt, std::move(done)});
  state_->db.submit(
      [s = state_.get(), work](store::Session& session) -> Result<void> {
        DAYAQ_TRY(work->outcome, write_down(*s, session, work->checked, {}));
        return {};
      },
      [s = state_.get(), work](Result<void> committed) {
        const Checked& c = work->checked;
        Result<Outcome> outcome = std::unexpected(Error{});
        if (committed) {
          outcome = std::move(*work->outcome);
        } else {
          outcome = std::unexpected(std::move(committed).error());
        }
        work->done(s->answer(c.attempt, std::move(outcome), c.drawn, c.caller, c.now));
      });
}

Result<SignInView> SignIn::passkey(std::string_view state, std::string_view response_json,
                                   const Caller& caller, Instant now, const WithSession& also) {
  DAYAQ_TRY(const Checked checked, check(*state_, state, response_json, caller, now));
  auto committed =
      state_->db.write([&](store::Session& session) { return write_down(*state_, session, checked, also); });
  return state_->answer(checked.attempt, std::move(committed), checked.drawn, caller, now);
}

}  // namespace dayaq::identity
