#include "base/siphash.hpp"

#include <gtest/gtest.h>

namespace dayaq {
namespace {

// The paper's appendix A: key 00..0f, message 00..0e.
TEST(SipHash, GivesTheValueOfThePaper) {
  std::array<std::byte, 16> key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = std::byte(i);
  Bytes message;
  for (int i = 0; i < 15; ++i) message.push_back(std::byte(i));
  EXPECT_EQ(siphash(sip_key(key), message), 0xa129ca6149be45e5u);
}

TEST(SipHash, DependsOnTheKey) {
  EXPECT_NE(siphash(SipKey{1, 2}, "994501234567"), siphash(SipKey{1, 3}, "994501234567"));
}

}  // namespace
}  // namespace dayaq
