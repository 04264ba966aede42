#include "edge/replica_disk.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include "base/file.hpp"
#include "edge/replica_map.hpp"

namespace dayaq::edge {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t page_file_bytes = 16u << 20;
constexpr std::size_t change_file_bytes = 16u << 20;
constexpr std::size_t header_bytes_max = 128;

std::vector<fs::path> blocks_in(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".blocks") out.push_back(entry.path());
  }
  std::ranges::sort(out);  // names have leading zeros
  return out;
}

Result<void> sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return disk_failed("open", folder, errno);
  const int failed = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (failed != 0) return disk_failed("sync", folder, failed);
  return {};
}

Result<void> write_all(int fd, BytesView bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return disk_failed("write", path, errno);
    bytes = bytes.subspan(std::size_t(written));
  }
  return {};
}

Result<void> move_to(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return disk_failed("rename", from, errno);
  return {};
}

std::uint64_t bytes_of(const std::vector<fs::path>& files) {
  std::uint64_t bytes = 0;
  for (const auto& file : files) {
    std::error_code error;
    const auto size = fs::file_size(file, error);
    if (!error) bytes += size;
  }
  return bytes;
}

/// Calls f with each block's header, reading nothing else; stops at the first that isn't one.
template <class F>
Result<void> each_header(const std::vector<fs::path>& files, F&& f) {
  for (const fs::path& path : files) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return disk_failed("open", path, errno);
    std::array<std::byte, header_bytes_max> bytes;
    off_t at = 0;
    while (true) {
      const ssize_t got = ::pread(fd, bytes.data(), bytes.size(), at);
      const auto header = feed::decode_header({bytes.data(), std::size_t(std::max<ssize_t>(got, 0))});
      if (got <= 0 || !header || header->bytes == 0 || !f(*header)) break;
      at += header->bytes;
    }
    ::close(fd);
  }
  return {};
}

}  // namespace

Result<ReplicaDisk> ReplicaDisk::open(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder / "changes", error);
  if (error) return disk_failed("make", folder / "changes", error.value());
  fs::permissions(folder, fs::perms::owner_all, error);
  ReplicaDisk disk(folder);
  if (!fs::exists(folder / "snapshot") && fs::exists(folder / "snapshot.old")) {
    DAYAQ_TRY_OK(move_to(folder / "snapshot.old", folder / "snapshot"));
  }
  fs::remove_all(folder / "snapshot.old", error);
  fs::remove_all(folder / "snapshot.new", error);
  return disk;
}

std::vector<fs::path> ReplicaDisk::snapshot_files() const {
  return blocks_in(folder_ / "snapshot");
}
std::vector<fs::path> ReplicaDisk::change_files(std::uint64_t after) const {
  const auto first_of = [](const fs::path& path) {
    std::uint64_t number = 0;
    const std::string name = path.stem().string();
    std::from_chars(name.data(), name.data() + name.size(), number);
    return number;
  };
  auto files = blocks_in(folder_ / "changes");
  std::size_t skipped = 0;
  while (skipped + 1 < files.size() && first_of(files[skipped + 1]) <= after + 1) ++skipped;
  files.erase(files.begin(), files.begin() + std::ptrdiff_t(skipped));
  return files;
}

Result<std::optional<feed::Header>> ReplicaDisk::snapshot_header() const {
  const auto files = snapshot_files();
  std::optional<feed::Header> first;
  if (files.empty()) return first;
  DAYAQ_TRY_OK(each_header({files.front()}, [&](const feed::Header& header) {
    first = header;
    return false;
  }));
  if (!first) first.emplace();  // something is there, and it isn't a page: who reads it will say so
  return first;
}

Result<std::uint64_t> ReplicaDisk::snapshot_lines() const {
  std::uint64_t lines = 0;
  DAYAQ_TRY_OK(each_header(snapshot_files(), [&](const feed::Header& header) {
    // No more than the bytes can hold: headers are believed only when the block is verified.
    lines += std::min<std::uint64_t>(header.lines, header.bytes / 10);
    return true;
  }));
  return lines;
}

