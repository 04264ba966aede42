#include "edge/replica.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "edge/replica_test_support.hpp"

namespace dayaq::edge {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

TEST_F(ReplicaTest, AFolderThatIsNotThereIsAnEmptyReplica) {
  ASSERT_TRUE(open());
  EXPECT_EQ(replica->state().sequence, 0u);
  EXPECT_FALSE(replica->state().has_snapshot);
  std::vector<GrantInForce> found;
  EXPECT_FALSE(replica->find(10, test_now(), found));
}

TEST_F(ReplicaTest, AnswersFromSnapshotAndChanges) {
  fill();
  expect_as_at_the_centre();
  std::vector<GrantInForce> found;
  ASSERT_TRUE(replica->find(12, test_now(), found));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].measure->any, 1u);
  EXPECT_TRUE(found[1].measure->defers);
  EXPECT_FALSE(replica->find(11, test_now(), found)) << "it ended";
  EXPECT_TRUE(found.empty());
}

TEST_F(ReplicaTest, AGrantEndsByItselfAndWithItsMeasure) {
  fill();
  ASSERT_EQ(
      apply(centre.changes(
          {TestCentre::definition(1, test_now() + 30min)},
          {{20,
            {{.measure = 1, .until = test_now() + 1h + 1us}, {.measure = 2, .until = test_now() + 10min}}}})),
      "ok");
  using Answer = std::vector<std::pair<MeasureNumber, Instant>>;
  EXPECT_EQ(answered(*replica, 20, test_now()), (Answer{{1, test_now() + 30min}, {2, test_now() + 10min}}));
  EXPECT_EQ(answered(*replica, 20, test_now() + 10min), (Answer{{1, test_now() + 30min}}));
  EXPECT_EQ(answered(*replica, 20, test_now() + 30min), Answer{});
}

TEST_F(ReplicaTest, AGrantOfAMeasureThatNobodyDefinedGivesNothing) {
  fill();
  ASSERT_EQ(apply(centre.grant(30, {77, 0x7fffffff, 1})), "ok");
  EXPECT_EQ(answered(*replica, 30, test_now()).size(), 1u);
}

TEST_F(ReplicaTest, TellsWhatChangedAndOnlyThat) {
  fill();
  std::vector<SubscriptionKey> changed;
  std::vector<MeasureNumber> measures;
  int all = 0;
  replica->observe({.subscription_changed =
                        [&](SubscriptionKey key) {
                          EXPECT_FALSE(lock.try_lock());
                          changed.push_back(key);
                        },
                    .measure_changed = [&](MeasureNumber number) { measures.push_back(number); },
                    .all_changed = [&] { ++all; }});
  ASSERT_EQ(apply(centre.changes({TestCentre::definition(1), TestCentre::definition(2, test_now() + 1h)},
                                 {{10, {{.measure = 2}}}, {12, {{.measure = 1}}}, {13, {}}})),
            "ok");
  EXPECT_EQ(changed, std::vector<SubscriptionKey>{12});
  EXPECT_EQ(measures, std::vector<MeasureNumber>{2});
  EXPECT_EQ(all, 0);
  ASSERT_EQ(take(*replica, centre.snapshot(), lock), "ok");
  EXPECT_EQ(all, 1);
}

TEST_F(ReplicaTest, TakesTheImageOverOnTheSameBootAndBuildsAnewOnAnother) {
  fill();
  ASSERT_TRUE(open());
  EXPECT_TRUE(replica->state().from_image);
  expect_as_at_the_centre();
  ASSERT_EQ(apply(centre.grant(14, {1, 2})), "ok");
  options.boot = "another";
  ASSERT_TRUE(open());
  EXPECT_FALSE(replica->state().from_image);
  expect_as_at_the_centre();
  ASSERT_TRUE(open());
  EXPECT_TRUE(replica->state().from_image);
  expect_as_at_the_centre();
}

TEST_F(ReplicaTest, AnImageThatDoesNotBelongToWhatIsOnDiskIsNotTakenOver) {
  fill();
  replica.reset();
  fs::copy(options.folder, folder.path() / "older", fs::copy_options::recursive);
  ASSERT_TRUE(open());
  ASSERT_EQ(apply(centre.grant(15, {1})), "ok");
  replica.reset();
  // The disk was put back to where it was, the image wasn't.
  fs::remove_all(options.folder / "changes");
  fs::copy(folder.path() / "older" / "changes", options.folder / "changes");
  ASSERT_TRUE(open());
  EXPECT_FALSE(replica->state().from_image);
  EXPECT_EQ(replica->state().sequence, centre.sequence - 1);
  EXPECT_TRUE(answered(*replica, 15, test_now()).empty());
}

TEST_F(ReplicaTest, OnlyOneProcessHasTheFolder) {
  ASSERT_TRUE(open());
  const auto second = Replica::open(options, services);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "file.locked");
}

