#include "edge/journal_format.hpp"

#include <array>
#include <bit>
#include <cstring>
#ifdef __x86_64__
#include <nmmintrin.h>
#endif

namespace dayaq::edge {
namespace {

constexpr std::uint8_t unused_kind = 4;  // never written by any version

constexpr std::array<std::byte, 4> magic{std::byte('D'), std::byte('Y'), std::byte('J'), std::byte('1')};

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
    table[i] = crc;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> table = make_table();

std::uint32_t crc_by_table(BytesView bytes, std::uint32_t crc) {
  for (const std::byte byte : bytes) crc = table[(crc ^ std::uint32_t(byte)) & 0xff] ^ (crc >> 8);
  return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) std::uint32_t crc_by_instruction(BytesView bytes, std::uint32_t crc) {
  std::uint64_t wide = crc;
  while (bytes.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    wide = _mm_crc32_u64(wide, word);
    bytes = bytes.subspan(8);
  }
  crc = std::uint32_t(wide);
  for (const std::byte byte : bytes) crc = _mm_crc32_u8(crc, std::uint8_t(byte));
  return crc;
}
#endif

template <class Int>
void put(std::byte*& at, Int value) {
  // Little-endian machines alone are built for; a memcpy is one store.
  std::memcpy(at, &value, sizeof value);
  at += sizeof value;
}
template <class Int>
Int take(const std::byte*& at) {
  Int value{};
  std::memcpy(&value, at, sizeof value);
  at += sizeof value;
  return value;
}
static_assert(std::endian::native == std::endian::little);

}  // namespace

std::uint32_t crc32c(BytesView bytes, std::uint32_t crc) {
#ifdef __x86_64__
  static const bool has = __builtin_cpu_supports("sse4.2") != 0;
  if (has) return ~crc_by_instruction(bytes, ~crc);
#endif
  return ~crc_by_table(bytes, ~crc);
}

void encode_record(const Record& record, std::span<std::byte, record_bytes> out) {
  std::byte* at = out.data();
  put(at, std::uint8_t(record.kind));
  put(at, std::uint8_t(record.phase));
  put(at, std::uint8_t(record.outcome));
  put(at, record.benefit);
  put(at, record.service);
  put(at, std::uint8_t(record.orphan ? 1 : 0));
  put(at, record.edge);
  put(at, record.verdict);
  put(at, record.number);
  put(at, record.measure);
  put(at, record.period_start);
  put(at, std::uint32_t(0));
  put(at, record.lease.high);
  put(at, record.lease.low);
  put(at, record.key);
  put(at, record.used);
  put(at, record.cumulative);
  put(at, record.reserved);
  put(at, to_micros(record.at));
  put(at, to_micros(record.until));
  put(at, record.origin);
}

std::optional<Record> decode_record(std::span<const std::byte, record_bytes> in) {
  const std::byte* at = in.data();
  Record record;
  const auto kind = take<std::uint8_t>(at);
  const auto phase = take<std::uint8_t>(at);
  const auto outcome = take<std::uint8_t>(at);
  const std::uint8_t plain = kind & std::uint8_t(~sibling_copy);
  if (plain < 1 || plain > std::uint8_t(RecordKind::credit) || plain == unused_kind ||
      phase > std::uint8_t(Phase::refund) || outcome > std::uint8_t(Outcome::refused)) {
    return std::nullopt;
  }
  record.kind = RecordKind(kind);
  record.phase = Phase(phase);
  record.outcome = Outcome(outcome);
  record.benefit = take<std::uint8_t>(at);
  record.service = take<std::uint8_t>(at);
  const auto orphan = take<std::uint8_t>(at);
  if (orphan > 1) return std::nullopt;
  record.orphan = orphan == 1;
  record.edge = take<std::uint8_t>(at);
  record.verdict = take<std::uint8_t>(at);
  record.number = take<std::uint32_t>(at);
  record.measure = take<std::uint32_t>(at);
  record.period_start = take<std::int32_t>(at);
  if (take<std::uint32_t>(at) != 0) return std::nullopt;
  record.lease.high = take<std::uint64_t>(at);
  record.lease.low = take<std::uint64_t>(at);
  record.key = take<std::uint64_t>(at);
  record.used = take<std::uint64_t>(at);
  record.cumulative = take<std::uint64_t>(at);
  record.reserved = take<std::uint64_t>(at);
  record.at = from_micros(take<std::int64_t>(at));
  record.until = from_micros(take<std::int64_t>(at));
  record.origin = take<std::uint64_t>(at);
  return record;
}

void seal_group(std::span<std::byte> group, std::uint64_t first) {
  const std::size_t bytes = group.size() - group_header_bytes;
  std::byte* at = group.data();
  std::memcpy(at, magic.data(), magic.size());
  at += magic.size();
  put(at, std::uint32_t(bytes / record_bytes));
  put(at, first);
  put(at, std::uint32_t(bytes));
  std::byte* crc_at = at;
  put(at, std::uint32_t(0));
  put(crc_at, crc32c(group));
}

std::optional<GroupHeader> decode_group_header(BytesView in) {
  if (in.size() < group_header_bytes || std::memcmp(in.data(), magic.data(), magic.size()) != 0) {
    return std::nullopt;
  }
  const std::byte* at = in.data() + magic.size();
  GroupHeader header;
  header.count = take<std::uint32_t>(at);
  header.first = take<std::uint64_t>(at);
  header.bytes = take<std::uint32_t>(at);
  header.crc = take<std::uint32_t>(at);
  if (header.count == 0 || header.first == 0 || std::uint64_t(header.count) * record_bytes != header.bytes) {
    return std::nullopt;
  }
  return header;
}

bool group_intact(BytesView group) {
  const auto header = decode_group_header(group);
  if (!header || group.size() != header->size()) return false;
  static constexpr std::array<std::byte, 4> zero{};
  std::uint32_t crc = crc32c(group.first(group_header_bytes - 4));
  crc = crc32c(zero, crc);
  return crc32c(group.subspan(group_header_bytes), crc) == header->crc;
}

}  // namespace dayaq::edge