std::uint64_t ReplicaDisk::snapshot_bytes() const {
  return bytes_of(snapshot_files());
}
std::uint64_t ReplicaDisk::change_bytes() const {
  return bytes_of(change_files());
}

std::uint64_t ReplicaDisk::last_change() const {
  auto files = change_files();
  std::uint64_t last = 0;
  // The very last may have been begun and not written.
  for (; last == 0 && !files.empty(); files.pop_back()) {
    const auto read = each_header({files.back()}, [&](const feed::Header& header) {
      last = header.first_sequence + header.definitions + header.lines - 1;
      return true;
    });
    if (!read) return 0;
  }
  return last;
}

Result<void> ReplicaDisk::remove(const fs::path& file) {
  if (::unlink(file.c_str()) != 0) return disk_failed("remove", file, errno);
  return {};
}

Result<void> ReplicaDisk::cut(const fs::path& file, std::size_t bytes) {
  std::error_code error;
  if (fs::file_size(file, error) <= bytes && !error) return {};
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return disk_failed("open", file, errno);
  const int failed = ::ftruncate(fd, off_t(bytes)) == 0 && ::fdatasync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (failed != 0) return disk_failed("cut", file, failed);
  return {};
}

Result<bool> ReplicaDisk::block_after(const fs::path& file, std::size_t offset,
                                      std::span<const crypto::PublicKey> keys) {
  DAYAQ_TRY(const std::string text, read_file(file, change_file_bytes * 4 + feed::block_bytes_max));
  for (std::size_t at = text.find("DYQF", offset + 1); at != std::string::npos;
       at = text.find("DYQF", at + 1)) {
    BytesView rest = as_bytes(text).subspan(at);
    if (feed::decode(rest, keys)) return true;
  }
  return false;
}

