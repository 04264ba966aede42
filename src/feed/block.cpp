#include "feed/block.hpp"

#include <algorithm>
#include <array>

#include "feed/wire.hpp"

namespace dayaq::feed {
namespace {

constexpr std::array<char, 4> magic{'D', 'Y', 'Q', 'F'};
constexpr WireCodes codes{.truncated = "feed.truncated", .limit = "feed.limit", .value = "feed.value"};
constexpr std::size_t length_at = 8;  // where the block's length stands
// Least sizes, so that a count can be refused before memory is made for it.
constexpr std::size_t definition_min = 4 + 4 + 1 + 8 + 8 + 1;
constexpr std::size_t list_min = 1;
constexpr std::size_t line_bytes = 8 + 2;

std::unexpected<Error> refuse(std::string_view code, const char* what) {
  return fail(ErrorKind::invalid_input, code, "This is not a block of the feed as version 2 has it.", what);
}

void put_definition(Bytes& out, const Definition& definition) {
  DAYAQ_ASSERT(definition.benefits.size() <= benefits_max);
  put_le(out, definition.measure);
  put_le(out, definition.regime_version);
  put_text(out, definition.regime);
  put_le(out, to_micros(definition.period.from));
  put_le(out, to_micros(definition.period.until));
  put_le(out, std::uint8_t(definition.benefits.size()));
  for (const BenefitLine& benefit : definition.benefits) {
    put_le(out, std::uint8_t(benefit.kind));
    put_le(out, std::uint8_t(benefit.unit));
    put_le(out, std::uint8_t(benefit.quota_period));
    put_le(out, benefit.delivered_on);
    put_le(out, benefit.percent);
    put_le(out, std::uint8_t(benefit.limited ? 1 : 0));
    put_le(out, benefit.quota);
    put_le(out, std::uint8_t(benefit.when_used_up));
    put_le(out, std::uint8_t(benefit.when_silent));
    put_le(out, benefit.open_bound);
    put_text(out, benefit.traffic_class);
  }
}

Definition read_definition(WireReader& reader) {
  Definition definition;
  definition.measure = reader.number<std::uint32_t>();
  definition.regime_version = reader.number<std::uint32_t>();
  definition.regime = reader.text();
  definition.period.from = from_micros(reader.number<std::int64_t>());
  definition.period.until = from_micros(reader.number<std::int64_t>());
  const std::size_t benefits = reader.number<std::uint8_t>();
  for (std::size_t i = 0; i < benefits && reader.ok(); ++i) {
    BenefitLine benefit;
    benefit.kind = reader.enumerator(Benefit::room);
    benefit.unit = reader.enumerator(Unit::percent);
    benefit.quota_period = reader.enumerator(QuotaPeriod::regime);
    benefit.delivered_on = reader.number<std::uint8_t>();
    benefit.percent = reader.number<std::uint8_t>();
    if (benefit.delivered_on > 7 || benefit.percent > 100) reader.broken("feed.value");
    const auto limited = reader.number<std::uint8_t>();
    benefit.limited = limited == 1;
    benefit.quota = reader.number<std::uint64_t>();
    if (limited > 1 || (limited == 0 && benefit.quota != 0)) reader.broken("feed.value");
    benefit.when_used_up = reader.enumerator(WhenUsedUp::limited);
    benefit.when_silent = reader.enumerator(WhenSilent::open);
    benefit.open_bound = reader.number<std::uint64_t>();
    if (benefit.when_silent == WhenSilent::close && benefit.open_bound != 0) reader.broken("feed.value");
    benefit.traffic_class = reader.text();
    definition.benefits.push_back(std::move(benefit));
  }
  return definition;
}

Header read_header(WireReader& reader) {
  Header header;
  for (const char c : magic) {
    if (reader.number<std::uint8_t>() != std::uint8_t(c)) reader.broken("feed.magic");
  }
  if (reader.number<std::uint16_t>() != format_version) reader.broken("feed.version");
  const auto kind = reader.number<std::uint8_t>();
  if (kind != std::uint8_t(BlockKind::changes) && kind != std::uint8_t(BlockKind::snapshot))
    reader.broken("feed.value");
  header.kind = BlockKind(kind);
  if (reader.number<std::uint8_t>() != 0) reader.broken("feed.value");
  header.bytes = reader.number<std::uint32_t>();
  if (header.bytes > block_bytes_max) reader.broken("feed.limit");
  header.first_sequence = reader.number<std::uint64_t>();
  header.created = from_micros(reader.number<std::int64_t>());
  header.definitions = reader.number<std::uint32_t>();
  header.lists = reader.number<std::uint32_t>();
  header.lines = reader.number<std::uint32_t>();
  header.page = reader.number<std::uint32_t>();
  header.pages = reader.number<std::uint32_t>();
  if (header.kind == BlockKind::changes ? (header.page | header.pages) != 0 : header.page >= header.pages) {
    reader.broken("feed.value");
  }
  header.operator_code = reader.text();
  if (header.operator_code.empty()) reader.broken("feed.value");
  return header;
}

}  // namespace

std::uint64_t pseudonym(const SipKey& key, std::string_view kind, std::string_view number) {
  std::string text;
  text.reserve(kind.size() + 1 + number.size());
  text.append(kind).append(1, '|').append(number);
  return std::max<std::uint64_t>(siphash(key, text), 1);
}

Bytes encode(const Block& block, const crypto::SigningKey& key) {
  DAYAQ_ASSERT(!block.operator_code.empty());
  DAYAQ_ASSERT(block.definitions.size() <= definitions_max && block.lists.size() <= lists_max &&
               block.lines.size() <= lines_max);
  DAYAQ_ASSERT(block.kind == BlockKind::changes ? (block.page | block.pages) == 0 : block.page < block.pages);
  Bytes out;
  out.reserve(128 + block.lines.size() * line_bytes + block.lists.size() * 40);
  for (const char c : magic) put_le(out, std::uint8_t(c));
  put_le(out, format_version);
  put_le(out, std::uint8_t(block.kind));
  put_le(out, std::uint8_t(0));
  put_le(out, std::uint32_t(0));  // the length, below
  put_le(out, block.first_sequence);
  put_le(out, to_micros(block.created));
  put_le(out, std::uint32_t(block.definitions.size()));
  put_le(out, std::uint32_t(block.lists.size()));
  put_le(out, std::uint32_t(block.lines.size()));
  put_le(out, block.page);
  put_le(out, block.pages);
  put_text(out, block.operator_code);
  for (const Definition& definition : block.definitions) put_definition(out, definition);
  for (const GrantList& list : block.lists) {
    DAYAQ_ASSERT(list.size() <= grants_max);
    put_le(out, std::uint8_t(list.size()));
    for (const GrantLine& grant : list) {
      put_le(out, grant.measure);
      put_le(out, to_micros(grant.until));
    }
  }
  for (const SubscriptionLine& line : block.lines) {
    DAYAQ_ASSERT(line.list < block.lists.size());
    put_le(out, line.key);
    put_le(out, line.list);
  }
  seal(out, length_at, block_bytes_max, key);
  return out;
}

Result<Header> decode_header(BytesView in) {
  WireReader reader(in, codes);
  Header header = read_header(reader);
  if (!reader.ok()) return refuse(reader.code(), "header");
  return header;
}

Result<Block> decode(BytesView& in, std::span<const crypto::PublicKey> keys) {
  DAYAQ_TRY(const Header header, decode_header(in));
  if (header.bytes > in.size() || header.bytes < signature_bytes) return refuse("feed.truncated", "length");
  if (!is_sealed(in.first(header.bytes), keys)) {
    return fail(
        ErrorKind::forbidden, "feed.signature",
        "This block was not signed by the centre: check the centre's public key and who is in between.");
  }
  return decode_own(in);
}

Result<Block> decode_own(BytesView& in) {
  DAYAQ_TRY(const Header header, decode_header(in));
  if (header.bytes > in.size() || header.bytes < signature_bytes) return refuse("feed.truncated", "length");
  WireReader reader(in.first(header.bytes - signature_bytes), codes);
  read_header(reader);
  Block block{.kind = header.kind,
              .operator_code = header.operator_code,
              .first_sequence = header.first_sequence,
              .created = header.created,
              .page = header.page,
              .pages = header.pages,
              .definitions = {},
              .lists = {},
              .lines = {}};
  const std::size_t definitions = reader.count(header.definitions, definitions_max, definition_min);
  for (std::size_t i = 0; i < definitions && reader.ok(); ++i)
    block.definitions.push_back(read_definition(reader));
  const std::size_t lists = reader.count(header.lists, lists_max, list_min);
  for (std::size_t i = 0; i < lists && reader.ok(); ++i) {
    GrantList& list = block.lists.emplace_back(reader.number<std::uint8_t>());
    for (GrantLine& grant : list) {
      grant.measure = reader.number<std::uint32_t>();
      grant.until = from_micros(reader.number<std::int64_t>());
    }
  }
  block.lines.resize(reader.count(header.lines, lines_max, line_bytes));
  for (SubscriptionLine& line : block.lines) {
    line.key = reader.number<std::uint64_t>();
    line.list = reader.number<std::uint16_t>();
    if (line.list >= block.lists.size()) reader.broken("feed.value");
  }
  if (reader.ok() && !reader.rest().empty()) reader.broken("feed.limit");
  if (!reader.ok()) return refuse(reader.code(), "content");
  in = in.subspan(header.bytes);
  return block;
}

}  // namespace dayaq::feed
