#include "audit/verify.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "audit/check.hpp"
#include "audit/store.hpp"

namespace dayaq::audit {
namespace {

// Entries read before their tiles are looked up: results are streamed, so the two can't be interleaved.
constexpr std::uint64_t chunk = 64 * tile_width;

// The first entry that the i-th hash of a tile stands for.
std::uint64_t first_entry(TileId id, std::uint64_t i) {
  return (id.index * tile_width + i) << (tile_height * id.level);
}

Result<void> compare_tile(store::Session& session, LogCheck& check, const FullTile& computed) {
  const TileId id = computed.id;
  const std::uint64_t begin = first_entry(id, 0);
  DAYAQ_TRY(const auto stored, select_tile(session, id));
  if (!stored) {
    check.fault(FaultKind::missing_tile, begin,
                fmt::format("Tile {} of level {} is missing.", id.index, id.level));
    return {};
  }
  for (std::uint64_t i = 0; i < tile_width; ++i) {
    if ((*stored)[i] == computed.hashes[i]) continue;
    if (id.level == 0) {
      check.doubt(begin + i);
      return {};
    }
    // Above level 0 a hash stands for a full tile below: if that one fits, this one was changed.
    const std::uint64_t from = first_entry(id, i);
    if (check.questioned(from, first_entry(id, i + 1))) continue;
    check.fault(FaultKind::changed_tile, from,
                fmt::format("Hash {} of tile {} of level {} isn't the root of the tile below.", i, id.index,
                            id.level));
    return {};
  }
  return {};
}

void compare_tail(LogCheck& check, const Head& head) {
  const auto computed = check.tiles().unfinished(0);
  const std::uint64_t begin = check.next_index() - computed.size();
  const std::size_t both = std::min(computed.size(), head.tail.size());
  for (std::size_t i = 0; i < both; ++i) {
    if (computed[i] != head.tail[i]) return check.doubt(begin + i);
  }
  if (!head.tail_whole || computed.size() != head.tail.size()) {
    check.fault(FaultKind::changed_tile, begin + both,
                "The hashes stored beside the checkpoint have another number.");
  }
}

// Rows that no log of this size has.
Result<void> find_strays(store::Session& session, LogCheck& check) {
  const std::uint64_t size = check.next_index();
  const auto stray = [&](std::uint64_t index, std::string what) {
    check.fault(FaultKind::stray_row, index, std::move(what));
  };
  DAYAQ_TRY(const bool negative, has_negative_index(session));
  if (negative) stray(0, "There is an entry with a negative number.");
  DAYAQ_TRY(const bool tiles, has_stray_tile(session, tile_levels));
  if (tiles) stray(0, "There is a tile with a negative number or level.");
  for (unsigned level = 0; level < tile_levels; ++level) {
    DAYAQ_TRY(const auto last, last_tile(session, level));
    const std::uint64_t full = hashes_at(level, size) / tile_width;
    if (last && *last >= full)
      stray(size, fmt::format("Tile {} of level {} is beyond the log's end.", *last, level));
  }
  return {};
}

// Takes all entries below `until`; false if one of them is missing.
Result<bool> take_entries(store::Session& session, LogCheck& check, const VerifyOptions& options,
                          std::uint64_t until) {
  while (check.next_index() < until) {
    const std::uint64_t begin = check.next_index();
    const std::uint64_t end = std::min(until, begin + chunk);
    bool placed = true;
    DAYAQ_TRY_OK(select_entries(session, begin, end, [&](const EntryRow& row) -> Result<bool> {
      placed = check.add(row);
      return placed;
    }));
    for (const FullTile& tile : check.take_full()) DAYAQ_TRY_OK(compare_tile(session, check, tile));
    if (placed && check.next_index() < end) {
      placed = false;
      check.fault(FaultKind::missing_entry, check.next_index(),
                  fmt::format("Entry {} is missing.", check.next_index()));
    }
    if (!placed) return false;
    if (options.progress) options.progress(end, until);
  }
  return true;
}

}  // namespace

Result<VerifyReport> verify(store::Session& session, const VerifyOptions& options) {
  DAYAQ_TRY(LogCheck check, LogCheck::begin(options));
  DAYAQ_TRY(const std::uint64_t end, entries_end(session));
  DAYAQ_TRY(const auto head, select_head(session));
  if (head || end > 0) check.stored_checkpoint(head ? std::string_view(head->note) : std::string_view(), end);
  const std::uint64_t size = check.signed_size().value_or(end);
  DAYAQ_TRY(const bool whole, take_entries(session, check, options, std::min(size, end)));
  if (whole && end >= size) {
    if (head) compare_tail(check, *head);
    DAYAQ_TRY_OK(find_strays(session, check));
    if (end > size) {
      check.fault(FaultKind::stray_row, size,
                  fmt::format("There are entries up to {}, but the checkpoint covers {}.", end - 1, size));
    }
  }
  return check.finish();
}

}  // namespace dayaq::audit
