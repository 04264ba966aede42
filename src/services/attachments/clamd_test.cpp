// How clamd is spoken to; the real one is in tests/attachments_test.py.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <thread>

#include "services/attachments/attachments_test_support.hpp"

namespace dayaq::services::attachments {
namespace {

using namespace test;
using namespace std::chrono_literals;

/// Takes one conversation and says one thing; remembers the bytes of the stream.
struct OtherSide {
  explicit OtherSide(std::string says) : answer(std::move(says)) {
    listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = path().string();
    std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
    EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener, 1), 0);
    thread = std::thread([this] { serve(); });
  }
  ~OtherSide() {
    thread.join();
    ::close(listener);
  }
  [[nodiscard]] std::filesystem::path path() const { return folder / "clamd.sock"; }

  void serve() {
    const int peer = ::accept(listener, nullptr, nullptr);
    std::string got;
    char buffer[65536];
    const std::string end(4, '\0');
    while (got.size() < 14 || !got.ends_with(end)) {
      const ssize_t n = ::read(peer, buffer, sizeof buffer);
      if (n <= 0) break;
      got.append(buffer, std::size_t(n));
    }
    EXPECT_TRUE(got.starts_with(std::string("zINSTREAM\0", 10)));
    std::string_view rest = std::string_view(got).substr(10);
    while (rest.size() >= 4) {
      std::size_t size = 0;
      for (int i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(rest[std::size_t(i)]);
      streamed += rest.substr(4, size);
      rest.remove_prefix(std::min(rest.size(), 4 + size));
    }
    if (!answer.empty()) {
      EXPECT_EQ(::write(peer, answer.data(), answer.size()), ssize_t(answer.size()));
    } else {
      std::this_thread::sleep_for(300ms);
    }
    ::close(peer);
  }

  dayaq::test::TemporaryFolder folder{"clamd"};
  std::string answer;
  std::string streamed;
  int listener = -1;
  std::thread thread;
};

std::string verdict(const std::string& answer, const std::string& content = "some bytes",
                    std::string* streamed = nullptr) {
  std::string out;
  OtherSide side(answer);
  std::ofstream(side.folder / "file") << content;
  const auto scanned = clamd(side.path(), 200ms)->scan(side.folder / "file");
  out = scanned ? "found:" + *scanned : code_of(scanned) + ": " + scanned.error().detail;
  side.thread.join();
  side.thread = std::thread([] {});
  if (streamed != nullptr) *streamed = side.streamed;
  return out;
}

TEST(Clamd, IsStreamedTheWholeFile) {
  const std::string content = std::string(200'000, 'x') + "end";
  std::string streamed;
  EXPECT_EQ(verdict(std::string("stream: OK\0", 11), content, &streamed), "found:");
  EXPECT_EQ(streamed, content);
}

TEST(Clamd, SaysWhatItFound) {
  EXPECT_EQ(verdict(std::string("stream: Eicar-Test-Signature FOUND\0", 35)), "found:Eicar-Test-Signature");
}

TEST(Clamd, ThatDoesNotSayMeansNothing) {
  EXPECT_EQ(verdict(std::string("INSTREAM size limit exceeded. ERROR\0", 36)),
            "attachment.scanner: INSTREAM size limit exceeded. ERROR");
  EXPECT_EQ(verdict(std::string("stream: FOUND\0", 14)), "attachment.scanner: stream: FOUND");
  EXPECT_EQ(verdict("stream: OK"), "attachment.scanner: no answer");  // cut off
  EXPECT_EQ(verdict(""), "attachment.scanner: too slow");
  EXPECT_EQ(code_of(clamd("/nowhere/clamd.sock")->scan("/etc/hostname")), "attachment.scanner");
}

}  // namespace
}  // namespace dayaq::services::attachments
