#include <fmt/format.h>

#include <algorithm>

#include "crypto/sign.hpp"
#include "http/encoding.hpp"
#include "identity/account/accounts.hpp"
#include "identity/account/accounts_store.hpp"
#include "identity/account/notices.hpp"

namespace dayaq::identity {
namespace {

using http::json_string;

constexpr std::size_t name_max = 60;

std::optional<Error> check_name(std::string_view name) {
  const bool control =
      std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (name.size() <= name_max && !control && is_utf8(name)) return std::nullopt;
  return fail_field("authenticator.name", "name", "Give it a name of at most 60 bytes, on one line.").error();
}

std::string default_name(AuthenticatorKind kind, const std::string& detail) {
  switch (kind) {
    case AuthenticatorKind::passkey:
      return "passkey";
    case AuthenticatorKind::mobile:
      return "mobile";
    case AuthenticatorKind::totp:
      return "TOTP";
    case AuthenticatorKind::sms:
      return "SMS " + detail.substr(detail.size() - std::min<std::size_t>(2, detail.size()));
    case AuthenticatorKind::card:
      return "card";
    case AuthenticatorKind::password:
      return "password";
  }
  return "";
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ' ';
    out += word;
  }
  return out;
}

/// A row for the new one, without what the database must be asked for.
StoredAuthenticator row_of(const Accounts& accounts, PersonId person, const NewAuthenticator& added) {
  StoredAuthenticator row;
  Authenticator& a = row.authenticator;
  a.id = added.id;
  a.person = person;
  a.kind = kind_of(added.material);
  const auto seal = [&](BytesView secret) {
    return accounts.master.seal(secret, as_bytes(seal_context(to_string(a.kind), person, a.id.value())),
                                accounts.random);
  };
  if (const auto* passkey = std::get_if<webauthn::Credential>(&added.material)) {
    row.credential = passkey->id;
    row.public_key = passkey->public_key;
    row.counter = passkey->counter;
    row.flags = flags_of(passkey->flags);
    row.attestation = std::int64_t(passkey->attestation);
    row.aaguid.assign(passkey->aaguid.begin(), passkey->aaguid.end());
    row.detail = join(passkey->transports);
  } else if (const auto* mobile = std::get_if<MobileKey>(&added.material)) {
    row.public_key = mobile->public_key;
    row.detail = mobile->address;
  } else if (const auto* totp = std::get_if<TotpSecret>(&added.material)) {
    row.secret = seal(totp->secret);
    row.counter = sql_key(totp->last_step);
  } else if (const auto* sms = std::get_if<SmsNumber>(&added.material)) {
    row.detail = sms->number;
  } else if (const auto* card = std::get_if<CardPrint>(&added.material)) {
    row.credential.assign(card->fingerprint.begin(), card->fingerprint.end());
  } else if (const auto* password = std::get_if<PasswordHash>(&added.material)) {
    row.secret = seal(as_bytes(password->hash));
  }
  row.worth = worth_of(added.material);
  return row;
}

/// The same number or card, or any password: a person has each once.
std::optional<StoredAuthenticator> find_same(const std::vector<StoredAuthenticator>& present,
                                             const StoredAuthenticator& row) {
  for (const StoredAuthenticator& one : present) {
    if (one.authenticator.kind != row.authenticator.kind) continue;
    switch (row.authenticator.kind) {
      case AuthenticatorKind::sms:
        if (one.detail == row.detail) return one;
        break;
      case AuthenticatorKind::card:
        if (one.credential == row.credential) return one;
        break;
      case AuthenticatorKind::password:
        return one;
      default:
        break;
    }
  }
  return std::nullopt;
}

/// A number or card that was there already stays what it was: no longer lost, and as sure as it now proved.
Result<Authenticator> keep_same(store::Session& db, StoredAuthenticator same, const Binding& binding,
                                Instant now) {
  Authenticator& a = same.authenticator;
  if (a.ends != instant_max) {
    a.ends = instant_max;
    DAYAQ_TRY_OK(set_ends(db, a.person, a.id, a.ends));
  }
  if (binding.proved > same.bound && binding.active_from <= now) {
    a.assurance = std::min(same.worth, binding.proved);
    DAYAQ_TRY_OK(set_proved(db, a.person, a.id, binding.proved));
  }
  return a;
}

std::unexpected<Error> unknown() {
  return fail(ErrorKind::not_found, "authenticator.unknown", "You have no such way to sign in.");
}

}  // namespace

