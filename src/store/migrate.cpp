// Migrations: each runs once, in order, in a transaction of its own, and the database remembers it.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/log.hpp"
#include "base/replace.hpp"
#include "base/time.hpp"
#include "store/database.hpp"

namespace dayaq::store {

namespace {

using Versions = std::map<std::string, std::int64_t, std::less<>>;  ///< room -> highest number

std::string for_engine(std::string_view sql, Engine engine) {
  std::string text(sql);
  const bool sqlite = engine == Engine::sqlite;
  replace_all(text, "{blob}", sqlite ? "BLOB" : "BYTEA");
  replace_all(text, "{without_rowid}", sqlite ? "WITHOUT ROWID" : "");
  replace_all(text, "{concat}", sqlite ? "group_concat" : "string_agg");
  return text;
}

/// Numbers count 1, 2, 3 in each room: a gap or a repetition is a defect of the program.
Result<Versions> known_versions(std::span<const Migration> migrations) {
  Versions known;
  for (const Migration& migration : migrations) {
    auto& last = known[std::string(migration.room)];
    if (migration.number != last + 1) {
      return fail(ErrorKind::internal, "store.migration_order",
                  "Something went wrong. Please try again later.",
                  fmt::format("migration {} of {} follows {}", migration.number, migration.room, last));
    }
    last = migration.number;
  }
  return known;
}

Result<bool> has_table(Session& session) {
  const Sql sql =
      session.engine() == Engine::sqlite
          ? Sql("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migration'")
          : Sql("SELECT CASE WHEN to_regclass('schema_migration') IS NULL THEN 0 ELSE 1 END::bigint");
  DAYAQ_TRY(const auto count, session.one(sql, {}, [](const Row& row) { return row.integer(0); }));
  return count.value_or(0) != 0;
}

Result<Versions> stored_versions(Session& session) {
  Versions stored;
  DAYAQ_TRY(const bool exists, has_table(session));
  if (!exists) return stored;
  DAYAQ_TRY_OK(
      session.query("SELECT room, number FROM schema_migration", {}, [&](const Row& row) -> Result<bool> {
        auto& last = stored[std::string(row.text(0))];
        last = std::max(last, row.integer(1));
        return true;
      }));
  return stored;
}

Result<void> apply(Session& session, const Migration& migration) {
  DAYAQ_TRY_OK(session.script(for_engine(migration.sql, session.engine())));
  return session.exec("INSERT INTO schema_migration (room, number, applied_at_us) VALUES ($1, $2, $3)",
                      {migration.room, migration.number, to_micros(SystemClock().now())});
}

}  // namespace

Result<void> Database::migrate(std::span<const Migration> migrations) {
  DAYAQ_TRY(const Versions known, known_versions(migrations));
  DAYAQ_TRY(const Versions stored, read([](Session& session) { return stored_versions(session); }));
  for (const auto& [room, number] : stored) {
    const auto ours = known.find(room);
    if (ours == known.end() || ours->second < number) {
      return fail(ErrorKind::conflict, "store.newer_schema",
                  "The database was made by a newer version of this program. Install that version.",
                  fmt::format("room {} is at {}, this program knows {}", room, number,
                              ours == known.end() ? 0 : ours->second));
    }
  }
  if (stored.empty() && !migrations.empty()) {
    DAYAQ_TRY_OK(write([](Session& session) {
      return session.script(
          "CREATE TABLE IF NOT EXISTS schema_migration (room TEXT NOT NULL, number BIGINT NOT NULL, "
          "applied_at_us BIGINT NOT NULL, PRIMARY KEY (room, number))");
    }));
  }
  for (const Migration& migration : migrations) {
    const auto done = stored.find(migration.room);
    if (done != stored.end() && migration.number <= done->second) continue;
    DAYAQ_TRY_OK(write([&](Session& session) { return apply(session, migration); }));
    log::info("store.migrated", "a migration ran", {{"room", migration.room}, {"number", migration.number}});
  }
  return {};
}

}  // namespace dayaq::store
