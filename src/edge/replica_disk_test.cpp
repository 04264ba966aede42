// What a crash, a failing disk and a full one do to a replica.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "base/file.hpp"
#include "edge/replica_test_support.hpp"

namespace dayaq::edge {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using ReplicaDiskTest = ReplicaTest;

TEST_F(ReplicaDiskTest, CutsOffATornTailWhereverItWasTorn) {
  fill();
  replica.reset();
  const fs::path file = files("changes").at(0);
  const auto whole = fs::file_size(file);
  const std::string before = *read_file(file);
  ASSERT_TRUE(open());
  const Bytes last = centre.grant(17, {1});
  ASSERT_EQ(apply(last), "ok");
  replica.reset();
  const std::string after = *read_file(file);
  for (std::size_t size = whole; size < after.size(); size += 7) {
    std::string torn = after.substr(0, size);
    if (size % 2 == 1) torn.resize(after.size(), '\0');  // as if the length had come to disk before the bytes
    ASSERT_TRUE(write_file_atomically(file, as_bytes(torn)));
    options.boot = "after crash " + std::to_string(size);
    const auto opened = open();
    ASSERT_TRUE(opened) << size << opened.error().detail;
    EXPECT_EQ(replica->state().sequence, centre.sequence - 1);
    EXPECT_EQ(fs::file_size(file), whole);
    ASSERT_EQ(apply(last), "ok") << "it comes again from the feed";
    expect_as_at_the_centre();
  }
}

/// What can happen to a disk, but not by a write that was cut off.
struct Damage {
  const char* name;
  std::function<void(ReplicaTest&)> harm;
};
void flip(const fs::path& file, std::size_t at) {
  std::string text = *read_file(file);
  text[at] = char(text[at] ^ 0x40);
  ASSERT_TRUE(write_file_atomically(file, as_bytes(text)));
}

TEST_F(ReplicaDiskTest, DamageThatIsNoTornTailIsSaidOrHealed) {
  const std::vector<Damage> damages{
      {"a bit of a change", [](ReplicaTest& t) { flip(t.files("changes").at(0), 60); }},
      {"a length among the changes", [](ReplicaTest& t) { flip(t.files("changes").at(0), 9); }},
      {"a bit of a page",
       [](ReplicaTest& t) {
         flip(t.files("snapshot").at(0), fs::file_size(t.files("snapshot").at(0)) - 100);
       }},
      {"a page's end",
       [](ReplicaTest& t) {
         fs::resize_file(t.files("snapshot").at(0), fs::file_size(t.files("snapshot").at(0)) - 1);
       }},
      {"a page", [](ReplicaTest& t) {
         const auto file = t.files("snapshot").at(0);
         BytesView rest;
         const std::string text = *read_file(file);
         rest = as_bytes(text);
         fs::resize_file(file, feed::decode_header(rest)->bytes);
       }}};
  int boot = 0;
  for (const Damage& damage : damages) {
    SCOPED_TRACE(damage.name);
    fs::remove_all(options.folder);
    centre = TestCentre();
    options.heal = false;
    fill();
    replica.reset();
    damage.harm(*this);
    options.boot = "after damage " + std::to_string(++boot);
    const auto refused = open();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "replica.damaged");

    options.heal = true;
    const auto healed = open();
    ASSERT_TRUE(healed) << healed.error().code << healed.error().detail;
    EXPECT_LT(replica->state().sequence, centre.sequence);
    EXPECT_FALSE(replica->state().set_aside.empty());
    if (!replica->state().has_snapshot) {
      TestCentre older;
      older.changes({}, {{40, {{.measure = 2}}}});
      EXPECT_EQ(take(*replica, older.snapshot(), lock), "replica.older")
          << "losing it doesn't open a way back";
    }
    ASSERT_EQ(take(*replica, centre.snapshot(), lock), "ok");
    expect_as_at_the_centre();
    options.heal = false;
    options.boot += "!";
    ASSERT_TRUE(open());
    expect_as_at_the_centre();
  }
}

