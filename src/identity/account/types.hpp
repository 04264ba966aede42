// The nouns of a digital ID: the account, its authenticators, sessions, relations.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "http/principal.hpp"

namespace dayaq::identity {

/// none: no digital ID. The mapping to eIDAS is in docs/identity.md.
using Assurance = http::Assurance;

using AuthenticatorId = Id64<struct AuthenticatorTag>;
using SessionId = Id64<struct SessionTag>;
using RelationId = Id64<struct RelationTag>;

enum class AccountState : std::uint8_t {
  active,
  suspended,  ///< by an official, with a reason: nobody signs in, nothing is lost
  closed,     ///< the person died: sessions ended, authenticators void
};
[[nodiscard]] std::string_view to_string(AccountState state);  ///< "active"

/// How a person proved who they are when the digital ID was made, or made surer later.
enum class Enrolment : std::uint8_t {
  sms_code,     ///< a code to a number that the registry knows as theirs: low
  letter_code,  ///< a code by letter to the registered address: substantial
  counter,      ///< an official saw them and their document: high
  card,         ///< an identity card's certificate over mutual TLS: high
};
[[nodiscard]] Assurance assurance_of(Enrolment enrolment);
[[nodiscard]] std::string_view to_string(Enrolment enrolment);  ///< "sms_code"
using http::to_string;  // of an Assurance: "low"

/// A digital ID: at most one for a person.
struct Account {
  PersonId person;
  AccountState state = AccountState::active;
  Enrolment enrolment = Enrolment::sms_code;  ///< the surest so far
  Instant created;
  Instant changed;                   ///< of the state
  Language language = Language::az;  ///< of the messages to them
};

enum class AuthenticatorKind : std::uint8_t { passkey, mobile, totp, sms, card, password };
[[nodiscard]] std::string_view to_string(AuthenticatorKind kind);  ///< "passkey"
/// What authenticators of a kind can prove at best, alone. A passkey's attestation may make it high.
[[nodiscard]] Assurance worth_of(AuthenticatorKind kind);

/// What is known of an authenticator without its secrets.
struct Authenticator {
  AuthenticatorId id;
  PersonId person;
  AuthenticatorKind kind = AuthenticatorKind::passkey;
  std::string name;  ///< as the person calls it: "my phone"
  Instant added;
  Instant used = instant_min;         ///< last; instant_min: never
  Instant active_from = instant_min;  ///< one added by recovery waits before it counts fully
  Instant ends = instant_max;         ///< declared lost: works until then, and a sign-in with it undoes that
  /// What a sign-in with it alone is worth, once active: what its kind can prove, or what was proved when it
  /// was added, the lower. A session's is this or the account's enrolment, the lower.
  Assurance assurance = Assurance::low;
  /// none: don't accept it (it has ended).
  [[nodiscard]] Assurance worth_at(Instant t) const {
    if (t >= ends) return Assurance::none;
    return t < active_from ? std::min(assurance, Assurance::low) : assurance;
  }
};

/// A bit set of what was used. @see RFC 8176 for the amr values
class Methods {
 public:
  constexpr Methods() = default;
  constexpr explicit Methods(std::uint16_t bits) : bits_(bits) {}
  constexpr Methods(AuthenticatorKind kind) : bits_(std::uint16_t(1u << unsigned(kind))) {}
  [[nodiscard]] constexpr bool has(AuthenticatorKind kind) const {
    return (bits_ >> unsigned(kind) & 1u) != 0;
  }
  constexpr Methods& operator|=(Methods other) {
    bits_ = std::uint16_t(bits_ | other.bits_);
    return *this;
  }
  [[nodiscard]] constexpr std::uint16_t bits() const { return bits_; }
  friend constexpr bool operator==(Methods, Methods) = default;

 private:
  std::uint16_t bits_ = 0;
};
/// What several used in one sign-in are worth together: something known and something held are two factors
/// (a password with an SMS or an app's code: substantial). Never less than the surest of them, `surest`.
[[nodiscard]] Assurance assurance_of(Methods methods, Assurance surest);

/// Somebody is signed in, in one browser.
struct Session {
  SessionId id;
  PersonId person;
  PersonId acting_for;            ///< 0: themselves
  Instant authenticated;          ///< auth_time
  Instant expires;                ///< for good, however much it is used
  AuthenticatorId authenticator;  ///< the last one used
  Methods methods;                ///< amr
  Assurance assurance = Assurance::low;
};

enum class RelationKind : std::uint8_t { guardian, mandate, representative };
[[nodiscard]] std::string_view to_string(RelationKind kind);  ///< "guardian"

/// `holder` may act for another person or for an organisation: explicit, dated, revocable.
struct Relation {
  RelationId id;
  RelationKind kind = RelationKind::mandate;
  PersonId holder;
  PersonId principal;             ///< who is acted for; 0 for a representative
  OrganisationCode organisation;  ///< of a representative; else empty
  std::string scope;              ///< what for: "all", or a service's code
  Period valid;
  Instant ended = instant_max;  ///< revoked at
  std::string recorded_by;      ///< an actor as the audit log names them
  [[nodiscard]] bool stands_at(Instant t) const { return t < ended && valid.contains(t); }
};

}  // namespace dayaq::identity