TEST_F(ReplicaTest, KeepsItsImageWhereItIsTold) {
  options.image_folder = folder.path() / "memory";
  fill();
  EXPECT_TRUE(fs::exists(folder.path() / "memory" / "replica.table"));
  EXPECT_FALSE(fs::exists(options.folder / "replica.table"));
  fs::remove_all(options.image_folder);
  ASSERT_TRUE(open());
  EXPECT_FALSE(replica->state().from_image);
  expect_as_at_the_centre();
}

TEST_F(ReplicaTest, RefusesAWrongKeyAndAppliesNothingOfIt) {
  fill();
  TestCentre other(2);
  other.sequence = centre.sequence;
  EXPECT_EQ(apply(other.grant(10, {1})), "replica.signature");
  expect_as_at_the_centre();
}

TEST_F(ReplicaTest, AppliesWhatComesBeforeABadBlock) {
  fill();
  Bytes bytes = centre.grant(21, {1});
  TestCentre other(2);
  other.sequence = centre.sequence;
  const Bytes bad = other.grant(22, {1});
  bytes.insert(bytes.end(), bad.begin(), bad.end());
  EXPECT_EQ(apply(bytes), "replica.signature");
  expect_as_at_the_centre();
  ASSERT_TRUE(open());
  expect_as_at_the_centre();
}

TEST_F(ReplicaTest, RefusesAnotherOperatorsFeed) {
  fill();
  TestCentre other(1, "bakcell");
  other.sequence = centre.sequence;
  EXPECT_EQ(apply(other.grant(10, {1})), "replica.operator");
  EXPECT_EQ(take(*replica, other.snapshot(), lock), "replica.operator");
  expect_as_at_the_centre();
}

TEST_F(ReplicaTest, RefusesAGapAndAReplay) {
  fill();
  TestCentre ahead;
  ahead.sequence = centre.sequence + 1;
  EXPECT_EQ(apply(ahead.grant(10, {1})), "replica.gap");
  TestCentre behind;
  behind.sequence = centre.sequence - 1;
  EXPECT_EQ(apply(behind.grant(10, {1})), "replica.replay");
  expect_as_at_the_centre();
}

TEST_F(ReplicaTest, ABlockSeenInPartIsAppliedAsAWhole) {
  fill();
  TestCentre again;
  again.sequence = centre.sequence - 1;
  again.measures = centre.measures;
  again.grants = centre.grants;
  ASSERT_EQ(apply(again.changes({}, {{11, {}}, {16, {{.measure = 1}}}})), "ok");
  centre = std::move(again);
  expect_as_at_the_centre();
  options.boot = "another";
  ASSERT_TRUE(open());
  expect_as_at_the_centre();
}

TEST_F(ReplicaTest, RefusesWhatIsNoBlockAndASnapshotsPageAmongChanges) {
  fill();
  EXPECT_EQ(apply(as_bytes("not a block of the feed")), "feed.magic");
  Bytes cut = centre.grant(10, {1});
  cut.resize(cut.size() - 1);
  EXPECT_EQ(apply(cut), "feed.truncated");
  EXPECT_EQ(apply(centre.snapshot()[0]), "replica.kind");
}

TEST_F(ReplicaTest, RefusesAnOlderSnapshotUnlessTheCentreWasRestored) {
  fill();
  TestCentre older;
  older.changes({TestCentre::definition(2)}, {{40, {{.measure = 2}}}});
  ASSERT_LT(older.sequence, centre.sequence);
  EXPECT_EQ(take(*replica, older.snapshot(), lock), "replica.older");
  expect_as_at_the_centre();
  options.accept_older = true;
  ASSERT_TRUE(open());
  ASSERT_EQ(take(*replica, older.snapshot(), lock), "ok");
  older.measures.insert(centre.measures.begin(), centre.measures.end());
  centre = std::move(older);
  expect_as_at_the_centre();
  options.boot = "another";
  ASSERT_TRUE(open());
  expect_as_at_the_centre();
}

TEST_F(ReplicaTest, RefusesASnapshotWhosePagesDoNotBelongTogether) {
  fill();
  const auto pages = centre.snapshot(3);
  ASSERT_TRUE(replica->snapshot_begin(3));
  ASSERT_TRUE(replica->snapshot_page(pages[0]));
  EXPECT_EQ(code_of(replica->snapshot_page(pages[0])), "replica.pages") << "twice";
  EXPECT_EQ(code_of(replica->snapshot_page(pages[2])), "replica.pages") << "one left out";
  EXPECT_EQ(code_of(replica->snapshot_page(centre.snapshot(4)[1])), "replica.pages") << "of another cut";
  ASSERT_TRUE(replica->snapshot_page(pages[1]));
  EXPECT_EQ(code_of(replica->snapshot_take(lock)), "replica.pages") << "the last is missing";
  EXPECT_EQ(code_of(replica->snapshot_page(pages[2])), "replica.pages") << "it was given up";
  expect_as_at_the_centre();

  // A page as of an older number than the first could lack what the feed won't say again.
  const Bytes old_page = centre.snapshot(2)[1];
  ASSERT_EQ(apply(centre.grant(50, {1})), "ok");
  ASSERT_TRUE(replica->snapshot_begin(2));
  ASSERT_TRUE(replica->snapshot_page(centre.snapshot(2)[0]));
  EXPECT_EQ(code_of(replica->snapshot_page(old_page)), "replica.pages");
}

