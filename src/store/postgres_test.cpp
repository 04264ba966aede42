// What only a server can do: die, freeze, forget, and come back.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "support/database.hpp"

namespace dayaq::store {
namespace {

using namespace std::chrono_literals;
using dayaq::test::PostgresServer;

constexpr Migration lines{
    .room = "lines", .number = 1, .sql = "CREATE TABLE line (id BIGINT NOT NULL PRIMARY KEY)"};

/// Follows commits as the audit log does: what it has must be what the table has.
class Follower final : public CommitHook {
 public:
  void add(std::int64_t id) { pending_.push_back(id); }
  [[nodiscard]] std::vector<std::int64_t> committed() {
    const std::lock_guard lock(mutex_);
    return committed_;
  }
  void begin_transaction() override { mark_ = pending_.size(); }
  void discard_transaction() override { pending_.resize(mark_); }
  Result<void> before_commit(Session&) override { return {}; }
  void after_commit() noexcept override {
    const std::lock_guard lock(mutex_);
    committed_.insert(committed_.end(), pending_.begin(), pending_.end());
    pending_.clear();
  }
  void after_rollback() noexcept override { pending_.clear(); }

 private:
  std::vector<std::int64_t> pending_;
  std::size_t mark_ = 0;
  std::mutex mutex_;
  std::vector<std::int64_t> committed_;
};

struct Postgres : testing::Test {
  /// These tests kill and freeze it: the other tests' server isn't touched.
  static PostgresServer& server() {
    static PostgresServer own;
    return own;
  }
  static void SetUpTestSuite() { (void)server(); }

  void open(std::chrono::milliseconds silence_max = 30s) {
    Options options;
    options.url = url;
    options.silence_max = silence_max;
    auto opened = Database::open(options);
    ASSERT_TRUE(opened) << opened.error().detail;
    db = std::move(*opened);
    ASSERT_TRUE(db->migrate(std::span(&lines, 1)));
    db->add_hook(follower);
  }

  Result<void> put(std::int64_t id) {
    return db->write([&](Session& session) -> Result<void> {
      follower.add(id);
      return session.exec("INSERT INTO line (id) VALUES ($1)", {id});
    });
  }

  Result<std::vector<std::int64_t>> stored() {
    std::vector<std::int64_t> ids;
    auto done = db->read([&](Session& session) {
      return session.query("SELECT id FROM line ORDER BY id", {}, [&](const Row& row) -> Result<bool> {
        ids.push_back(row.integer(0));
        return true;
      });
    });
    if (!done) return std::unexpected(done.error());
    return ids;
  }

