#include "base/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace dayaq {
namespace {

std::string reason() {
  return std::strerror(errno);
}

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

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t size_max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    return fail(errno == ENOENT ? ErrorKind::not_found : ErrorKind::unavailable, "file.missing",
                fmt::format("The file {} can't be opened: {}.", path.string(), reason()));
  }
  std::string content;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return fail(ErrorKind::unavailable, "file.read",
                  fmt::format("The file {} can't be read: {}.", path.string(), reason()));
    }
    if (got == 0) return content;
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > size_max) {
      return fail(ErrorKind::limit, "file.size",
                  fmt::format("The file {} is larger than {} bytes.", path.string(), size_max));
    }
  }
}

Result<void> write_file_atomically(const std::filesystem::path& path, BytesView content,
                                   std::filesystem::perms perms) {
  const std::string temporary = path.string() + ".new";
  const auto failed = [&](const char* step) {
    const std::string why = reason();
    ::unlink(temporary.c_str());
    return fail(ErrorKind::unavailable, "file.write",
                fmt::format("The file {} can't be written: {}.", path.string(), why), step);
  };
  {
    const Descriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, static_cast<mode_t>(perms)));
    if (file.get() < 0) return failed("open");
    while (!content.empty()) {
      const ssize_t put = ::write(file.get(), content.data(), content.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return failed("write");
      content = content.subspan(static_cast<std::size_t>(put));
    }
    if (::fsync(file.get()) != 0) return failed("fsync");
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed("rename");
  const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const Descriptor folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) return failed("fsync of the folder");
  return {};
}

Result<FileLock> FileLock::acquire(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return fail(ErrorKind::unavailable, "file.write",
                fmt::format("The lock {} can't be opened: {}.", path.string(), reason()));
  }
  FileLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorKind::conflict, "file.locked",
                fmt::format("Another Dayaq process is using {}.", path.parent_path().string()));
  }
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace dayaq
