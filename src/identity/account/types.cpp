#include "identity/account/types.hpp"

namespace dayaq::identity {

Assurance assurance_of(Enrolment enrolment) {
  switch (enrolment) {
    case Enrolment::sms_code:
      return Assurance::low;
    case Enrolment::letter_code:
      return Assurance::substantial;
    case Enrolment::counter:
    case Enrolment::card:
      return Assurance::high;
  }
  return Assurance::none;
}

std::string_view to_string(Enrolment enrolment) {
  switch (enrolment) {
    case Enrolment::sms_code:
      return "sms_code";
    case Enrolment::letter_code:
      return "letter_code";
    case Enrolment::counter:
      return "counter";
    case Enrolment::card:
      return "card";
  }
  return "";
}

std::string_view to_string(AccountState state) {
  switch (state) {
    case AccountState::active:
      return "active";
    case AccountState::suspended:
      return "suspended";
    case AccountState::closed:
      return "closed";
  }
  return "";
}

std::string_view to_string(AuthenticatorKind kind) {
  switch (kind) {
    case AuthenticatorKind::passkey:
      return "passkey";
    case AuthenticatorKind::mobile:
      return "mobile";
    case AuthenticatorKind::totp:
      return "totp";
    case AuthenticatorKind::sms:
      return "sms";
    case AuthenticatorKind::card:
      return "card";
    case AuthenticatorKind::password:
      return "password";
  }
  return "";
}

std::string_view to_string(RelationKind kind) {
  switch (kind) {
    case RelationKind::guardian:
      return "guardian";
    case RelationKind::mandate:
      return "mandate";
    case RelationKind::representative:
      return "representative";
  }
  return "";
}

Assurance worth_of(AuthenticatorKind kind) {
  switch (kind) {
    case AuthenticatorKind::card:
      return Assurance::high;
    case AuthenticatorKind::passkey:
    case AuthenticatorKind::mobile:
      return Assurance::substantial;
    case AuthenticatorKind::totp:
    case AuthenticatorKind::sms:
    case AuthenticatorKind::password:
      return Assurance::low;
  }
  return Assurance::none;
}

Assurance assurance_of(Methods methods, Assurance surest) {
  const bool known = methods.has(AuthenticatorKind::password);
  const bool held = methods.has(AuthenticatorKind::totp) || methods.has(AuthenticatorKind::sms);
  return known && held ? std::max(surest, Assurance::substantial) : surest;
}

}  // namespace dayaq::identity
