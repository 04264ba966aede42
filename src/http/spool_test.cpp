// Large bodies go to files without names: their memory, their limits, their end.
#include "http/spool.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "http/test_support.ipp"

namespace dayaq::http {
namespace {

constexpr std::size_t mega = std::size_t{1} << 20;

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "dayaq-spool-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  [[nodiscard]] std::size_t files() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator(path / "new")) ++count;
    return count;
  }
};

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>('a' + (i * 7 + i / 4096) % 26);
  return out;
}

TEST(Spool, GivesBackWhatWasAddedAndLeavesNothing) {
  const Folder folder;
  const auto spool = Spool::open(folder.path / "new", 8 * mega);
  ASSERT_TRUE(spool);
  struct stat seen{};
  ASSERT_EQ(::stat((folder.path / "new").c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 0777, 0700u);
  {
    auto file = (*spool)->begin();
    ASSERT_TRUE(file);
    const std::string sent = pattern(3 * mega + 17);
    for (std::size_t at = 0; at < sent.size(); at += 100'000) {
      ASSERT_TRUE((*file)->add(std::string_view(sent).substr(at, 100'000)));
    }
    EXPECT_EQ((*spool)->held(), sent.size());
    EXPECT_EQ(folder.files(), 0u) << "it has no name, so a crash leaves nothing";
    const auto view = (*file)->view();
    ASSERT_TRUE(view);
    EXPECT_TRUE(*view == sent);
  }
  EXPECT_EQ((*spool)->held(), 0u);
}

TEST(Spool, TakesNoMoreThanItMayTogether) {
  const Folder folder;
  const auto spool = Spool::open(folder.path / "new", 2 * mega);
  ASSERT_TRUE(spool);
  auto one = (*spool)->begin();
  auto two = (*spool)->begin();
  ASSERT_TRUE(one && two);
  const std::string piece = pattern(mega);
  ASSERT_TRUE((*one)->add(piece));
  ASSERT_TRUE((*two)->add(piece));
  const auto more = (*one)->add("x");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, "http.spool_full");
  EXPECT_EQ((*spool)->held(), 2 * mega) << "what was refused isn't counted";
  two->reset();
  EXPECT_EQ((*spool)->held(), mega);
}

TEST(Spool, RemovesWhatAnotherProgramLeft) {
  const Folder folder;
  std::filesystem::create_directory(folder.path / "new");
  std::ofstream(folder.path / "new" / "body-abc") << "half";
  ASSERT_TRUE(Spool::open(folder.path / "new", mega));
  EXPECT_EQ(folder.files(), 0u);
  EXPECT_FALSE(Spool::open(folder.path / "no" / "such" / "folder", mega));
}

struct SpooledBodies : ServerFixture {
  Folder folder;
  std::unique_ptr<Spool> spool;

  void open(std::uint64_t bytes_max) {
    auto opened = Spool::open(folder.path / "new", bytes_max);
    ASSERT_TRUE(opened);
    spool = std::move(*opened);
    options.spool = spool.get();
    add_hello();
    add_echo(8 * mega);
    start();
  }
  void TearDown() override { server.reset(); }
  static std::string head(std::size_t length) {
    return fmt::format("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", length);
  }
  /// Waits until as much is held.
  [[nodiscard]] bool holds(std::uint64_t bytes) const {
    for (int i = 0; i < 3000 && spool->held() != bytes; ++i) std::this_thread::sleep_for(10ms);
    return spool->held() == bytes;
  }
};

TEST_F(SpooledBodies, ArriveWholeWhateverTheirSizeAndFraming) {
  open(64 * mega);
  RawConnection connection = connect();
  for (const std::size_t size : {std::size_t{1}, std::size_t{5000}, Spool::body_min - 1, Spool::body_min,
                                 Spool::body_min + 1, 3 * mega + 5, 8 * mega}) {
    const std::string body = pattern(size);
    std::thread sender([&] { connection.send(head(size) + body); });
    const auto answer = connection.read_until(
        [&](std::string_view all) {
          const auto end = all.find("\r\n\r\n");
          return end != std::string_view::npos && all.size() >= end + 4 + size;
        },
        30s);
    sender.join();
    EXPECT_EQ(status_in(answer), 200) << size;
    EXPECT_TRUE(answer.ends_with(body)) << size;
  }
  std::string chunks = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string body = pattern(2 * mega + 3);
  for (std::size_t at = 0; at < body.size(); at += 70'001) {
    const auto piece = std::string_view(body).substr(at, 70'001);
    chunks += fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
  }
  chunks += "0\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  std::thread sender([&] { connection.send(chunks); });
  const auto answers = connection.read_all(30s);
  sender.join();
  EXPECT_NE(answers.find(body + "HTTP/1.1 200"), std::string::npos) << "the next request isn't lost";
  EXPECT_TRUE(holds(0));
}

/// A form with a field and a file.
struct SentForm {
  explicit SentForm(std::size_t size, const std::string& field = "value")
      : content(pattern(size)),
        body("--b\r\nContent-Disposition: form-data; name=\"field\"\r\n\r\n" + field +
             "\r\n--b\r\nContent-Disposition: form-data; name=\"answer\"; filename=\"a.pdf\"\r\n\r\n" +
             content + "\r\n--b--\r\n") {}
  std::string content, body;
  [[nodiscard]] std::string_view file_in(std::string_view view) const {
    return view.substr(view.find(content.substr(0, 100)), content.size());
  }
};

std::string stored(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Spool, GivesAFormsFileANameWithoutWritingItAgain) {
  const Folder folder;
  const auto spool = Spool::open(folder.path / "new", 64 * mega);
  ASSERT_TRUE(spool);
  int number = 0;
  for (const std::size_t size : {300'001uL, 77uL * 4096, 77uL * 4096 - 3, 5'000uL}) {
    for (const std::size_t piece : {50uL, 5'000uL, 65'536uL}) {
      const SentForm form(size);
      const auto file = (*spool)->begin();
      ASSERT_TRUE(file);
      for (std::size_t at = 0; at < form.body.size(); at += piece) {
        ASSERT_TRUE((*file)->add(std::string_view(form.body).substr(at, piece)));
      }
      const auto view = (*file)->view();
      ASSERT_TRUE(view);
      ASSERT_TRUE(*view == form.body) << size << " in pieces of " << piece;
      const auto target = folder.path / fmt::format("kept-{}", ++number);
      const auto done = (*spool)->adopt(form.file_in(*view), target);
      ASSERT_TRUE(done && *done) << size << " in pieces of " << piece;
      EXPECT_TRUE(stored(target) == form.content);
      EXPECT_TRUE(*view == form.body) << "who still reads the form finds it as it was";
      EXPECT_EQ(std::filesystem::status(target).permissions(),
                std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
      EXPECT_EQ((*spool)->held(), form.body.size());
    }
  }
  EXPECT_TRUE(stored(folder.path / "kept-1") == SentForm(300'001).content) << "it outlives the body";
}

TEST(Spool, LeavesToBeCopiedWhatItCantAdopt) {
  const Folder folder;
  const auto spool = Spool::open(folder.path / "new", 64 * mega);
  ASSERT_TRUE(spool);
  const auto target = folder.path / "kept";
  const auto adopts = [&](const SentForm& form, std::size_t skip, const std::filesystem::path& where) {
    const auto file = (*spool)->begin();
    EXPECT_TRUE(file && (*file)->add(form.body));
    const auto view = (*file)->view();
    EXPECT_TRUE(view && *view == form.body);
    const auto done = (*spool)->adopt(form.file_in(*view).substr(skip), where);
    EXPECT_TRUE(*view == form.body);
    return done && *done;
  };
  const SentForm form(400'000);
  EXPECT_TRUE(adopts(form, 0, target));
  EXPECT_FALSE(adopts(form, 0, target)) << "the name is taken";
  EXPECT_FALSE(adopts(form, 10, folder.path / "a"));
  EXPECT_FALSE(adopts(SentForm(400'000, std::string(80'000, 'x')), 0, folder.path / "b")) << "it comes late";
  EXPECT_FALSE(adopts(form, 0, folder.path / "nowhere" / "c"));
  const std::string elsewhere = form.content;
  const auto none = (*spool)->adopt(elsewhere, folder.path / "d");
  EXPECT_TRUE(none && !*none) << "no body of its";
  EXPECT_FALSE(adopts(form, 0, "/proc/kept")) << "another file system";
}

TEST_F(SpooledBodies, OfSlowCallersHoldNoWorkerAndLittleMemory) {
  open(64 * mega);
  constexpr int callers = 20;
  std::vector<RawConnection> slow;
  const std::string half = pattern(mega);
  for (int i = 0; i < callers; ++i) {
    slow.push_back(connect());
    ASSERT_TRUE(slow.back().send(head(2 * mega) + half));
  }
  // What is in a piece that isn't full yet isn't written.
  for (int i = 0; i < 3000 && spool->held() < callers * (mega - (128 << 10)); ++i) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_GE(spool->held(), callers * (mega - (128 << 10)));
  EXPECT_EQ(status_in(exchange("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")), 200)
      << "others are served";
  ASSERT_TRUE(slow.front().send(half));
  EXPECT_EQ(status_in(slow.front().read_past("\r\n\r\n", 1, 30s)), 200);
  slow.clear();  // they hang up
  EXPECT_TRUE(holds(0));
}

TEST_F(SpooledBodies, BeyondTheRoomAreAskedToComeBack) {
  open(mega);
  const std::string body = pattern(3 * mega);
  RawConnection connection = connect();
  std::thread sender([&] { connection.send(head(body.size()) + body); });
  const auto answer = connection.read_past("\r\n\r\n", 1, 30s);
  connection.end_sending();
  sender.join();
  EXPECT_EQ(status_in(answer), 503) << answer;
  EXPECT_NE(answer.find("Retry-After: "), std::string::npos);
  EXPECT_TRUE(holds(0));
  EXPECT_EQ(status_in(exchange(head(3) + "abc")), 200) << "small ones don't need it";
}

}  // namespace
}  // namespace dayaq::http
