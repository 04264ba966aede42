#include "identity/account/sessions_rows.hpp"

#include <array>

#include "identity_account_schema_sql.hpp"
#include "registry/country_pack.hpp"

namespace dayaq::identity {
namespace {

using registry::bucket_of;

std::int64_t number(std::uint64_t id) {
  return static_cast<std::int64_t>(id);
}

template <class Id>
Id id_at(const store::Row& row, int column) {
  return Id(static_cast<std::uint64_t>(row.integer(column)));
}

/// person_id, session_id, token, acting_for, authenticated, expires, seen, authenticator, methods, assurance,
/// ended
SessionRow row_from(const store::Row& row) {
  SessionRow out;
  out.session.person = id_at<PersonId>(row, 0);
  out.session.id = id_at<SessionId>(row, 1);
  const BytesView token = row.blob(2);
  out.token.assign(token.begin(), token.end());
  out.session.acting_for = id_at<PersonId>(row, 3);
  out.session.authenticated = from_micros(row.integer(4));
  out.session.expires = from_micros(row.integer(5));
  out.seen = row.integer(6);
  out.session.authenticator = id_at<AuthenticatorId>(row, 7);
  out.session.methods = Methods(static_cast<std::uint16_t>(row.integer(8)));
  out.session.assurance = static_cast<Assurance>(row.integer(9));
  if (!row.is_null(10)) out.ended = from_micros(row.integer(10));
  return out;
}

constexpr std::array tables{
    store::Migration{.room = "identity_session", .number = 1, .sql = sign_in_schema_sql}};

}  // namespace

std::span<const store::Migration> sign_in_migrations() {
  return tables;
}

Result<void> insert_session(store::Session& db, const Session& s, BytesView token, std::int64_t seen) {
  return db.exec(
      "INSERT INTO identity_session (bucket, person_id, session_id, token, acting_for, authenticated, "
      "expires, seen, authenticator, methods, assurance) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
      "$11)",
      {bucket_of(s.person), number(s.person.value()), number(s.id.value()), token,
       number(s.acting_for.value()), to_micros(s.authenticated), to_micros(s.expires), seen,
       number(s.authenticator.value()), std::int64_t(s.methods.bits()), std::int64_t(s.assurance)});
}

Result<void> update_session(store::Session& db, const Session& s, BytesView token) {
  return db.exec(
      "UPDATE identity_session SET token = $4, acting_for = $5, authenticated = $6, expires = $7, "
      "authenticator = $8, methods = $9, assurance = $10 "
      "WHERE bucket = $1 AND person_id = $2 AND session_id = $3",
      {bucket_of(s.person), number(s.person.value()), number(s.id.value()), token,
       number(s.acting_for.value()), to_micros(s.authenticated), to_micros(s.expires),
       number(s.authenticator.value()), std::int64_t(s.methods.bits()), std::int64_t(s.assurance)});
}

Result<void> update_session_seen(store::Session& db, PersonId person, SessionId id, std::int64_t seen) {
  return db.exec(
      "UPDATE identity_session SET seen = $4 "
      "WHERE bucket = $1 AND person_id = $2 AND session_id = $3 AND seen < $4",
      {bucket_of(person), number(person.value()), number(id.value()), seen});
}

Result<void> update_session_ended(store::Session& db, PersonId person, SessionId id, Instant ended) {
  return db.exec(
      "UPDATE identity_session SET ended = $4 WHERE bucket = $1 AND person_id = $2 AND session_id = $3",
      {bucket_of(person), number(person.value()), number(id.value()), to_micros(ended)});
}

Result<void> delete_session(store::Session& db, PersonId person, SessionId id) {
  return db.exec("DELETE FROM identity_session WHERE bucket = $1 AND person_id = $2 AND session_id = $3",
                 {bucket_of(person), number(person.value()), number(id.value())});
}

Result<std::optional<SessionRow>> select_session(store::Session& db, PersonId person, SessionId id) {
  return db.one(
      "SELECT person_id, session_id, token, acting_for, authenticated, expires, seen, authenticator, "
      "methods, "
      "assurance, ended FROM identity_session WHERE bucket = $1 AND person_id = $2 AND session_id = $3",
      {bucket_of(person), number(person.value()), number(id.value())}, row_from);
}

Result<std::vector<SessionRow>> select_sessions(store::Session& db, PersonId person) {
  std::vector<SessionRow> out;
  DAYAQ_TRY_OK(db.query(
      "SELECT person_id, session_id, token, acting_for, authenticated, expires, seen, authenticator, "
      "methods, "
      "assurance, ended FROM identity_session WHERE bucket = $1 AND person_id = $2 AND ended IS NULL",
      {bucket_of(person), number(person.value())}, [&](const store::Row& row) -> Result<bool> {
        out.push_back(row_from(row));
        return true;
      }));
  return out;
}

Result<std::vector<SessionRow>> select_sessions_after(store::Session& db, const SessionRowKey& after,
                                                      int limit) {
  std::vector<SessionRow> out;
  DAYAQ_TRY_OK(
      db.query("SELECT person_id, session_id, token, acting_for, authenticated, expires, seen, "
               "authenticator, methods, "
               "assurance, ended FROM identity_session WHERE (bucket, person_id, session_id) > ($1, $2, $3) "
               "ORDER BY bucket, person_id, session_id LIMIT $4",
               {after.bucket, after.person, after.id, std::int64_t(limit)},
               [&](const store::Row& row) -> Result<bool> {
                 out.push_back(row_from(row));
                 return true;
               }));
  return out;
}

}  // namespace dayaq::identity
