// Random histories against a std::map, with restarts, and with kill -9 at any moment.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <thread>

#include "edge/replica.hpp"
#include "edge/replica_test_support.hpp"

namespace dayaq::edge {
namespace {

using namespace std::chrono_literals;

/// What happens at the centre, the same for the same seed.
class History {
 public:
  History(std::uint64_t seed, std::uint64_t keys) : random_(seed), keys_(keys) {}

  feed::GrantList list() {
    feed::GrantList out;
    const std::uint64_t kind = random_.below(20);
    const std::uint64_t grants = kind == 0 ? 0 : kind == 1 ? random_.below(256) : 1 + random_.below(3);
    for (std::uint64_t i = 0; i < grants; ++i) {
      const Instant until = random_.below(3) == 0 ? instant_max
                            : random_.below(3) == 0
                                ? test_now() + std::chrono::microseconds(random_.below(1u << 30))
                                : test_now() + std::chrono::hours(random_.below(4));
      const bool unusual = random_.below(50) == 0;
      out.push_back(
          {.measure = MeasureNumber(unusual ? (1u << 24) + random_.below(4) : 1 + random_.below(12)),
           .until = random_.below(100) == 0 ? instant_min : until});
    }
    return out;
  }
  Bytes block(TestCentre& centre, std::uint64_t lines_max) {
    std::vector<feed::Definition> definitions;
    if (centre.measures.empty() || random_.below(20) == 0) {
      const std::uint64_t number =
          random_.below(20) == 0 ? (1u << 24) + random_.below(4) : 1 + random_.below(12);
      const bool ends = random_.below(2) == 0;
      definitions.push_back(
          TestCentre::definition(MeasureNumber(number), ends ? test_now() + 1h : instant_max));
    }
    std::vector<std::pair<SubscriptionKey, feed::GrantList>> lines;
    const std::uint64_t count = random_.below(lines_max) + (definitions.empty() ? 1 : 0);
    for (std::uint64_t i = 0; i < count; ++i) lines.emplace_back(key(random_.below(keys_)), list());
    return centre.changes(definitions, lines);
  }
  [[nodiscard]] static SubscriptionKey key(std::uint64_t i) {
    // Spread like hashes, with some that crowd at the table's end.
    return i % 7 == 0 ? ~std::uint64_t(0) - i : (i + 1) * 0x9e3779b97f4a7c15;
  }
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  [[nodiscard]] std::uint64_t keys() const { return keys_; }

 private:
  SeededRandom random_;
  std::uint64_t keys_;
};

void expect_same(const Replica& replica, const TestCentre& centre, std::uint64_t keys) {
  for (const Instant now : {test_now(), test_now() + 90min}) {
    for (std::uint64_t i = 0; i < keys; ++i) {
      const SubscriptionKey key = History::key(i);
      const auto ours = answered(replica, key, now);
      const auto theirs = expected(centre, key, now);
      if (ours != theirs) {
        ADD_FAILURE() << "subscription " << i << " has " << ours.size() << " grants, not " << theirs.size();
        return;
      }
    }
  }
  EXPECT_EQ(replica.state().subscriptions, centre.grants.size());
  EXPECT_EQ(replica.state().sequence, centre.sequence);
}

struct RandomRun {
  std::uint64_t seed;
  std::uint64_t keys;
  std::uint64_t lines_max;
  int steps;
};

class ReplicaModel : public testing::TestWithParam<RandomRun> {};

/// A replica that follows a centre, sometimes late, sometimes with a snapshot whose pages come in between.
struct Model {
  explicit Model(const RandomRun& run) : history(run.seed, run.keys), lines_max(run.lines_max) {
    replica = std::move(*Replica::open(options, services));
  }

