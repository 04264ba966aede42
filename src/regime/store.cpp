#include "regime/store.hpp"

#include <array>

#include "regime_schema_sql.hpp"

namespace dayaq::regime {
namespace {

store::Param instant_param(Instant t) {
  if (t == instant_max) return nullptr;
  return to_micros(t);
}

store::Param text_param(const std::string& text) {
  if (text.empty()) return nullptr;
  return std::string_view(text);
}

Instant instant_at(const store::Row& row, int column) {
  return row.is_null(column) ? instant_max : from_micros(row.integer(column));
}

}  // namespace

std::span<const store::Migration> migrations() {
  static constexpr std::array all{store::Migration{.room = "regime", .number = 1, .sql = schema_sql}};
  return all;
}

Result<void> RegimeStore::insert(store::Session& session, const VersionRow& row) {
  return session.exec(
      "INSERT INTO regime_version (code, version, source, submitted_by, submitted) VALUES ($1, $2, $3, $4, "
      "$5)",
      {row.code, std::int64_t{row.version}, row.source, row.submitted_by, to_micros(row.submitted)});
}

Result<void> RegimeStore::update(store::Session& session, const VersionRow& row) {
  return session.exec(
      "UPDATE regime_version SET approved_by = $3, approved = $4, superseded = $5, ended_by = $6, ended = $7 "
      "WHERE code = $1 AND version = $2",
      {row.code, std::int64_t{row.version}, text_param(row.approved_by), instant_param(row.approved),
       instant_param(row.superseded), text_param(row.ended_by), instant_param(row.ended)});
}

Result<void> RegimeStore::each(store::Session& session,
                               const std::function<Result<bool>(VersionRow)>& visit) {
  return session.query(
      "SELECT code, version, source, submitted_by, submitted, approved_by, approved, superseded, ended_by, "
      "ended "
      "FROM regime_version ORDER BY code, version",
      {}, [&](const store::Row& row) -> Result<bool> {
        return visit({.code = std::string(row.text(0)),
                      .version = static_cast<int>(row.integer(1)),
                      .source = std::string(row.text(2)),
                      .submitted_by = std::string(row.text(3)),
                      .submitted = from_micros(row.integer(4)),
                      .approved_by = std::string(row.text(5)),
                      .approved = instant_at(row, 6),
                      .superseded = instant_at(row, 7),
                      .ended_by = std::string(row.text(8)),
                      .ended = instant_at(row, 9)});
      });
}

}  // namespace dayaq::regime
