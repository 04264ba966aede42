#include "services/inspector/list_keeper.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace dayaq::services::inspector {
namespace {

using std::chrono::seconds;

struct KeptList : testing::Test {
  permit::Issuer issuer{crypto::CoseSigner::generate(crypto::CoseAlgorithm::eddsa)};
  Instant now{seconds(1'790'000'000)};
  int reads = 0;
  bool broken = false;
  std::vector<permit::RevokedPermit> revoked;
  ListKeeper keeper{issuer, [this](Instant) -> Result<ListState> {
                      ++reads;
                      if (broken) return fail(ErrorKind::unavailable, "store.busy", "Try again.");
                      return ListState{.revoked = revoked, .kinds = {}};
                    }};
};

TEST_F(KeptList, IsMadeOnceInTenSecondsHoweverOftenItIsAskedFor) {
  const auto first = keeper.current(now);
  ASSERT_TRUE(first);
  EXPECT_TRUE(keeper.current(now + seconds(9)));
  EXPECT_EQ(reads, 1);
  revoked.push_back({.id = 9, .kind = 1, .from = now});
  const auto second = keeper.current(now + seconds(10));
  ASSERT_TRUE(second);
  EXPECT_EQ(reads, 2);
  EXPECT_NE((*first)->etag, (*second)->etag);
  permit::Keys keys;
  keys.add(issuer.public_key());
  const auto read = permit::parse_list(as_bytes((*second)->bytes), keys);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->revoked, (std::vector<std::uint64_t>{9}));
  EXPECT_EQ(read->made, now + seconds(10));
}

TEST_F(KeptList, GoesOnWithTheLastOneWhileTheStoreCannotBeRead) {
  broken = true;
  EXPECT_EQ(keeper.current(now).error().code, "store.busy");
  broken = false;
  ASSERT_TRUE(keeper.current(now));
  broken = true;
  const auto kept = keeper.current(now + seconds(600));
  ASSERT_TRUE(kept);
  EXPECT_EQ((*kept)->list.made, now);
}

TEST_F(KeptList, IsGivenToManyAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int at = 0; at < 50; ++at) {
        if (keeper.current(now + seconds(at))) ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 200);
  EXPECT_LE(reads, 6);
}

}  // namespace
}  // namespace dayaq::services::inspector
