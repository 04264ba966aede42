#include "feed/block.hpp"

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/random.hpp"

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
  calls.benefits.push_back({.kind = Benefit::voice,
                            .unit = Unit::seconds,
                            .delivered_on = 1,
                            .limited = true,
                            .quota = 36000,
                            .when_used_up = WhenUsedUp::limited,
                            .when_silent = WhenSilent::close});
  calls.benefits.push_back({.kind = Benefit::data,
                            .unit = Unit::octets,
                            .quota_period = QuotaPeriod::week,
                            .delivered_on = 3,
                            .percent = 50,
                            .open_bound = 100'000'000,
                            .traffic_class = "education"});
  block.definitions.push_back(calls);
  block.lists = {{}, {{.measure = 7, .until = instant_max}, {.measure = 9, .until = block.created + 24h}}};
  block.lines = {{.key = 0x0123456789abcdef, .list = 1}, {.key = 0xfedcba9876543210, .list = 0}};
  return block;
}

crypto::SigningKey signer(int number) {
  return std::move(*crypto::SigningKey::from_seed(std::array<std::byte, 32>{std::byte(number)}));
}
const crypto::SigningKey& centre() {
  static const crypto::SigningKey key = signer(1);
  return key;
}
const std::array<crypto::PublicKey, 1>& centre_keys() {
  static const std::array<crypto::PublicKey, 1> keys{centre().public_key()};
  return keys;
}

/// Signs changed content anew, so that only the content is at fault.
Bytes signed_again(Bytes bytes) {
  bytes.resize(bytes.size() - 64);
  const crypto::Signature signature = centre().sign(bytes);
  bytes.insert(bytes.end(), signature.begin(), signature.end());
  return bytes;
}

std::string_view code_of(const Bytes& bytes, std::span<const crypto::PublicKey> keys = centre_keys()) {
  BytesView in = bytes;
  const auto block = decode(in, keys);
  return block ? "" : block.error().code;
}

TEST(FeedBlock, ComesBackAsItWas) {
  const Bytes bytes = encode(example(), centre());
  BytesView in = bytes;
  const auto block = decode(in, centre_keys());
  ASSERT_TRUE(block) << block.error().code;
  EXPECT_EQ(*block, example());
  EXPECT_TRUE(in.empty());
  EXPECT_EQ(block->last_sequence(), 43u);
}

TEST(FeedBlock, IsTakenOffTheFrontOfSeveral) {
  Bytes bytes = encode(example(), centre());
  Block second = example();
  second.first_sequence = 44;
  const Bytes more = encode(second, centre());
  bytes.insert(bytes.end(), more.begin(), more.end());
  BytesView in = bytes;
  ASSERT_TRUE(decode(in, centre_keys()));
  EXPECT_EQ(decode_header(in)->first_sequence, 44u);
  EXPECT_EQ(*decode(in, centre_keys()), second);
  EXPECT_TRUE(in.empty());
}

TEST(FeedBlock, KeepsTheBytesOfVersionTwoForGood) {
  const auto golden = read_file(std::string(DAYAQ_SOURCE_DIR) + "/src/feed/block_v2.hex");
  ASSERT_TRUE(golden);
  std::string hex;
  for (const char c : *golden) {
    if (c != '\n') hex += c;
  }
  EXPECT_EQ(to_hex(encode(example(), centre())), hex);
}

TEST(FeedBlock, WithoutItsEndIsRefused) {
  const Bytes bytes = encode(example(), centre());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    BytesView in = BytesView(bytes).first(size);
    EXPECT_FALSE(decode(in, centre_keys())) << size;
    EXPECT_EQ(in.size(), size);
  }
}

TEST(FeedBlock, WithAnyBitTurnedIsRefused) {
  const Bytes bytes = encode(example(), centre());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes changed = bytes;
    changed[bit / 8] ^= std::byte(1 << (bit % 8));
    EXPECT_NE(code_of(changed), "") << bit;
  }
}

TEST(FeedBlock, SignedByAnotherKeyIsRefused) {
  const Bytes bytes = encode(example(), signer(2));
  EXPECT_EQ(code_of(bytes), "feed.signature");
  EXPECT_EQ(code_of(bytes, {}), "feed.signature");
  // While the centre changes its key, both are known.
  EXPECT_EQ(code_of(bytes, std::array{centre().public_key(), signer(2).public_key()}), "");
}

