#include "crypto/ecdsa_der.hpp"

#include <gtest/gtest.h>

namespace dayaq::crypto {
namespace {

TEST(EcdsaDer, EveryLengthOfBothNumbersComesBack) {
  for (std::size_t r = 0; r < 32; ++r) {
    for (const std::byte top : {std::byte{0x7f}, std::byte{0x80}, std::byte{1}}) {
      std::array<std::byte, 64> signature{};
      signature[r] = top;
      signature[63 - r / 2] |= std::byte{0x81};
      const EcdsaDer der = ecdsa_p256_to_der(signature);
      EXPECT_EQ(ecdsa_p256_from_der(der.view()), signature) << to_hex(der.view());
    }
  }
}

TEST(EcdsaDer, RefusesWhatIsNotTheOneEncoding) {
  const auto read = [](std::string_view hex) { return ecdsa_p256_from_der(*from_hex(hex)); };
  EXPECT_TRUE(read("3006020101020101"));
  EXPECT_FALSE(read("300602010102010100"));  // a byte too many
  EXPECT_FALSE(read("3007020101020101"));    // a wrong length
  EXPECT_FALSE(read("3006020181020101"));    // negative
  EXPECT_FALSE(read("300702020001020101"));  // a zero too many
  EXPECT_FALSE(read("3006020101030101"));    // not an INTEGER
  EXPECT_FALSE(read("30060201010201"));      // cut off
  EXPECT_FALSE(read("3006020101020201"));    // the second number runs over
  EXPECT_FALSE(read(""));
  EXPECT_FALSE(read("30260222" + std::string(68, '1') + "020101"));  // over 33 bytes
}

}  // namespace
}  // namespace dayaq::crypto