TEST_F(ReplicaTest, ASnapshotTakesThePlaceOfChangesOnDisk) {
  fill();
  EXPECT_EQ(files("changes").size(), 1u);
  EXPECT_EQ(replica->state().change_blocks, 3u);
  centre.grant(51, {2});
  ASSERT_EQ(take(*replica, centre.snapshot(2), lock), "ok");
  expect_as_at_the_centre();
  EXPECT_TRUE(files("changes").empty());
  EXPECT_EQ(replica->state().change_bytes, 0u);
  ASSERT_EQ(apply(centre.grant(52, {2})), "ok");
  options.boot = "another";
  ASSERT_TRUE(open());
  expect_as_at_the_centre();
}

TEST_F(ReplicaTest, ChangesGoOnWhileASnapshotComesIn) {
  fill();
  constexpr SubscriptionKey far = ~SubscriptionKey(9);  // on the second page
  const Bytes unseen = centre.changes({}, {{10, {{.measure = 1}}}, {far, {{.measure = 1}}}});
  const Bytes unseen_too = centre.grant(10, {5});
  ASSERT_TRUE(replica->snapshot_begin(2));
  ASSERT_TRUE(replica->snapshot_page(centre.page(0, 2)));
  // Older than the page that is there: it must not put subscription 10 back to measure 1.
  ASSERT_EQ(apply(unseen), "ok");
  EXPECT_EQ(answered(*replica, 10, test_now()).at(0).first, 1u) << "in force though the snapshot isn't";
  ASSERT_TRUE(replica->snapshot_page(centre.page(1, 2)));
  ASSERT_EQ(code_of(replica->snapshot_take(lock)), "ok");
  expect_as_at_the_centre();

  ASSERT_TRUE(replica->snapshot_begin(2));
  ASSERT_TRUE(replica->snapshot_page(centre.page(0, 2)));
  ASSERT_EQ(apply(centre.changes({TestCentre::definition(2, test_now() + 2h)},
                                 {{12, {}}, {40, {{.measure = 2}}}, {far, {{.measure = 2}}}})),
            "ok");
  ASSERT_EQ(apply(centre.grant(far, {})), "ok");
  ASSERT_TRUE(replica->snapshot_page(centre.page(1, 2)));
  ASSERT_EQ(apply(centre.changes({TestCentre::definition(5, test_now() + 3h)}, {{far, {{.measure = 5}}}})),
            "ok");
  ASSERT_EQ(code_of(replica->snapshot_take(lock)), "ok");
  expect_as_at_the_centre();
  EXPECT_EQ(answered(*replica, far, test_now()), expected(centre, far, test_now()));
  EXPECT_EQ(answered(*replica, far, test_now()).at(0).second, test_now() + 3h);
  EXPECT_EQ(replica->state().change_blocks, 3u) << "those after the snapshot's number";
  for (const char* boot : {"this boot", "another"}) {
    options.boot = boot;
    ASSERT_TRUE(open());
    expect_as_at_the_centre();
    EXPECT_EQ(answered(*replica, far, test_now()), expected(centre, far, test_now()));
  }
}

TEST_F(ReplicaTest, AnswersUnderTheLockWhileItGrowsAndIsReplaced) {
  fill();
  constexpr SubscriptionKey keys = 20'000;
  const auto key_of = [](SubscriptionKey i) { return (i + 1) * 0x9e3779b97f4a7c15; };
  std::vector<std::pair<SubscriptionKey, feed::GrantList>> lines(keys);
  std::atomic<bool> ended = false;
  std::atomic<SubscriptionKey> there = 0;
  std::uint64_t asked = 0;
  std::thread reader([&] {
    std::vector<GrantInForce> found;
    SeededRandom random(4);
    while (!ended) {
      const SubscriptionKey known = there.load();
      if (known == 0) continue;
      const std::lock_guard guard(lock);
      for (int i = 0; i < 20; ++i, ++asked) {
        // Every subscription always has exactly one grant, whichever.
        const bool is = replica->find(key_of(random.below(known)), test_now(), found);
        if (!is || found.size() != 1 || found[0].measure->any == 0) {
          ADD_FAILURE();
          return;
        }
      }
    }
  });
  for (MeasureNumber round = 0; round < 12; ++round) {
    const SubscriptionKey count = keys * (round + 1) / 12;
    lines.resize(count);
    for (SubscriptionKey i = 0; i < count; ++i) lines[i] = {key_of(i), {{.measure = 1 + round % 2}}};
    ASSERT_EQ(apply(centre.changes({TestCentre::definition(1), TestCentre::definition(2)}, lines)), "ok");
    there = count;
    if (round % 4 == 3) {
      ASSERT_EQ(take(*replica, centre.snapshot(2), lock), "ok");
    }
  }
  ended = true;
  reader.join();
  EXPECT_GT(asked, 1000u);
}

}  // namespace
}  // namespace dayaq::edge
