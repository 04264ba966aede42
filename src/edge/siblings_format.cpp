#include <array>
#include <cstring>

#include "edge/journal_format.hpp"
#include "edge/siblings.hpp"

namespace dayaq::edge {
namespace {

constexpr std::uint32_t magic = 0x31505944;  // "DYP1"
constexpr std::size_t header_bytes = 40;
constexpr std::size_t entry_bytes = 8 + record_bytes;

std::uint32_t checksum(BytesView all) {
  static constexpr std::array<std::byte, 4> zero{};
  return crc32c(all.subspan(8), crc32c(zero, crc32c(all.first(4))));
}
auto refuse(std::string_view code, const char* what) {
  return std::unexpected(
      Error{ErrorKind::invalid_input, code, "A sibling edge sent what can't be read.", what, {}, 0, 0});
}

}  // namespace

Bytes encode(const PeerUsage& usage) {
  DAYAQ_ASSERT(usage.records.size() <= peer_records_max);
  Bytes out;
  out.reserve(header_bytes + usage.records.size() * entry_bytes);
  put_le(out, magic);
  put_le(out, std::uint32_t(0));
  put_le(out, std::uint32_t(usage.edge));
  put_le(out, std::uint32_t(usage.records.size()));
  put_le(out, usage.through);
  put_le(out, usage.last);
  put_le(out, usage.knows);
  for (const auto& [number, record] : usage.records) {
    put_le(out, number);
    out.resize(out.size() + record_bytes);
    encode_record(record, std::span(out).last<record_bytes>());
  }
  const std::uint32_t crc = checksum(out);
  std::memcpy(out.data() + 4, &crc, sizeof crc);
  return out;
}

Result<PeerUsage> decode_peer_usage(BytesView in) {
  const BytesView all = in;
  std::uint32_t found = 0;
  std::uint32_t crc = 0;
  std::uint32_t edge = 0;
  std::uint32_t count = 0;
  PeerUsage usage;
  if (!take_le(in, found) || found != magic) return refuse("peer.magic", "magic");
  if (!take_le(in, crc) || !take_le(in, edge) || !take_le(in, count) || !take_le(in, usage.through) ||
      !take_le(in, usage.last) || !take_le(in, usage.knows)) {
    return refuse("peer.truncated", "header");
  }
  if (count > peer_records_max || in.size() != count * entry_bytes)
    return refuse("peer.truncated", "records");
  if (checksum(all) != crc) return refuse("peer.checksum", "checksum");
  if (edge == 0 || edge > 16) return refuse("peer.value", "edge");
  usage.edge = std::uint8_t(edge);
  std::uint64_t before = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint64_t number = 0;
    if (!take_le(in, number) || number <= before || number > usage.through)
      return refuse("peer.value", "number");
    const auto record = decode_record(in.first<record_bytes>());
    in = in.subspan(record_bytes);
    if (!record || record->copied() || record->edge != usage.edge) return refuse("peer.value", "record");
    usage.records.emplace_back(number, *record);
    before = number;
  }
  return usage;
}

}  // namespace dayaq::edge
