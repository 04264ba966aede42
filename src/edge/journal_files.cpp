#include "edge/journal_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace dayaq::edge {
namespace {

constexpr std::uint64_t place_bytes = 64 << 10;

auto damaged(const std::filesystem::path& path, std::uint64_t offset) {
  return fail(ErrorKind::conflict, "journal.damaged",
              "The usage journal is damaged before its end: restore the disk's content, or move the folder "
              "away and settle from the operator's own records.",
              fmt::format("{} at byte {}", path.string(), offset));
}

auto cannot_open(const std::filesystem::path& path) {
  return fail(ErrorKind::unavailable, "journal.open",
              "The usage journal can't be opened: look at the folder's permissions and space.",
              fmt::format("{}: {}", path.string(), std::strerror(errno)));
}

/// Groups of a file, one after the other, through a buffer of a megabyte.
class GroupReader {
 public:
  GroupReader(int fd, std::uint64_t offset) : fd_(fd), offset_(offset) {}
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  /// The whole group at offset(), unchecked but for its header; empty at the end or where none begins.
  BytesView peek() {
    const auto header = decode_group_header(want(group_header_bytes));
    if (!header) return {};
    return want(header->size());
  }
  void skip(std::size_t bytes) { offset_ += bytes; }

 private:
  BytesView want(std::size_t bytes) {
    if (offset_ < begin_ || offset_ + bytes > begin_ + filled_) fill(bytes);
    if (offset_ + bytes > begin_ + filled_) return {};
    return BytesView(buffer_).subspan(offset_ - begin_, bytes);
  }
  void fill(std::size_t bytes) {
    struct stat about{};
    if (::fstat(fd_, &about) != 0) return;
    const auto size = std::uint64_t(about.st_size);
    const std::uint64_t left = size > offset_ ? size - offset_ : 0;
    const std::size_t wanted =
        std::size_t(std::min<std::uint64_t>(std::max<std::size_t>(bytes, 1 << 20), left));
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    begin_ = offset_;
    filled_ = 0;
    while (filled_ < wanted) {
      const ssize_t got = ::pread(fd_, buffer_.data() + filled_, wanted - filled_, off_t(begin_ + filled_));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return;
      filled_ += std::size_t(got);
    }
  }
  int fd_;
  std::uint64_t offset_;
  std::uint64_t begin_ = 0;
  std::size_t filled_ = 0;
  Bytes buffer_;
};

/// Whether anything that looks like a whole group with numbers from `next` on stands at or after `offset`.
bool group_follows(int fd, std::uint64_t offset, std::uint64_t next) {
  struct stat about{};
  if (::fstat(fd, &about) != 0) return false;
  Bytes rest(std::uint64_t(about.st_size) > offset ? std::uint64_t(about.st_size) - offset : 0);
  const ssize_t got = ::pread(fd, rest.data(), rest.size(), off_t(offset));
  if (got <= 0) return false;
  BytesView in = BytesView(rest).first(std::size_t(got));
  for (std::size_t at = 1; at + group_header_bytes < in.size(); ++at) {
    const void* found = std::memchr(in.data() + at, 'D', in.size() - at);
    if (found == nullptr) return false;
    at = std::size_t(static_cast<const std::byte*>(found) - in.data());
    const auto header = decode_group_header(in.subspan(at));
    if (header && header->first > next && header->size() <= in.size() - at &&
        group_intact(in.subspan(at, header->size()))) {
      return true;
    }
  }
  return false;
}

int preallocate(int fd, std::uint64_t bytes) {
  const int code = ::fallocate(fd, 0, 0, off_t(bytes));
  if (code == 0) return 0;
  return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : errno;  // such file systems grow as they are written
}

}  // namespace

JournalFile::~JournalFile() {
  ::close(fd_);
}

std::filesystem::path JournalFiles::path_of(std::uint64_t first) const {
  return folder_ / fmt::format("{:020}.log", first);
}

Result<std::unique_ptr<JournalFiles>> JournalFiles::open(const std::filesystem::path& folder,
                                                         std::uint64_t segment_bytes) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  std::vector<std::uint64_t> numbers;
  for (auto at = std::filesystem::directory_iterator(folder, error);
       !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    std::uint64_t first = 0;
    const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), first);
    if (code == std::errc{} && std::string_view(end) == ".log" && first != 0) numbers.push_back(first);
  }
  if (error) {
    errno = error.value();
    return cannot_open(folder);
  }
  std::ranges::sort(numbers);
  std::unique_ptr<JournalFiles> files(new JournalFiles(folder, segment_bytes));
  for (const std::uint64_t first : numbers) {
    const auto path = files->path_of(first);
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) return cannot_open(path);
    files->entries_.push_back({.file = std::make_shared<JournalFile>(fd, first, path), .places = {}});
  }
  if (!files->entries_.empty()) DAYAQ_TRY_OK(files->scan_last());
  return files;
}

