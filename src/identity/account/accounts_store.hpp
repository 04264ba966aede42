// All SQL on digital IDs and authenticators. For the sources of this folder; others use accounts.hpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "identity/account/accounts.hpp"

namespace dayaq::identity {

[[nodiscard]] inline std::int64_t sql_key(std::uint64_t id) {
  return static_cast<std::int64_t>(id);
}
template <class Tag>
[[nodiscard]] std::int64_t sql_key(Id64<Tag> id) {
  return sql_key(id.value());
}
template <class Id>
[[nodiscard]] Id id_from(const store::Row& row, int column) {
  return Id(static_cast<std::uint64_t>(row.integer(column)));
}
/// NULL for instant_min: never, at once.
[[nodiscard]] inline store::Param start_param(Instant t) {
  if (t == instant_min) return nullptr;
  return to_micros(t);
}
[[nodiscard]] inline Instant start_from(const store::Row& row, int column) {
  return row.is_null(column) ? instant_min : from_micros(row.integer(column));
}

/// Everything of one authenticator's row.
struct StoredAuthenticator {
  Authenticator authenticator;
  Assurance worth = Assurance::low;  ///< of its kind
  Assurance bound = Assurance::low;  ///< proved when it was added
  std::uint64_t added_by = 0;        ///< the recovery's id, 0: none
  Bytes credential;
  Bytes public_key;
  std::int64_t counter = 0;
  std::int64_t flags = 0;
  std::int64_t attestation = 0;
  Bytes aaguid;
  std::string detail;
  Bytes secret;  ///< sealed
  unsigned failures = 0;
  Instant paused_until = instant_min;
};

Result<void> insert_account(store::Session& db, const Account& account);
/// State, enrolment, language and `changed`. Closing keeps what the state was before.
Result<void> update_account(store::Session& db, const Account& account);
Result<std::optional<AccountState>> state_before_closing(store::Session& db, PersonId person);
/// Of accounts that aren't closed although the registry has a death, at most `limit`.
Result<std::vector<PersonId>> open_accounts_of_deceased(store::Session& db, int limit);

Result<std::vector<StoredAuthenticator>> stored_authenticators(store::Session& db, PersonId person);
Result<void> insert_authenticator(store::Session& db, const StoredAuthenticator& stored);
Result<void> delete_authenticator(store::Session& db, const StoredAuthenticator& stored);
Result<void> set_name(store::Session& db, PersonId person, AuthenticatorId id, std::string_view name);
Result<void> set_ends(store::Session& db, PersonId person, AuthenticatorId id, Instant ends);
/// It was proved anew: nothing about it waits, or can be taken back, any more.
Result<void> set_proved(store::Session& db, PersonId person, AuthenticatorId id, Assurance bound);
/// False if somebody has this passkey already.
Result<bool> claim_passkey(store::Session& db, BytesView credential_id, PersonId person);
Result<void> release_passkey(store::Session& db, BytesView credential_id);

[[nodiscard]] std::int64_t flags_of(const webauthn::AuthenticatorFlags& flags);

// Checks that changes by a person share (accounts_change.cpp); their errors are in accounts.hpp.
Result<void> check_fresh(const Session& session, Instant now);
/// One of the session's person. not_found "authenticator.unknown".
Result<StoredAuthenticator> own_authenticator(store::Session& db, const Session& session, AuthenticatorId id);
/// What the session was opened with, if it still counts. forbidden "authenticator.fresh".
Result<StoredAuthenticator> standing_behind(store::Session& db, const Session& session, Instant now);
Result<void> end_sessions_of(store::Session& db, const Accounts& accounts, PersonId person,
                             AuthenticatorId authenticator, std::optional<SessionId> except, Instant now);

/// What a sealed secret is bound to: a row's secret opens in no other row.
[[nodiscard]] std::string seal_context(std::string_view what, PersonId person, std::uint64_t id);

}  // namespace dayaq::identity
