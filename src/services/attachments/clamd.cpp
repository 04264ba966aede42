#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "services/attachments/attachments.hpp"

namespace dayaq::services::attachments {
namespace {

using SteadyClock = std::chrono::steady_clock;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::unexpected<Error> away(std::string detail) {
  return fail(ErrorKind::unavailable, "attachment.scanner", "Files can't be scanned just now.",
              std::move(detail));
}

/// A conversation with clamd: never longer than its deadline.
class Talk {
 public:
  Talk(int socket, SteadyClock::time_point deadline) : socket_(socket), deadline_(deadline) {}

  Result<void> send(std::string_view bytes) {
    while (!bytes.empty()) {
      DAYAQ_TRY_OK(wait(POLLOUT));
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (sent < 0) return away(fmt::format("send: {}", std::strerror(errno)));
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
  }

  /// Up to the zero byte that ends it.
  Result<std::string> answer() {
    std::string out;
    std::array<char, 512> buffer{};
    while (out.size() < 4096) {
      DAYAQ_TRY_OK(wait(POLLIN));
      const ssize_t got = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got < 0) return away(fmt::format("recv: {}", std::strerror(errno)));
      out.append(buffer.data(), static_cast<std::size_t>(got));
      if (const auto end = out.find('\0'); end != std::string::npos) return out.substr(0, end);
      if (got == 0) break;
    }
    return away("no answer");
  }

 private:
  Result<void> wait(short what) const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - SteadyClock::now());
    pollfd one{.fd = socket_, .events = what, .revents = 0};
    if (left.count() <= 0 || ::poll(&one, 1, static_cast<int>(left.count())) <= 0) return away("too slow");
    return {};
  }

  int socket_;
  SteadyClock::time_point deadline_;
};

/// Four bytes, big-endian: how many follow.
std::string length_of(std::size_t size) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift & 0xff);
  return out;
}

/// "stream: OK", "stream: Eicar-Test-Signature FOUND", "INSTREAM size limit exceeded. ERROR".
Result<std::string> read_verdict(std::string_view answer) {
  constexpr std::string_view start = "stream: ";
  constexpr std::string_view found = " FOUND";
  if (answer == "stream: OK") return std::string();
  if (answer.starts_with(start) && answer.ends_with(found) && answer.size() > start.size() + found.size()) {
    return std::string(answer.substr(start.size(), answer.size() - start.size() - found.size()));
  }
  return away(std::string(answer));
}

class Clamd final : public Scanner {
 public:
  Clamd(std::filesystem::path socket, std::chrono::milliseconds patience)
      : path_(std::move(socket)), patience_(patience) {}

  Result<std::string> scan(const std::filesystem::path& path) override {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return away(fmt::format("open: {}", std::strerror(errno)));
    const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = path_.string();
    if (socket.get() < 0 || name.size() >= sizeof address.sun_path) return away("socket");
    std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return away(fmt::format("connect: {}", std::strerror(errno)));
    }
    Talk talk(socket.get(), SteadyClock::now() + patience_);
    DAYAQ_TRY_OK(talk.send(std::string_view("zINSTREAM\0", 10)));
    std::string chunk(64 << 10, '\0');
    for (;;) {
      const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return away(fmt::format("read: {}", std::strerror(errno)));
      if (got == 0) break;
      DAYAQ_TRY_OK(talk.send(length_of(static_cast<std::size_t>(got))));
      DAYAQ_TRY_OK(talk.send(std::string_view(chunk).substr(0, static_cast<std::size_t>(got))));
    }
    DAYAQ_TRY_OK(talk.send(length_of(0)));
    DAYAQ_TRY(const std::string answer, talk.answer());
    return read_verdict(answer);
  }

 private:
  std::filesystem::path path_;
  std::chrono::milliseconds patience_;
};

}  // namespace

std::unique_ptr<Scanner> clamd(std::filesystem::path socket, std::chrono::milliseconds patience) {
  return std::make_unique<Clamd>(std::move(socket), patience);
}

}  // namespace dayaq::services::attachments
