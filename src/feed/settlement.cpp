#include "feed/settlement.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include "base/ids.hpp"
#include "feed/wire.hpp"

// A batch, little-endian, in this order:
//
//   0  4 "DYQS"    4  2 version    6  2 zero    8  4 length of all, signature included
//   12 8 number   20  8 created   28  8 first record   36 8 last record
//   44 4 version of the list of resources   48 4 L, number of lines
//   52 text operator, text edge (one byte of length, then the bytes)
//      L lines: measure 4, benefit 1, kind 1, unit 1, traffic class text, day 4, units 8, requests 4, orphans
//      4 64 Ed25519 signature of all before it
namespace dayaq::feed {
namespace {

constexpr std::array<char, 4> magic{'D', 'Y', 'Q', 'S'};
constexpr WireCodes codes{
    .truncated = "settlement.truncated", .limit = "settlement.limit", .value = "settlement.value"};
constexpr std::size_t length_at = 8;
constexpr std::size_t line_min = 4 + 1 + 1 + 1 + 1 + 4 + 8 + 4 + 4;
constexpr std::uint64_t number_max = std::uint64_t(1) << 53;  // exact in JSON, too

std::unexpected<Error> refuse(std::string_view code, const char* what) {
  return fail(ErrorKind::invalid_input, code,
              "This is not a settlement batch as version 1 has it. Look at the edge's version.", what);
}

bool good(const SettlementLine& line) {
  return (line.traffic_class.empty() || is_code(line.traffic_class)) && line.day >= 0 &&
         line.day <= settlement_day_max && line.units >= -settlement_units_max &&
         line.units <= settlement_units_max && line.orphans <= line.requests;
}

bool good_head(const Settlement& batch) {
  return is_code(batch.operator_code) && is_code(batch.edge) && batch.number >= 1 &&
         batch.number <= number_max && batch.first_record >= 1 && batch.first_record <= batch.last_record &&
         batch.last_record <= number_max;
}

bool in_order(const std::vector<SettlementLine>& lines) {
  return std::ranges::adjacent_find(
             lines, [](const auto& a, const auto& b) { return compare_names(a, b) >= 0; }) == lines.end();
}

struct Head {
  Settlement batch;
  std::uint32_t bytes = 0;
  std::uint32_t lines = 0;
};

Head read_head(WireReader& reader) {
  Head head;
  for (const char c : magic) {
    if (reader.number<std::uint8_t>() != std::uint8_t(c)) reader.broken("settlement.magic");
  }
  if (reader.number<std::uint16_t>() != settlement_version) reader.broken("settlement.version");
  if (reader.number<std::uint16_t>() != 0) reader.broken("settlement.value");
  head.bytes = reader.number<std::uint32_t>();
  if (head.bytes > settlement_bytes_max) reader.broken("settlement.limit");
  head.batch.number = reader.number<std::uint64_t>();
  head.batch.created = from_micros(reader.number<std::int64_t>());
  head.batch.first_record = reader.number<std::uint64_t>();
  head.batch.last_record = reader.number<std::uint64_t>();
  head.batch.resources_version = reader.number<std::uint32_t>();
  head.lines = reader.number<std::uint32_t>();
  if (head.lines > settlement_lines_max) reader.broken("settlement.limit");
  head.batch.operator_code = reader.text();
  head.batch.edge = reader.text();
  if (reader.ok() && !good_head(head.batch)) reader.broken("settlement.value");
  return head;
}

SettlementLine read_line(WireReader& reader) {
  SettlementLine line;
  line.measure = reader.number<std::uint32_t>();
  line.benefit = reader.number<std::uint8_t>();
  line.kind = reader.enumerator(Benefit::room);
  line.unit = reader.enumerator(Unit::percent);
  line.traffic_class = reader.text();
  line.day = reader.number<std::int32_t>();
  line.units = reader.number<std::int64_t>();
  line.requests = reader.number<std::uint32_t>();
  line.orphans = reader.number<std::uint32_t>();
  if (reader.ok() && !good(line)) reader.broken("settlement.value");
  return line;
}

}  // namespace

std::strong_ordering compare_names(const SettlementLine& a, const SettlementLine& b) {
  return std::tie(a.measure, a.benefit, a.kind, a.unit, a.traffic_class, a.day) <=>
         std::tie(b.measure, b.benefit, b.kind, b.unit, b.traffic_class, b.day);
}

Bytes encode(const Settlement& settlement, const crypto::SigningKey& key) {
  DAYAQ_ASSERT(good_head(settlement));
  DAYAQ_ASSERT(settlement.lines.size() <= settlement_lines_max && in_order(settlement.lines));
  Bytes out;
  out.reserve(256 + settlement.lines.size() * (line_min + 16));
  for (const char c : magic) put_le(out, std::uint8_t(c));
  put_le(out, settlement_version);
  put_le(out, std::uint16_t(0));
  put_le(out, std::uint32_t(0));  // the length, below
  put_le(out, settlement.number);
  put_le(out, to_micros(settlement.created));
  put_le(out, settlement.first_record);
  put_le(out, settlement.last_record);
  put_le(out, settlement.resources_version);
  put_le(out, std::uint32_t(settlement.lines.size()));
  put_text(out, settlement.operator_code);
  put_text(out, settlement.edge);
  for (const SettlementLine& line : settlement.lines) {
    DAYAQ_ASSERT(good(line));
    put_le(out, line.measure);
    put_le(out, line.benefit);
    put_le(out, std::uint8_t(line.kind));
    put_le(out, std::uint8_t(line.unit));
    put_text(out, line.traffic_class);
    put_le(out, line.day);
    put_le(out, line.units);
    put_le(out, line.requests);
    put_le(out, line.orphans);
  }
  seal(out, length_at, settlement_bytes_max, key);
  return out;
}

Result<Settlement> decode_settlement_header(BytesView in) {
  WireReader reader(in, codes);
  Head head = read_head(reader);
  if (!reader.ok()) return refuse(reader.code(), "header");
  return std::move(head.batch);
}

Result<Settlement> decode_settlement(BytesView in, std::span<const crypto::PublicKey> keys) {
  if (in.size() > settlement_bytes_max) return refuse("settlement.limit", "length");
  WireReader looking(in, codes);
  const Head head = read_head(looking);
  if (!looking.ok()) return refuse(looking.code(), "header");
  if (head.bytes > in.size()) return refuse("settlement.truncated", "length");
  if (head.bytes < in.size()) return refuse("settlement.limit", "bytes after its end");
  if (head.bytes < signature_bytes || head.lines > looking.rest().size() / line_min) {
    return refuse("settlement.truncated", "lines");
  }
  if (!is_sealed(in, keys)) {
    return fail(
        ErrorKind::forbidden, "settlement.signature",
        "This batch was not signed with the edge's enrolled key. Enrol the edge's key, or look at who is "
        "in between.");
  }
  WireReader reader(in.first(in.size() - signature_bytes), codes);
  Settlement batch = read_head(reader).batch;
  batch.lines.reserve(head.lines);
  for (std::uint32_t i = 0; i < head.lines && reader.ok(); ++i) batch.lines.push_back(read_line(reader));
  if (reader.ok() && !in_order(batch.lines)) reader.broken("settlement.value");
  if (reader.ok() && !reader.rest().empty()) reader.broken("settlement.limit");
  if (!reader.ok()) return refuse(reader.code(), "content");
  return batch;
}

}  // namespace dayaq::feed
