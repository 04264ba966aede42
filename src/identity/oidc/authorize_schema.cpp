#include <array>

#include "identity/oidc/authorize.hpp"
#include "identity/oidc/logout.hpp"
#include "identity_authorize_schema_sql.hpp"

namespace dayaq::identity::oidc {

std::span<const store::Migration> authorization_migrations() {
  static constexpr std::array list{
      store::Migration{.room = "identity_authorize", .number = 1, .sql = authorize_schema_sql}};
  return list;
}

Result<int> sweep_authorization(store::Session& db, Instant now, int limit) {
  // A row is found by an index on its moment, so that a sweep costs what it deletes.
  constexpr std::array<store::Sql, 6> sweeps{
      "DELETE FROM identity_pushed WHERE id IN (SELECT id FROM identity_pushed WHERE until_at <= $1 LIMIT "
      "$2)",
      "DELETE FROM identity_device WHERE id IN (SELECT id FROM identity_device WHERE until_at <= $1 LIMIT "
      "$2)",
      "DELETE FROM identity_ciba WHERE id IN (SELECT id FROM identity_ciba WHERE until_at <= $1 LIMIT $2)",
      "DELETE FROM identity_tries WHERE id IN (SELECT id FROM identity_tries WHERE until_at <= $1 LIMIT $2)",
      R"(DELETE FROM identity_consent WHERE (bucket, person, client, acting_for) IN
           (SELECT bucket, person, client, acting_for FROM identity_consent WHERE until_at <= $1 LIMIT $2))",
      R"(DELETE FROM identity_session_client WHERE (bucket, person, session, client) IN
           (SELECT bucket, person, session, client FROM identity_session_client WHERE until_at <= $1
            LIMIT $2))"};
  // A decision that came at the last moment is fetched a little later.
  const Instant until = now - std::chrono::minutes(2);
  std::int64_t gone = 0;
  for (const store::Sql& sweep : sweeps) {
    DAYAQ_TRY(const std::int64_t deleted, db.change(sweep, {to_micros(until), std::int64_t(limit)}));
    gone += deleted;
  }
  return static_cast<int>(gone);
}

}  // namespace dayaq::identity::oidc
