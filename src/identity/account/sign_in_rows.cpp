#include "identity/account/sign_in_rows.hpp"

#include <algorithm>

#include "identity/account/accounts_store.hpp"

namespace dayaq::identity {
namespace {

using registry::bucket_of;
using store::Row;

Confirmation confirmation_from(const Row& row, PersonId person) {
  Confirmation out;
  out.id = id_from<ConfirmationId>(row, 0);
  out.person = person;
  out.number = static_cast<std::uint8_t>(row.integer(1));
  out.stage = static_cast<Confirmation::Stage>(row.integer(2));
  out.asked = from_micros(row.integer(3));
  out.expires = from_micros(row.integer(4));
  out.client = std::string(row.text(5));
  out.network = std::string(row.text(6));
  out.authenticator = id_from<AuthenticatorId>(row, 7);
  out.assurance = static_cast<Assurance>(row.integer(8));
  out.proved = from_micros(row.integer(9));
  return out;
}

}  // namespace

Result<void> spend(store::Session& db, PersonId person, std::uint64_t id, Instant until) {
  return db.exec("INSERT INTO identity_spent (bucket, person_id, spent_id, until_at) VALUES ($1, $2, $3, $4)",
                 {bucket_of(person), sql_key(person), sql_key(id), to_micros(until)});
}

Result<bool> is_spent(store::Session& db, PersonId person, std::uint64_t id) {
  DAYAQ_TRY(const auto found,
            db.one("SELECT 1 FROM identity_spent WHERE bucket = $1 AND person_id = $2 AND spent_id = $3",
                   {bucket_of(person), sql_key(person), sql_key(id)}, [](const Row&) { return true; }));
  return found.has_value();
}

Result<void> insert_sent_code(store::Session& db, PersonId person, std::uint64_t attempt,
                              const OneTimeCode& code) {
  return db.exec(
      "INSERT INTO identity_sent_code (bucket, person_id, attempt_id, mac, session_hash, expires, "
      "attempts_left, stage) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
      {bucket_of(person), sql_key(person), sql_key(attempt), BytesView(code.mac),
       BytesView(code.session_hash), to_micros(code.expires), std::int64_t(code.attempts_left),
       std::int64_t(code.stage)});
}

Result<std::optional<OneTimeCode>> select_sent_code(store::Session& db, PersonId person,
                                                    std::uint64_t attempt) {
  return db.one(
      "SELECT mac, session_hash, expires, attempts_left, stage FROM identity_sent_code WHERE bucket = $1 AND "
      "person_id = $2 AND attempt_id = $3",
      {bucket_of(person), sql_key(person), sql_key(attempt)}, [](const Row& row) {
        OneTimeCode code;
        const auto copy = [](BytesView from, std::array<std::byte, 32>& to) {
          std::copy_n(from.begin(), std::min(from.size(), to.size()), to.begin());
        };
        copy(row.blob(0), code.mac);
        copy(row.blob(1), code.session_hash);
        code.expires = from_micros(row.integer(2));
        code.attempts_left = static_cast<unsigned>(row.integer(3));
        code.stage = static_cast<CodeStage>(row.integer(4));
        return code;
      });
}

Result<void> update_sent_code(store::Session& db, PersonId person, std::uint64_t attempt,
                              const OneTimeCode& code) {
  return db.exec(
      "UPDATE identity_sent_code SET attempts_left = $4, stage = $5 WHERE bucket = $1 AND person_id = $2 AND "
      "attempt_id = $3",
      {bucket_of(person), sql_key(person), sql_key(attempt), std::int64_t(code.attempts_left),
       std::int64_t(code.stage)});
}

Result<void> insert_confirmation(store::Session& db, const Confirmation& c) {
  return db.exec(
      "INSERT INTO identity_confirmation (bucket, person_id, confirmation_id, number, stage, asked, expires, "
      "client, network, authenticator, assurance, proved) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
      "$11, $12)",
      {bucket_of(c.person), sql_key(c.person), sql_key(c.id), std::int64_t(c.number), std::int64_t(c.stage),
       to_micros(c.asked), to_micros(c.expires), c.client, c.network, sql_key(c.authenticator),
       std::int64_t(c.assurance), to_micros(c.proved)});
}

Result<std::optional<Confirmation>> select_confirmation(store::Session& db, PersonId person,
                                                        ConfirmationId id) {
  return db.one(
      "SELECT confirmation_id, number, stage, asked, expires, client, network, authenticator, assurance, "
      "proved FROM identity_confirmation WHERE bucket = $1 AND person_id = $2 AND confirmation_id = $3",
      {bucket_of(person), sql_key(person), sql_key(id)},
      [&](const Row& row) { return confirmation_from(row, person); });
}

Result<std::vector<Confirmation>> select_confirmations(store::Session& db, PersonId person, Instant now) {
  std::vector<Confirmation> out;
  DAYAQ_TRY_OK(db.query(
      "SELECT confirmation_id, number, stage, asked, expires, client, network, authenticator, assurance, "
      "proved FROM identity_confirmation WHERE bucket = $1 AND person_id = $2 AND stage = 0 AND expires > $3 "
      "ORDER BY asked DESC, confirmation_id",
      {bucket_of(person), sql_key(person), to_micros(now)}, [&](const Row& row) -> Result<bool> {
        out.push_back(confirmation_from(row, person));
        return true;
      }));
  return out;
}

Result<void> update_confirmation(store::Session& db, const Confirmation& c) {
  return db.exec(
      "UPDATE identity_confirmation SET stage = $4, authenticator = $5, assurance = $6, proved = $7 WHERE "
      "bucket = $1 AND person_id = $2 AND confirmation_id = $3",
      {bucket_of(c.person), sql_key(c.person), sql_key(c.id), std::int64_t(c.stage), sql_key(c.authenticator),
       std::int64_t(c.assurance), to_micros(c.proved)});
}

Result<int> delete_what_is_over(store::Session& db, Instant now, int limit) {
  const std::int64_t at = to_micros(now);
  const std::int64_t most = limit;
  std::int64_t deleted = 0;
  DAYAQ_TRY(const auto spent,
            db.change("DELETE FROM identity_spent WHERE (bucket, person_id, spent_id) IN (SELECT bucket, "
                      "person_id, spent_id FROM identity_spent WHERE until_at <= $1 LIMIT $2)",
                      {at, most}));
  DAYAQ_TRY(const auto codes,
            db.change("DELETE FROM identity_sent_code WHERE (bucket, person_id, attempt_id) IN (SELECT "
                      "bucket, person_id, attempt_id FROM identity_sent_code WHERE expires <= $1 LIMIT $2)",
                      {at, most}));
  DAYAQ_TRY(
      const auto confirmations,
      db.change("DELETE FROM identity_confirmation WHERE (bucket, person_id, confirmation_id) IN "
                "(SELECT bucket, person_id, confirmation_id FROM identity_confirmation WHERE expires <= "
                "$1 LIMIT $2)",
                {at, most}));
  DAYAQ_TRY(const auto windows,
            db.change("DELETE FROM identity_limit WHERE (bucket, subject, kind) IN (SELECT bucket, subject, "
                      "kind FROM identity_limit WHERE window_end <= $1 LIMIT $2)",
                      {at, most}));
  deleted = spent + codes + confirmations + windows;
  return int(deleted);
}

}  // namespace dayaq::identity
