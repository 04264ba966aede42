#include "crypto/md5.hpp"

#include <gtest/gtest.h>

namespace dayaq::crypto {
namespace {

TEST(Md5, GivesTheHashesOfRfc1321HoweverTheMessageIsCut) {
  EXPECT_EQ(to_hex(md5({})), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(to_hex(md5({as_bytes("message digest")})), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(to_hex(md5({as_bytes("mess"), as_bytes(""), as_bytes("age digest")})),
            "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST(HmacMd5, GivesTheTagsOfRfc2202) {
  EXPECT_EQ(to_hex(HmacMd5Key(as_bytes("Jefe")).of({as_bytes("what do ya want for nothing?")})),
            "750c783e6ab0b503eaa86e310a5db738");
  const Bytes short_key(16, std::byte(0x0b));
  EXPECT_EQ(to_hex(HmacMd5Key(short_key).of({as_bytes("Hi "), as_bytes("There")})),
            "9294727a3638bb1c13f48ef8158bfc9d");
  const Bytes long_key(80, std::byte(0xaa));
  EXPECT_EQ(
      to_hex(HmacMd5Key(long_key).of({as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")})),
      "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
}

}  // namespace
}  // namespace dayaq::crypto
