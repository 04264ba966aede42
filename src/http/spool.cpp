#include "http/spool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace dayaq::http {
namespace {

std::unexpected<Error> disk(std::string_view step) {
  const int why = errno;
  return fail(ErrorKind::unavailable, "http.spool_disk",
              "What was sent can't be kept just now. Try again later.",
              fmt::format("{}: {}", step, std::strerror(why)));
}

}  // namespace

Result<std::unique_ptr<Spool>> Spool::open(std::filesystem::path folder, std::uint64_t bytes_max) {
  folder = std::filesystem::absolute(std::move(folder)).lexically_normal();
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return disk("mkdir");
  // Only where a file can't be made without a name is there ever one, for a moment.
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    ::unlink(entry.path().c_str());
  }
  return std::unique_ptr<Spool>(new Spool(std::move(folder), bytes_max));
}

Result<std::unique_ptr<Spool::File>> Spool::begin() const {
  int descriptor = ::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
    std::string name = (folder_ / "body-XXXXXX").string();
    descriptor = ::mkostemp(name.data(), O_CLOEXEC);
    if (descriptor >= 0) ::unlink(name.c_str());
  }
  if (descriptor < 0) return disk("open");
  return std::unique_ptr<File>(new File(descriptor, held_, bytes_max_));
}

Spool::File::~File() {
  if (mapped_ != nullptr) ::munmap(mapped_, size_);
  ::close(descriptor_);
  held_->fetch_sub(size_, std::memory_order_relaxed);
}

Result<void> Spool::File::add(std::string_view piece) {
  DAYAQ_ASSERT(mapped_ == nullptr && !failed_);
  // Counted before it is written, so that two at once don't take the same room.
  if (held_->fetch_add(piece.size(), std::memory_order_relaxed) + piece.size() > bytes_max_) {
    held_->fetch_sub(piece.size(), std::memory_order_relaxed);
    return fail(ErrorKind::limit, "http.spool_full",
                "Many large files are being sent at once. Try again in a moment.");
  }
  size_ += piece.size();
  while (!piece.empty()) {
    const ssize_t put = ::write(descriptor_, piece.data(), piece.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      failed_ = true;
      return disk("write");
    }
    piece.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Result<std::string_view> Spool::File::view() {
  DAYAQ_ASSERT(!failed_);  // the file is shorter than what was counted
  if (size_ == 0) return std::string_view();
  if (mapped_ == nullptr) {
    void* const made = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor_, 0);
    if (made == MAP_FAILED) return disk("mmap");
    mapped_ = made;
  }
  return std::string_view(static_cast<const char*>(mapped_), size_);
}

}  // namespace dayaq::http
