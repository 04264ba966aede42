#include "identity/account/sign_in.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/sign.hpp"
#include "identity/account/sign_in_steps.hpp"
#include "identity/webauthn_json.hpp"

namespace dayaq::identity {
namespace {

using Step = SignInView::Step;

constexpr std::string_view purpose = "sign-in";

Seal seal_of(std::string_view cookie) {
  return {.purpose = purpose, .bound_to = cookie};
}

}  // namespace

std::vector<AuthenticatorKind> kinds_for(const Attempt& attempt) {
  std::vector<AuthenticatorKind> out;
  for (unsigned i = 0; i <= unsigned(AuthenticatorKind::password); ++i) {
    const auto kind = AuthenticatorKind(i);
    if (attempt.methods.has(kind)) continue;
    Methods with = attempt.methods;
    with |= kind;
    // A passkey may be worth more than its kind by its attestation; a password more with a code besides.
    const Assurance alone = kind == AuthenticatorKind::passkey    ? Assurance::high
                            : kind == AuthenticatorKind::password ? Assurance::substantial
                                                                  : worth_of(kind);
    if (assurance_of(with, std::max(attempt.reached, alone)) >= attempt.least) out.push_back(kind);
  }
  return out;
}

std::unexpected<Error> refused(std::string detail) {
  return fail(ErrorKind::forbidden, "signin.refused",
              "That didn't work. Check what you entered, or choose another way to sign in.",
              std::move(detail));
}

Result<Attempt> SignInSteps::open(std::string_view text, const Caller& caller, Instant now,
                                  unsigned allowed) const {
  DAYAQ_TRY(const Unsealed unsealed, unseal(accounts.master, seal_of(caller.attempt), text, now));
  auto attempt = decode_attempt(unsealed.content);
  if (!attempt) return bad_state("not an attempt");
  if ((allowed & bit(attempt->step)) == 0) return bad_state("another step");
  return std::move(*attempt);
}

std::string SignInSteps::sealed(const Attempt& attempt, std::string_view cookie, Instant now) const {
  const Instant step_end = now + life_of(attempt.step);
  const Instant end =
      attempt.step == Step::done ? step_end : std::min(step_end, attempt.begun + attempt_life);
  return seal(accounts.master, accounts.random, seal_of(cookie), encode(attempt), end);
}

SignInView SignInSteps::view(const Attempt& attempt, const Caller& caller, Instant now) const {
  SignInView out;
  out.step = attempt.step;
  out.method = attempt.method;
  out.state = sealed(attempt, caller.attempt, now);
  if (attempt.step == Step::done) return out;
  out.offered = kinds_for(attempt);
  if (attempt.step == Step::identify || attempt.step == Step::choose) {
    const bool offered = std::ranges::find(out.offered, AuthenticatorKind::passkey) != out.offered.end();
    // No credential is named: that would tell who has which.
    if (offered) {
      out.passkey_options = to_json(webauthn::RequestOptions{
          .party = party, .challenge = attempt.challenge, .timeout = life_of(attempt.step)});
    }
  }
  if (attempt.step == Step::confirm) out.number = fmt::format("{:02}", attempt.number);
  return out;
}

webauthn::Challenge SignInSteps::draw_challenge() const {
  return webauthn::make_challenge(accounts.random);
}

Drawn SignInSteps::draw(const Attempt& attempt, PersonId person) const {
  Drawn drawn;
  const crypto::Sha256 hash = crypto::sha256(as_bytes("dayaq used once"), attempt.challenge);
  BytesView bytes = hash;
  (void)take_le(bytes, drawn.once);
  drawn.once = std::max<std::uint64_t>(1, drawn.once & ~(std::uint64_t(1) << 63));
  const SessionId session = attempt.present == SessionId() ? SessionId(drawn.once) : attempt.present;
  drawn.token = draw_session_token(accounts.random, person, session);
  drawn.next = draw_challenge();
  return drawn;
}

SignIn::SignIn(store::Database& db, Accounts& accounts, const webauthn::RelyingParty& party,
               const LimitPolicy& limits)
    : state_(std::make_unique<SignInSteps>(db, accounts, party, limits)) {}
SignIn::~SignIn() = default;

std::string SignIn::draw_attempt() {
  std::array<std::byte, 32> bytes{};
  state_->accounts.random.fill(bytes);
  return to_base64url(bytes);
}

SignInView SignIn::start(const SignInWish& wish, const Caller& caller, Instant now) {
  Attempt attempt;
  attempt.least = std::max(wish.least, Assurance::low);
  attempt.fresh = wish.fresh;
  attempt.begun = now;
  attempt.challenge = state_->draw_challenge();
  attempt.client = caller.client;
  attempt.then = checked_then(wish.then);
  if (wish.present) {
    attempt.step = Step::choose;
    attempt.person = wish.present->person;
    attempt.present = wish.present->id;
  } else if (const auto id = state_->accounts.registry.country.national_id_rule().parse(wish.login_hint)) {
    attempt.step = Step::choose;
    attempt.person = state_->accounts.registry.person_id(*id);
  }
  return state_->view(attempt, caller, now);
}

Result<SignInView> SignIn::identify(std::string_view state, std::string_view national_id,
                                    const Caller& caller, Instant now) {
  DAYAQ_TRY(Attempt attempt, state_->open(state, caller, now, bit(Step::identify)));
  DAYAQ_TRY(const auto id, state_->accounts.registry.country.national_id_rule().parse(national_id));
  attempt.step = Step::choose;
  attempt.person = state_->accounts.registry.person_id(id);
  attempt.challenge = state_->draw_challenge();
  return state_->view(attempt, caller, now);
}

Result<std::string> SignIn::then(std::string_view state, const Caller& caller, Instant now) const {
  DAYAQ_TRY(const Attempt attempt, state_->open(state, caller, now, bit(Step::done)));
  return attempt.then;
}

Result<int> SignIn::sweep(store::Session& db, Instant now, int limit) {
  return delete_what_is_over(db, now, limit);
}

}  // namespace dayaq::identity