AuthenticatorKind kind_of(const Material& material) {
  static constexpr AuthenticatorKind kinds[] = {AuthenticatorKind::passkey, AuthenticatorKind::mobile,
                                                AuthenticatorKind::totp,    AuthenticatorKind::sms,
                                                AuthenticatorKind::card,    AuthenticatorKind::password};
  return kinds[material.index()];
}

Assurance worth_of(const Material& material) {
  // A key that its maker vouches for, and that can't leave its device: nobody can have copied it.
  if (const auto* passkey = std::get_if<webauthn::Credential>(&material)) {
    if (passkey->attestation == webauthn::Attestation::basic && !passkey->flags.backup_eligible &&
        passkey->flags.user_verified) {
      return Assurance::high;
    }
    if (!passkey->flags.user_verified) return Assurance::low;  // one factor: that it is held
  }
  return worth_of(kind_of(material));
}

Result<Authenticator> put_authenticator(store::Session& db, const Accounts& accounts, PersonId person,
                                        const NewAuthenticator& added, const Binding& binding, Instant now) {
  if (auto error = check_name(added.name)) return std::unexpected(*std::move(error));
  StoredAuthenticator row = row_of(accounts, person, added);
  Authenticator& a = row.authenticator;
  a.name = added.name.empty() ? default_name(a.kind, row.detail) : added.name;
  a.added = now;
  a.active_from = binding.active_from;
  row.bound = binding.proved;
  row.added_by = binding.recovery;
  a.assurance = std::min(row.worth, row.bound);

  DAYAQ_TRY(const auto present, stored_authenticators(db, person));
  if (present.size() >= authenticators_max) {
    return fail(ErrorKind::limit, "authenticator.many",
                "You have as many ways to sign in as one person may have. Remove one first.");
  }
  if (auto again = find_same(present, row)) {
    if (a.kind == AuthenticatorKind::password) {
      DAYAQ_TRY_OK(delete_authenticator(db, *again));  // a new password takes the place of the old
    } else {
      return keep_same(db, *std::move(again), binding, now);
    }
  }
  if (a.kind == AuthenticatorKind::sms) {
    DAYAQ_TRY(const auto numbers, numbers_of(db, accounts.persons, person, now));
    if (std::ranges::find(numbers, row.detail) == numbers.end()) {
      return fail_field("authenticator.number", "number", "The registry doesn't know this number as yours.");
    }
  }
  if (a.kind == AuthenticatorKind::passkey) {
    DAYAQ_TRY(const bool claimed, claim_passkey(db, row.credential, person));
    if (!claimed) {
      return fail(ErrorKind::conflict, "authenticator.known",
                  "This passkey is registered already. Make a new one.");
    }
  }
  DAYAQ_TRY_OK(insert_authenticator(db, row));
  DAYAQ_TRY_OK(accounts.log.append(
      db, {.action = "identity.authenticator.add",
           .actor = binding.actor,
           .subject = person,
           .data = fmt::format(R"({{"assurance":"{}","kind":"{}","proved":"{}"}})", to_string(a.assurance),
                               to_string(a.kind), to_string(row.bound)),
           .personal = fmt::format(R"({{"authenticator":"{}","name":{}}})", a.id, json_string(a.name))}));
  return a;
}

// -- a person's own

Result<StoredAuthenticator> own_authenticator(store::Session& db, const Session& session,
                                              AuthenticatorId id) {
  DAYAQ_TRY(auto stored, stored_authenticators(db, session.person));
  for (StoredAuthenticator& one : stored) {
    if (one.authenticator.id == id) return std::move(one);
  }
  return unknown();
}

Result<void> check_fresh(const Session& session, Instant now) {
  if (session.acting_for == PersonId() && now - session.authenticated <= fresh_for) return {};
  return fail(ErrorKind::forbidden, "authenticator.fresh",
              "Prove who you are once more first: this changes how you are recognised.");
}

Result<StoredAuthenticator> standing_behind(store::Session& db, const Session& session, Instant now) {
  auto stored = own_authenticator(db, session, session.authenticator);
  if (!stored || stored->authenticator.worth_at(now) == Assurance::none) {
    return fail(ErrorKind::forbidden, "authenticator.fresh",
                "Prove who you are once more first: this changes how you are recognised.");
  }
  return stored;
}

Result<void> end_sessions_of(store::Session& db, const Accounts& accounts, PersonId person,
                             AuthenticatorId authenticator, std::optional<SessionId> except, Instant now) {
  DAYAQ_TRY(const auto live, accounts.sessions.of(db, person, now));
  for (const Session& one : live) {
    if (one.authenticator != authenticator || one.id == except) continue;
    DAYAQ_TRY_OK(accounts.sessions.end(db, person, one.id, now));
  }
  return {};
}