  bool becomes_writable(std::chrono::milliseconds within = 15s) {
    const auto deadline = std::chrono::steady_clock::now() + within;
    while (!db->writable() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(5ms);
    return db->writable();
  }

  [[nodiscard]] std::string database() const { return url.substr(url.rfind('/') + 1); }

  std::string url = server().url();
  Follower follower;
  std::unique_ptr<Database> db;
};

TEST_F(Postgres, KilledAndRestartedUnderLoadLosesNothingThatWasAcknowledged) {
  open();
  std::atomic<bool> stop{false};
  std::atomic<std::int64_t> refused{0};
  std::mutex mutex;
  std::vector<std::int64_t> acknowledged;
  std::vector<std::jthread> writers;
  for (std::int64_t writer = 0; writer < 8; ++writer) {
    writers.emplace_back([&, writer] {
      for (std::int64_t i = 0; !stop; ++i) {
        const std::int64_t id = writer * 1'000'000 + i;
        const auto done = put(id);
        if (done) {
          const std::lock_guard lock(mutex);
          acknowledged.push_back(id);
        } else {
          EXPECT_EQ(done.error().kind, ErrorKind::unavailable) << done.error().detail;
          ++refused;
          std::this_thread::sleep_for(1ms);
        }
      }
    });
  }
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(200ms);
    server().kill();
    std::this_thread::sleep_for(100ms);
    server().start();
    EXPECT_TRUE(becomes_writable());
  }
  std::this_thread::sleep_for(200ms);
  stop = true;
  writers.clear();
  EXPECT_GT(refused, 0);
  ASSERT_TRUE(becomes_writable());
  const auto found = stored();
  ASSERT_TRUE(found) << found.error().detail;
  std::ranges::sort(acknowledged);
  EXPECT_TRUE(std::ranges::includes(*found, acknowledged));
  auto followed = follower.committed();
  std::ranges::sort(followed);
  EXPECT_EQ(followed, *found) << "what memory follows is what the table has, commits in doubt included";
}

TEST_F(Postgres, ACommitInDoubtThatHappenedIsFollowedAfterReconnecting) {
  open();
  ASSERT_TRUE(put(1));
  // Nobody answers as a standby: a commit is on disk, and its caller waits.
  server().run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  server().run("SELECT pg_reload_conf()");
  std::this_thread::sleep_for(200ms);
  auto write = std::async(std::launch::async, [&] { return put(2); });
  EXPECT_EQ(write.wait_for(500ms), std::future_status::timeout) << "the commit is waiting";
  server().kill();
  const auto result = write.get();
  ASSERT_FALSE(result) << "an unknown outcome is never success";
  EXPECT_EQ(result.error().code, "store.unavailable");
  EXPECT_EQ(follower.committed(), (std::vector<std::int64_t>{1}));
  server().forget_settings();
  server().start();
  ASSERT_TRUE(becomes_writable());
  EXPECT_EQ(stored().value(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(follower.committed(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_TRUE(put(3));
}

TEST_F(Postgres, ATransactionCutOffBeforeItsCommitIsUndone) {
  open();
  auto result = db->write([&](Session& session) -> Result<void> {
    follower.add(7);
    DAYAQ_TRY_OK(session.exec("INSERT INTO line (id) VALUES (7)"));
    server().kill();
    return {};
  });
  server().start();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "store.unavailable");
  ASSERT_TRUE(becomes_writable());
  EXPECT_TRUE(stored().value().empty());
  EXPECT_TRUE(follower.committed().empty());
}

TEST_F(Postgres, AFrozenServerHangsNobody) {
  open(700ms);
  ASSERT_TRUE(put(1));
  ASSERT_TRUE(stored());
  server().freeze();
  const auto begin = std::chrono::steady_clock::now();
  auto reading = std::async(std::launch::async, [&] { return stored(); });
  const auto written = put(2);
  const auto read = reading.get();
  const auto waited = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(written.error().code, "store.unavailable");
  EXPECT_EQ(read.error().code, "store.unavailable");
  EXPECT_LT(waited, 6s) << "the silence, and for the read an attempt to connect anew";
  EXPECT_FALSE(db->writable());
  server().thaw();
  ASSERT_TRUE(becomes_writable());
  EXPECT_TRUE(put(3));
  const auto found = stored();
  ASSERT_TRUE(found) << found.error().detail;
  auto followed = follower.committed();
  std::ranges::sort(followed);
  EXPECT_EQ(followed, *found);
}

TEST_F(Postgres, AReadAfterARestartConnectsAnew) {
  open();
  ASSERT_TRUE(put(1));
  ASSERT_TRUE(stored());
  server().kill();
  server().start();
  const auto found = stored();
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(found->size(), 1u);
}

TEST_F(Postgres, ReadsSayThatAStoppedServerIsUnavailable) {
  open();
  ASSERT_TRUE(stored());
  server().stop();
  const auto found = stored();
  EXPECT_EQ(found.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(put(1).error().kind, ErrorKind::unavailable);
  EXPECT_FALSE(db->writable());
  server().start();
  EXPECT_TRUE(becomes_writable());
  EXPECT_TRUE(stored());
}

TEST_F(Postgres, AfterAnotherProgramHasWrittenNothingIsWrittenBeforeARestart) {
  open();
  ASSERT_TRUE(put(1));
  server().run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
      "AND pid <> pg_backend_pid(); UPDATE store_writer SET mark = 42",
      database());
  EXPECT_EQ(put(2).error().kind, ErrorKind::unavailable);
  EXPECT_FALSE(becomes_writable(1500ms));
  EXPECT_EQ(put(3).error().kind, ErrorKind::unavailable);
  EXPECT_EQ(stored().value(), (std::vector<std::int64_t>{1})) << "reads go on";
  db.reset();
  open();
  EXPECT_TRUE(put(4));
}

TEST_F(Postgres, AServerThatForgetsIsRefused) {
  server().run("ALTER DATABASE " + database() + " SET synchronous_commit = off");
  Options options;
  options.url = url;
  const auto opened = Database::open(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "store.not_durable");
}

TEST_F(Postgres, AServerThatIsNotThereSaysSo) {
  Options options;
  options.url = "postgresql://postgres@127.0.0.1:1/none";
  const auto opened = Database::open(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "store.unavailable");
  EXPECT_FALSE(opened.error().detail.empty());
}

}  // namespace
}  // namespace dayaq::store