Result<void> ReplicaDisk::resume() {
  const auto files = change_files();
  if (files.empty()) return {};
  changes_path_ = files.back();
  changes_ = ::open(changes_path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (changes_ < 0) return disk_failed("open", changes_path_, errno);
  std::error_code error;
  changes_bytes_ = fs::file_size(changes_path_, error);
  return {};
}

Result<void> ReplicaDisk::append(std::uint64_t first, BytesView blocks) {
  if (changes_ < 0 || changes_bytes_ >= change_file_bytes) {
    if (changes_ >= 0) ::close(changes_);
    changes_path_ = folder_ / "changes" / fmt::format("{:020}.blocks", first);
    changes_ = ::open(changes_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    changes_bytes_ = 0;
    if (changes_ < 0) return disk_failed("create", changes_path_, errno);
    DAYAQ_TRY_OK(sync_folder(folder_ / "changes"));
  }
  auto written = write_all(changes_, blocks, changes_path_);
  if (written && ::fdatasync(changes_) != 0) written = disk_failed("sync", changes_path_, errno);
  if (!written) {
    // What of it came to the file must not stay in front of what comes next.
    if (::ftruncate(changes_, off_t(changes_bytes_)) != 0) {
      ::close(changes_);
      changes_ = -1;
    }
    return written;
  }
  changes_bytes_ += blocks.size();
  return {};
}

Result<void> ReplicaDisk::drop_changes(std::uint64_t through) {
  auto files = change_files();
  if (last_change() > through) {
    files.resize(files.size() - change_files(through).size());
  } else {
    if (changes_ >= 0) ::close(changes_);
    changes_ = -1;
  }
  if (files.empty()) return {};
  // In order: what is left after a crash is the end that is needed.
  for (const fs::path& file : files) DAYAQ_TRY_OK(remove(file));
  return sync_folder(folder_ / "changes");
}

Result<void> ReplicaDisk::snapshot_begin() {
  snapshot_drop();
  std::error_code error;
  fs::create_directories(folder_ / "snapshot.new", error);
  if (error) return disk_failed("make", folder_ / "snapshot.new", error.value());
  page_files_ = 0;
  return {};
}

Result<void> ReplicaDisk::snapshot_write(BytesView page) {
  if (page_ >= 0 && page_bytes_ >= page_file_bytes) DAYAQ_TRY_OK(snapshot_flush());
  const auto path = folder_ / "snapshot.new" / fmt::format("{:06}.blocks", page_files_);
  if (page_ < 0) {
    page_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (page_ < 0) return disk_failed("create", path, errno);
    page_bytes_ = 0;
  }
  page_bytes_ += page.size();
  return write_all(page_, page, path);
}

Result<void> ReplicaDisk::snapshot_flush() {
  if (page_ < 0) return {};
  const int failed = ::fdatasync(page_) == 0 ? 0 : errno;
  ::close(page_);
  page_ = -1;
  ++page_files_;
  if (failed != 0) return disk_failed("sync", folder_ / "snapshot.new", failed);
  return {};
}

Result<void> ReplicaDisk::snapshot_switch() {
  std::error_code error;
  DAYAQ_TRY_OK(sync_folder(folder_ / "snapshot.new"));
  if (fs::exists(folder_ / "snapshot")) DAYAQ_TRY_OK(move_to(folder_ / "snapshot", folder_ / "snapshot.old"));
  DAYAQ_TRY_OK(move_to(folder_ / "snapshot.new", folder_ / "snapshot"));
  DAYAQ_TRY_OK(sync_folder(folder_));
  fs::remove_all(folder_ / "snapshot.old", error);
  fs::remove(folder_ / "replica.floor", error);
  return {};
}

void ReplicaDisk::snapshot_drop() {
  if (page_ >= 0) ::close(page_);
  page_ = -1;
  std::error_code error;
  fs::remove_all(folder_ / "snapshot.new", error);
}

Result<void> ReplicaDisk::set_aside() {
  close_all();
  std::error_code error;
  fs::remove_all(folder_ / "damaged", error);
  fs::create_directories(folder_ / "damaged", error);
  if (error) return disk_failed("make", folder_ / "damaged", error.value());
  for (const char* name : {"snapshot", "changes"}) {
    if (fs::exists(folder_ / name)) DAYAQ_TRY_OK(move_to(folder_ / name, folder_ / "damaged" / name));
  }
  fs::create_directories(folder_ / "changes", error);
  if (error) return disk_failed("make", folder_ / "changes", error.value());
  return sync_folder(folder_);
}

std::uint64_t ReplicaDisk::floor() const {
  const auto text = read_file(folder_ / "replica.floor");
  std::uint64_t number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

Result<void> ReplicaDisk::set_floor(std::uint64_t number) {
  return write_file_atomically(folder_ / "replica.floor", as_bytes(std::to_string(number)));
}

void ReplicaDisk::close_all() {
  if (changes_ >= 0) ::close(changes_);
  if (page_ >= 0) ::close(page_);
  changes_ = page_ = -1;
}

ReplicaDisk::ReplicaDisk(ReplicaDisk&& other) noexcept
    : folder_(std::move(other.folder_)),
      changes_(std::exchange(other.changes_, -1)),
      changes_bytes_(other.changes_bytes_),
      changes_path_(std::move(other.changes_path_)),
      page_(std::exchange(other.page_, -1)),
      page_bytes_(other.page_bytes_),
      page_files_(other.page_files_) {}

ReplicaDisk& ReplicaDisk::operator=(ReplicaDisk&& other) noexcept {
  if (this == &other) return *this;
  close_all();
  folder_ = std::move(other.folder_);
  changes_ = std::exchange(other.changes_, -1);
  changes_bytes_ = other.changes_bytes_;
  changes_path_ = std::move(other.changes_path_);
  page_ = std::exchange(other.page_, -1);
  page_bytes_ = other.page_bytes_;
  page_files_ = other.page_files_;
  return *this;
}

ReplicaDisk::~ReplicaDisk() {
  close_all();
}

}  // namespace dayaq::edge