Result<Account> account_in_force(store::Session& db, PersonId person) {
  DAYAQ_TRY(const auto account, account_of(db, person));
  if (!account) return fail(ErrorKind::not_found, "account.unknown", "There is no digital ID yet.");
  if (account->state == AccountState::suspended) {
    return fail(ErrorKind::forbidden, "account.suspended",
                "This digital ID is suspended. A service centre can tell you more.");
  }
  if (account->state == AccountState::closed) {
    return fail(ErrorKind::forbidden, "account.closed", "This digital ID is closed.");
  }
  return *account;
}

Result<Authenticator> add_authenticator(store::Session& db, const Accounts& accounts, const Session& session,
                                        const NewAuthenticator& added, Instant now) {
  DAYAQ_TRY_OK(check_fresh(session, now));
  DAYAQ_TRY(const Account account, account_in_force(db, session.person));
  DAYAQ_TRY(const StoredAuthenticator behind, standing_behind(db, session, now));
  // What a waiting one adds waits with it, and goes with it if the recovery is taken back.
  const bool waits = now < behind.authenticator.active_from;
  const Binding binding{.proved = session.assurance,
                        .active_from = waits ? behind.authenticator.active_from : instant_min,
                        .actor = "self",
                        .recovery = waits ? behind.added_by : 0};
  DAYAQ_TRY(const Authenticator made, put_authenticator(db, accounts, session.person, added, binding, now));
  DAYAQ_TRY_OK(notify(db, accounts, account, Notice::authenticator_added, {made.name}, now));
  return made;
}

Result<void> rename_authenticator(store::Session& db, const Accounts& accounts, const Session& session,
                                  AuthenticatorId id, const std::string& name, Instant now) {
  DAYAQ_TRY_OK(check_fresh(session, now));
  DAYAQ_TRY_OK(account_in_force(db, session.person));
  if (auto error = check_name(name)) return std::unexpected(*std::move(error));
  if (name.empty()) return fail_field("authenticator.name", "name", "Give it a name.");
  DAYAQ_TRY(const StoredAuthenticator stored, own_authenticator(db, session, id));
  if (stored.authenticator.name == name) return {};
  DAYAQ_TRY_OK(set_name(db, session.person, id, name));
  DAYAQ_TRY_OK(accounts.log.append(
      db, {.action = "identity.authenticator.rename",
           .actor = "self",
           .subject = session.person,
           .data = fmt::format(R"({{"kind":"{}"}})", to_string(stored.authenticator.kind)),
           .personal = fmt::format(R"({{"authenticator":"{}","name":{}}})", id, json_string(name))}));
  return {};
}

Result<void> remove_authenticator(store::Session& db, const Accounts& accounts, const Session& session,
                                  AuthenticatorId id, bool even_the_last, Instant now) {
  DAYAQ_TRY_OK(check_fresh(session, now));
  DAYAQ_TRY(const Account account, account_in_force(db, session.person));
  DAYAQ_TRY(const StoredAuthenticator behind, standing_behind(db, session, now));
  DAYAQ_TRY(const StoredAuthenticator stored, own_authenticator(db, session, id));
  const Authenticator& a = stored.authenticator;
  const bool itself = id == session.authenticator;
  if (now < behind.authenticator.active_from && !itself) {
    return fail(ErrorKind::forbidden, "authenticator.waiting",
                "What recovery added can't remove anything yet. Use another way to sign in, or wait.");
  }
  if (a.assurance > session.assurance && !itself) {
    return fail(ErrorKind::forbidden, "authenticator.surer",
                "This one proves more than you did now. Sign in with it, or declare it lost.");
  }
  DAYAQ_TRY(const auto all, authenticators_of(db, session.person));
  const bool another = std::ranges::any_of(
      all, [&](const Authenticator& one) { return one.id != id && one.ends == instant_max; });
  if (!another && !even_the_last) {
    return fail(ErrorKind::conflict, "authenticator.last",
                "This is your last way to sign in. Without it you must come back by letter or at a counter.");
  }
  DAYAQ_TRY_OK(delete_authenticator(db, stored));
  DAYAQ_TRY_OK(end_sessions_of(db, accounts, session.person, id, session.id, now));
  DAYAQ_TRY_OK(accounts.log.append(
      db, {.action = "identity.authenticator.remove",
           .actor = "self",
           .subject = session.person,
           .data = fmt::format(R"({{"kind":"{}"}})", to_string(a.kind)),
           .personal = fmt::format(R"({{"authenticator":"{}","name":{}}})", id, json_string(a.name))}));
  return notify(db, accounts, account, Notice::authenticator_removed, {a.name}, now);
}

}  // namespace dayaq::identity
