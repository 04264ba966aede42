#include "base/result.hpp"

#include <gtest/gtest.h>

namespace dayaq {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(ErrorKind::invalid_input, "test.odd", "Give an even number.");
  return n / 2;
}

Result<int> quarter(int n) {
  DAYAQ_TRY(const int h, half(n));
  DAYAQ_TRY_OK(half(h));
  return half(h);
}

TEST(ResultTry, PassesValuesOnAndReturnsTheFirstError) {
  EXPECT_EQ(*quarter(8), 2);
  ASSERT_FALSE(quarter(6));
  EXPECT_EQ(quarter(6).error().code, "test.odd");
}

TEST(ResultAssertDeathTest, EndsTheProgramInReleaseToo) {
  EXPECT_DEATH(DAYAQ_ASSERT(1 == 2), "broken invariant: 1 == 2");
}

}  // namespace
}  // namespace dayaq