  void change() { unseen.push_back(history.block(centre, lines_max)); }
  void apply(std::size_t blocks) {
    Bytes bytes;
    while (!unseen.empty() && blocks-- > 0) {
      bytes.insert(bytes.end(), unseen.front().begin(), unseen.front().end());
      unseen.pop_front();
    }
    if (bytes.empty()) return;
    const auto applied = replica->apply(bytes, lock);
    ASSERT_TRUE(applied) << applied.error().code << " " << applied.error().detail;
  }
  void snapshot_step() {
    if (page == pages) {
      page = 0;
      pages = std::uint32_t(1 + history.below(5));
      ASSERT_TRUE(replica->snapshot_begin(pages));
      snapshot_at = centre.sequence;
    }
    const auto took = replica->snapshot_page(centre.page(page, pages));
    ASSERT_TRUE(took) << took.error().code << " " << took.error().detail;
    if (++page < pages) return;
    ASSERT_EQ(code_of(replica->snapshot_take(lock)), "ok");
    // The feed goes on after the snapshot's number, or after what was applied meanwhile.
    const std::uint64_t known = replica->state().sequence;
    ASSERT_GE(known, snapshot_at);
    while (!unseen.empty() && feed::decode_header(unseen.front())->first_sequence <= known)
      unseen.pop_front();
  }
  void restart() {
    const bool machine = history.below(2) == 0;
    if (machine) options.boot = "boot" + std::to_string(++boot);
    replica.reset();
    auto opened = Replica::open(options, services);
    ASSERT_TRUE(opened) << opened.error().code << " " << opened.error().detail;
    replica = std::move(*opened);
    EXPECT_EQ(replica->state().from_image, !machine);
    page = pages;  // what had come of a snapshot is forgotten
  }

