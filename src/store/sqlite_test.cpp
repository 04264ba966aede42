// What only the embedded engine promises: the log stays bounded, a full disk is survived, so is kill -9.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>

#include "support/database.hpp"

namespace dayaq::store {
namespace {

using namespace std::chrono_literals;

constexpr Migration blocks{
    .room = "blocks", .number = 1, .sql = "CREATE TABLE block (id BIGINT NOT NULL PRIMARY KEY, data {blob})"};

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(std::string(result.error().code) + ": " + result.error().detail);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

Result<void> put(Database& db, std::int64_t id, std::size_t bytes) {
  // New bytes each time: SQLite doesn't write a row that stays as it is.
  static std::atomic<unsigned char> content{0};
  const Bytes data(bytes, std::byte(++content));
  return db.write([&](Session& session) {
    return session.exec(
        "INSERT INTO block (id, data) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET data = excluded.data",
        {id, BytesView(data)});
  });
}

Result<std::optional<std::int64_t>> count(Database& db) {
  return db.read([](Session& session) {
    return session.one("SELECT count(*) FROM block", {}, [](const Row& row) { return row.integer(0); });
  });
}

std::unique_ptr<Database> open(const std::filesystem::path& file, std::int64_t wal_bytes_max = 512 << 20) {
  Options options;
  options.wal_bytes_max = wal_bytes_max;
  options.url = "sqlite:" + file.string();
  auto db = Database::open(options);
  EXPECT_TRUE(db) << db.error().detail;
  EXPECT_TRUE((*db)->migrate(std::span(&blocks, 1)));
  return std::move(*db);
}

constexpr std::int64_t small_log = 10 << 20;

TEST(Sqlite, TheLogStaysBoundedUnderLoadFromWritersAndReaders) {
  dayaq::test::TemporaryFolder folder("wal");
  auto db = open(folder / "test.db", small_log);
  std::atomic<bool> stop{false};
  std::int64_t highest = 0;
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < 3; ++i) {
      readers.emplace_back([&] {
        while (!stop) EXPECT_TRUE(count(*db));
      });
    }
    // 150 MB go through the log, and the writer never pauses.
    std::vector<std::jthread> writers;
    std::atomic<std::int64_t> next{0};
    for (int i = 0; i < 4; ++i) {
      writers.emplace_back([&] {
        for (std::int64_t id = next++; id < 1500; id = next++) EXPECT_TRUE(put(*db, id % 50, 100'000));
      });
    }
    while (next < 1500) {
      highest = std::max(highest, db->wal_bytes());
      std::this_thread::sleep_for(1ms);
    }
    writers.clear();
    stop = true;
  }
  EXPECT_GT(highest, small_log / 4) << "the log was seen at all";
  EXPECT_LT(highest, 6 * small_log) << "a busy machine lets readers hold it back for a while";
}

TEST(Sqlite, AReaderWithAnOldSnapshotHoldsTheLogBackOnlyWhileItReads) {
  dayaq::test::TemporaryFolder folder("wal");
  auto db = open(folder / "test.db", small_log);
  ASSERT_TRUE(put(*db, 1000, 10));
  ASSERT_TRUE(db->read([&](Session& session) -> Result<void> {
    const auto all = [&] {
      return session.one("SELECT count(*) FROM block", {}, [](const Row& row) { return row.integer(0); });
    };
    DAYAQ_TRY(const auto before, all());
    for (std::int64_t i = 0; i < 400; ++i) DAYAQ_TRY_OK(put(*db, i, 100'000));
    DAYAQ_TRY(const auto after, all());
    EXPECT_EQ(*before, *after);
    EXPECT_GT(db->wal_bytes(), 3 * small_log) << "what the reader sees can't be overwritten";
    return {};
  }));
  // The log begins anew at a write after it was copied, and copying is the disk's pace.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (std::int64_t i = 0; db->wal_bytes() >= 3 * small_log && std::chrono::steady_clock::now() < deadline;
       ++i) {
    ASSERT_TRUE(put(*db, i % 50, 100'000));
  }
  EXPECT_LT(db->wal_bytes(), 3 * small_log);
}

/// A file system of its own that is soon full.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& size) {
    mounted_ = mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(folder_.path().c_str(), MNT_DETACH);
  }
  [[nodiscard]] bool mounted() const { return mounted_; }
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }

 private:
  dayaq::test::TemporaryFolder folder_{"disk"};
  bool mounted_ = false;
};

TEST(Sqlite, AFullDiskRefusesWritesReadsGoOnAndItRecoversByItself) {
  const SmallDisk disk("24m");
  ASSERT_TRUE(disk.mounted()) << "this test needs to mount a small tmpfs: run it as root";
  const auto ballast = disk.path() / "ballast";
  std::ofstream(ballast) << std::string(8 << 20, 'x');
  auto db = open(disk.path() / "test.db");
  std::int64_t kept = 0;
  Result<void> refused;
  for (int i = 0; i < 200 && refused; ++i) {
    refused = put(*db, i, 200'000);
    if (refused) ++kept;
  }
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(refused.error().code, "store.full") << refused.error().detail;
  for (int i = 0; i < 60; ++i) {
    EXPECT_FALSE(db->writable()) << "readiness doesn't flap while the disk stays full";
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(count(*db)->value_or(-1), kept) << "reads go on, and nothing half is seen";
  EXPECT_EQ(put(*db, 900, 200'000).error().code, "store.full");

  std::filesystem::remove(ballast);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!db->writable() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(db->writable()) << "it notices by itself, so that readiness turns before the next write";
  EXPECT_TRUE(put(*db, 901, 200'000));
  EXPECT_EQ(count(*db)->value_or(-1), kept + 1);
}

TEST(Sqlite, AfterKill9EveryAcknowledgedWriteIsThere) {
  dayaq::test::TemporaryFolder folder("kill");
  for (int round = 0; round < 5; ++round) {
    int acknowledged[2];
    ASSERT_EQ(pipe(acknowledged), 0);
    const std::int64_t base = round * 1'000'000;
    const pid_t child = fork();
    if (child == 0) {
      close(acknowledged[0]);
      auto db = open(folder / "test.db");
      for (std::int64_t i = 0;; ++i) {
        if (!put(*db, base + i, 3000) || write(acknowledged[1], &i, sizeof i) != sizeof i) _exit(1);
      }
    }
    close(acknowledged[1]);
    std::int64_t last = -1;
    const auto until = std::chrono::steady_clock::now() + 100ms + round * 37ms;
    std::int64_t number = 0;
    while (std::chrono::steady_clock::now() < until && read(acknowledged[0], &number, sizeof number) > 0)
      last = number;
    kill(child, SIGKILL);
    while (read(acknowledged[0], &number, sizeof number) == sizeof number) last = number;
    close(acknowledged[0]);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
    ASSERT_GE(last, 0);
    auto db = open(folder / "test.db");
    const auto found = db->read([&](Session& session) {
      return session.one("SELECT count(*) FROM block WHERE id >= $1 AND id <= $2", {base, base + last},
                         [](const Row& row) { return row.integer(0); });
    });
    ASSERT_TRUE(found);
    EXPECT_EQ(found->value_or(-1), last + 1);
    EXPECT_TRUE(put(*db, base + 900'000, 10)) << "and it goes on";
  }
}

/// System calls of this process that wrote.
std::int64_t writes_so_far() {
  std::ifstream io("/proc/self/io");
  std::string name;
  std::int64_t value = 0;
  while (io >> name >> value) {
    if (name == "syscw:") return value;
  }
  return -1;
}

TEST(Sqlite, TheLogIsWrittenInLongPieces) {
  dayaq::test::TemporaryFolder folder("pieces");
  auto db = open(folder / "test.db");
  ASSERT_TRUE(put(*db, 1, 10));
  const std::int64_t before = writes_so_far();
  ASSERT_GT(before, 0);
  ASSERT_TRUE(put(*db, 2, 2 << 20));
  EXPECT_LT(writes_so_far() - before, 100) << "500 pages, each of which SQLite writes with two calls";
  EXPECT_GT(db->wal_bytes(), 2 << 20);
}

TEST(Sqlite, ATransactionLargerThanTheCacheReadsWhatItWrote) {
  dayaq::test::TemporaryFolder folder("spill");
  Options options;
  options.url = "sqlite:" + (folder / "test.db").string();
  options.cache_bytes = 1 << 20;
  auto db = must(Database::open(options));
  must(db->migrate(std::span(&blocks, 1)));
  const auto fill = [&](unsigned char content, bool fails) {
    return db->write([&](Session& session) -> Result<void> {
      for (std::int64_t id = 0; id < 300; ++id) {
        const Bytes data(20'000, std::byte(content));
        DAYAQ_TRY_OK(
            session.exec("INSERT INTO block (id, data) VALUES ($1, $2) "
                         "ON CONFLICT (id) DO UPDATE SET data = excluded.data",
                         {id, BytesView(data)}));
      }
      std::int64_t right = 0;
      DAYAQ_TRY_OK(session.query("SELECT data FROM block", {}, [&](const Row& row) -> Result<bool> {
        right += row.blob(0).size() == 20'000 && row.blob(0)[19'999] == std::byte(content) ? 1 : 0;
        return true;
      }));
      EXPECT_EQ(right, 300);
      if (fails) return fail(ErrorKind::conflict, "test.no", "No.");
      return {};
    });
  };
  must(fill(1, false));
  EXPECT_FALSE(fill(2, true));
  const auto stands = [&] {
    return must(db->read([&](Session& session) {
      return session.one("SELECT COUNT(*) FROM block WHERE HEX(SUBSTR(data, 20000, 1)) = '01'", {},
                         [](const Row& row) { return row.integer(0); });
    }));
  };
  EXPECT_EQ(stands(), 300) << "nothing of what was undone is left";
  db.reset();
  db = must(Database::open(options));
  EXPECT_EQ(stands(), 300);
}

TEST(Sqlite, AFolderThatIsNotThereSaysSo) {
  Options options;
  options.url = "sqlite:/nowhere/at/all.db";
  const auto db = Database::open(options);
  ASSERT_FALSE(db);
  EXPECT_EQ(db.error().code, "store.open");
}

TEST(Sqlite, OnlyItsOwnerMayReadTheFile) {
  dayaq::test::TemporaryFolder folder("private");
  auto db = open(folder / "test.db");
  for (const char* file : {"test.db", "test.db-wal"}) {
    const auto permissions = std::filesystem::status(folder / file).permissions();
    EXPECT_EQ(permissions & (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
              std::filesystem::perms::none)
        << file;
  }
}

}  // namespace
}  // namespace dayaq::store
