#include "crypto/password.hpp"

#include <gtest/gtest.h>

namespace dayaq::crypto {
namespace {

TEST(Password, OnlyTheRightOneFitsItsHash) {
  const std::string hash = hash_password("dağlar dumanlıdır 7");
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")) << hash;
  EXPECT_TRUE(check_password(hash, "dağlar dumanlıdır 7"));
  EXPECT_FALSE(check_password(hash, "dağlar dumanlıdır 8"));
  EXPECT_FALSE(check_password(hash, ""));
}

TEST(Password, TheSamePasswordTwiceHasTwoHashes) {
  EXPECT_NE(hash_password("correct horse battery"), hash_password("correct horse battery"));
}

TEST(Password, WhatIsNoHashFitsNothing) {
  EXPECT_FALSE(check_password("", ""));
  EXPECT_FALSE(check_password("$argon2id$", "x"));
  EXPECT_FALSE(check_password(std::string(500, '$'), "x"));
  EXPECT_FALSE(check_password(hash_password("x"), std::string(100'000, 'x')));
}

/// A line that Debian's argon2 command (the reference implementation) made: ours reads what others write.
TEST(Password, TheReferenceImplementationsHashesFit) {
  EXPECT_TRUE(
      check_password("$argon2id$v=19$m=19456,t=2,p=1$"
                     "c29tZXNhbHRzb21lc2FsdA$K13EBUiG7JV+9ZxztmHFTdb7J0WQsnj2V8bZaqyPptE",
                     "password"));
}

}  // namespace
}  // namespace dayaq::crypto