  TestFolder folder;
  TestCentre centre;
  History history;
  std::uint64_t lines_max;
  const ServiceTable services = test_services();
  std::mutex lock;
  int boot = 0;
  ReplicaOptions options{.folder = folder.path(),
                         .operator_code = "azercell",
                         .centre_keys = {centre.public_key()},
                         .boot = "boot"};
  std::unique_ptr<Replica> replica;
  std::deque<Bytes> unseen;
  std::uint32_t page = 0;
  std::uint32_t pages = 0;
  std::uint64_t snapshot_at = 0;
};

TEST_P(ReplicaModel, AnswersAsAMapDoesAfterAnyHistory) {
  const RandomRun& run = GetParam();
  Model model(run);
  for (int step = 0; step < run.steps; ++step) {
    SCOPED_TRACE(step);
    model.change();
    const std::uint64_t what = model.history.below(10);
    if (what == 0) {
      model.restart();
    } else if (what < 4) {
      model.snapshot_step();
    } else if (what < 8) {
      model.apply(1 + model.history.below(4));
    }
    if (HasFatalFailure()) return;
    if (step % 5 == 0) {
      model.apply(model.unseen.size());
      expect_same(*model.replica, model.centre, run.keys);
    }
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Histories, ReplicaModel,
                         testing::Values(RandomRun{.seed = 1, .keys = 40, .lines_max = 6, .steps = 400},
                                         RandomRun{.seed = 2, .keys = 300, .lines_max = 30, .steps = 200},
                                         RandomRun{.seed = 3, .keys = 5000, .lines_max = 2000, .steps = 60},
                                         RandomRun{
                                             .seed = 4, .keys = 30'000, .lines_max = 4000, .steps = 60}));

TEST(ReplicaImage, ListsThatNobodyHasAnyMoreAreGivenBack) {
  TestFolder folder;
  TestCentre centre;
  const ServiceTable services = test_services();
  std::mutex lock;
  const ReplicaOptions options{.folder = folder.path(),
                               .operator_code = "azercell",
                               .centre_keys = {centre.public_key()},
                               .boot = "boot"};
  const auto replica = std::move(*Replica::open(options, services));
  ASSERT_TRUE(replica->apply(centre.changes({TestCentre::definition(1)}, {}), lock));
  std::uint64_t most = 0;
  for (std::uint64_t round = 0; round < 60; ++round) {
    std::vector<std::pair<SubscriptionKey, feed::GrantList>> lines;
    for (std::uint64_t i = 0; i < 4000; ++i) {
      lines.emplace_back(
          History::key(i),
          feed::GrantList{{.measure = 1, .until = test_now() + std::chrono::seconds(round * 4000 + i)}});
    }
    ASSERT_TRUE(replica->apply(centre.changes({}, lines), lock));
    most = std::max(most, replica->state().lists);
  }
  EXPECT_EQ(replica->state().subscriptions, 4000u);
  EXPECT_LT(most, 120'000u) << "of 240,000 that there were";
  expect_same(*replica, centre, 4000);
}

/// What the child that will be killed has reached, seen by its parent.
struct Progress {
  std::atomic<std::uint64_t> applied;
};

constexpr std::uint64_t kill_keys = 3000;

/// The state of the centre after each block is the same in parent and child: block n is made from n.
Bytes block_number(TestCentre& centre, std::uint64_t n) {
  History history(1000 + n, kill_keys);
  return history.block(centre, 200);
}

/// Applies blocks and takes snapshots until it is killed: by its parent, or, if `line` isn't 0, by itself in
/// the middle of a block, right after its that many-th line was installed.
[[noreturn]] void work_until_killed(const ReplicaOptions& options, const ServiceTable& services,
                                    Progress& progress, std::uint64_t line) {
  std::mutex lock;
  auto opened = Replica::open(options, services);
  if (!opened) ::_exit(3);
  Replica& replica = **opened;
  replica.observe({.subscription_changed = [&](SubscriptionKey) {
    if (line != 0 && --line == 0) ::raise(SIGKILL);
  }});
  TestCentre centre;
  std::uint64_t n = 0;
  while (centre.sequence < replica.state().sequence) block_number(centre, n++);
  while (true) {
    const Bytes block = block_number(centre, n++);
    if (n % 40 == 0) {
      if (take(replica, centre.snapshot(3), lock) != "ok") ::_exit(4);
    } else if (!replica.apply(block, lock)) {
      ::_exit(5);
    }
    progress.applied.store(centre.sequence);
  }
}

TEST(ReplicaKilled, AtAnyMomentItComesBackWithAllThatWasAppliedAndNothingHalf) {
  TestFolder folder;
  const ServiceTable services = test_services();
  ReplicaOptions options{.folder = folder.path(),
                         .operator_code = "azercell",
                         .centre_keys = {TestCentre().public_key()},
                         .threads = 1,
                         .boot = "boot"};
  void* shared = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& progress = *new (shared) Progress;
  SeededRandom random(5);
  TestCentre centre;
  std::uint64_t n = 0;
  int taken_over = 0;
  for (int round = 0; round < 30; ++round) {
    SCOPED_TRACE(round);
    const pid_t child = ::fork();
    const bool by_itself = round % 2 == 0;
    const std::uint64_t line = by_itself ? 1 + random.below(3000) : 0;
    if (child == 0) work_until_killed(options, services, progress, line);
    if (!by_itself) {
      std::this_thread::sleep_for(std::chrono::microseconds(10'000 + random.below(90'000)));
      ::kill(child, SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself with " << WEXITSTATUS(status);

    // Every third time the machine went down as well.
    if (round % 3 == 2) options.boot = "boot" + std::to_string(round);
    const auto replica = Replica::open(options, services);
    ASSERT_TRUE(replica) << replica.error().code << " " << replica.error().detail;
    taken_over += (*replica)->state().from_image ? 1 : 0;
    const std::uint64_t reached = (*replica)->state().sequence;
    EXPECT_GE(reached, progress.applied.load());
    while (centre.sequence < reached) block_number(centre, n++);
    ASSERT_EQ(centre.sequence, reached) << "a block is in whole or not at all";
    expect_same(**replica, centre, kill_keys);
    if (HasFailure()) break;
  }
  EXPECT_GT(n, 100u);
  EXPECT_GT(taken_over, 10);
  ::munmap(shared, 4096);
}

}  // namespace
}  // namespace dayaq::edge
