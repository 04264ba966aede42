#include "edge/replica_map.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/file.hpp"

namespace dayaq::edge {
namespace {

constexpr std::size_t page = 4096;

std::size_t whole_pages(std::size_t bytes) {
  return (bytes + page - 1) / page * page;
}

}  // namespace

std::string boot_id() {
  // The file's size reads as 0, so it is read as a stream of bytes.
  const int fd = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  char text[64];
  const ssize_t size = ::read(fd, text, sizeof text);
  ::close(fd);
  std::string out(text, size > 0 ? std::size_t(size) : 0);
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

std::unexpected<Error> disk_failed(const char* what, const std::filesystem::path& path, int error) {
  return fail(ErrorKind::unavailable, "replica.disk",
              "The replica's files can't be written or read: look for space, permissions and a failing disk.",
              fmt::format("{} {}: {}", what, path.string(), std::strerror(error)));
}

Result<MappedFile> MappedFile::create(const std::filesystem::path& path, std::size_t bytes,
                                      std::size_t reserve) {
  MappedFile out;
  // Unlinked, not truncated: another mapping of the old file must not lose its pages.
  ::unlink(path.c_str());
  out.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (out.fd_ < 0) return disk_failed("create", path, errno);
  out.reserve_ = whole_pages(std::max(bytes, reserve));
  DAYAQ_TRY_OK(out.map(path));
  if (auto grown = out.grow(bytes); !grown) {
    grown.error().detail += " " + path.string();
    return std::unexpected(std::move(grown).error());
  }
  return out;
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& path, std::size_t reserve) {
  MappedFile out;
  out.fd_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (out.fd_ < 0) return disk_failed("open", path, errno);
  struct stat found{};
  if (::fstat(out.fd_, &found) != 0) return disk_failed("stat", path, errno);
  const auto bytes = std::size_t(found.st_size);
  out.reserve_ = whole_pages(std::max(bytes, reserve));
  DAYAQ_TRY_OK(out.map(path));
  DAYAQ_TRY_OK(out.grow(bytes));
  return out;
}

Result<void> MappedFile::map(const std::filesystem::path& path) {
  void* at = ::mmap(nullptr, reserve_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return disk_failed("map", path, errno);
  data_ = static_cast<std::byte*>(at);
  return {};
}

Result<void> MappedFile::grow(std::size_t bytes) {
  const std::size_t wanted = whole_pages(bytes);
  if (wanted <= size_) return {};
  if (wanted > reserve_) {
    return fail(ErrorKind::limit, "replica.lists", "There are more different grant lists than can be held.");
  }
  const auto from = off_t(size_);
  const auto more = off_t(wanted - size_);
  if (const int error = ::posix_fallocate(fd_, from, more); error != 0)
    return disk_failed("allocate", "", error);
  void* at = ::mmap(data_ + size_, wanted - size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd_, from);
  if (at == MAP_FAILED) return disk_failed("map", "", errno);
  ::madvise(at, wanted - size_, MADV_HUGEPAGE);  // where the file system has huge pages (tmpfs)
  size_ = wanted;
  return {};
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      reserve_(std::exchange(other.reserve_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  if (this != &other) {
    std::swap(fd_, other.fd_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(reserve_, other.reserve_);
  }
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, reserve_);
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace dayaq::edge
