#include "audit/store.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "schema_sql.hpp"

namespace dayaq::audit {
namespace {

// A BIGINT for an index or count, which may be "beyond all".
std::int64_t to_sql(std::uint64_t value) {
  constexpr auto max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(std::min(value, max));
}

// Columns: idx, leaf, bucket, person_id, salt, personal.
EntryRow read_row(const store::Row& row) {
  EntryRow entry{row.integer(0), row.text(1), {}, {}, {}, {}};
  if (!row.is_null(2)) entry.bucket = row.integer(2);
  if (!row.is_null(3)) entry.person = row.integer(3);
  if (!row.is_null(4)) entry.salt = row.blob(4);
  if (!row.is_null(5)) entry.personal = row.text(5);
  return entry;
}

template <class T>
store::Param nullable(const std::optional<T>& value) {
  if (value) return *value;
  return nullptr;
}

std::optional<std::uint64_t> index_or_none(const store::Row& row) {
  if (row.is_null(0)) return std::nullopt;
  return static_cast<std::uint64_t>(row.integer(0));
}

}  // namespace

std::span<const store::Migration> migrations() {
  static constexpr store::Migration all[]{{.room = "audit", .number = 1, .sql = schema_sql}};
  return all;
}

namespace {

constexpr std::size_t entries_at_once = 16;
constexpr std::size_t entry_columns = 6;
using EntryParams = std::array<store::Param, entry_columns>;

EntryParams params_of(const EntryRow& row) {
  return {row.index,
          row.leaf,
          nullable(row.bucket),
          nullable(row.person),
          nullable(row.salt),
          nullable(row.personal)};
}

}  // namespace

Result<void> insert_entries(store::Session& session, std::span<const EntryRow> rows) {
  // A statement costs PostgreSQL more than a row does.
  for (; rows.size() >= entries_at_once; rows = rows.subspan(entries_at_once)) {
    std::array<store::Param, entries_at_once * entry_columns> params;
    for (std::size_t i = 0; i < entries_at_once; ++i) {
      std::ranges::copy(params_of(rows[i]), params.begin() + static_cast<std::ptrdiff_t>(i * entry_columns));
    }
    DAYAQ_TRY_OK(
        session.exec("INSERT INTO audit_entry (idx, leaf, bucket, person_id, salt, personal) VALUES "
                     "($1, $2, $3, $4, $5, $6), "
                     "($7, $8, $9, $10, $11, $12), "
                     "($13, $14, $15, $16, $17, $18), "
                     "($19, $20, $21, $22, $23, $24), "
                     "($25, $26, $27, $28, $29, $30), "
                     "($31, $32, $33, $34, $35, $36), "
                     "($37, $38, $39, $40, $41, $42), "
                     "($43, $44, $45, $46, $47, $48), "
                     "($49, $50, $51, $52, $53, $54), "
                     "($55, $56, $57, $58, $59, $60), "
                     "($61, $62, $63, $64, $65, $66), "
                     "($67, $68, $69, $70, $71, $72), "
                     "($73, $74, $75, $76, $77, $78), "
                     "($79, $80, $81, $82, $83, $84), "
                     "($85, $86, $87, $88, $89, $90), "
                     "($91, $92, $93, $94, $95, $96)",
                     params));
  }
  for (const EntryRow& row : rows) {
    const EntryParams params = params_of(row);
    DAYAQ_TRY_OK(
        session.exec("INSERT INTO audit_entry (idx, leaf, bucket, person_id, salt, personal) VALUES ($1, $2, "
                     "$3, $4, $5, $6)",
                     params));
  }
  return {};
}

Result<void> select_entries(store::Session& session, std::uint64_t from, std::uint64_t until,
                            const OnEntryRow& on_row) {
  return session.query(
      "SELECT idx, leaf, bucket, person_id, salt, personal FROM audit_entry WHERE idx >= $1 AND idx < $2 "
      "ORDER BY idx",
      {to_sql(from), to_sql(until)}, [&](const store::Row& row) { return on_row(read_row(row)); });
}

Result<void> select_entries_about(store::Session& session, std::uint64_t person, std::uint64_t before,
                                  int limit, const OnEntryRow& on_row) {
  return session.query(
      "SELECT idx, leaf, bucket, person_id, salt, personal FROM audit_entry"
      " WHERE bucket = $1 AND person_id = $2 AND idx < $3 ORDER BY idx DESC LIMIT $4",
      {bucket_of(person), to_sql(person), to_sql(before), std::int64_t{limit}},
      [&](const store::Row& row) { return on_row(read_row(row)); });
}

Result<std::uint64_t> entries_end(store::Session& session) {
  DAYAQ_TRY(const auto last, session.one("SELECT max(idx) FROM audit_entry", {}, index_or_none));
  return last && *last ? **last + 1 : 0;
}

Result<bool> has_negative_index(store::Session& session) {
  DAYAQ_TRY(const auto found, session.one("SELECT idx FROM audit_entry WHERE idx < 0 LIMIT 1", {},
                                          [](const auto&) { return true; }));
  return found.has_value();
}

Result<void> erase_person(store::Session& session, std::uint64_t person) {
  return session.exec(
      "UPDATE audit_entry SET bucket = NULL, person_id = NULL, salt = NULL, personal = NULL"
      " WHERE bucket = $1 AND person_id = $2",
      {bucket_of(person), to_sql(person)});
}

Result<void> insert_tile(store::Session& session, const FullTile& tile) {
  return session.exec("INSERT INTO audit_tile (level, idx, hashes) VALUES ($1, $2, $3)",
                      {std::int64_t{tile.id.level}, to_sql(tile.id.index), as_stored(tile.hashes)});
}

Result<std::optional<std::vector<Hash>>> select_tile(store::Session& session, TileId id) {
  DAYAQ_TRY(auto found, session.one("SELECT hashes FROM audit_tile WHERE level = $1 AND idx = $2",
                                    {std::int64_t{id.level}, to_sql(id.index)},
                                    [](const store::Row& row) { return hashes_from(row.blob(0)); }));
  if (!found || !*found || (*found)->size() != tile_width) return std::nullopt;
  return std::move(*found);
}

Result<std::optional<std::uint64_t>> last_tile(store::Session& session, unsigned level) {
  DAYAQ_TRY(const auto last, session.one("SELECT max(idx) FROM audit_tile WHERE level = $1",
                                         {std::int64_t{level}}, index_or_none));
  return last.value_or(std::nullopt);
}

Result<bool> has_stray_tile(store::Session& session, unsigned levels) {
  DAYAQ_TRY(const auto found,
            session.one("SELECT idx FROM audit_tile WHERE level < 0 OR level >= $1 OR idx < 0 LIMIT 1",
                        {std::int64_t{levels}}, [](const auto&) { return true; }));
  return found.has_value();
}

Result<void> put_head(store::Session& session, std::string_view note, std::span<const Hash> tail) {
  return session.exec(
      "INSERT INTO audit_head (id, note, tail) VALUES (0, $1, $2)"
      " ON CONFLICT (id) DO UPDATE SET note = excluded.note, tail = excluded.tail",
      {note, as_stored(tail)});
}

Result<std::optional<Head>> select_head(store::Session& session) {
  return session.one("SELECT note, tail FROM audit_head WHERE id = 0", {}, [](const store::Row& row) {
    auto tail = hashes_from(row.blob(1));
    return Head{std::string(row.text(0)), tail.value_or(std::vector<Hash>{}), tail.has_value()};
  });
}

Entry to_entry(const EntryRow& row) {
  Entry entry{.index = static_cast<std::uint64_t>(row.index), .leaf = std::string(row.leaf)};
  if (row.person) entry.subject = PersonId(static_cast<std::uint64_t>(*row.person));
  if (row.salt) entry.salt = as_text(*row.salt);
  entry.personal = row.personal.value_or("");
  return entry;
}

}  // namespace dayaq::audit
