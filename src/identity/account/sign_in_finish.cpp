// How a step of signing in ends: a session, one more step, or no.
#include <fmt/format.h>

#include <algorithm>

#include "crypto/jwt_json.hpp"
#include "identity/account/relations.hpp"
#include "identity/account/sign_in_steps.hpp"

namespace dayaq::identity {
namespace {

using Step = SignInView::Step;

std::string methods_json(Methods methods) {
  std::string out;
  for (unsigned i = 0; i <= unsigned(AuthenticatorKind::password); ++i) {
    const auto kind = AuthenticatorKind(i);
    if (methods.has(kind)) out += fmt::format("{}\"{}\"", out.empty() ? "" : ",", to_string(kind));
  }
  return "[" + out + "]";
}

Result<void> note(store::Session& session, audit::Log& log, std::string_view action, const Session& made,
                  const Attempt& attempt, const Caller& caller) {
  std::string personal = R"({"client":)";
  crypto::append_json_text(personal, attempt.client);
  personal += R"(,"network":)";
  crypto::append_json_text(personal, caller.network);
  personal += "}";
  const audit::EntryDraft draft{.action = action,
                                .actor = "self",
                                .subject = made.person,
                                .data = fmt::format(R"({{"assurance":"{}","methods":{}}})",
                                                    to_string(made.assurance), methods_json(made.methods)),
                                .personal = std::move(personal)};
  DAYAQ_TRY_OK(log.append(session, draft));
  return {};
}

}  // namespace

Result<std::optional<Account>> SignInSteps::usable_account(store::Session& session, PersonId person) const {
  DAYAQ_TRY(auto account, account_of(session, person));
  if (account && account->state != AccountState::active) account.reset();
  return account;
}

Result<Outcome> SignInSteps::accept(store::Session& session, const Attempt& attempt, const Account& account,
                                    const Used& used, const Drawn& drawn, const Caller& caller,
                                    Instant now) const {
  Methods methods = attempt.methods;
  methods |= used.method;
  Assurance surest = std::max(attempt.reached, used.authenticator.worth_at(now));
  const Instant spent_until = attempt.begun + attempt_life;

  std::optional<Session> present;
  if (attempt.present != SessionId()) {
    DAYAQ_TRY(present, accounts.sessions.get(session, account.person, attempt.present, now));
    if (!present) return bad_state("the session has ended");
  }
  const Assurance enrolled = assurance_of(account.enrolment);
  const Assurance proved_now = std::min(enrolled, assurance_of(methods, surest));
  Outcome out;
  if (present && !attempt.fresh) {
    methods |= present->methods;
    surest = std::max(surest, present->assurance);
  }
  const Assurance assurance = std::min(enrolled, assurance_of(methods, surest));
  if ((attempt.fresh ? proved_now : assurance) < attempt.least) {
    DAYAQ_TRY_OK(spend(session, account.person, drawn.once, spent_until));
    if (enrolled < attempt.least) {
      out.what = Outcome::What::too_low;
      return out;
    }
    out.what = Outcome::What::again;
    out.next = attempt;
    out.next.step = Step::choose;
    out.next.person = account.person;
    out.next.challenge = drawn.next;
    out.next.methods |= used.method;
    out.next.reached = std::max(attempt.reached, used.authenticator.worth_at(now));
    out.next.id = 0;
    out.next.authenticator = {};
    return out;
  }

  out.what = Outcome::What::done;
  if (present) {
    out.session = *present;
  } else {
    out.session.id = SessionId(drawn.once);
    out.session.person = account.person;
    out.session.expires = now + accounts.sessions.policy().life;
  }
  out.session.authenticated = used.proved;
  out.session.authenticator = used.authenticator.id;
  out.session.methods = methods;
  out.session.assurance = assurance;
  if (present) {
    // The session's id is taken, so what was used is spent by a row of its own.
    DAYAQ_TRY_OK(spend(session, account.person, drawn.once, spent_until));
    DAYAQ_TRY_OK(accounts.sessions.strengthen(session, out.session, drawn.token));
    DAYAQ_TRY_OK(note(session, accounts.log, "identity.step_up", out.session, attempt, caller));
  } else {
    DAYAQ_TRY_OK(accounts.sessions.open(session, out.session, drawn.token));
    DAYAQ_TRY_OK(note(session, accounts.log, "identity.sign_in", out.session, attempt, caller));
  }
  return out;
}

Result<SignInView> SignInSteps::answer(const Attempt& attempt, Result<Outcome> committed, const Drawn& drawn,
                                       const Caller& caller, Instant now) const {
  if (!committed) {
    if (committed.error().code == "store.duplicate") return bad_state("used already");
    if (committed.error().code == "authenticator.moved_on") return refused("used at the same moment");
    return std::unexpected(std::move(committed).error());
  }
  switch (committed->what) {
    case Outcome::What::refused:
      return refused("counted");
    case Outcome::What::too_low:
      return fail(
          ErrorKind::forbidden, "signin.assurance",
          "This needs a surer digital ID than yours is. It can be made surer at a counter, by a letter or "
          "with your identity card.");
    case Outcome::What::again:
      return view(committed->next, caller, now);
    case Outcome::What::done:
      break;
  }
  Attempt done = attempt;
  done.step = Step::done;
  SignInView out = view(done, caller, now);
  out.session = std::move(committed->session);
  out.token = drawn.token;
  return out;
}

Result<SignIn::Acting> SignIn::act_for(const Session& present, PersonId principal, Instant now) {
  const SignInSteps& s = *state_;
  const SessionToken token = draw_session_token(s.accounts.random, present.person, present.id);
  return s.db.write([&](store::Session& session) -> Result<Acting> {
    DAYAQ_TRY(auto stands, s.accounts.sessions.get(session, present.person, present.id, now));
    if (!stands) {
      return fail(ErrorKind::not_found, "session.unknown", "You have been signed out. Please sign in again.");
    }
    if (principal != PersonId()) {
      DAYAQ_TRY(const auto relation,
                standing_relation(session, s.accounts, present.person, principal, "", now));
      if (!relation) {
        return fail(ErrorKind::forbidden, "signin.relation", "You don't act for this person, or no longer.");
      }
      const audit::EntryDraft draft{.action = "identity.act_for",
                                    .actor = "self",
                                    .subject = principal,
                                    .data = fmt::format(R"({{"relation":"{}"}})", to_string(relation->kind)),
                                    .personal = fmt::format(R"({{"holder":"{}"}})", present.person)};
      DAYAQ_TRY_OK(s.accounts.log.append(session, draft));
    }
    stands->acting_for = principal;
    DAYAQ_TRY_OK(s.accounts.sessions.strengthen(session, *stands, token));
    return Acting{*stands, token};
  });
}

}  // namespace dayaq::identity
