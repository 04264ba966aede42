#include "identity/account/enrolment.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "http/encoding.hpp"
#include "identity/account/accounts_store.hpp"
#include "identity/account/notices.hpp"
#include "identity/account/recovery.hpp"

namespace dayaq::identity {
namespace {

using http::json_string;
using registry::bucket_of;
using store::Row;

enum class CountedActivation : std::uint8_t { asked, typed };
constexpr std::chrono::hours window{24};

crypto::SecretBytes code_key(const Accounts& accounts) {
  return accounts.master.derive("activation codes");
}

/// How often, this one included, in the present window. Written whether or not there is such a person.
Result<std::int64_t> count(store::Session& db, PersonId person, CountedActivation what, Instant now) {
  const std::int64_t fresh_since = to_micros(now - window);
  DAYAQ_TRY_OK(db.exec(
      "INSERT INTO activation_count (bucket, person_id, what, window_start, counted) VALUES ($1, $2, $3, $4, "
      "1) ON CONFLICT (bucket, person_id, what) DO UPDATE SET "
      "counted = CASE WHEN activation_count.window_start <= $5 THEN 1 ELSE activation_count.counted + 1 END, "
      "window_start = CASE WHEN activation_count.window_start <= $5 THEN excluded.window_start ELSE "
      "activation_count.window_start END",
      {bucket_of(person), sql_key(person), std::int64_t(what), to_micros(now), fresh_since}));
  DAYAQ_TRY(const auto counted,
            db.one("SELECT counted FROM activation_count WHERE bucket = $1 AND person_id = $2 AND what = $3",
                   {bucket_of(person), sql_key(person), std::int64_t(what)},
                   [](const Row& row) { return row.integer(0); }));
  return counted.value_or(1);
}

struct Candidate {
  ActivationId id;
  Enrolment enrolment = Enrolment::sms_code;
  Activation state;
  std::string number;
  std::string issued_by;
};

Result<void> insert_activation(store::Session& db, PersonId person, Enrolment enrolment,
                               const DrawnActivation& drawn, std::string_view number,
                               std::string_view issued_by, Instant now) {
  return db.exec(
      "INSERT INTO activation (bucket, person_id, activation_id, enrolment, mac, issued, expires, "
      "attempts_left, stage, number, issued_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
      {bucket_of(person), sql_key(person), sql_key(drawn.id), std::int64_t(enrolment),
       BytesView(drawn.state.mac), to_micros(now), to_micros(drawn.state.expires),
       std::int64_t(drawn.state.attempts_left), std::int64_t(drawn.state.stage), number, issued_by});
}

Result<std::vector<Candidate>> waiting_of(store::Session& db, PersonId person, Instant now) {
  std::vector<Candidate> out;
  DAYAQ_TRY_OK(db.query(
      "SELECT activation_id, enrolment, mac, expires, attempts_left, number, issued_by FROM activation WHERE "
      "bucket = $1 AND person_id = $2 AND stage = 0 AND expires > $3 ORDER BY issued DESC, activation_id",
      {bucket_of(person), sql_key(person), to_micros(now)}, [&](const Row& row) -> Result<bool> {
        Candidate one{.id = id_from<ActivationId>(row, 0),
                      .enrolment = static_cast<Enrolment>(row.integer(1)),
                      .state = {.mac = {},
                                .expires = from_micros(row.integer(3)),
                                .attempts_left = static_cast<unsigned>(row.integer(4)),
                                .stage = CodeStage::waiting},
                      .number = std::string(row.text(5)),
                      .issued_by = std::string(row.text(6))};
        const BytesView mac = row.blob(2);
        if (mac.size() == one.state.mac.size()) std::ranges::copy(mac, one.state.mac.begin());
        out.push_back(std::move(one));
        return true;
      }));
  return out;
}

/// Somebody whom the registry knows and who lives, and whose digital ID, if there is one, is in force.
Result<bool> may_enrol(store::Session& db, const Accounts& accounts, PersonId person) {
  DAYAQ_TRY(const auto record, accounts.persons.person(db, person));
  DAYAQ_TRY(const auto account, account_of(db, person));
  return record && !record->person.death && (!account || account->state == AccountState::active);
}

Result<void> note_issued(store::Session& db, const Accounts& accounts, PersonId person, Enrolment channel,
                         const std::string& actor, const std::string& personal) {
  DAYAQ_TRY_OK(accounts.log.append(db, {.action = "identity.activation",
                                        .actor = actor,
                                        .subject = person,
                                        .data = fmt::format(R"({{"channel":"{}"}})", to_string(channel)),
                                        .personal = personal}));
  return {};
}

Message code_message(const Accounts& accounts, const DrawnActivation& drawn, Language language) {
  const std::string until = accounts.registry.country.zone().format_local(drawn.state.expires);
  return {.id = drawn.id.value(),
          .channel = Message::Channel::sms,
          .to = "",
          .text = notice_text(Notice::activation_code, language, {drawn.code, until}),
          .until = drawn.state.expires};
}

}  // namespace

DrawnActivation draw_activation(const Accounts& accounts, Enrolment enrolment, Instant now,
                                const ActivationPolicy& policy) {
  const ActivationSettings settings{.attempts_max = policy.wrong_max};
  IssuedActivation issued = issue_activation(code_key(accounts).view(), accounts.random, now, settings);
  switch (enrolment) {
    case Enrolment::sms_code:
      issued.state.expires = now + policy.sms_life;
      break;
    case Enrolment::letter_code:
      issued.state.expires = now + policy.letter_life;
      break;
    case Enrolment::counter:
      issued.state.expires = now + policy.counter_life;
      break;
    case Enrolment::card:
      issued.state.expires = now + policy.card_life;
      break;
  }
  return {ActivationId(accounts.random.next_id()), std::move(issued.code), issued.state};
}

Result<void> request_activation(store::Session& db, const Accounts& accounts,
                                const ActivationRequest& request, const DrawnActivation& drawn, Instant now,
                                const ActivationPolicy& policy) {
  const PersonId person = accounts.registry.person_id(request.national_id);
  DAYAQ_TRY(const std::int64_t asked, count(db, person, CountedActivation::asked, now));
  if (asked > policy.asked_max) {
    return fail(ErrorKind::limit, "activation.limit",
                "So many codes were asked for today already. Come back tomorrow, or go to a service centre.");
  }
  const bool letter = request.channel == Enrolment::letter_code;
  DAYAQ_TRY(const bool may, may_enrol(db, accounts, person));
  DAYAQ_TRY(const auto numbers, numbers_of(db, accounts.persons, person, now));
  DAYAQ_TRY(const std::string address, letter_address(db, accounts, person));
  const bool reachable =
      letter ? !address.empty() : std::ranges::find(numbers, request.number) != numbers.end();
  const bool sent = may && reachable;
  // From here on the same is written either way. What nobody gets can't be typed either: its row is of no use
  // without a person, and for a person who isn't reachable this way it is used up from the beginning.
  DrawnActivation stored = drawn;
  if (!sent) stored.state.stage = CodeStage::used_up;
  DAYAQ_TRY_OK(
      insert_activation(db, person, request.channel, stored, letter ? "" : request.number, "self", now));
  Message message = code_message(accounts, drawn, request.language);
  message.channel = letter ? Message::Channel::letter : Message::Channel::sms;
  message.to = letter ? address : request.number;
  if (!sent) message.until = instant_min;
  DAYAQ_TRY_OK(accounts.outbox.queue(db, message));
  return note_issued(
      db, accounts, person, request.channel, "self",
      fmt::format(R"({{"number":{},"sent":{}}})", json_string(letter ? "" : request.number), sent));
}

Result<void> issue_activation_for(store::Session& db, const Accounts& accounts,
                                  const OfficialActivation& request, const DrawnActivation& drawn,
                                  Instant now) {
  DAYAQ_TRY(const auto record, accounts.persons.person(db, request.person));
  if (!record) return fail(ErrorKind::not_found, "registry.person", "Nobody has this id.");
  if (record->person.death) {
    return fail(ErrorKind::invalid_input, "registry.deceased", "This person has died.");
  }
  DAYAQ_TRY(const auto account, account_of(db, request.person));
  if (account) DAYAQ_TRY_OK(account_in_force(db, request.person));
  Language language = account ? account->language : Language::az;
  Message message = code_message(accounts, drawn, language);
  switch (request.channel) {
    case Enrolment::counter:
      if (request.document.size() < 3 || request.document.size() > 60 || !is_utf8(request.document)) {
        return fail_field("activation.document", "document",
                          "Say in 3 to 60 bytes which document you have seen.");
      }
      break;
    case Enrolment::sms_code: {
      DAYAQ_TRY(const auto numbers, numbers_of(db, accounts.persons, request.person, now));
      if (std::ranges::find(numbers, request.number) == numbers.end()) {
        return fail_field("authenticator.number", "number",
                          "The registry doesn't know this number as theirs.");
      }
      message.to = request.number;
      DAYAQ_TRY_OK(accounts.outbox.queue(db, message));
      break;
    }
    case Enrolment::letter_code: {
      message.channel = Message::Channel::letter;
      DAYAQ_TRY(message.to, letter_address(db, accounts, request.person));
      DAYAQ_TRY_OK(accounts.outbox.queue(db, message));
      break;
    }
    case Enrolment::card:
      return fail_field("activation.channel", "channel",
                        "A code goes by SMS, by letter, or is shown at a counter.");
  }
  DAYAQ_TRY_OK(
      insert_activation(db, request.person, request.channel, drawn, request.number, request.actor, now));
  return note_issued(db, accounts, request.person, request.channel, request.actor,
                     fmt::format(R"({{"document":{},"number":{}}})", json_string(request.document),
                                 json_string(request.number)));
}

Result<TypedCode> check_typed(store::Session& db, const Accounts& accounts,
                              const registry::NationalId& national_id, std::string_view normal, Instant now,
                              const ActivationPolicy& policy) {
  const PersonId person = accounts.registry.person_id(national_id);
  DAYAQ_TRY(const std::int64_t typed, count(db, person, CountedActivation::typed, now));
  if (typed > policy.typed_max) return TypedCode{.verdict = TypedCode::Verdict::limit, .proof = {}};
  DAYAQ_TRY(const bool may, may_enrol(db, accounts, person));
  DAYAQ_TRY(const auto waiting, waiting_of(db, person, now));
  const auto mac = activation_mac(code_key(accounts).view(), normal);
  const Candidate* right = nullptr;
  for (const Candidate& one : waiting) {
    if (one.state.attempts_left > 0 && crypto::equal_constant_time(one.state.mac, mac)) right = &one;
  }
  if (right == nullptr) {
    DAYAQ_TRY_OK(db.exec(
        "UPDATE activation SET attempts_left = attempts_left - 1 WHERE bucket = $1 AND person_id = $2 AND "
        "stage = 0 AND attempts_left > 0",
        {bucket_of(person), sql_key(person)}));
    return TypedCode{};
  }
  if (!may) return TypedCode{};
  return TypedCode{.verdict = TypedCode::Verdict::accepted,
                   .proof = Proof{.id = right->id,
                                  .person = person,
                                  .enrolment = right->enrolment,
                                  .number = right->number,
                                  .actor = right->issued_by}};
}

Result<std::optional<Proof>> prove_by_card(store::Session& db, const Accounts& accounts, const Card& card,
                                           const DrawnActivation& drawn, Instant now) {
  const PersonId person = accounts.registry.person_id(card.national_id);
  DAYAQ_TRY(const bool may, may_enrol(db, accounts, person));
  if (!may) return std::optional<Proof>();
  DAYAQ_TRY_OK(insert_activation(db, person, Enrolment::card, drawn, "", "self", now));
  return std::optional(
      Proof{.id = drawn.id, .person = person, .enrolment = Enrolment::card, .number = "", .actor = "self"});
}

Result<bool> count_wrong(store::Session& db, const Proof& proof) {
  DAYAQ_TRY(
      const std::int64_t changed,
      db.change("UPDATE activation SET attempts_left = attempts_left - 1 WHERE bucket = $1 AND person_id = "
                "$2 AND activation_id = $3 AND attempts_left > 0",
                {bucket_of(proof.person), sql_key(proof.person), sql_key(proof.id)}));
  return changed == 1;
}

Result<bool> attempts_left(store::Session& db, const Proof& proof) {
  DAYAQ_TRY(const auto left,
            db.one("SELECT attempts_left FROM activation WHERE bucket = $1 AND person_id = $2 AND "
                   "activation_id = $3",
                   {bucket_of(proof.person), sql_key(proof.person), sql_key(proof.id)},
                   [](const Row& row) { return row.integer(0); }));
  return left.value_or(0) > 0;
}

Result<bool> spend(store::Session& db, const Proof& proof, Instant now) {
  // A code that was typed in time may be spent a little later; a stranger's wrong tries meanwhile don't
  // matter.
  const Instant at_least = now - std::chrono::minutes(30);
  DAYAQ_TRY(
      const std::int64_t changed,
      db.change("UPDATE activation SET stage = 1 WHERE bucket = $1 AND person_id = $2 AND activation_id = "
                "$3 AND stage = 0 AND expires > $4",
                {bucket_of(proof.person), sql_key(proof.person), sql_key(proof.id), to_micros(at_least)}));
  return changed == 1;
}

namespace {

std::unexpected<Error> spent() {
  return fail(ErrorKind::forbidden, "enrol.spent", "This code was used already. Ask for a new one.");
}

}  // namespace

Result<Enrolled> enrol(store::Session& db, const Accounts& accounts, const Proof& proof,
                       const NewAuthenticator& added, std::optional<AuthenticatorId> lost,
                       const UndoToken& undo, Language language, Instant now) {
  DAYAQ_TRY(const bool fresh, spend(db, proof, now));
  if (!fresh) return spent();
  DAYAQ_TRY(const auto present, account_of(db, proof.person));
  if (present) {
    DAYAQ_TRY(Account account, account_in_force(db, proof.person));
    DAYAQ_TRY(const Recovered recovered, recover(db, accounts, account,
                                                 {.proof = proof.enrolment,
                                                  .proof_number = proof.number,
                                                  .added = added,
                                                  .lost = lost,
                                                  .actor = proof.actor},
                                                 undo, now));
    account.enrolment = std::max(account.enrolment, proof.enrolment);
    return Enrolled{.account = account, .authenticator = recovered.added, .recovered = true};
  }
  // Between the code and now the person may have died.
  DAYAQ_TRY(const bool may, may_enrol(db, accounts, proof.person));
  if (!may) return spent();
  const Account account{.person = proof.person,
                        .state = AccountState::active,
                        .enrolment = proof.enrolment,
                        .created = now,
                        .changed = now,
                        .language = language};
  DAYAQ_TRY_OK(insert_account(db, account));
  DAYAQ_TRY_OK(accounts.log.append(
      db, {.action = "identity.enrol",
           .actor = proof.actor,
           .subject = proof.person,
           .data = fmt::format(R"({{"assurance":"{}","proof":"{}"}})",
                               to_string(assurance_of(proof.enrolment)), to_string(proof.enrolment)),
           .personal = ""}));
  const Binding binding{.proved = assurance_of(proof.enrolment), .actor = proof.actor};
  DAYAQ_TRY(const Authenticator made, put_authenticator(db, accounts, proof.person, added, binding, now));
  if (accounts.observer != nullptr) DAYAQ_TRY_OK(accounts.observer->on_account_changed(db, account));
  DAYAQ_TRY_OK(notify(db, accounts, account, Notice::authenticator_added, {made.name}, now, proof.number));
  return Enrolled{.account = account, .authenticator = made, .recovered = false};
}

Result<Authenticator> add_card(store::Session& db, const Accounts& accounts, const Session& session,
                               const Card& card, AuthenticatorId id, Instant now) {
  DAYAQ_TRY_OK(check_fresh(session, now));
  DAYAQ_TRY(Account account, account_in_force(db, session.person));
  DAYAQ_TRY_OK(standing_behind(db, session, now));
  if (accounts.registry.person_id(card.national_id) != session.person) {
    return fail(ErrorKind::forbidden, "card.another", "This identity card is another person's.");
  }
  DAYAQ_TRY(const Authenticator made,
            put_authenticator(db, accounts, session.person,
                              {.id = id, .name = "", .material = CardPrint{card.fingerprint}},
                              {.proved = assurance_of(Enrolment::card)}, now));
  if (account.enrolment < Enrolment::card) {
    account.enrolment = Enrolment::card;
    DAYAQ_TRY_OK(update_account(db, account));
  }
  DAYAQ_TRY_OK(notify(db, accounts, account, Notice::authenticator_added, {made.name}, now));
  return made;
}

Result<Assurance> raise_assurance(store::Session& db, const Accounts& accounts, const Session& session,
                                  const Proof& proof, Instant now) {
  DAYAQ_TRY_OK(check_fresh(session, now));
  DAYAQ_TRY(Account account, account_in_force(db, session.person));
  DAYAQ_TRY(const StoredAuthenticator behind, standing_behind(db, session, now));
  if (now < behind.authenticator.active_from && assurance_of(proof.enrolment) != Assurance::high) {
    return fail(ErrorKind::forbidden, "authenticator.waiting",
                "What recovery added can't be made surer yet. Wait, or go to a service centre.");
  }
  if (proof.person != session.person) return spent();
  DAYAQ_TRY(const bool fresh, spend(db, proof, now));
  if (!fresh) return spent();
  const Assurance proved = assurance_of(proof.enrolment);
  const bool waits = now < behind.authenticator.active_from;
  if (proved > behind.bound || waits) {
    DAYAQ_TRY_OK(set_proved(db, session.person, session.authenticator, std::max(proved, behind.bound)));
  }
  if (proof.enrolment > account.enrolment) {
    account.enrolment = proof.enrolment;
    DAYAQ_TRY_OK(update_account(db, account));
  }
  const Assurance reached = std::min(behind.worth, std::max(behind.bound, proved));
  DAYAQ_TRY_OK(accounts.log.append(
      db, {.action = "identity.raise",
           .actor = proof.actor,
           .subject = session.person,
           .data = fmt::format(R"({{"assurance":"{}","proof":"{}"}})", to_string(reached),
                               to_string(proof.enrolment)),
           .personal = fmt::format(R"({{"authenticator":"{}"}})", session.authenticator)}));
  return reached;
}

Result<int> sweep_activations(store::Session& db, Instant now, int limit) {
  struct Past {
    PersonId person;
    std::int64_t id = 0;
  };
  std::vector<Past> codes;
  std::vector<Past> counts;
  // Kept a day beyond their time: a proof may be spent a little later.
  DAYAQ_TRY_OK(db.query("SELECT person_id, activation_id FROM activation WHERE expires <= $1 LIMIT $2",
                        {to_micros(now - window), std::int64_t(limit)}, [&](const Row& row) -> Result<bool> {
                          codes.push_back({id_from<PersonId>(row, 0), row.integer(1)});
                          return true;
                        }));
  DAYAQ_TRY_OK(db.query("SELECT person_id, what FROM activation_count WHERE window_start <= $1 LIMIT $2",
                        {to_micros(now - window), std::int64_t(limit)}, [&](const Row& row) -> Result<bool> {
                          counts.push_back({id_from<PersonId>(row, 0), row.integer(1)});
                          return true;
                        }));
  for (const Past& one : codes) {
    DAYAQ_TRY_OK(db.exec("DELETE FROM activation WHERE bucket = $1 AND person_id = $2 AND activation_id = $3",
                         {bucket_of(one.person), sql_key(one.person), one.id}));
  }
  for (const Past& one : counts) {
    DAYAQ_TRY_OK(db.exec("DELETE FROM activation_count WHERE bucket = $1 AND person_id = $2 AND what = $3",
                         {bucket_of(one.person), sql_key(one.person), one.id}));
  }
  return static_cast<int>(codes.size() + counts.size());
}

}  // namespace dayaq::identity
