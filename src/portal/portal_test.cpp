#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "portal/portal_test_support.hpp"

namespace dayaq::portal {
namespace {

using test::World;
using testing::HasSubstr;
using testing::Not;

TEST(Portal, EveryPageIsRenderedInEveryLanguage) {
  World world;
  for (const Language language : languages) {
    for (const std::string path :
         {"/", "/regimes", "/regimes/special-quarantine", "/regimes/special-quarantine/territory",
          "/regimes/special-quarantine/versions/1", "/regimes/special-quarantine/versions/2", "/drafts/new",
          "/status"}) {
      const auto answer = world.get(path, language);
      EXPECT_EQ(answer.status, 200) << path;
      EXPECT_THAT(answer.body, HasSubstr("<html lang=\"" + std::string(to_string(language)) + "\">")) << path;
      EXPECT_THAT(answer.body, Not(HasSubstr("{{"))) << path;
    }
  }
}

}  // namespace
}  // namespace dayaq::portal
