#include "portal/qr.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace dayaq::portal {
namespace {

TEST(QrCode, HasItsThreeFindersAndItsTiming) {
  const auto code =
      QrCode::create("DP1:6BFOXN*TS0BI$ZD4N9:9S6RCVN5+O30K3/XIV0W23NTDE$VK G2EP4J0B3KLASMUG8GJ6");
  ASSERT_TRUE(code);
  ASSERT_EQ((code->size() - 17) % 4, 0);
  const int last = code->size() - 1;
  for (const auto& [left, top] : {std::pair(0, 0), std::pair(last - 6, 0), std::pair(0, last - 6)}) {
    for (int y = 0; y < 7; ++y) {
      for (int x = 0; x < 7; ++x) {
        const int ring = std::max(std::abs(x - 3), std::abs(y - 3));
        EXPECT_EQ(code->dark(left + x, top + y), ring != 2) << x << ' ' << y;
      }
    }
  }
  for (int x = 8; x < last - 8; ++x) EXPECT_EQ(code->dark(x, 6), x % 2 == 0);
}

TEST(QrCode, DrawsEachDarkModuleOnceWithinItsQuietZone) {
  const auto code = QrCode::create("DP1:TEST");
  ASSERT_TRUE(code);
  std::vector<bool> drawn(static_cast<std::size_t>(code->size() * code->size()));
  std::istringstream path(code->path());
  char m = 0, h = 0;
  int x = 0, y = 0, width = 0;
  std::string rest;
  while (path >> m >> x >> y >> h >> width && std::getline(path, rest, 'z')) {
    ASSERT_EQ(m, 'M');
    ASSERT_EQ(rest, "v1h-" + std::to_string(width));
    for (int at = x - QrCode::quiet_zone; at < x - QrCode::quiet_zone + width; ++at) {
      const auto index = static_cast<std::size_t>((y - QrCode::quiet_zone) * code->size() + at);
      ASSERT_LT(index, drawn.size());
      EXPECT_FALSE(drawn[index]);
      drawn[index] = true;
    }
  }
  for (int row = 0; row < code->size(); ++row) {
    for (int column = 0; column < code->size(); ++column) {
      EXPECT_EQ(drawn[static_cast<std::size_t>(row * code->size() + column)], code->dark(column, row));
    }
  }
}

TEST(QrCode, NeedsLessRoomForCapitalsAndRefusesWhatDoesNotFit) {
  const auto capitals = QrCode::create("DP1:" + std::string(150, 'A'));
  const auto small = QrCode::create("DP1:" + std::string(150, 'a'));
  ASSERT_TRUE(capitals && small);
  EXPECT_LT(capitals->size(), small->size());
  EXPECT_TRUE(QrCode::create(std::string(1'000, 'A'), QrCorrection::high));
  for (const std::string& bad :
       {std::string(), std::string(4'297, 'A'), std::string(4'000, 'a'), std::string(3, '\0')}) {
    const auto code = QrCode::create(bad);
    ASSERT_FALSE(code);
    EXPECT_EQ(code.error().code, "portal.qr");
  }
}

TEST(QrCode, IsAnSvgThatNamesItself) {
  const auto code = QrCode::create("DP1:TEST");
  ASSERT_TRUE(code);
  const std::string svg = code->svg("Permit \"7\" & more");
  EXPECT_NE(svg.find("viewBox=\"0 0 29 29\""), std::string::npos);
  EXPECT_NE(svg.find("aria-label=\"Permit &quot;7&quot; &amp; more\""), std::string::npos);
  EXPECT_EQ(svg.find("style"), std::string::npos);
}

}  // namespace
}  // namespace dayaq::portal
