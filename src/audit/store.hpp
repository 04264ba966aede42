// The audit room's SQL.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audit/log.hpp"
#include "audit/tiles.hpp"
#include "store/database.hpp"

namespace dayaq::audit {

/// A row of audit_entry as it lies in the database; views are valid inside the callback that gets it.
struct EntryRow {
  std::int64_t index = 0;
  std::string_view leaf;
  std::optional<std::int64_t> bucket;
  std::optional<std::int64_t> person;
  std::optional<BytesView> salt;
  std::optional<std::string_view> personal;
};
using OnEntryRow = std::function<Result<bool>(const EntryRow&)>;

/// What is stored about the whole log.
struct Head {
  std::string note;
  std::vector<Hash> tail;  ///< leaf hashes that fill no tile yet
  bool tail_whole = true;  ///< false if the stored bytes are no list of hashes
};

/// The shard of a person's rows, as all tables keyed by person have it.
[[nodiscard]] constexpr std::int64_t bucket_of(std::uint64_t person) {
  return static_cast<std::int64_t>(person % 256);
}

Result<void> insert_entries(store::Session& session, std::span<const EntryRow> rows);
/// Rows with from <= idx < until, ascending.
Result<void> select_entries(store::Session& session, std::uint64_t from, std::uint64_t until,
                            const OnEntryRow& on_row);
/// Rows about a person with idx < before, descending, at most `limit`.
Result<void> select_entries_about(store::Session& session, std::uint64_t person, std::uint64_t before,
                                  int limit, const OnEntryRow& on_row);
/// One past the highest index; 0 if there are no entries.
Result<std::uint64_t> entries_end(store::Session& session);
Result<bool> has_negative_index(store::Session& session);
Result<void> erase_person(store::Session& session, std::uint64_t person);

Result<void> insert_tile(store::Session& session, const FullTile& tile);
/// nullopt if there is none, or if it isn't tile_width hashes.
Result<std::optional<std::vector<Hash>>> select_tile(store::Session& session, TileId id);
/// The highest tile index of a level, nullopt if it has none.
Result<std::optional<std::uint64_t>> last_tile(store::Session& session, unsigned level);
/// Tiles that no log has: of a negative index, or of a level outside 0 .. levels - 1.
Result<bool> has_stray_tile(store::Session& session, unsigned levels);

Result<void> put_head(store::Session& session, std::string_view note, std::span<const Hash> tail);
Result<std::optional<Head>> select_head(store::Session& session);

/// An Entry of a row: what is NULL is empty.
[[nodiscard]] Entry to_entry(const EntryRow& row);

}  // namespace dayaq::audit