Result<void> JournalFiles::scan_last() {
  Entry& last = entries_.back();
  current_ = last.file;
  const int fd = last.file->fd();
  next_ = last.file->first();
  GroupReader reader(fd, 0);
  for (;;) {
    const BytesView group = reader.peek();
    if (group.empty() || !group_intact(group)) break;
    const auto header = decode_group_header(group);
    if (header->first != next_) return damaged(last.file->path(), reader.offset());
    remember(last, header->first, reader.offset());
    next_ = header->last() + 1;
    reader.skip(group.size());
  }
  offset_ = reader.offset();
  // Groups are written one after the other, each on disk before the next: a broken one is the last, or
  // something else has written here.
  if (group_follows(fd, offset_, next_)) return damaged(last.file->path(), offset_);
  if (::ftruncate(fd, off_t(offset_)) != 0) return cannot_open(last.file->path());
  if (segment_bytes_ > offset_) (void)preallocate(fd, segment_bytes_);  // without space: as it is written
  if (::fsync(fd) != 0) return cannot_open(last.file->path());
  return {};
}

void JournalFiles::remember(Entry& entry, std::uint64_t first, std::uint64_t offset) {
  if (entry.places.empty() || offset >= entry.places.back().offset + place_bytes) {
    entry.places.push_back({.first = first, .offset = offset});
  }
}

std::uint64_t JournalFiles::first_kept() const {
  const std::lock_guard lock(mutex_);
  return entries_.empty() ? 1 : entries_.front().file->first();
}

int JournalFiles::sync_folder() const {
  const int fd = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int code = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  return code;
}

int JournalFiles::begin_file(std::uint64_t first) {
  const auto path = path_of(first);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) return errno;
  auto file = std::make_shared<JournalFile>(fd, first, path);
  int code = preallocate(fd, segment_bytes_);
  if (code == 0 && ::fsync(fd) != 0) code = errno;
  if (code == 0) code = sync_folder();
  if (code != 0) {
    ::unlink(path.c_str());
    return code;
  }
  current_ = file;
  offset_ = 0;
  const std::lock_guard lock(mutex_);
  entries_.push_back({.file = std::move(file), .places = {}});
  return 0;
}

int JournalFiles::write(BytesView group, std::uint64_t first, std::uint32_t count) {
  if (!current_ || (offset_ != 0 && offset_ + group.size() > segment_bytes_)) {
    if (const int code = begin_file(first); code != 0) return code;
  }
  const int fd = current_->fd();
  for (std::size_t done = 0; done < group.size();) {
    const ssize_t put = ::pwrite(fd, group.data() + done, group.size() - done, off_t(offset_ + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    done += std::size_t(put);
  }
  if (::fdatasync(fd) != 0) return errno == 0 ? EIO : errno;
  {
    const std::lock_guard lock(mutex_);
    remember(entries_.back(), first, offset_);
  }
  offset_ += group.size();
  next_ = first + count;
  return 0;
}

Result<void> JournalFiles::read(std::uint64_t after, std::uint64_t until,
                                const std::function<bool(std::uint64_t, const Record&)>& on_record) const {
  struct Stretch {
    std::shared_ptr<const JournalFile> file;
    std::uint64_t offset = 0;
    std::uint64_t end = 0;  ///< number of the next file's first record; 0: the last file
  };
  std::vector<Stretch> stretches;
  {
    const std::lock_guard lock(mutex_);
    if (!entries_.empty() && after + 1 < entries_.front().file->first()) {
      return fail(ErrorKind::limit, "journal.trimmed", "These records of the usage journal are gone.",
                  fmt::format("asked after {}, kept from {}", after, entries_.front().file->first()));
    }
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const Entry& entry = entries_[i];
      const std::uint64_t end = i + 1 < entries_.size() ? entries_[i + 1].file->first() : 0;
      if ((end != 0 && end <= after + 1) || entry.file->first() > until) continue;
      const auto place = std::ranges::upper_bound(entry.places, after + 1, {}, &Place::first);
      const std::uint64_t offset = place == entry.places.begin() ? 0 : (place - 1)->offset;
      stretches.push_back({.file = entry.file, .offset = offset, .end = end});
    }
  }
  for (const Stretch& stretch : stretches) {
    GroupReader reader(stretch.file->fd(), stretch.offset);
    std::uint64_t expected = 0;  // of the next group; 0: whatever stands at the first place
    for (;;) {
      const std::uint64_t stop = stretch.end != 0 ? stretch.end : until + 1;
      if (expected >= stop) break;
      const BytesView group = reader.peek();
      const auto header = decode_group_header(group);
      if (!header || (expected != 0 && header->first != expected)) {
        if (expected == 0 && stretch.end == 0 && stretch.file->first() > until) break;
        return damaged(stretch.file->path(), reader.offset());
      }
      if (header->last() > after) {
        if (!group_intact(group)) return damaged(stretch.file->path(), reader.offset());
        for (std::uint32_t i = 0; i < header->count; ++i) {
          const std::uint64_t number = header->first + i;
          if (number <= after) continue;
          if (number > until) return {};
          const auto record =
              decode_record(group.subspan(group_header_bytes + i * record_bytes).first<record_bytes>());
          if (!record) return damaged(stretch.file->path(), reader.offset());
          if (!on_record(number, *record)) return {};
        }
      }
      expected = header->last() + 1;
      reader.skip(group.size());
    }
  }
  return {};
}

void JournalFiles::drop_through(std::uint64_t number) {
  std::vector<std::shared_ptr<const JournalFile>> gone;
  {
    const std::lock_guard lock(mutex_);
    while (entries_.size() > 1 && entries_[1].file->first() <= number + 1) {
      gone.push_back(std::move(entries_.front().file));
      entries_.erase(entries_.begin());
    }
  }
  for (const auto& file : gone) ::unlink(file->path().c_str());
}

}  // namespace dayaq::edge