TEST_F(ReplicaDiskTest, AFileOfChangesThatIsMissingIsDamage) {
  ASSERT_TRUE(open());
  centre.changes({TestCentre::definition(1)}, {{10, {{.measure = 1}}}});
  ASSERT_EQ(take(*replica, centre.snapshot(), lock), "ok");
  std::vector<std::pair<SubscriptionKey, feed::GrantList>> lines;
  for (SubscriptionKey key = 1; key < 60'000; ++key)
    lines.push_back({key * 0x9e3779b97f4a7c15, {{.measure = 1}}});
  for (int i = 0; i < 14; ++i) ASSERT_EQ(apply(centre.changes({}, lines)), "ok");
  ASSERT_GE(files("changes").size(), 2u);
  options.boot = "another";
  ASSERT_TRUE(open());
  EXPECT_EQ(replica->state().sequence, centre.sequence);
  replica.reset();
  fs::remove(files("changes").front());
  options.boot = "a third";
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "replica.damaged");
}

TEST_F(ReplicaDiskTest, TheWrongKeyAtAStartIsNotTakenForDamage) {
  fill();
  options.centre_keys = {test_key(9).public_key()};
  options.heal = true;
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "replica.signature");
  options.centre_keys.push_back(centre.public_key());
  ASSERT_TRUE(open());
  expect_as_at_the_centre();
}

TEST_F(ReplicaDiskTest, AnInterruptedExchangeOfSnapshotsIsTakenBack) {
  fill();
  replica.reset();
  fs::rename(options.folder / "snapshot", options.folder / "snapshot.old");
  fs::create_directory(options.folder / "snapshot.new");
  options.boot = "another";
  ASSERT_TRUE(open());
  expect_as_at_the_centre();
  EXPECT_FALSE(fs::exists(options.folder / "snapshot.new"));
}

/// No file may become longer than this: the disk is full, as far as a program can see.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST_F(ReplicaDiskTest, ADiskThatIsFullInTheMiddleOfAWriteChangesNothing) {
  fill();
  TestCentre after = centre;
  const Bytes block = after.grant(34, {1});
  {
    const FileSizeLimit full(fs::file_size(files("changes").at(0)) + 20);
    EXPECT_EQ(apply(block), "replica.disk");
  }
  expect_as_at_the_centre();
  ASSERT_EQ(apply(block), "ok");
  centre = std::move(after);
  expect_as_at_the_centre();
  options.boot = "another";
  ASSERT_TRUE(open());
  expect_as_at_the_centre();
}

TEST_F(ReplicaDiskTest, ATableThatCannotGrowChangesNothing) {
  fill();
  TestCentre after = centre;
  std::vector<std::pair<SubscriptionKey, feed::GrantList>> lines;
  for (SubscriptionKey key = 100; key < 60'000; ++key) {
    lines.emplace_back(key * 0x9e3779b97f4a7c15, feed::GrantList{{.measure = 1}});
  }
  const Bytes block = after.changes({}, lines);
  {
    const FileSizeLimit full(100'000);
    EXPECT_EQ(apply(block), "replica.disk");
    const auto pages = after.snapshot();
    EXPECT_EQ(take(*replica, pages, lock), "replica.disk");
  }
  expect_as_at_the_centre();
  ASSERT_EQ(apply(block), "ok");
  EXPECT_EQ(replica->state().subscriptions, after.grants.size());
  ASSERT_TRUE(open());
  EXPECT_TRUE(replica->state().from_image);
  EXPECT_EQ(replica->state().subscriptions, after.grants.size());
}

TEST_F(ReplicaDiskTest, AFileThatCannotBeCreatedChangesNothing) {
  fill();
  // A folder in the place of the next file.
  replica.reset();
  for (const auto& file : files("changes")) fs::remove(file);
  options.boot = "another";
  ASSERT_TRUE(open());
  const std::uint64_t before = replica->state().sequence;
  TestCentre next;
  next.sequence = before;
  const Bytes block = next.grant(33, {1});
  char name[64];
  std::snprintf(name, sizeof name, "%020llu.blocks", static_cast<unsigned long long>(before + 1));
  fs::create_directory(options.folder / "changes" / name);
  EXPECT_EQ(apply(block), "replica.disk");
  EXPECT_EQ(replica->state().sequence, before);
  EXPECT_TRUE(answered(*replica, 33, test_now()).empty());
  fs::remove(options.folder / "changes" / name);
  EXPECT_EQ(apply(block), "ok");
  EXPECT_FALSE(answered(*replica, 33, test_now()).empty());
}

}  // namespace
}  // namespace dayaq::edge
