#include "portal/preview_cache.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace dayaq::portal {
namespace {

using namespace std::chrono_literals;

struct Cache : testing::Test {
  FixedClock clock{from_micros(0)};
  PreviewCache cache{clock};
  int counted = 0;
  Result<regime::Preview> count() {
    regime::Preview preview;
    preview.any.persons = static_cast<std::uint64_t>(++counted);
    return preview;
  }
  std::uint64_t ask(const std::string& key) {
    const auto preview = cache.get(key, [this] { return count(); });
    return preview ? (*preview)->any.persons : 0;
  }
};

TEST_F(Cache, CountsAKeyOnceUntilItIsOld) {
  EXPECT_EQ(ask("a"), 1u);
  clock.advance(PreviewCache::age_max - 1us);
  EXPECT_EQ(ask("a"), 1u);
  EXPECT_EQ(ask("b"), 2u);
  clock.advance(1us);
  EXPECT_EQ(ask("a"), 3u);
}

TEST_F(Cache, PassesOnAnErrorAndAsksAgain) {
  const auto broken = cache.get(
      "a", [] -> Result<regime::Preview> { return fail(ErrorKind::unavailable, "test", "Not now."); });
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, "test");
  EXPECT_EQ(ask("a"), 1u);
}

TEST_F(Cache, LetsOneCallerCountWhileOthersWait) {
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  const auto slow = [&]() -> Result<regime::Preview> {
    most = std::max(most.load(), ++running);
    std::this_thread::sleep_for(20ms);
    --running;
    return count();
  };
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 8; ++i) callers.emplace_back([&] { EXPECT_TRUE(cache.get("a", slow)); });
  }
  EXPECT_EQ(counted, 1);
  EXPECT_EQ(most, 1);
}

TEST_F(Cache, GivesTheLastResultWhileItIsCountedAnew) {
  EXPECT_EQ(ask("a"), 1u);
  clock.advance(PreviewCache::age_max);
  std::uint64_t meanwhile = 0;
  const auto fresh = cache.get("a", [&]() -> Result<regime::Preview> {
    meanwhile = ask("a");
    return count();
  });
  ASSERT_TRUE(fresh);
  EXPECT_EQ(meanwhile, 1u);
  EXPECT_EQ((*fresh)->any.persons, 2u);
}

}  // namespace
}  // namespace dayaq::portal
