// The journal's bytes: records of fixed size, in groups.
//
//   group   "DYJ1" | count u32 | first number u64 | bytes of records u32 | CRC-32C u32 | records
//           The checksum is over the whole group with its own four bytes zero. Numbers are little-endian.
//   record  kind, phase, outcome, benefit, service, orphan, edge, verdict (u8 each) | number u32 | measure
//   u32 |
//           period_start i32 | zero u32 | lease 2 x u64 | key u64 | used u64 | cumulative u64 | reserved u64
//           | at i64 | until i64 | origin u64
//
// Where a group should begin and four zero bytes stand, the file's used part ends.
#pragma once

#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "edge/journal.hpp"

namespace dayaq::edge {

inline constexpr std::size_t record_bytes = 96;
inline constexpr std::size_t group_header_bytes = 24;

/// CRC-32C (Castagnoli), as in RFC 3720 B.4. `crc` continues an earlier one.
[[nodiscard]] std::uint32_t crc32c(BytesView bytes, std::uint32_t crc = 0);

void encode_record(const Record& record, std::span<std::byte, record_bytes> out);
/// nullopt for an enumerator that doesn't exist or a reserved byte that isn't zero.
[[nodiscard]] std::optional<Record> decode_record(std::span<const std::byte, record_bytes> in);

struct GroupHeader {
  std::uint64_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t bytes = 0;  ///< of the records
  std::uint32_t crc = 0;
  [[nodiscard]] std::uint64_t last() const { return first + count - 1; }
  [[nodiscard]] std::size_t size() const { return group_header_bytes + bytes; }
};

/// Fills the header in front of `group`'s records: `group` is the whole of it.
void seal_group(std::span<std::byte> group, std::uint64_t first);
/// The header alone: magic and lengths that fit each other, nothing more.
[[nodiscard]] std::optional<GroupHeader> decode_group_header(BytesView in);
/// Whether the checksum of a whole group is right.
[[nodiscard]] bool group_intact(BytesView group);

}  // namespace dayaq::edge
