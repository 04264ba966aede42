#include "edge/journal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "edge/journal_format.hpp"

namespace dayaq::edge {
namespace {

struct Folder {
  Folder() {
    std::string name = testing::TempDir() + "journal.XXXXXX";
    path = ::mkdtemp(name.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

Record record_of(std::uint64_t i) {
  Record record;
  record.number = std::uint32_t(i);
  record.lease = {.high = i, .low = ~i};
  record.key = i * 3 + 1;
  record.used = i;
  record.at = from_micros(std::int64_t(i));
  record.until = from_micros(std::int64_t(i) + 5);
  record.origin = ~i;  // no zeros at the end: a cut there would not show
  return record;
}

std::unique_ptr<Journal> open_journal(const Folder& folder, std::uint64_t segment_bytes = 1u << 20) {
  auto journal = Journal::open({.folder = folder.path, .segment_bytes = segment_bytes});
  EXPECT_TRUE(journal) << journal.error().detail;
  return std::move(*journal);
}

void wait_for(const Journal& journal, std::uint64_t number) {
  for (int i = 0; i < 10'000 && journal.durable() < number; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_GE(journal.durable(), number);
}

std::vector<std::uint64_t> used_after(const Journal& journal, std::uint64_t after) {
  std::vector<std::uint64_t> all;
  std::uint64_t expected = after + 1;
  const auto read = journal.read(after, [&](std::uint64_t number, const Record& record) {
    EXPECT_EQ(number, expected++);
    all.push_back(record.used);
    return true;
  });
  EXPECT_TRUE(read) << (read ? "" : read.error().detail);
  return all;
}

TEST(Crc32c, IsCastagnolis) {
  // RFC 3720, B.4: 32 bytes of zeros, and the usual check value of "123456789".
  EXPECT_EQ(crc32c(Bytes(32)), 0x8a9136aau);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c(as_bytes("56789"), crc32c(as_bytes("1234"))), 0xe3069283u);
}

TEST(JournalFormat, ARecordComesBackAsItWas) {
  Record record = record_of(77);
  record.kind = RecordKind(std::uint8_t(RecordKind::transfer) | sibling_copy);
  record.phase = Phase::event;
  record.outcome = Outcome::limited;
  record.benefit = 3;
  record.service = 4;
  record.orphan = true;
  record.edge = 5;
  record.measure = 6;
  record.period_start = -7;
  record.cumulative = 8;
  record.reserved = 9;
  record.verdict = 0xff;
  record.origin = 10;
  std::array<std::byte, record_bytes> bytes{};
  encode_record(record, bytes);
  EXPECT_EQ(decode_record(bytes), record);
  bytes[0] = std::byte(0x7f);
  EXPECT_EQ(decode_record(bytes), std::nullopt);
}

TEST(Journal, NumbersRecordsAndReadsThemBackAfterAReopen) {
  const Folder folder;
  {
    const auto journal = open_journal(folder, 16 << 10);
    for (std::uint64_t i = 1; i <= 1000; ++i) {
      EXPECT_EQ(journal->append(record_of(i)), i);
      if (i % 50 == 0) wait_for(*journal, i);
    }
    wait_for(*journal, 1000);
    EXPECT_EQ(used_after(*journal, 0).size(), 1000u);
    EXPECT_EQ(used_after(*journal, 990).front(), 991u);
    EXPECT_TRUE(used_after(*journal, 1000).empty());
  }
  const auto journal = open_journal(folder, 16 << 10);
  EXPECT_EQ(journal->last(), 1000u);
  EXPECT_EQ(journal->append(record_of(1001)), 1001u);
  wait_for(*journal, 1001);
  const auto all = used_after(*journal, 0);
  ASSERT_EQ(all.size(), 1001u);
  for (std::uint64_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], i + 1);
}

TEST(Journal, WakesWhoWaitsForTheDisk) {
  const Folder folder;
  const auto journal = open_journal(folder);
  std::mutex mutex;
  std::condition_variable woken;
  journal->add_waker([&] {
    const std::lock_guard lock(mutex);
    woken.notify_all();
  });
  const std::uint64_t number = journal->append(record_of(1));
  std::unique_lock lock(mutex);
  EXPECT_TRUE(woken.wait_for(lock, std::chrono::seconds(10), [&] { return journal->durable() >= number; }));
}

TEST(Journal, DropsWholeFilesAndSaysWhatIsGone) {
  const Folder folder;
  const auto journal = open_journal(folder, 8 << 10);
  for (std::uint64_t i = 1; i <= 500; ++i) wait_for(*journal, journal->append(record_of(i)));
  journal->drop_through(250);
  const std::uint64_t kept = journal->first_kept();
  EXPECT_GT(kept, 100u);
  EXPECT_LE(kept, 251u);
  EXPECT_EQ(used_after(*journal, kept - 1).size(), 500 - kept + 1);
  const auto gone = journal->read(0, [](std::uint64_t, const Record&) { return true; });
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, "journal.trimmed");
}

std::filesystem::path last_file(const Folder& folder) {
  std::filesystem::path last;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path / "journal")) {
    last = std::max(last, entry.path());
  }
  return last;
}

TEST(Journal, CutsATornTailAtEveryByte) {
  const Folder folder;
  constexpr std::size_t groups = 3;
  const std::size_t group = group_header_bytes + record_bytes;
  {
    const auto journal = open_journal(folder, 4096);
    for (std::uint64_t i = 1; i <= groups; ++i) wait_for(*journal, journal->append(record_of(i)));
  }
  Bytes whole(groups * group);
  const auto path = last_file(folder);
  int fd = ::open(path.c_str(), O_RDONLY);
  ASSERT_EQ(::pread(fd, whole.data(), whole.size(), 0), ssize_t(whole.size()));
  ::close(fd);
  for (std::size_t cut = 2 * group; cut < 3 * group; cut += 7) {
    fd = ::open(path.c_str(), O_RDWR | O_TRUNC);
    ASSERT_EQ(::pwrite(fd, whole.data(), cut, 0), ssize_t(cut));
    ASSERT_EQ(::ftruncate(fd, 4096), 0);
    ::close(fd);
    const auto journal = open_journal(folder, 4096);
    EXPECT_EQ(journal->last(), 2u) << cut;
    EXPECT_EQ(used_after(*journal, 0).size(), 2u);
  }
}

TEST(Journal, RefusesDamageBeforeTheTail) {
  const Folder folder;
  {
    const auto journal = open_journal(folder, 4096);
    for (std::uint64_t i = 1; i <= 5; ++i) wait_for(*journal, journal->append(record_of(i)));
  }
  const int fd = ::open(last_file(folder).c_str(), O_RDWR);
  const char wrong = 'x';
  ASSERT_EQ(::pwrite(fd, &wrong, 1, 200), 1);
  ::close(fd);
  const auto journal = Journal::open({.folder = folder.path, .segment_bytes = 4096});
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().code, "journal.damaged");
}

