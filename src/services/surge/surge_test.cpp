#include "services/surge/surge.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/file.hpp"

namespace dayaq::services::surge {
namespace {

struct Kept : testing::Test {
  std::filesystem::path data;
  SystemRandom random;
  FixedClock clock{from_micros(1'800'000'000'000'000)};
  Options options{.rate_max = 50, .rate_min = 5};

  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "dayaq-surge-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    data = name;
    std::filesystem::create_directory(data / "keys");
  }
  void TearDown() override { std::filesystem::remove_all(data); }
  std::unique_ptr<Surge> open() {
    auto opened = Surge::open(data, random, clock, false, options);
    EXPECT_TRUE(opened) << opened.error().public_text;
    return opened ? std::move(*opened) : nullptr;
  }
};

TEST_F(Kept, AfterAKillWhoeverWaitedHasTheirPlaceBeforeWhoeverComesThen) {
  auto surge = open();
  std::vector<Place> waiting;
  while (waiting.size() < 100) {
    Place place = surge->admission().enter({}, clock.now());
    if (!place.admitted) waiting.push_back(std::move(place));
    if (waiting.size() == 50) {
      ASSERT_TRUE(surge->save());
    }
  }
  surge = open();  // without a last save
  EXPECT_EQ(
      (std::filesystem::status(data / "keys" / "surge.hex").permissions() & std::filesystem::perms(077)),
      std::filesystem::perms::none);
  const Place fresh = surge->admission().enter({}, clock.now());
  for (const Place& place : waiting) {
    const Place again = surge->admission().enter(place.ticket, clock.now());
    EXPECT_EQ(again.number, place.number);
    EXPECT_LT(again.number, fresh.number);
  }
}

TEST_F(Kept, ABrokenStateIsMadeAgainAndABrokenKeyIsSaid) {
  ASSERT_TRUE(write_file_atomically(data / "surge.state", as_bytes("nonsense")));
  auto surge = open();
  const Place first = surge->admission().enter({}, clock.now());
  EXPECT_TRUE(first.admitted);
  ASSERT_TRUE(write_file_atomically(data / "keys" / "surge.hex", as_bytes("1234")));
  const auto refused = Surge::open(data, random, clock, false, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "surge.key");
}

}  // namespace
}  // namespace dayaq::services::surge
