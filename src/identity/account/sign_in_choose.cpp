// Choosing how to prove who one is: a code is sent, or a confirmation asked for; and asking whether it has
// come.
#include <fmt/format.h>

#include <algorithm>

#include "identity/account/sign_in_steps.hpp"

namespace dayaq::identity {
namespace {

using Step = SignInView::Step;

/// The last line is for the phone, which offers the code on our site alone.
/// @see Origin-bound one-time codes (WICG)
std::string code_text(Language language, std::string_view code, std::string_view site) {
  std::string_view words;
  switch (language) {
    case Language::az:
      words = "{0}: daxil olmaq üçün kodunuz. Onu heç kimə deməyin.\n\n@{1} #{0}";
      break;
    case Language::en:
      words = "{0} is your code to sign in. Tell it to nobody.\n\n@{1} #{0}";
      break;
    case Language::ru:
      words = "{0} — ваш код для входа. Никому его не сообщайте.\n\n@{1} #{0}";
      break;
  }
  return fmt::format(fmt::runtime(words), code, site);
}

/// What a phone's program is told: to ask what waits. The number isn't in it.
std::string push_text(const Confirmation& confirmation) {
  return fmt::format(R"({{"confirmation":"{}","person":"{}"}})", confirmation.id, confirmation.person);
}

/// Whom a code goes to. For nobody it is "sent" too, but over at once.
struct Receiver {
  AuthenticatorId authenticator;
  std::string number;
  Language language = Language::az;
  bool real = false;
};

/// A number that looks like one of the country's, the same each time for one person who has none.
std::string nobodys_number(const SignInSteps& s, PersonId person) {
  const std::uint64_t chance = siphash(s.accounts.registry.secret, fmt::format("masked|{}", person));
  return fmt::format("{}{:09}", s.accounts.registry.country.calling_code(), chance % 1'000'000'000);
}

Result<Receiver> receiver_of(const SignInSteps& s, store::Session& session, PersonId person, Instant now) {
  DAYAQ_TRY(const auto account, s.usable_account(session, person));
  DAYAQ_TRY(const auto mine, sms_of(session, s.accounts.persons, person, now));
  for (const SmsAuthenticator& one : mine) {
    if (!account || one.authenticator.worth_at(now) == Assurance::none) continue;
    return Receiver{one.authenticator.id, one.number, account->language, true};
  }
  return Receiver{AuthenticatorId(), nobodys_number(s, person), Language::az, false};
}

/// Messages to one person and from one network are bounded, before and whether or not one goes out.
Result<void> may_send(const SignInSteps& s, store::Session& session, Counted what, const Attempt& a,
                      const Caller& caller, Instant now) {
  const Counter by_person{what, a.person, {}};
  const Counter by_network{Counted::message_network, {}, caller.network};
  for (const Counter& counter : {by_person, by_network}) {
    DAYAQ_TRY_OK(s.limits.check(session, counter, now));
    DAYAQ_TRY_OK(s.limits.count(session, counter, now));
  }
  return {};
}

Result<SignInView> send_code(const SignInSteps& s, Attempt a, const Caller& caller, Instant now) {
  a.step = Step::code;
  a.id = s.accounts.random.next_id();
  const std::uint64_t message_id = s.accounts.random.next_id();
  const IssuedCode issued = issue_code(s.code_key.view(), a.challenge, s.accounts.random, now);
  std::string masked;
  DAYAQ_TRY(a.authenticator, s.db.write([&](store::Session& session) -> Result<AuthenticatorId> {
    DAYAQ_TRY_OK(may_send(s, session, Counted::message, a, caller, now));
    DAYAQ_TRY(const Receiver to, receiver_of(s, session, a.person, now));
    DAYAQ_TRY_OK(insert_sent_code(session, a.person, a.id, issued.state));
    masked = masked_number(s.accounts.registry.country.calling_code(), to.number);
    DAYAQ_TRY_OK(s.accounts.outbox.queue(session, {.id = message_id,
                                                   .channel = Message::Channel::sms,
                                                   .to = to.number,
                                                   .text = code_text(to.language, issued.code, s.party.id),
                                                   .until = to.real ? issued.state.expires : now}));
    return to.authenticator;
  }));
  SignInView out = s.view(a, caller, now);
  out.masked = std::move(masked);
  return out;
}

Result<SignInView> ask_confirmation(const SignInSteps& s, Attempt a, const Caller& caller, Instant now) {
  a.step = Step::confirm;
  std::array<std::byte, 8> chance{};
  s.accounts.random.fill(chance);
  std::uint64_t number = 0;
  BytesView bytes = chance;
  (void)take_le(bytes, number);
  a.number = std::uint8_t(10 + number % 90);
  a.id = s.accounts.random.next_id();
  const std::uint64_t message_id = s.accounts.random.next_id();
  Confirmation asked;
  asked.id = ConfirmationId(a.id);
  asked.person = a.person;
  asked.number = a.number;
  asked.asked = now;
  asked.expires = std::min(now + life_of(Step::confirm), a.begun + attempt_life);
  asked.client = a.client;
  asked.network = caller.network;
  asked.proved = now;
  const auto done = s.db.write([&](store::Session& session) -> Result<void> {
    DAYAQ_TRY_OK(may_send(s, session, Counted::asked, a, caller, now));
    DAYAQ_TRY(const auto account, s.usable_account(session, a.person));
    DAYAQ_TRY(const auto devices, mobiles_of(session, a.person));
    DAYAQ_TRY_OK(insert_confirmation(session, asked));
    Message message{.id = message_id,
                    .channel = Message::Channel::push,
                    .to = "nobody",
                    .text = push_text(asked),
                    .until = now};
    bool queued = false;
    for (const MobileDevice& device : devices) {
      // One without an address asks by itself.
      if (!account || device.authenticator.worth_at(now) == Assurance::none || device.address.empty()) continue;
      message.to = device.address;
      message.until = asked.expires;
      DAYAQ_TRY_OK(s.accounts.outbox.queue(session, message));
      ++message.id;
      queued = true;
    }
    if (!queued) DAYAQ_TRY_OK(s.accounts.outbox.queue(session, message));
    return {};
  });
  DAYAQ_TRY_OK(done);
  return s.view(a, caller, now);
}

/// What a confirmation that was given is worth as an authenticator: the phone, or what the page's session was
/// made with, and no more than that session. None if it is gone meanwhile.
Result<std::optional<Authenticator>> confirmed_by(store::Session& session, const Confirmation& confirmed) {
  DAYAQ_TRY(const auto mine, authenticators_of(session, confirmed.person));
  for (Authenticator one : mine) {
    if (one.id != confirmed.authenticator) continue;
    one.assurance = std::min({one.assurance, confirmed.assurance, worth_of(AuthenticatorKind::mobile)});
    return std::optional(std::move(one));
  }
  return std::optional<Authenticator>();
}

}  // namespace

Result<SignInView> SignIn::choose(std::string_view state, AuthenticatorKind method, const Caller& caller,
                                  Instant now) {
  const SignInSteps& s = *state_;
  DAYAQ_TRY(Attempt a, s.open(state, caller, now, bit(Step::choose) | bit(Step::code) | bit(Step::confirm)));
  const auto kinds = kinds_for(a);
  if (std::ranges::find(kinds, method) == kinds.end()) return bad_state("a method that isn't offered");
  a.method = method;
  a.challenge = s.draw_challenge();
  a.id = 0;
  a.authenticator = {};
  a.number = 0;
  switch (method) {
    case AuthenticatorKind::sms:
      return send_code(s, std::move(a), caller, now);
    case AuthenticatorKind::mobile:
      return ask_confirmation(s, std::move(a), caller, now);
    case AuthenticatorKind::totp:
    case AuthenticatorKind::password:
      a.step = Step::code;
      break;
    case AuthenticatorKind::passkey:
    case AuthenticatorKind::card:
      a.step = Step::choose;
      break;
  }
  return s.view(a, caller, now);
}

Result<SignInView> SignIn::poll(std::string_view state, const Caller& caller, Instant now) {
  using Stage = Confirmation::Stage;
  const SignInSteps& s = *state_;
  DAYAQ_TRY(const Attempt a, s.open(state, caller, now, bit(Step::confirm)));
  const ConfirmationId id(a.id);
  DAYAQ_TRY(const auto seen,
            s.db.read([&](store::Session& session) { return select_confirmation(session, a.person, id); }));
  if (!seen || now >= seen->expires) {
    return fail(ErrorKind::invalid_input, "signin.expired", "This took too long. Please start again.");
  }
  if (seen->stage == Stage::denied) return refused("denied");
  if (seen->stage == Stage::used) return bad_state("used already");
  if (seen->stage == Stage::waiting) {
    SignInView waiting = s.view(a, caller, now);
    waiting.state = std::string(state);  // its time doesn't begin anew
    return waiting;
  }
  const Drawn drawn = s.draw(a, a.person);
  auto committed = s.db.write([&](store::Session& session) -> Result<Outcome> {
    DAYAQ_TRY(auto confirmed, select_confirmation(session, a.person, id));
    if (!confirmed || confirmed->stage != Stage::confirmed) return bad_state("used already");
    confirmed->stage = Stage::used;
    DAYAQ_TRY_OK(update_confirmation(session, *confirmed));
    DAYAQ_TRY(const auto account, s.usable_account(session, a.person));
    DAYAQ_TRY(const auto by, confirmed_by(session, *confirmed));
    // A page that stood before can't prove anew that the person is there.
    const bool stale = a.fresh && confirmed->proved < a.begun;
    if (!account || !by || stale || by->worth_at(now) == Assurance::none) return Outcome{};
    if (by->kind == AuthenticatorKind::mobile) DAYAQ_TRY_OK(note_used(session, s.accounts, *by, now));
    return s.accept(session, a, *account, {*by, AuthenticatorKind::mobile, confirmed->proved}, drawn, caller,
                    now);
  });
  return s.answer(a, std::move(committed), drawn, caller, now);
}

}  // namespace dayaq::identity
