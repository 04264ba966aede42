// Proofs of who somebody is, with which a digital ID is made, made surer, or recovered.
//
//   asked for (by the person, an official) ── sent (SMS, letter) or shown (counter) ── typed ──> spent
//   a card's certificate ── checked ──────────────────────────────────────────────────────────> spent
//
// Each proof is a row, for one registration of an authenticator. It is spent in the transaction that
// registers, not when the code is typed: a crash in between costs nobody their code.
//
// Who asks for a code gets the same answer, by the same reads and writes, whether or not the national id is
// anybody's: rows are written and a message is queued either way, and one to nobody has expired already.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "crypto/client_certificate.hpp"
#include "crypto/sign.hpp"
#include "identity/account/accounts.hpp"
#include "identity/activation.hpp"

namespace dayaq::identity {

using ActivationId = Id64<struct ActivationTag>;

struct ActivationPolicy {
  std::chrono::minutes sms_life{60};
  std::chrono::days letter_life{14};
  std::chrono::minutes counter_life{60};
  std::chrono::minutes card_life{15};
  unsigned wrong_max = 10;  ///< codes typed for one proof
  unsigned asked_max = 3;   ///< codes asked for oneself, in a day
  unsigned typed_max = 30;  ///< codes typed for one person, in a day
};

/// Random values, drawn before the transaction.
struct DrawnActivation {
  ActivationId id;
  std::string code;  ///< for the letter, the SMS or the official's screen
  Activation state;
};
/// `enrolment` says how the code travels, and so how long it lives.
[[nodiscard]] DrawnActivation draw_activation(const Accounts& accounts, Enrolment enrolment, Instant now,
                                              const ActivationPolicy& policy = {});

struct ActivationRequest {
  registry::NationalId national_id;
  Enrolment channel = Enrolment::sms_code;  ///< or letter_code
  std::string number;                       ///< SMS: must be one that the registry knows as theirs
  Language language = Language::az;
};

/// Asked for by somebody who says they are this person. Part of a transaction. The answer never tells whether
/// anything was sent.
///   - limit "activation.limit"  so often already today
Result<void> request_activation(store::Session& db, const Accounts& accounts,
                                const ActivationRequest& request, const DrawnActivation& drawn, Instant now,
                                const ActivationPolicy& policy = {});

struct OfficialActivation {
  PersonId person;
  Enrolment channel = Enrolment::counter;  ///< counter: the official has seen them and their document
  std::string number;                      ///< SMS
  std::string document;  ///< counter: which document was seen, 3 to 60 bytes ("passport AZE 1234567")
  std::string actor;     ///< who they are, as the audit log names them
};
/// By an official. The code is shown to them (drawn.code) for a counter alone, else sent.
///   - not_found "registry.person"; invalid_input "registry.deceased"
///   - invalid_input "activation.document", "authenticator.number", "activation.channel"
///   - forbidden "account.suspended", "account.closed"
Result<void> issue_activation_for(store::Session& db, const Accounts& accounts,
                                  const OfficialActivation& request, const DrawnActivation& drawn,
                                  Instant now);

/// A proof that holds and isn't spent.
struct Proof {
  ActivationId id;
  PersonId person;
  Enrolment enrolment = Enrolment::sms_code;
  std::string number;  ///< where a code by SMS went
  std::string actor;   ///< "self", or the official who vouched
};

/// What a typed code was: counting it is part of the same transaction, so a wrong one is no Error, which
/// would take the count back.
struct TypedCode {
  enum class Verdict : std::uint8_t { accepted, refused, limit };
  Verdict verdict = Verdict::refused;
  std::optional<Proof> proof;  ///< accepted
};
/// `normal` is of normal_activation_code. Refused, all alike: wrong, spent, used up, expired, of nobody, of
/// somebody dead or suspended.
Result<TypedCode> check_typed(store::Session& db, const Accounts& accounts,
                              const registry::NationalId& national_id, std::string_view normal, Instant now,
                              const ActivationPolicy& policy = {});

// -- identity cards

/// Says whether an authority takes a certificate back. Called by worker threads; may block.
class CardRevocation {
 public:
  virtual ~CardRevocation() = default;
  /// `leaf`: a card, not an authority between it and the anchor. unknown: nothing of now is known.
  [[nodiscard]] virtual crypto::Standing standing(BytesView certificate, BytesView authority, bool leaf,
                                                  Instant now) const = 0;
};

struct CardPolicy {
  std::vector<Bytes> anchors;        ///< DER of the authorities that issue cards; none: no cards here
  std::vector<Bytes> intermediates;  ///< DER, offered to the chain
  std::string country = "AZ";        ///< of serial numbers such as "PNOAZ-5ABC123"
  const CardRevocation* revocation = nullptr;  ///< outlives this; null: nobody asks whether a card was revoked
};
struct Card {
  registry::NationalId national_id;
  Fingerprint fingerprint{};
};
/// A certificate with which a browser or a program has proved over mutual TLS that it holds the key. `chain`
/// holds what the other side sent after it.
///   - forbidden "card.untrusted"   leads to none of the anchors, or is an authority itself
///   - forbidden "card.expired"     isn't valid any more, or not yet
///   - forbidden "card.purpose"     isn't for signing in: the card's other certificate, for documents
///   - forbidden "card.revoked"     its authority has taken it back
///   - unavailable "card.standing"  whether it has can't be found out now
///   - forbidden "card.serial"      its subject's serialNumber isn't a national id. @see X.520 5.2.9, ETSI EN
///                                  319 412-1 section 5.1.3
///   - invalid_input "cose.certificate"
[[nodiscard]] Result<Card> check_card(const CardPolicy& policy, const registry::NationalIdRule& rule,
                                      BytesView leaf, std::span<const Bytes> chain, Instant now);
/// The proof that a card's bearer has. Part of a transaction. nullopt: nobody who may have a digital ID.
Result<std::optional<Proof>> prove_by_card(store::Session& db, const Accounts& accounts, const Card& card,
                                           const DrawnActivation& drawn, Instant now);

// -- spending a proof

/// One wrong number code; false if there are no attempts left. Part of a transaction.
Result<bool> count_wrong(store::Session& db, const Proof& proof);
Result<bool> attempts_left(store::Session& db, const Proof& proof);

/// Spends it. False if it was spent already.
Result<bool> spend(store::Session& db, const Proof& proof, Instant now);

struct Enrolled {
  Account account;
  Authenticator authenticator;
  bool recovered = false;  ///< there was a digital ID already: see recovery.hpp
};
struct UndoToken;
/// Spends the proof and registers the authenticator: the digital ID is made, or recovered if there is one.
///   - forbidden "enrol.spent"   the proof was used meanwhile
///   - and the errors of put_authenticator and recover
Result<Enrolled> enrol(store::Session& db, const Accounts& accounts, const Proof& proof,
                       const NewAuthenticator& added, std::optional<AuthenticatorId> lost,
                       const UndoToken& undo, Language language, Instant now);

/// A person who is signed in shows their identity card: from here on it signs them in, as surely as a card
/// does, whatever the session is worth, since the card says itself who they are. The digital ID counts for as
/// much. The card that is there already is returned as it is. Part of a transaction.
///   - forbidden "card.another"  the card is another person's
///   - those of changes by the person, and of put_authenticator (accounts.hpp)
Result<Authenticator> add_card(store::Session& db, const Accounts& accounts, const Session& session,
                               const Card& card, AuthenticatorId id, Instant now);

/// A person who is signed in shows a surer proof: their digital ID, and the authenticator they signed in
/// with, count for more from here on. Returns the new assurance of that authenticator.
///   - forbidden "enrol.spent"; those of changes by the person (accounts.hpp)
///   - forbidden "authenticator.waiting"
Result<Assurance> raise_assurance(store::Session& db, const Accounts& accounts, const Session& session,
                                  const Proof& proof, Instant now);

/// Deletes proofs and counts whose time is over; at most `limit` of each.
Result<int> sweep_activations(store::Session& db, Instant now, int limit);

}  // namespace dayaq::identity
