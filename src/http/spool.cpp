#include "http/spool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
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

std::size_t whole_pages(std::size_t size) {
  static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return (size + page - 1) / page * page;
}

/// Where what a form's first file holds begins in the body; npos if that isn't seen yet. It is a guess that
/// costs nothing if it is wrong: whoever reads the form finds the parts by its delimiters.
std::size_t first_file(std::string_view body) {
  for (std::size_t from = 0;;) {
    const std::size_t end = body.find("\r\n\r\n", from);
    if (end == std::string_view::npos) return end;
    const std::string_view head = body.substr(from, end - from);
    const std::size_t named = head.rfind("filename=\"");
    if (named != std::string_view::npos && head[named + 10] != '"') return end + 4;
    from = end + 4;
  }
}

}  // namespace

/// Bodies that somebody sees now, by where their files begin in memory.
struct Spool::File::Seen {
  std::mutex mutex;
  std::map<const char*, File*> files;
};

Spool::Spool(std::filesystem::path folder, std::uint64_t bytes_max)
    : folder_(std::move(folder)),
      held_(std::make_shared<std::atomic<std::uint64_t>>(0)),
      bytes_max_(bytes_max),
      seen_(std::make_shared<File::Seen>()) {}

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
  return std::unique_ptr<File>(new File(descriptor, held_, bytes_max_, seen_));
}

Result<bool> Spool::adopt(std::string_view content, const std::filesystem::path& target) const {
  File* file = nullptr;
  {
    const std::lock_guard lock(seen_->mutex);
    const auto found = seen_->files.find(content.data());
    if (found == seen_->files.end()) return false;
    file = found->second;  // it stays while somebody sees its body: the caller does
  }
  return file->adopt(content.size(), target);
}

Spool::File::~File() {
  if (mapped_ != nullptr) {
    const std::lock_guard lock(seen_->mutex);
    seen_->files.erase(file_at_);
    ::munmap(mapped_, mapped_size_);
  }
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
  if (split_) return write(piece);
  before_ += piece;
  const bool form = before_.starts_with("--");
  const std::size_t at = form ? first_file(before_) : 0;
  if (at == std::string::npos && before_.size() < around_max) return {};
  split_ = true;
  // A form whose file comes late lies in the spool as a whole.
  const std::string all = std::exchange(before_, {});
  const std::size_t ahead = at == std::string::npos || at > around_max ? 0 : at;
  before_ = all.substr(0, ahead);
  return write(std::string_view(all).substr(ahead));
}

Result<void> Spool::File::write(std::string_view piece) {
  written_ += piece.size();
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
  if (written_ == 0) return std::string_view(before_);
  if (mapped_ == nullptr) {
    const std::size_t ahead = whole_pages(before_.size());
    void* const room = ::mmap(nullptr, ahead + whole_pages(written_), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) return disk("mmap");
    mapped_ = static_cast<char*>(room);
    mapped_size_ = ahead + whole_pages(written_);
    file_at_ = mapped_ + ahead;
    std::ranges::copy(before_, file_at_ - before_.size());
    const bool seen =
        ::mmap(file_at_, written_, PROT_READ, MAP_SHARED | MAP_FIXED, descriptor_, 0) != MAP_FAILED &&
        (ahead == 0 || ::mprotect(mapped_, ahead, PROT_READ) == 0);
    const int why = errno;
    const std::lock_guard lock(seen_->mutex);
    seen_->files.emplace(file_at_, this);
    errno = why;
    if (!seen) return disk("mmap");
  }
  return std::string_view(file_at_ - before_.size(), size_);
}

/// Of the file's first `content` bytes.
Result<bool> Spool::File::adopt(std::size_t content, const std::filesystem::path& target) {
  if (content == 0 || content > written_ || written_ - content > around_max) return false;
  // The pages behind it are no file's any more before the file ends: whoever still reads the form's end finds
  // it.
  const std::size_t kept = whole_pages(content) - (content % whole_pages(1) == 0 ? 0 : whole_pages(1));
  const std::size_t rest = whole_pages(written_) - kept;
  if (content < written_ && rest > 0) {
    void* const copy = ::mmap(nullptr, rest, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) return disk("mmap");
    std::memcpy(copy, file_at_ + kept, written_ - kept);
    if (::mremap(copy, rest, rest, MREMAP_MAYMOVE | MREMAP_FIXED, file_at_ + kept) == MAP_FAILED) {
      ::munmap(copy, rest);
      return disk("mremap");
    }
    if (::ftruncate(descriptor_, static_cast<off_t>(content)) != 0) return disk("ftruncate");
  }
  if (::fsync(descriptor_) != 0) return disk("fsync");
  const std::string self = fmt::format("/proc/self/fd/{}", descriptor_);
  return ::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, target.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

}  // namespace dayaq::http