TEST(FeedBlock, WithAnyByteOfItsContentChangedFailsTheSignatureOrTheHeader) {
  const Bytes good = encode(example(), centre());
  for (std::size_t i = 41; i < good.size(); ++i) {  // behind the header's fixed part
    Bytes bytes = good;
    bytes[i] ^= std::byte(0x55);
    EXPECT_NE(code_of(bytes), "") << i;
    if (i > 60) {
      EXPECT_EQ(code_of(bytes), "feed.signature") << i;
    }
  }
}

TEST(FeedBlock, WithWrongContentUnderARightSignatureIsRefused) {
  const Bytes good = encode(example(), centre());
  const auto with = [&](std::size_t at, int value) {
    Bytes bytes = good;
    bytes[at] = std::byte(value);
    return code_of(signed_again(std::move(bytes)));
  };
  EXPECT_EQ(with(0, 'X'), "feed.magic");
  EXPECT_EQ(with(4, 1), "feed.version");
  EXPECT_EQ(with(6, 3), "feed.value");
  EXPECT_EQ(with(good.size() - 64 - 2, 2), "feed.value");  // the last line's list
  EXPECT_EQ(with(31, 0xff), "feed.limit");                 // more definitions than any block has
  EXPECT_EQ(with(36, 3), "feed.truncated");                // one line more than there is
  EXPECT_EQ(with(36, 1), "feed.limit");                    // and one less
  EXPECT_EQ(with(40, 1), "feed.value");                    // changes have no page
  EXPECT_EQ(with(44, 1), "feed.value");                    // nor pages
}

TEST(FeedBlock, OfABenefitThatClosesHasNoBound) {
  Block block = example();
  block.definitions[0].benefits[0].open_bound = 1;
  EXPECT_EQ(code_of(encode(block, centre())), "feed.value");
}

TEST(FeedBlock, OfASnapshotSaysWhichPageItIs) {
  Block block = example();
  block.kind = BlockKind::snapshot;
  block.page = 2;
  block.pages = 4;
  const Bytes good = encode(block, centre());
  BytesView in = good;
  EXPECT_EQ(*decode(in, centre_keys()), block);
  EXPECT_EQ(decode_header(good)->page, 2u);
  EXPECT_EQ(decode_header(good)->pages, 4u);
  for (const auto& [page, pages] : {std::pair{4, 4}, {5, 4}, {0, 0}}) {
    Bytes bytes = good;
    bytes[40] = std::byte(page);
    bytes[44] = std::byte(pages);
    EXPECT_EQ(code_of(signed_again(bytes)), "feed.value") << page << " of " << pages;
  }
}

TEST(FeedBlock, NamesASubscriptionByItsPseudonym) {
  // SipHash-2-4 as bench/feed_lag_bench.py has it from the paper, of the key 000102...0f.
  std::array<std::byte, 16> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte(i);
  EXPECT_EQ(pseudonym(sip_key(bytes), "mobile", "994501234567"), 0x06450415f3718702u);
  EXPECT_NE(pseudonym(sip_key(bytes), "fixed", "994501234567"), 0x06450415f3718702u);
}

TEST(FeedBlock, OfRandomContentComesBackAsItWas) {
  SeededRandom random(4);
  for (int round = 0; round < 200; ++round) {
    const bool snapshot = random.below(2) == 0;
    const auto pages = std::uint32_t(snapshot ? 1 + random.below(9) : 0);
    Block block{.kind = snapshot ? BlockKind::snapshot : BlockKind::changes,
                .operator_code = "o",
                .first_sequence = random.next(),
                .created = from_micros(std::int64_t(random.next() >> 8)),
                .page = std::uint32_t(snapshot ? random.below(pages) : 0),
                .pages = pages};
    for (std::uint64_t i = random.below(4); i > 0; --i) {
      Definition definition{.measure = std::uint32_t(random.next()),
                            .regime_version = std::uint32_t(random.below(9)),
                            .regime = "r"};
      for (std::uint64_t b = random.below(4); b > 0; --b) {
        const auto silent = WhenSilent(random.below(2));
        definition.benefits.push_back({.kind = Benefit(random.below(7)),
                                       .unit = Unit(random.below(6)),
                                       .quota_period = QuotaPeriod(random.below(4)),
                                       .delivered_on = std::uint8_t(random.below(8)),
                                       .percent = std::uint8_t(random.below(101)),
                                       .limited = true,
                                       .quota = random.next(),
                                       .when_used_up = WhenUsedUp(random.below(2)),
                                       .when_silent = silent,
                                       .open_bound = silent == WhenSilent::open ? random.next() : 0});
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
    const Bytes bytes = encode(block, centre());
    BytesView in = bytes;
    ASSERT_EQ(*decode(in, centre_keys()), block);
  }
}

}  // namespace
}  // namespace dayaq::feed
