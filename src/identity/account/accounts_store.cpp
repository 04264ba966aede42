#include "identity/account/accounts_store.hpp"

#include <fmt/format.h>

#include "crypto/sign.hpp"
#include "identity_account_schema_sql.hpp"

namespace dayaq::identity {
namespace {

using registry::bucket_of;
using registry::end_from;
using registry::end_param;
using store::Param;
using store::Row;

Bytes bytes_from(const Row& row, int column) {
  const BytesView blob = row.blob(column);
  return {blob.begin(), blob.end()};
}
Param blob_param(const Bytes& bytes) {
  if (bytes.empty()) return nullptr;
  return BytesView(bytes);
}
Assurance assurance_from(const Row& row, int column) {
  return static_cast<Assurance>(row.integer(column));
}

StoredAuthenticator stored_from(const Row& row, PersonId person) {
  StoredAuthenticator out;
  out.worth = assurance_from(row, 7);
  out.bound = assurance_from(row, 8);
  out.authenticator = {.id = id_from<AuthenticatorId>(row, 0),
                       .person = person,
                       .kind = static_cast<AuthenticatorKind>(row.integer(1)),
                       .name = std::string(row.text(2)),
                       .added = from_micros(row.integer(3)),
                       .used = start_from(row, 4),
                       .active_from = start_from(row, 5),
                       .ends = end_from(row, 6),
                       .assurance = std::min(out.worth, out.bound)};
  out.added_by = static_cast<std::uint64_t>(row.integer(9));
  out.credential = bytes_from(row, 10);
  out.public_key = bytes_from(row, 11);
  out.counter = row.integer(12);
  out.flags = row.integer(13);
  out.attestation = row.integer(14);
  out.aaguid = bytes_from(row, 15);
  out.detail = std::string(row.text(16));
  out.secret = bytes_from(row, 17);
  out.failures = static_cast<unsigned>(row.integer(18));
  out.paused_until = start_from(row, 19);
  return out;
}

}  // namespace

std::span<const store::Migration> account_migrations() {
  static constexpr store::Migration all[] = {{"identity_account", 1, account_schema_sql},
                                             {"identity_account", 2, corrections_schema_sql}};
  return all;
}

std::string seal_context(std::string_view what, PersonId person, std::uint64_t id) {
  return fmt::format("{}|{}|{}", what, person, id);
}

// -- digital IDs

Result<std::optional<Account>> account_of(store::Session& db, PersonId person) {
  return db.one(
      "SELECT state, enrolment, created, changed, language FROM digital_id WHERE bucket = $1 AND person_id = "
      "$2",
      {bucket_of(person), sql_key(person)}, [&](const Row& row) {
        return Account{.person = person,
                       .state = static_cast<AccountState>(row.integer(0)),
                       .enrolment = static_cast<Enrolment>(row.integer(1)),
                       .created = from_micros(row.integer(2)),
                       .changed = from_micros(row.integer(3)),
                       .language = static_cast<Language>(row.integer(4))};
      });
}

Result<void> insert_account(store::Session& db, const Account& a) {
  return db.exec(
      "INSERT INTO digital_id (bucket, person_id, state, state_before, enrolment, created, changed, "
      "language) VALUES ($1, $2, $3, $3, $4, $5, $6, $7)",
      {bucket_of(a.person), sql_key(a.person), std::int64_t(a.state), std::int64_t(a.enrolment),
       to_micros(a.created), to_micros(a.changed), std::int64_t(a.language)});
}

Result<void> update_account(store::Session& db, const Account& a) {
  return db.exec(
      "UPDATE digital_id SET state_before = CASE WHEN state = 2 THEN state_before ELSE state END, "
      "state = $3, enrolment = $4, changed = $5, language = $6 WHERE bucket = $1 AND person_id = $2",
      {bucket_of(a.person), sql_key(a.person), std::int64_t(a.state), std::int64_t(a.enrolment),
       to_micros(a.changed), std::int64_t(a.language)});
}

Result<std::optional<AccountState>> state_before_closing(store::Session& db, PersonId person) {
  return db.one("SELECT state_before FROM digital_id WHERE bucket = $1 AND person_id = $2",
                {bucket_of(person), sql_key(person)},
                [](const Row& row) { return static_cast<AccountState>(row.integer(0)); });
}

Result<std::vector<PersonId>> open_accounts_of_deceased(store::Session& db, int limit) {
  std::vector<PersonId> out;
  DAYAQ_TRY_OK(
      db.query("SELECT d.person_id FROM digital_id d JOIN person p ON p.bucket = d.bucket AND p.person_id = "
               "d.person_id WHERE d.state <> 2 AND p.death IS NOT NULL LIMIT $1",
               {std::int64_t(limit)}, [&](const Row& row) -> Result<bool> {
                 out.push_back(id_from<PersonId>(row, 0));
                 return true;
               }));
  return out;
}

// -- authenticators

Result<std::vector<StoredAuthenticator>> stored_authenticators(store::Session& db, PersonId person) {
  std::vector<StoredAuthenticator> out;
  DAYAQ_TRY_OK(db.query(
      "SELECT authenticator_id, kind, name, added, used, active_from, ends, worth, bound, added_by, "
      "credential, public_key, counter, flags, attestation, aaguid, detail, secret, failures, paused_until "
      "FROM authenticator WHERE bucket = $1 AND person_id = $2 ORDER BY added, authenticator_id",
      {bucket_of(person), sql_key(person)}, [&](const Row& row) -> Result<bool> {
        out.push_back(stored_from(row, person));
        return true;
      }));
  return out;
}

Result<void> insert_authenticator(store::Session& db, const StoredAuthenticator& s) {
  const Authenticator& a = s.authenticator;
  const Param added_by = s.added_by == 0 ? Param(nullptr) : Param(sql_key(s.added_by));
  return db.exec(
      "INSERT INTO authenticator (bucket, person_id, authenticator_id, kind, name, added, used, active_from, "
      "ends, worth, bound, added_by, credential, public_key, counter, flags, attestation, aaguid, detail, "
      "secret, failures, paused_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, "
      "$15, $16, $17, $18, $19, $20, $21, $22)",
      {bucket_of(a.person),
       sql_key(a.person),
       sql_key(a.id),
       std::int64_t(a.kind),
       a.name,
       to_micros(a.added),
       start_param(a.used),
       start_param(a.active_from),
       end_param(a.ends),
       std::int64_t(s.worth),
       std::int64_t(s.bound),
       added_by,
       blob_param(s.credential),
       blob_param(s.public_key),
       s.counter,
       s.flags,
       s.attestation,
       blob_param(s.aaguid),
       s.detail,
       blob_param(s.secret),
       std::int64_t(s.failures),
       start_param(s.paused_until)});
}

Result<void> delete_authenticator(store::Session& db, const StoredAuthenticator& s) {
  const Authenticator& a = s.authenticator;
  if (a.kind == AuthenticatorKind::passkey) DAYAQ_TRY_OK(release_passkey(db, s.credential));
  return db.exec("DELETE FROM authenticator WHERE bucket = $1 AND person_id = $2 AND authenticator_id = $3",
                 {bucket_of(a.person), sql_key(a.person), sql_key(a.id)});
}

Result<void> set_name(store::Session& db, PersonId person, AuthenticatorId id, std::string_view name) {
  return db.exec(
      "UPDATE authenticator SET name = $4 WHERE bucket = $1 AND person_id = $2 AND authenticator_id = $3",
      {bucket_of(person), sql_key(person), sql_key(id), name});
}

Result<void> set_ends(store::Session& db, PersonId person, AuthenticatorId id, Instant ends) {
  return db.exec(
      "UPDATE authenticator SET ends = CAST($4 AS BIGINT) WHERE bucket = $1 AND person_id = $2 AND "
      "authenticator_id = $3",
      {bucket_of(person), sql_key(person), sql_key(id), end_param(ends)});
}

Result<void> set_proved(store::Session& db, PersonId person, AuthenticatorId id, Assurance bound) {
  return db.exec(
      "UPDATE authenticator SET bound = $4, active_from = NULL, added_by = NULL WHERE bucket = $1 AND "
      "person_id = $2 AND authenticator_id = $3",
      {bucket_of(person), sql_key(person), sql_key(id), std::int64_t(bound)});
}

Result<bool> claim_passkey(store::Session& db, BytesView credential_id, PersonId person) {
  const crypto::Sha256 hash = crypto::sha256(credential_id);
  DAYAQ_TRY(const std::int64_t inserted,
            db.change("INSERT INTO passkey_owner (credential_hash, person_id) VALUES ($1, $2) ON CONFLICT DO "
                      "NOTHING",
                      {BytesView(hash), sql_key(person)}));
  return inserted == 1;
}

Result<void> release_passkey(store::Session& db, BytesView credential_id) {
  const crypto::Sha256 hash = crypto::sha256(credential_id);
  return db.exec("DELETE FROM passkey_owner WHERE credential_hash = $1", {BytesView(hash)});
}

Result<void> set_totp_state(store::Session& db, PersonId person, AuthenticatorId id, const TotpState& read,
                            const TotpState& next) {
  DAYAQ_TRY(
      const std::int64_t changed,
      db.change("UPDATE authenticator SET counter = $4, failures = $5, paused_until = CAST($6 AS BIGINT) "
                "WHERE bucket = $1 AND person_id = $2 AND authenticator_id = $3 AND counter = $7 AND "
                "failures = $8",
                {bucket_of(person), sql_key(person), sql_key(id), sql_key(next.last_step),
                 std::int64_t(next.failures), start_param(next.paused_until), sql_key(read.last_step),
                 std::int64_t(read.failures)}));
  if (changed == 1) return {};
  return fail(ErrorKind::conflict, "authenticator.moved_on",
              "This authenticator was just used somewhere else. Try again.");
}

Result<void> set_password_failures(store::Session& db, PersonId person, AuthenticatorId id, unsigned failures,
                                   Instant paused_until) {
  return db.exec(
      "UPDATE authenticator SET failures = $4, paused_until = CAST($5 AS BIGINT) WHERE bucket = $1 AND "
      "person_id = $2 AND authenticator_id = $3",
      {bucket_of(person), sql_key(person), sql_key(id), std::int64_t(failures), start_param(paused_until)});
}

}  // namespace dayaq::identity
