// Signing in with what is typed: a code by SMS, a code from an app, a password. And with a card.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "crypto/cose.hpp"
#include "crypto/password.hpp"
#include "crypto/sign.hpp"
#include "identity/account/enrolment.hpp"
#include "identity/account/sign_in_steps.hpp"

namespace dayaq::identity {
namespace {

using Step = SignInView::Step;

constexpr unsigned failures_before_pause = 5;
constexpr std::chrono::minutes pause{5};

/// Bounds of what is typed, by person, by network and by client. Our own pages aren't a client: a bound of
/// theirs would be everybody's.
std::vector<Counter> counters_of(const Attempt& a, const Caller& caller) {
  const Counted by_person = a.method == AuthenticatorKind::sms    ? Counted::wrong_sms
                            : a.method == AuthenticatorKind::totp ? Counted::wrong_totp
                                                                  : Counted::wrong_password;
  std::vector<Counter> out{Counter{by_person, a.person, {}},
                           Counter{Counted::wrong_network, {}, caller.network}};
  if (!a.client.empty()) out.push_back(Counter{Counted::wrong_client, {}, a.client});
  return out;
}

// Each returns the authenticator if what was typed is right, and stores what a check changes. The work is the
// same for somebody who doesn't exist.

Result<std::optional<Authenticator>> try_sms(const SignInSteps& s, store::Session& session, const Attempt& a,
                                             std::string_view typed, Instant now) {
  std::optional<Authenticator> out;
  DAYAQ_TRY(const auto sent, select_sent_code(session, a.person, a.id));
  DAYAQ_TRY(const auto mine, sms_of(session, s.accounts.persons, a.person, now));
  if (!sent) return out;
  const auto checked = check_code(s.code_key.view(), *sent, a.challenge, typed, now);
  if (checked.next != *sent) DAYAQ_TRY_OK(update_sent_code(session, a.person, a.id, checked.next));
  if (checked.verdict != CodeVerdict::accepted) return out;
  for (const SmsAuthenticator& one : mine) {
    if (one.authenticator.id == a.authenticator) out = one.authenticator;
  }
  return out;
}

Result<std::optional<Authenticator>> try_totp(const SignInSteps& s, store::Session& session, const Attempt& a,
                                              std::string_view typed, Instant now) {
  std::optional<Authenticator> out;
  DAYAQ_TRY(const auto mine, totps_of(session, s.accounts.master, a.person));
  if (mine.empty()) (void)check_totp(s.code_key.view(), {}, typed, now);
  bool written = false;
  for (const TotpAuthenticator& one : mine) {
    const auto checked = check_totp(one.secret.view(), one.state, typed, now);
    const bool accepted = checked.verdict == CodeVerdict::accepted;
    // With several apps a code of one is no failure of the others.
    if (out && !accepted) continue;
    if (checked.next != one.state) {
      DAYAQ_TRY_OK(set_totp_state(session, a.person, one.authenticator.id, one.state, checked.next));
      written = true;
    }
    if (accepted && !out) out = one.authenticator;
  }
  if (!written) {
    // Nobody's, or an app that pauses: a write that changes nothing, as a wrong code costs.
    const auto none = set_totp_state(session, a.person, AuthenticatorId(1), {}, {});
    if (!none && none.error().code != "authenticator.moved_on") return std::unexpected(none.error());
  }
  return out;
}

/// A password's slow check is done before the transaction, on the hash as it then was.
struct PasswordCheck {
  std::string hash;  ///< "" if there is none
  bool right = false;
};

/// Checked against when there is no password, so that it takes as long.
const std::string& nobodys_password() {
  static const std::string hash = crypto::hash_password("nobody has this password");
  return hash;
}

Result<PasswordCheck> check_password_before(const SignInSteps& s, const Attempt& a, std::string_view typed) {
  DAYAQ_TRY(std::string hash, s.db.read([&](store::Session& session) -> Result<std::string> {
    DAYAQ_TRY(const auto mine, password_of(session, s.accounts.master, a.person));
    return mine ? std::string(as_text(mine->hash.view())) : std::string();
  }));
  PasswordCheck out;
  out.right = crypto::check_password(hash.empty() ? nobodys_password() : hash,
                                     typed.substr(0, crypto::password_size_max)) &&
              !hash.empty() && typed.size() <= crypto::password_size_max;
  out.hash = std::move(hash);
  return out;
}

Result<std::optional<Authenticator>> try_password(const SignInSteps& s, store::Session& session,
                                                  const Attempt& a, const PasswordCheck& checked,
                                                  Instant now) {
  std::optional<Authenticator> out;
  DAYAQ_TRY(const auto mine, password_of(session, s.accounts.master, a.person));
  if (!mine || as_text(mine->hash.view()) != checked.hash || now < mine->paused_until) {
    // A write that changes nothing, as a wrong one of somebody costs.
    DAYAQ_TRY_OK(set_password_failures(session, a.person, AuthenticatorId(1), 0, instant_min));
    return out;
  }
  const unsigned failures = checked.right ? 0 : mine->failures + 1;
  const bool full = failures >= failures_before_pause;
  if (failures != mine->failures) {
    DAYAQ_TRY_OK(set_password_failures(session, a.person, mine->authenticator.id, full ? 0 : failures,
                                       full ? now + pause : instant_min));
  }
  if (checked.right) out = mine->authenticator;
  return out;
}

}  // namespace

Result<SignInView> SignIn::code(std::string_view state, std::string_view typed, const Caller& caller,
                                Instant now) {
  const SignInSteps& s = *state_;
  DAYAQ_TRY(const Attempt a, s.open(state, caller, now, bit(Step::code)));
  const Drawn drawn = s.draw(a, a.person);
  const auto counters = counters_of(a, caller);
  PasswordCheck password;
  if (a.method == AuthenticatorKind::password) {
    // The bounds first: what is refused anyway must not cost the work of a hash.
    const auto done = s.db.read([&](store::Session& session) -> Result<void> {
      for (const Counter& counter : counters) DAYAQ_TRY_OK(s.limits.check(session, counter, now));
      return {};
    });
    DAYAQ_TRY_OK(done);
    DAYAQ_TRY(password, check_password_before(s, a, typed));
  }
  auto committed = s.db.write([&](store::Session& session) -> Result<Outcome> {
    for (const Counter& counter : counters) DAYAQ_TRY_OK(s.limits.check(session, counter, now));
    DAYAQ_TRY(const auto account, s.usable_account(session, a.person));
    std::optional<Authenticator> right;
    switch (a.method) {
      case AuthenticatorKind::sms: {
        DAYAQ_TRY(right, try_sms(s, session, a, typed, now));
        break;
      }
      case AuthenticatorKind::totp: {
        DAYAQ_TRY(right, try_totp(s, session, a, typed, now));
        break;
      }
      default: {
        DAYAQ_TRY(right, try_password(s, session, a, password, now));
        break;
      }
    }
    if (!account || !right || right->worth_at(now) == Assurance::none) {
      for (const Counter& counter : counters) DAYAQ_TRY_OK(s.limits.count(session, counter, now));
      return Outcome{};
    }
    DAYAQ_TRY_OK(note_used(session, s.accounts, *right, now));
    return s.accept(session, a, *account, {*right, a.method, now}, drawn, caller, now);
  });
  return s.answer(a, std::move(committed), drawn, caller, now);
}

Result<SignInView> SignIn::card(std::string_view state, const Card& card, const Caller& caller, Instant now) {
  const SignInSteps& s = *state_;
  DAYAQ_TRY(Attempt a, s.open(state, caller, now, bit(Step::identify) | bit(Step::choose)));
  const PersonId person = s.accounts.registry.person_id(card.national_id);
  if (a.person != PersonId() && a.person != person) return refused("another person's card");
  a.person = person;
  const Drawn drawn = s.draw(a, a.person);
  auto committed = s.db.write([&](store::Session& session) -> Result<Outcome> {
    DAYAQ_TRY(const auto account, s.usable_account(session, a.person));
    DAYAQ_TRY(const auto mine, card_of(session, a.person, card.fingerprint));
    if (!account || !mine || mine->worth_at(now) == Assurance::none) return Outcome{};
    DAYAQ_TRY_OK(note_used(session, s.accounts, *mine, now));
    return s.accept(session, a, *account, {*mine, AuthenticatorKind::card, now}, drawn, caller, now);
  });
  return s.answer(a, std::move(committed), drawn, caller, now);
}

}  // namespace dayaq::identity
