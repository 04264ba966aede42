#include "identity/account/enrolment_flow.hpp"

#include <algorithm>
#include <charconv>

#include "identity/account/enrolment_state.hpp"
#include "identity/account/notices.hpp"
#include "identity/account/recovery.hpp"
#include "identity/account/sealed.hpp"
#include "identity/one_time_code.hpp"
#include "identity/webauthn_json.hpp"

namespace dayaq::identity {
namespace {

using namespace std::chrono_literals;
using Step = EnrolView::Step;

constexpr std::size_t totp_secret_size = 20;  // RFC 4226 section 4, R6: as long as the HMAC's output

Seal seal_for(const Caller& caller) {
  return {.purpose = "enrolment", .bound_to = caller.attempt};
}

std::unexpected<Error> refused() {
  return fail(
      ErrorKind::forbidden, "enrol.refused",
      "This code and this number don't fit together, or the code's time is over. Look at both again, or "
      "ask for a new code.");
}
std::unexpected<Error> wrong_step(std::string detail) {
  return fail(ErrorKind::invalid_input, "enrol.step", "This page is of another step. Start again.",
              std::move(detail));
}
std::unexpected<Error> limited() {
  return fail(ErrorKind::limit, "activation.limit",
              "So many codes were typed today already. Come back tomorrow, or go to a service centre.");
}

bool is_number(std::string_view text) {
  return text.size() >= 8 && text.size() <= 15 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// "+994 50 123 45 67" and "994-50..." as the registry writes them.
std::string digits_of(std::string_view typed) {
  std::string out;
  for (const char c : typed) {
    if (c != ' ' && c != '-' && c != '+' && c != '(' && c != ')') out += c;
  }
  return out;
}

}  // namespace

std::chrono::seconds life_of(EnrolView::Step step) {
  switch (step) {
    case Step::ask:
      return 60min;
    case Step::code:
      return 60min;
    case Step::choose:
      return 15min;
    case Step::totp:
      return 10min;
    case Step::sms:
      return 5min;
    case Step::done:
      return 0s;
  }
  return 0s;
}

struct Enrolling::State {
  store::Database& db;
  const Accounts& accounts;
  const Limits& limits;
  const webauthn::RelyingParty& party;
  EnrolSettings settings;
  crypto::SecretBytes number_key;

  std::string sealed(const EnrolState& state, const Caller& caller, Instant now) const {
    return seal(accounts.master, accounts.random, seal_for(caller), encode(state), now + life_of(state.step));
  }
  Result<EnrolState> opened(std::string_view text, std::initializer_list<Step> steps, const Caller& caller,
                            Instant now) const {
    DAYAQ_TRY(const Unsealed unsealed, unseal(accounts.master, seal_for(caller), text, now));
    auto state = decode_enrol_state(unsealed.content);
    if (!state) return bad_state("not what encode() writes");
    if (std::ranges::find(steps, state->step) == steps.end()) return wrong_step("");
    return *std::move(state);
  }
  EnrolView view(const EnrolState& state, const Caller& caller, Instant now) const {
    EnrolView out;
    out.step = state.step;
    out.state = sealed(state, caller, now);
    out.national_id = state.national_id;
    out.proof = state.proof.enrolment;
    return out;
  }
  Result<registry::NationalId> parse(std::string_view national_id) const {
    return accounts.registry.country.national_id_rule().parse(national_id);
  }