/// Appends as fast as it can and writes each number to the pipe once it is durable.
[[noreturn]] void append_until_killed(const Folder& folder, int acknowledged) {
  auto opened = Journal::open({.folder = folder.path, .segment_bytes = 64 << 10});
  if (!opened) ::_exit(3);
  Journal& journal = **opened;
  std::uint64_t said = journal.durable();
  for (;;) {
    for (int i = 0; i < 5; ++i) journal.append(record_of(journal.last() + 1));
    while (said < journal.durable()) {
      ++said;
      if (::write(acknowledged, &said, sizeof said) != sizeof said) ::_exit(4);
    }
  }
}

TEST(Journal, AfterKillNineHoldsAllThatWasAcknowledgedOnce) {
  const Folder folder;
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 20; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      append_until_killed(folder, ends[1]);
    }
    ::close(ends[1]);
    std::thread killer([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20 + round * 7));
      ::kill(child, SIGKILL);
    });
    std::uint64_t number = 0;
    while (::read(ends[0], &number, sizeof number) == sizeof number) {
      acknowledged = std::max(acknowledged, number);
    }
    killer.join();
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    ::close(ends[0]);
    const auto journal = open_journal(folder, 64 << 10);
    EXPECT_GE(journal->last(), acknowledged);
    const auto all = used_after(*journal, 0);
    for (std::uint64_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], i + 1);
    EXPECT_EQ(all.size(), journal->last());
  }
  EXPECT_GT(acknowledged, 100u);
}

/// In a process of its own, since the limit holds for all of one.
int write_against_a_limit(const Folder& folder) {
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{.rlim_cur = 8192, .rlim_max = RLIM_INFINITY};
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
  auto opened = Journal::open({.folder = folder.path, .segment_bytes = 16 << 10, .waiting_max = 20'000});
  if (!opened) return 2;
  Journal& journal = **opened;
  std::uint64_t last = 0;
  for (int i = 0; i < 100; ++i) last = journal.append(record_of(journal.last() + 1));
  for (int i = 0; i < 3000 && journal.health() != Journal::Health::full; ++i) ::usleep(1000);
  if (journal.health() != Journal::Health::full) return 3;
  if (journal.durable() >= last) return 4;
  bool refused = false;
  for (int i = 0; i < 1000 && !refused; ++i) refused = journal.append(record_of(journal.last() + 1)) == 0;
  if (!refused) return 5;
  limit.rlim_cur = RLIM_INFINITY;
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 6;
  for (int i = 0; i < 5000 && journal.durable() < journal.last(); ++i) ::usleep(1000);
  return journal.durable() == journal.last() && journal.health() == Journal::Health::ok ? 0 : 7;
}

TEST(Journal, WaitsWhileTheDiskIsFullAndLosesNothing) {
  const Folder folder;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(write_against_a_limit(folder));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  const auto journal = open_journal(folder, 16 << 10);
  const auto all = used_after(*journal, 0);
  EXPECT_GE(all.size(), 100u);
  for (std::uint64_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], i + 1);
}

}  // namespace
}  // namespace dayaq::edge
