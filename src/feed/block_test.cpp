#include "feed/block.hpp"

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/random.hpp"
#include "base/siphash.hpp"

namespace dayaq::feed {
namespace {

using namespace std::chrono_literals;

Block example() {
  Block block{.kind = BlockKind::changes,
              .operator_code = "azercell",
              .first_sequence = 41,
              .created = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + 8h};
  Definition calls{.measure = 7,
                   .regime_version = 2,
                   .regime = "special-quarantine",
                   .period = {.from = block.created, .until = block.created + 2400h}};
  calls.benefits.push_back(
      {.kind = Benefit::voice, .unit = Unit::seconds, .delivered_on = 1, .limited = true, .quota = 36000});
  calls.benefits.push_back({.kind = Benefit::data,
                            .unit = Unit::octets,
                            .quota_period = QuotaPeriod::week,
                            .delivered_on = 3,
                            .percent = 50,
                            .traffic_class = "education"});
  block.definitions.push_back(calls);
  block.lists = {{}, {{.measure = 7, .until = instant_max}, {.measure = 9, .until = block.created + 24h}}};
  block.lines = {{.key = 0x0123456789abcdef, .list = 1}, {.key = 0xfedcba9876543210, .list = 0}};
  return block;
}

/// Puts the right checksum and length behind changed content, so that only the content is at fault.
Bytes sealed(Bytes bytes) {
  bytes.resize(bytes.size() - 8);
  put_le(bytes, siphash(SipKey{}, bytes));
  return bytes;
}

std::string_view code_of(const Bytes& bytes) {
  BytesView in = bytes;
  const auto block = decode(in);
  return block ? "" : block.error().code;
}

TEST(FeedBlock, ComesBackAsItWas) {
  const Bytes bytes = encode(example());
  BytesView in = bytes;
  const auto block = decode(in);
  ASSERT_TRUE(block) << block.error().code;
  EXPECT_EQ(*block, example());
  EXPECT_TRUE(in.empty());
  EXPECT_EQ(block->last_sequence(), 43u);
}

TEST(FeedBlock, IsTakenOffTheFrontOfSeveral) {
  Bytes bytes = encode(example());
  Block second = example();
  second.first_sequence = 44;
  const Bytes more = encode(second);
  bytes.insert(bytes.end(), more.begin(), more.end());
  BytesView in = bytes;
  ASSERT_TRUE(decode(in));
  EXPECT_EQ(decode_header(in)->first_sequence, 44u);
  EXPECT_EQ(*decode(in), second);
  EXPECT_TRUE(in.empty());
}

TEST(FeedBlock, KeepsTheBytesOfVersionOneForGood) {
  const auto golden = read_file(std::string(DAYAQ_SOURCE_DIR) + "/src/feed/block_v1.hex");
  ASSERT_TRUE(golden);
  std::string hex;
  for (const char c : *golden) {
    if (c != '\n') hex += c;
  }
  EXPECT_EQ(to_hex(encode(example())), hex);
}

TEST(FeedBlock, WithoutItsEndIsRefused) {
  const Bytes bytes = encode(example());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    BytesView in = BytesView(bytes).first(size);
    EXPECT_FALSE(decode(in)) << size;
    EXPECT_EQ(in.size(), size);
  }
}

TEST(FeedBlock, WithAnyBitTurnedIsRefused) {
  const Bytes bytes = encode(example());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes changed = bytes;
    changed[bit / 8] ^= std::byte(1 << (bit % 8));
    EXPECT_NE(code_of(changed), "") << bit;
  }
}

TEST(FeedBlock, WithWrongContentUnderARightChecksumIsRefused) {
  const Bytes good = encode(example());
  Bytes bytes = good;
  bytes[0] = std::byte('X');
  EXPECT_EQ(code_of(sealed(bytes)), "feed.magic");
  bytes = good;
  bytes[4] = std::byte(2);
  EXPECT_EQ(code_of(sealed(bytes)), "feed.version");
  bytes = good;
  bytes[6] = std::byte(3);
  EXPECT_EQ(code_of(sealed(bytes)), "feed.value");
  bytes = good;
  bytes[bytes.size() - 8 - 2] = std::byte(2);  // the last line's list
  EXPECT_EQ(code_of(sealed(bytes)), "feed.value");
  bytes = good;
  bytes[31] = std::byte(0xff);  // more definitions than any block has
  EXPECT_EQ(code_of(sealed(bytes)), "feed.limit");
  bytes = good;
  bytes[36] = std::byte(3);  // one line more than there is
  EXPECT_EQ(code_of(sealed(bytes)), "feed.truncated");
  bytes[36] = std::byte(1);  // and one less
  EXPECT_EQ(code_of(sealed(bytes)), "feed.limit");
}

TEST(FeedBlock, OfRandomContentComesBackAsItWas) {
  SeededRandom random(4);
  for (int round = 0; round < 200; ++round) {
    Block block{.kind = random.below(2) == 0 ? BlockKind::changes : BlockKind::snapshot,
                .operator_code = "o",
                .first_sequence = random.next(),
                .created = from_micros(std::int64_t(random.next() >> 8))};
    for (std::uint64_t i = random.below(4); i > 0; --i) {
      Definition definition{.measure = std::uint32_t(random.next()),
                            .regime_version = std::uint32_t(random.below(9)),
                            .regime = "r"};
      for (std::uint64_t b = random.below(4); b > 0; --b) {
        definition.benefits.push_back({.kind = Benefit(random.below(7)),
                                       .unit = Unit(random.below(6)),
                                       .quota_period = QuotaPeriod(random.below(4)),
                                       .delivered_on = std::uint8_t(random.below(8)),
                                       .percent = std::uint8_t(random.below(101)),
                                       .limited = true,
                                       .quota = random.next()});
      }
      block.definitions.push_back(definition);
    }
    for (std::uint64_t i = 1 + random.below(6); i > 0; --i) {
      GrantList& list = block.lists.emplace_back();
      for (std::uint64_t g = random.below(5); g > 0; --g) {
        list.push_back(
            {.measure = std::uint32_t(random.next()), .until = from_micros(std::int64_t(random.next()))});
      }
    }
    for (std::uint64_t i = random.below(300); i > 0; --i) {
      block.lines.push_back({.key = random.next(), .list = std::uint16_t(random.below(block.lists.size()))});
    }
    const Bytes bytes = encode(block);
    BytesView in = bytes;
    ASSERT_EQ(*decode(in), block);
  }
}

}  // namespace
}  // namespace dayaq::feed
