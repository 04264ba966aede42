#include "feed/settlement.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/random.hpp"

namespace dayaq::feed {
namespace {

using namespace std::chrono_literals;

/// The key whose batches the golden bytes and the fuzzer's corpus are.
crypto::SigningKey edge_key() {
  return std::move(*crypto::SigningKey::from_seed(std::array<std::byte, 32>{std::byte(9)}));
}

Settlement example() {
  Settlement batch{.operator_code = "azercell",
                   .edge = "baku-1",
                   .number = 17,
                   .created = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + 8h,
                   .first_record = 1001,
                   .last_record = 2000,
                   .resources_version = 3};
  batch.lines.push_back({.measure = 7,
                         .benefit = 0,
                         .kind = Benefit::voice,
                         .unit = Unit::seconds,
                         .day = 20778,
                         .units = 36000,
                         .requests = 60,
                         .orphans = 2});
  batch.lines.push_back({.measure = 7,
                         .benefit = 1,
                         .kind = Benefit::data,
                         .unit = Unit::octets,
                         .traffic_class = "education",
                         .day = 20777,
                         .units = -5'000'000'000,
                         .requests = 1});
  batch.lines.push_back({.measure = 7,
                         .benefit = 1,
                         .kind = Benefit::data,
                         .unit = Unit::octets,
                         .traffic_class = "education",
                         .day = 20778,
                         .units = settlement_units_max,
                         .requests = 4'000'000'000});
  return batch;
}

std::string_view code_of(BytesView bytes) {
  const std::array<crypto::PublicKey, 1> keys{edge_key().public_key()};
  const auto batch = decode_settlement(bytes, keys);
  return batch ? "" : batch.error().code;
}

/// Signs changed content again, so that only the content is at fault.
Bytes sealed(Bytes bytes) {
  bytes.resize(bytes.size() - 64);
  const auto signature = edge_key().sign(bytes);
  bytes.insert(bytes.end(), signature.begin(), signature.end());
  return bytes;
}

constexpr std::size_t lines_at = 52 + 1 + 8 + 1 + 6;  // behind operator and edge of the example
constexpr std::size_t line_bytes = 28;                // of a line without a traffic class

TEST(Settlement, ComesBackAsItWas) {
  const Bytes bytes = encode(example(), edge_key());
  const std::array<crypto::PublicKey, 1> keys{edge_key().public_key()};
  const auto batch = decode_settlement(bytes, keys);
  ASSERT_TRUE(batch) << batch.error().code;
  EXPECT_EQ(*batch, example());
  Settlement header = example();
  header.lines.clear();
  EXPECT_EQ(*decode_settlement_header(bytes), header);
}

TEST(Settlement, KeepsTheBytesOfVersionOneForGood) {
  const auto golden = read_file(std::string(DAYAQ_SOURCE_DIR) + "/src/feed/settlement_v1.hex");
  ASSERT_TRUE(golden);
  std::string hex = *golden;
  std::erase(hex, '\n');
  EXPECT_EQ(to_hex(encode(example(), edge_key())), hex);
}

TEST(Settlement, IsAcceptedFromEitherKeyWhileTheyChange) {
  SeededRandom random(3);
  const auto other = crypto::SigningKey::generate(random);
  const std::array both{other.public_key(), edge_key().public_key()};
  EXPECT_TRUE(decode_settlement(encode(example(), edge_key()), both));
  EXPECT_TRUE(decode_settlement(encode(example(), other), both));
  EXPECT_EQ(decode_settlement(encode(example(), other), std::span(both).last(1)).error().code,
            "settlement.signature");
  EXPECT_EQ(decode_settlement(encode(example(), other), {}).error().code, "settlement.signature");
}

TEST(Settlement, WithoutItsEndOrWithMoreIsRefused) {
  Bytes bytes = encode(example(), edge_key());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(code_of(BytesView(bytes).first(size)), "settlement.truncated") << size;
  }
  bytes.push_back(std::byte(0));
  EXPECT_EQ(code_of(bytes), "settlement.limit");
}

TEST(Settlement, WithAnyBitTurnedIsRefused) {
  const Bytes bytes = encode(example(), edge_key());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes changed = bytes;
    changed[bit / 8] ^= std::byte(1 << (bit % 8));
    EXPECT_NE(code_of(changed), "") << bit;
  }
}

TEST(Settlement, WithWrongContentUnderARightSignatureIsRefused) {
  const auto with = [](std::size_t at, std::uint8_t value) {
    Bytes bytes = encode(example(), edge_key());
    bytes[at] = std::byte(value);
    return sealed(bytes);
  };
  EXPECT_EQ(code_of(with(0, 'X')), "settlement.magic");
  EXPECT_EQ(code_of(with(4, 2)), "settlement.version");
  EXPECT_EQ(code_of(with(6, 1)), "settlement.value");
  EXPECT_EQ(code_of(with(12, 0)), "settlement.value") << "number 0";
  EXPECT_EQ(code_of(with(44 - 1, 0x7f)), "settlement.value") << "a record number beyond any";
  EXPECT_EQ(code_of(with(29, 0xff)), "settlement.value") << "the last record before the first";
  EXPECT_EQ(code_of(with(48, 4)), "settlement.truncated") << "a line more than there is";
  EXPECT_EQ(code_of(with(48, 2)), "settlement.limit") << "and one less";
  EXPECT_EQ(code_of(with(50, 0xff)), "settlement.limit");
  EXPECT_EQ(code_of(with(53, 'A')), "settlement.value") << "an operator that is no code";
  EXPECT_EQ(code_of(with(lines_at + 5, 7)), "settlement.value") << "kind";
  EXPECT_EQ(code_of(with(lines_at + 6, 6)), "settlement.value") << "unit";
  EXPECT_EQ(code_of(with(lines_at + 7, 65)), "settlement.limit") << "a long class";
  EXPECT_EQ(code_of(with(lines_at + 11, 0x80)), "settlement.value") << "a day before 1970";
  EXPECT_EQ(code_of(with(lines_at + 19, 0x40)), "settlement.value") << "units";
  EXPECT_EQ(code_of(with(lines_at + 24, 61)), "settlement.value") << "more orphans than requests";
  EXPECT_EQ(code_of(with(lines_at, 8)), "settlement.value") << "not in order";
  EXPECT_EQ(code_of(with(lines_at + line_bytes + 4 + 4, ' ')), "settlement.value")
      << "a class that is no code";
}

TEST(Settlement, NamesALineOnce) {
  Bytes bytes = encode(example(), edge_key());
  const std::size_t second = lines_at + line_bytes;
  const std::size_t length = line_bytes + 9;
  std::copy_n(bytes.begin() + second, length, bytes.begin() + second + length);
  EXPECT_EQ(code_of(sealed(bytes)), "settlement.value");
}

TEST(Settlement, OfRandomContentComesBackAsItWas) {
  SeededRandom random(6);
  const std::array<crypto::PublicKey, 1> keys{edge_key().public_key()};
  const char* classes[] = {"", "all", "education", "home_tv"};
  for (int round = 0; round < 100; ++round) {
    Settlement batch{.operator_code = "o",
                     .edge = "e",
                     .number = 1 + random.below(1000),
                     .created = from_micros(std::int64_t(random.next() >> 8)),
                     .first_record = 1 + random.below(1000),
                     .last_record = 1001 + random.below(1000)};
    for (std::uint64_t i = random.below(200); i > 0; --i) {
      const auto requests = std::uint32_t(random.below(1000));
      batch.lines.push_back({.measure = std::uint32_t(random.below(5)),
                             .benefit = std::uint8_t(random.below(3)),
                             .kind = Benefit(random.below(7)),
                             .unit = Unit(random.below(6)),
                             .traffic_class = classes[random.below(4)],
                             .day = std::int32_t(20000 + random.below(3)),
                             .units = std::int64_t(random.below(1u << 30)) - (1 << 29),
                             .requests = requests,
                             .orphans = std::uint32_t(random.below(requests + 1))});
    }
    std::ranges::sort(batch.lines, [](const auto& a, const auto& b) { return compare_names(a, b) < 0; });
    const auto again = std::ranges::unique(
        batch.lines, [](const auto& a, const auto& b) { return compare_names(a, b) == 0; });
    batch.lines.erase(again.begin(), again.end());
    EXPECT_EQ(*decode_settlement(encode(batch, edge_key()), keys), batch);
  }
}

}  // namespace
}  // namespace dayaq::feed
