#include "base/bytes.hpp"

#include <gtest/gtest.h>

namespace dayaq {
namespace {

// RFC 4648 section 10.
TEST(Base64, GivesTheVectorsOfTheStandard) {
  EXPECT_EQ(to_base64(as_bytes("")), "");
  EXPECT_EQ(to_base64(as_bytes("f")), "Zg==");
  EXPECT_EQ(to_base64(as_bytes("fo")), "Zm8=");
  EXPECT_EQ(to_base64(as_bytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(to_base64url(as_bytes("fo")), "Zm8");
}

TEST(Base64, ReadsBackWhatItWrote) {
  for (const auto text : {"", "f", "fo", "foo", "foob"}) {
    const auto back = from_base64(to_base64(as_bytes(text)));
    ASSERT_TRUE(back);
    EXPECT_EQ(as_text(*back), text);
    const auto back_url = from_base64url(to_base64url(as_bytes(text)));
    ASSERT_TRUE(back_url);
    EXPECT_EQ(as_text(*back_url), text);
  }
}

TEST(Base64, RefusesOtherTexts) {
  for (const auto text : {"Zg", "Zg=", "Z===", "Zh==", "Zm9v\n", "Zm 9", "Zg==Zg=="}) {
    EXPECT_FALSE(from_base64(text)) << text;
  }
}

TEST(Hex, ReadsBothCasesAndRefusesOthers) {
  EXPECT_EQ(to_hex(*from_hex("00fFa1")), "00ffa1");
  for (const auto text : {"0", "0g", "zz", " 00"}) EXPECT_FALSE(from_hex(text)) << text;
}

TEST(LittleEndian, TakesOnlyWhatIsThere) {
  Bytes bytes;
  put_le(bytes, std::uint32_t{0x01020304});
  BytesView view = bytes;
  std::uint64_t big = 0;
  EXPECT_FALSE(take_le(view, big));
  std::uint32_t value = 0;
  EXPECT_TRUE(take_le(view, value));
  EXPECT_EQ(value, 0x01020304u);
  EXPECT_TRUE(view.empty());
}

}  // namespace
}  // namespace dayaq