  Result<EnrolView> choose(EnrolState state, const Caller& caller, Instant now) const;
  /// The last step: spends the proof, registers, and signs in.
  Result<EnrolView> finish(const EnrolState& state, const Material& material, const std::string& name,
                           std::optional<AuthenticatorId> lost, Instant now) const;
};

Enrolling::Enrolling(store::Database& db, const Accounts& accounts, const Limits& limits,
                     const webauthn::RelyingParty& party, EnrolSettings settings)
    : state_(new State{db, accounts, limits, party, std::move(settings),
                       accounts.master.derive("enrolment number codes")}) {}
Enrolling::~Enrolling() = default;

EnrolView Enrolling::start(Language language, const Caller& caller, Instant now) {
  EnrolState state;
  state.language = language;
  return state_->view(state, caller, now);
}

Result<EnrolView> Enrolling::request(std::string_view text, std::string_view national_id, Enrolment channel,
                                     std::string_view number, const Caller& caller, Instant now) {
  const State& s = *state_;
  DAYAQ_TRY(EnrolState state, s.opened(text, {Step::ask, Step::code}, caller, now));
  DAYAQ_TRY(const registry::NationalId id, s.parse(national_id));
  if (channel != Enrolment::sms_code && channel != Enrolment::letter_code) return wrong_step("channel");
  const std::string digits = channel == Enrolment::sms_code ? digits_of(number) : "";
  if (channel == Enrolment::sms_code && !is_number(digits)) {
    return fail_field("enrol.number", "number",
                      "Type a mobile number with its country's code, as +994 50 123 45 67.");
  }
  const ActivationRequest request{
      .national_id = id, .channel = channel, .number = digits, .language = state.language};
  const DrawnActivation drawn = draw_activation(s.accounts, channel, now, s.settings.activation);
  const Counter network{.what = Counted::message_network, .person = {}, .name = caller.network};
  const auto asked = s.db.write([&](store::Session& db) -> Result<void> {
    DAYAQ_TRY_OK(s.limits.check(db, network, now));
    DAYAQ_TRY_OK(s.limits.count(db, network, now));
    return request_activation(db, s.accounts, request, drawn, now, s.settings.activation);
  });
  DAYAQ_TRY_OK(asked);
  state.step = Step::code;
  state.national_id = id.text();
  return s.view(state, caller, now);
}

Result<EnrolView> Enrolling::code(std::string_view text, std::string_view national_id, std::string_view typed,
                                  const Caller& caller, Instant now) {
  const State& s = *state_;
  DAYAQ_TRY(EnrolState state, s.opened(text, {Step::ask, Step::code}, caller, now));
  DAYAQ_TRY(const registry::NationalId id, s.parse(national_id));
  const auto normal = normal_activation_code(typed);
  if (!normal) {
    return fail_field("enrol.slip", "code", "There is a slip in this code. Compare it letter by letter.");
  }
  const Counter network{.what = Counted::wrong_network, .person = {}, .name = caller.network};
  DAYAQ_TRY(const TypedCode checked, s.db.write([&](store::Session& db) -> Result<TypedCode> {
    DAYAQ_TRY_OK(s.limits.check(db, network, now));
    DAYAQ_TRY(TypedCode out, check_typed(db, s.accounts, id, *normal, now, s.settings.activation));
    if (out.verdict != TypedCode::Verdict::accepted) DAYAQ_TRY_OK(s.limits.count(db, network, now));
    return out;
  }));
  if (checked.verdict == TypedCode::Verdict::limit) return limited();
  if (checked.verdict == TypedCode::Verdict::refused) return refused();
  state.national_id = id.text();
  state.proof = *checked.proof;
  return s.choose(std::move(state), caller, now);
}

Result<Card> Enrolling::read_card(BytesView leaf, std::span<const Bytes> chain, Instant now) const {
  return check_card(state_->settings.cards, state_->accounts.registry.country.national_id_rule(), leaf, chain, now);
}

Result<EnrolView> Enrolling::card(std::string_view text, BytesView leaf, std::span<const Bytes> chain,
                                  const Caller& caller, Instant now) {
  const State& s = *state_;
  DAYAQ_TRY(EnrolState state, s.opened(text, {Step::ask, Step::code}, caller, now));
  DAYAQ_TRY(const Card card, read_card(leaf, chain, now));
  const DrawnActivation drawn = draw_activation(s.accounts, Enrolment::card, now, s.settings.activation);
  DAYAQ_TRY(const auto proof,
            s.db.write([&](store::Session& db) { return prove_by_card(db, s.accounts, card, drawn, now); }));
  if (!proof) return refused();
  state.national_id = card.national_id.text();
  state.proof = *proof;
  state.card = card.fingerprint;
  return s.choose(std::move(state), caller, now);
}

Result<EnrolView> Enrolling::State::choose(EnrolState state, const Caller& caller, Instant now) const {
  state.step = Step::choose;
  state.challenge = webauthn::make_challenge(accounts.random);
  struct Known {
    bool account = false;
    std::vector<Authenticator> standing;
    std::vector<webauthn::Credential> passkeys;
    std::vector<std::string> numbers;
  };
  DAYAQ_TRY(const Known known, db.read([&](store::Session& session) -> Result<Known> {
    Known out;
    DAYAQ_TRY(const auto account, account_of(session, state.proof.person));
    out.account = account.has_value();
    DAYAQ_TRY(out.standing, authenticators_of(session, state.proof.person));
    DAYAQ_TRY(out.passkeys, passkeys_of(session, state.proof.person));
    DAYAQ_TRY(out.numbers, numbers_of(session, accounts.persons, state.proof.person, now));
    return out;
  }));
  EnrolView out = view(state, caller, now);
  out.offered = {AuthenticatorKind::passkey, AuthenticatorKind::totp};
  if (!known.numbers.empty()) out.offered.push_back(AuthenticatorKind::sms);
  if (state.proof.enrolment == Enrolment::card) out.offered.push_back(AuthenticatorKind::card);
  for (const std::string& number : known.numbers) {
    out.numbers.push_back(masked_number(accounts.registry.country.calling_code(), number));
  }
  out.recovery = known.account;
  out.standing = known.standing;
  webauthn::CreationOptions options{.party = party,
                                    .user_handle = user_handle(state.proof.person),
                                    .user_name = state.national_id,
                                    .display_name = state.national_id,
                                    .challenge = state.challenge};
  for (const webauthn::Credential& one : known.passkeys) options.exclude.push_back({one.id, one.transports});
  out.passkey_options = webauthn::to_json(options);
  return out;
}

Result<EnrolView> Enrolling::State::finish(const EnrolState& state, const Material& material,
                                           const std::string& name, std::optional<AuthenticatorId> lost,
                                           Instant now) const {
  const PersonId person = state.proof.person;
  const NewAuthenticator added{AuthenticatorId(accounts.random.next_id()), name, material};
  const UndoToken undo = draw_undo_token(accounts.random, person);
  EnrolView out;
  out.step = Step::done;
  out.proof = state.proof.enrolment;
  const SessionId id(accounts.random.next_id());
  out.token = draw_session_token(accounts.random, person, id);
  DAYAQ_TRY(out.session, db.write([&](store::Session& session) -> Result<Session> {
    DAYAQ_TRY(out.enrolled, enrol(session, accounts, state.proof, added, lost, undo, state.language, now));
    const Authenticator& a = out.enrolled->authenticator;
    const Session made{.id = id,
                       .person = person,
                       .acting_for = {},
                       .authenticated = now,
                       .expires = now + accounts.sessions.policy().life,
                       .authenticator = a.id,
                       .methods = Methods(a.kind),
                       .assurance = std::min(a.worth_at(now), assurance_of(out.enrolled->account.enrolment))};
    DAYAQ_TRY_OK(accounts.sessions.open(session, made, *out.token));
    return made;
  }));
  out.recovery = out.enrolled->recovered;
  return out;
}

Result<EnrolView> Enrolling::passkey(std::string_view text, std::string_view response_json,
                                     const std::string& name, std::optional<AuthenticatorId> lost,
                                     const Caller& caller, Instant now) {
  const State& s = *state_;
  DAYAQ_TRY(const EnrolState state, s.opened(text, {Step::choose}, caller, now));
  DAYAQ_TRY(const auto response, webauthn::parse_registration(response_json));
  DAYAQ_TRY(
      const webauthn::Credential credential,
      webauthn::verify_registration(response, {.party = s.party, .challenge = state.challenge, .now = now}));
  return s.finish(state, credential, name, lost, now);
}

Result<EnrolView> Enrolling::totp(std::string_view text, std::optional<AuthenticatorId> lost,
                                  const Caller& caller, Instant now) {
  const State& s = *state_;
  DAYAQ_TRY(EnrolState state, s.opened(text, {Step::choose}, caller, now));
  std::array<std::byte, totp_secret_size> secret{};
  s.accounts.random.fill(secret);
  state.step = Step::totp;
  state.totp_secret = std::string(as_text(secret));
  state.lost = lost.value_or(AuthenticatorId());
  EnrolView out = s.view(state, caller, now);
  out.totp_uri = identity::totp_uri(secret, s.settings.issuer_name, state.national_id);
  out.totp_secret = to_base32(secret);
  return out;
}

Result<EnrolView> Enrolling::sms(std::string_view text, std::size_t number,
                                 std::optional<AuthenticatorId> lost, const Caller& caller, Instant now) {
  const State& s = *state_;
  DAYAQ_TRY(EnrolState state, s.opened(text, {Step::choose}, caller, now));
  DAYAQ_TRY(const auto numbers, s.db.read([&](store::Session& session) {
    return numbers_of(session, s.accounts.persons, state.proof.person, now);
  }));
  if (number >= numbers.size()) {
    return fail_field("enrol.number", "number", "This number isn't one of those offered.");
  }
  state.sms_number = numbers[number];
  if (state.proof.enrolment == Enrolment::sms_code && state.proof.number == state.sms_number) {
    return s.finish(state, SmsNumber{state.sms_number}, "", lost, now);
  }
  const IssuedCode issued = issue_code(s.number_key.view(), as_bytes(caller.attempt), s.accounts.random, now);
  state.step = Step::sms;
  state.sms_mac = issued.state.mac;
  state.sms_expires = issued.state.expires;
  state.lost = lost.value_or(AuthenticatorId());
  const Message message{.id = s.accounts.random.next_id(),
                        .channel = Message::Channel::sms,
                        .to = state.sms_number,
                        .text = notice_text(Notice::number_code, state.language, {issued.code}),
                        .until = issued.state.expires};
  const Counter counter{.what = Counted::message, .person = state.proof.person, .name = ""};
  const auto queued = s.db.write([&](store::Session& session) -> Result<void> {
    DAYAQ_TRY_OK(s.limits.check(session, counter, now));
    DAYAQ_TRY_OK(s.limits.count(session, counter, now));
    return s.accounts.outbox.queue(session, message);
  });
  DAYAQ_TRY_OK(queued);
  EnrolView out = s.view(state, caller, now);
  out.masked = masked_number(s.accounts.registry.country.calling_code(), state.sms_number);
  return out;
}

Result<EnrolView> Enrolling::first_code(std::string_view text, std::string_view typed,
                                        const std::string& name, const Caller& caller, Instant now) {
  const State& s = *state_;
  DAYAQ_TRY(const EnrolState state, s.opened(text, {Step::totp, Step::sms}, caller, now));
  const auto lost = state.lost == AuthenticatorId() ? std::nullopt : std::optional(state.lost);
  const auto wrong = [] {
    return fail(ErrorKind::forbidden, "enrol.code", "This isn't the code. Look again and type it once more.");
  };
  if (state.step == Step::totp) {
    const BytesView secret = as_bytes(state.totp_secret);
    const CodeCheck<TotpState> checked = check_totp(secret, TotpState{}, typed, now);
    if (checked.verdict != CodeVerdict::accepted) return wrong();
    return s.finish(state, TotpSecret{{secret.begin(), secret.end()}, checked.next.last_step}, name, lost,
                    now);
  }
  const OneTimeCode issued{.mac = state.sms_mac,
                           .expires = state.sms_expires,
                           .attempts_left = 1,
                           .stage = CodeStage::waiting,
                           .session_hash = crypto::sha256(as_bytes(caller.attempt))};
  const auto checked = check_code(s.number_key.view(), issued, as_bytes(caller.attempt), typed, now);
  if (checked.verdict != CodeVerdict::accepted) {
    // The sealed text can be sent again and again; what is counted is the proof's row.
    DAYAQ_TRY(const bool left,
              s.db.write([&](store::Session& session) { return count_wrong(session, state.proof); }));
    if (!left) return limited();
    return wrong();
  }
  DAYAQ_TRY(const bool left,
            s.db.read([&](store::Session& session) { return attempts_left(session, state.proof); }));
  if (!left) return limited();
  return s.finish(state, SmsNumber{state.sms_number}, name, lost, now);
}

Result<EnrolView> Enrolling::card_only(std::string_view text, const std::string& name,
                                       std::optional<AuthenticatorId> lost, const Caller& caller,
                                       Instant now) {
  const State& s = *state_;
  DAYAQ_TRY(const EnrolState state, s.opened(text, {Step::choose}, caller, now));
  if (state.proof.enrolment != Enrolment::card) return wrong_step("no card was shown");
  return s.finish(state, CardPrint{state.card}, name, lost, now);
}

Result<Assurance> Enrolling::raise(const Session& present, std::string_view typed, const Caller& caller,
                                   Instant now) {
  const State& s = *state_;
  const auto normal = normal_activation_code(typed);
  if (!normal) {
    return fail_field("enrol.slip", "code", "There is a slip in this code. Compare it letter by letter.");
  }
  const Counter network{.what = Counted::wrong_network, .person = {}, .name = caller.network};
  DAYAQ_TRY(const TypedCode checked, s.db.write([&](store::Session& db) -> Result<TypedCode> {
    DAYAQ_TRY_OK(s.limits.check(db, network, now));
    DAYAQ_TRY(const auto record, s.accounts.persons.person(db, present.person));
    if (!record) return TypedCode{};
    DAYAQ_TRY(const registry::NationalId id, s.parse(record->person.national_id));
    DAYAQ_TRY(TypedCode out, check_typed(db, s.accounts, id, *normal, now, s.settings.activation));
    if (out.verdict != TypedCode::Verdict::accepted) DAYAQ_TRY_OK(s.limits.count(db, network, now));
    return out;
  }));
  if (checked.verdict == TypedCode::Verdict::limit) return limited();
  if (checked.verdict == TypedCode::Verdict::refused) return refused();
  return s.db.write(
      [&](store::Session& db) { return raise_assurance(db, s.accounts, present, *checked.proof, now); });
}

}  // namespace dayaq::identity
