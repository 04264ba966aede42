#include "identity/account/accounts.hpp"

#include <algorithm>
#include <limits>

#include "base/log.hpp"
#include "identity/account/accounts_store.hpp"
#include "identity/account/recovery.hpp"

namespace dayaq::identity {
namespace {

constexpr std::int64_t flag_verified = 1;
constexpr std::int64_t flag_eligible = 2;
constexpr std::int64_t flag_backed_up = 4;

webauthn::Credential credential_of(const StoredAuthenticator& stored) {
  webauthn::Credential out;
  out.id = stored.credential;
  out.public_key = stored.public_key;
  out.counter = static_cast<std::uint32_t>(stored.counter);
  if (stored.aaguid.size() == out.aaguid.size()) std::ranges::copy(stored.aaguid, out.aaguid.begin());
  out.flags = {.user_present = true,
               .user_verified = (stored.flags & flag_verified) != 0,
               .backup_eligible = (stored.flags & flag_eligible) != 0,
               .backed_up = (stored.flags & flag_backed_up) != 0};
  out.attestation = static_cast<webauthn::Attestation>(stored.attestation);
  std::string_view rest = stored.detail;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    if (end > 0) out.transports.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

/// Opens what is sealed in a row. Null if it doesn't open under this master key.
std::optional<crypto::SecretBytes> open_secret(const crypto::MasterKey& master,
                                               const StoredAuthenticator& stored) {
  const Authenticator& a = stored.authenticator;
  auto opened = master.open(stored.secret, as_bytes(seal_context(to_string(a.kind), a.person, a.id.value())));
  if (!opened) {
    log::error("identity.sealed", "a secret of an authenticator doesn't open under this master key",
               {{"authenticator", a.id.value()}});
  }
  return opened;
}

std::unexpected<Error> moved_on() {
  return fail(ErrorKind::conflict, "authenticator.moved_on",
              "This authenticator was just used somewhere else. Try again.");
}

}  // namespace

std::int64_t flags_of(const webauthn::AuthenticatorFlags& flags) {
  return (flags.user_verified ? flag_verified : 0) | (flags.backup_eligible ? flag_eligible : 0) |
         (flags.backed_up ? flag_backed_up : 0);
}

Result<std::vector<Authenticator>> authenticators_of(store::Session& db, PersonId person) {
  DAYAQ_TRY(const auto stored, stored_authenticators(db, person));
  std::vector<Authenticator> out;
  for (const StoredAuthenticator& one : stored) out.push_back(one.authenticator);
  return out;
}

Result<std::optional<std::pair<Authenticator, webauthn::Credential>>> passkey_of(store::Session& db,
                                                                                 PersonId person,
                                                                                 BytesView credential_id) {
  std::optional<std::pair<Authenticator, webauthn::Credential>> found;
  DAYAQ_TRY(const auto stored, stored_authenticators(db, person));
  for (const StoredAuthenticator& one : stored) {
    if (one.authenticator.kind != AuthenticatorKind::passkey) continue;
    if (!std::ranges::equal(one.credential, credential_id)) continue;
    found.emplace(one.authenticator, credential_of(one));
  }
  return found;
}

Result<std::vector<webauthn::Credential>> passkeys_of(store::Session& db, PersonId person) {
  DAYAQ_TRY(const auto stored, stored_authenticators(db, person));
  std::vector<webauthn::Credential> out;
  for (const StoredAuthenticator& one : stored) {
    if (one.authenticator.kind == AuthenticatorKind::passkey) out.push_back(credential_of(one));
  }
  return out;
}

Result<std::vector<TotpAuthenticator>> totps_of(store::Session& db, const crypto::MasterKey& master,
                                                PersonId person) {
  DAYAQ_TRY(const auto stored, stored_authenticators(db, person));
  std::vector<TotpAuthenticator> out;
  for (const StoredAuthenticator& one : stored) {
    if (one.authenticator.kind != AuthenticatorKind::totp) continue;
    auto secret = open_secret(master, one);
    if (!secret) continue;
    out.push_back({one.authenticator,
                   *std::move(secret),
                   {static_cast<std::uint64_t>(one.counter), one.failures, one.paused_until}});
  }
  return out;
}

Result<std::vector<std::string>> numbers_of(store::Session& db, const registry::RegistryStore& persons,
                                            PersonId person, Instant now) {
  DAYAQ_TRY(const auto subscriptions, persons.subscriptions_of(db, person));
  std::vector<std::string> out;
  for (const registry::Subscription& one : subscriptions) {
    if (one.kind != registry::SubscriptionKind::mobile || !one.valid.contains(now)) continue;
    if (std::ranges::find(out, one.number) == out.end()) out.push_back(one.number);
  }
  return out;
}

Result<std::vector<SmsAuthenticator>> sms_of(store::Session& db, const registry::RegistryStore& persons,
                                             PersonId person, Instant now) {
  DAYAQ_TRY(const auto numbers, numbers_of(db, persons, person, now));
  DAYAQ_TRY(const auto stored, stored_authenticators(db, person));
  std::vector<SmsAuthenticator> out;
  for (const StoredAuthenticator& one : stored) {
    if (one.authenticator.kind != AuthenticatorKind::sms) continue;
    if (std::ranges::find(numbers, one.detail) == numbers.end()) continue;
    out.push_back({one.authenticator, one.detail});
  }
  return out;
}

std::string masked_number(std::string_view calling_code, std::string_view number) {
  const std::string_view last = number.size() >= 2 ? number.substr(number.size() - 2) : "**";
  return "+" + std::string(calling_code) + " ** *** ** " + std::string(last);
}

Result<std::vector<MobileDevice>> mobiles_of(store::Session& db, PersonId person) {
  DAYAQ_TRY(const auto stored, stored_authenticators(db, person));
  std::vector<MobileDevice> out;
  for (const StoredAuthenticator& one : stored) {
    if (one.authenticator.kind != AuthenticatorKind::mobile) continue;
    out.push_back({one.authenticator, one.public_key, one.detail});
  }
  return out;
}

Result<std::optional<Authenticator>> card_of(store::Session& db, PersonId person, const Fingerprint& card) {
  std::optional<Authenticator> found;
  DAYAQ_TRY(const auto stored, stored_authenticators(db, person));
  for (const StoredAuthenticator& one : stored) {
    if (one.authenticator.kind == AuthenticatorKind::card && std::ranges::equal(one.credential, card)) {
      found = one.authenticator;
    }
  }
  return found;
}

Result<std::optional<PasswordAuthenticator>> password_of(store::Session& db, const crypto::MasterKey& master,
                                                         PersonId person) {
  std::optional<PasswordAuthenticator> found;
  DAYAQ_TRY(const auto stored, stored_authenticators(db, person));
  for (const StoredAuthenticator& one : stored) {
    if (one.authenticator.kind != AuthenticatorKind::password) continue;
    auto hash = open_secret(master, one);
    if (!hash) continue;
    found.emplace(PasswordAuthenticator{one.authenticator, *std::move(hash), one.failures, one.paused_until});
  }
  return found;
}

// -- using

Result<void> note_used(store::Session& db, const Accounts& accounts, const Authenticator& authenticator,
                       Instant now) {
  if (now >= authenticator.ends) return moved_on();  // declared lost, and its time is over
  DAYAQ_TRY(
      const std::int64_t changed,
      db.change(
          "UPDATE authenticator SET used = $4 WHERE bucket = $1 AND person_id = $2 AND authenticator_id = $3",
          {registry::bucket_of(authenticator.person), sql_key(authenticator.person),
           sql_key(authenticator.id), to_micros(now)}));
  if (changed != 1) return moved_on();
  if (authenticator.ends == instant_max) return {};
  return undo_recovery_by_use(db, accounts, authenticator, now);
}

Result<void> note_passkey_used(store::Session& db, const Accounts& accounts,
                               const Authenticator& authenticator, const webauthn::Assertion& assertion,
                               Instant now) {
  if (now >= authenticator.ends) return moved_on();
  // Two answers of one passkey may be under way: only a counter beyond the stored one counts (WebAuthn
  // section 7.2 step 21), and one that doesn't count stays at zero.
  DAYAQ_TRY(
      const std::int64_t changed,
      db.change("UPDATE authenticator SET used = $4, counter = $5, flags = $6 WHERE bucket = $1 AND "
                "person_id = $2 AND authenticator_id = $3 AND (counter < $5 OR (counter = 0 AND $5 = 0))",
                {registry::bucket_of(authenticator.person), sql_key(authenticator.person),
                 sql_key(authenticator.id), to_micros(now), std::int64_t(assertion.counter),
                 flags_of(assertion.flags)}));
  if (changed != 1) return moved_on();
  if (authenticator.ends == instant_max) return {};
  return undo_recovery_by_use(db, accounts, authenticator, now);
}

Bytes user_handle(PersonId person) {
  Bytes out;
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(std::byte(person.value() >> shift & 0xff));
  return out;
}

std::optional<PersonId> person_of_handle(BytesView handle) {
  if (handle.size() != 8) return std::nullopt;
  std::uint64_t value = 0;
  for (const std::byte b : handle) value = value << 8 | std::uint64_t(b);
  if (value == 0 || value > std::uint64_t(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return PersonId(value);
}

}  // namespace dayaq::identity
