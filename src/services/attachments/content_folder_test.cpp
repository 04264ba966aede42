#include "services/attachments/content_folder.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>

#include "services/attachments/attachments_test_support.hpp"

namespace dayaq::services::attachments {
namespace {

using namespace test;

struct ContentFolders : testing::Test {
  std::string keep(const std::string& content) {
    auto file = must(folder.begin(random));
    must(file->add(as_bytes(content)));
    return must(folder.keep(std::move(file)));
  }
  [[nodiscard]] std::ptrdiff_t under_way() const {
    const std::filesystem::directory_iterator files(root / "new");
    return std::distance(begin(files), end(files));
  }
  static unsigned mode(const std::filesystem::path& path) {
    struct stat found{};
    EXPECT_EQ(::stat(path.c_str(), &found), 0);
    return found.st_mode & 0777u;
  }

  SystemRandom random;
  dayaq::test::TemporaryFolder temporary{"content"};
  std::filesystem::path root = temporary / "attachments";
  ContentFolder folder = must(ContentFolder::open(root));
};

TEST_F(ContentFolders, NameFilesByWhatTheyHold) {
  const std::string name = keep("abc");
  EXPECT_EQ(name, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(folder.path_of(name), root / "ba" / name);
  EXPECT_EQ(as_text(must(folder.read(name))), "abc");
  EXPECT_EQ(keep("abc"), name);
  EXPECT_EQ(under_way(), 0);
}

TEST_F(ContentFolders, AreForTheirOwnerAlone) {
  const std::string name = keep("abc");
  EXPECT_EQ(mode(folder.path_of(name)), 0600u);
  EXPECT_EQ(mode(root), 0700u);
  EXPECT_EQ(mode(root / "ba"), 0700u);
}

TEST_F(ContentFolders, ForgetWhatWasntKept) {
  {
    auto file = must(folder.begin(random));
    must(file->add(as_bytes("half")));
    EXPECT_EQ(under_way(), 1);
  }
  EXPECT_EQ(under_way(), 0);
  std::ofstream(root / "new" / "of-a-program-that-died") << "half";
  must(ContentFolder::open(root));
  EXPECT_EQ(under_way(), 0);
}

TEST_F(ContentFolders, FindWhatTheDiskChanged) {
  const std::string name = keep("abc");
  std::ofstream(folder.path_of(name)) << "abd";
  EXPECT_EQ(code_of(folder.read(name)), "attachment.damaged");
  must(folder.remove(name));
  must(folder.remove(name));
  EXPECT_EQ(code_of(folder.read(name)), "attachment.unknown");
}

TEST_F(ContentFolders, GiveWhatIsOld) {
  const std::string name = keep("abc");
  const Instant now = SystemClock().now();
  EXPECT_TRUE(folder.older_than(0xba, now - std::chrono::hours(1)).empty());
  EXPECT_EQ(folder.older_than(0xba, now + std::chrono::hours(1)), std::vector{name});
  EXPECT_TRUE(folder.older_than(0xbb, now + std::chrono::hours(1)).empty());
}

/// The kernel refuses to write further, as on a full disk: nothing is left of it.
TEST_F(ContentFolders, KeepNothingWhenTheDiskRefuses) {
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small{.rlim_cur = 1000, .rlim_max = old.rlim_max};
  {
    auto file = must(folder.begin(random));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto added = file->add(as_bytes(std::string(2000, 'x')));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
    EXPECT_EQ(code_of(added), "attachment.disk");
  }
  std::signal(SIGXFSZ, before);
  EXPECT_EQ(under_way(), 0);
}

TEST(ContentFolder, ThatCantBeMadeSaysSo) {
  EXPECT_EQ(code_of(ContentFolder::open("/proc/nowhere/attachments")), "attachment.disk");
}

}  // namespace
}  // namespace dayaq::services::attachments
