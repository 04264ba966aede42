#include "edge/accounts_checkpoint.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "edge/journal_format.hpp"

namespace dayaq::edge {
namespace {

constexpr std::uint32_t magic = 0x31415944;  // "DYA1"
constexpr std::size_t header_bytes = 32;
constexpr std::size_t entry_bytes = 32;
constexpr std::size_t places_at = header_bytes + AccountTable::shards * entry_bytes;

struct DirectoryEntry {
  std::uint64_t offset = 0;
  std::uint32_t capacity = 0;
  std::uint32_t count = 0;
  std::uint64_t mark = 0;
  std::uint32_t crc = 0;
  std::uint32_t zero = 0;
};
static_assert(sizeof(DirectoryEntry) == entry_bytes);

auto cannot_write(const std::filesystem::path& path) {
  return fail(ErrorKind::unavailable, "accounts.write",
              "The accounts can't be saved: the next start will take longer. Look at the disk's space.",
              fmt::format("{}: {}", path.string(), std::strerror(errno)));
}
auto damaged(const std::filesystem::path& path, const char* what) {
  return fail(ErrorKind::conflict, "accounts.damaged",
              "The saved accounts are damaged: restore the file, or move it away if the journal is whole.",
              fmt::format("{}: {}", path.string(), what));
}

}  // namespace

CheckpointWriter::CheckpointWriter(int fd, std::filesystem::path path)
    : fd_(fd), path_(std::move(path)), offset_(places_at) {}

CheckpointWriter::~CheckpointWriter() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink((path_.string() + ".new").c_str());
}

Result<std::unique_ptr<CheckpointWriter>> CheckpointWriter::create(const std::filesystem::path& path) {
  const std::string beside = path.string() + ".new";
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) return cannot_write(path);
  return std::unique_ptr<CheckpointWriter>(new CheckpointWriter(fd, path));
}

Result<void> CheckpointWriter::write(const void* from, std::size_t bytes, std::uint64_t offset) {
  const auto* at = static_cast<const std::byte*>(from);
  while (bytes > 0) {
    const ssize_t put = ::pwrite(fd_, at, bytes, off_t(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return cannot_write(path_);
    at += put;
    offset += std::uint64_t(put);
    bytes -= std::size_t(put);
  }
  return {};
}

Result<void> CheckpointWriter::add(std::span<const Account> places, std::uint32_t count, std::uint64_t mark) {
  const BytesView bytes = std::as_bytes(places);
  put_le(directory_, offset_);
  put_le(directory_, std::uint32_t(places.size()));
  put_le(directory_, count);
  put_le(directory_, mark);
  put_le(directory_, crc32c(bytes));
  put_le(directory_, std::uint32_t(0));
  DAYAQ_TRY_OK(write(bytes.data(), bytes.size(), offset_));
  offset_ += bytes.size();
  return {};
}

Result<void> CheckpointWriter::finish(std::uint64_t replay_after, BytesView extras) {
  DAYAQ_ASSERT(directory_.size() == AccountTable::shards * entry_bytes);
  Bytes rest;
  put_le(rest, replay_after);
  put_le(rest, offset_);
  put_le(rest, std::uint64_t(extras.size()));
  std::uint32_t crc = crc32c(rest);
  crc = crc32c(directory_, crc);
  crc = crc32c(extras, crc);
  Bytes header;
  put_le(header, magic);
  put_le(header, crc);
  header.insert(header.end(), rest.begin(), rest.end());
  header.insert(header.end(), directory_.begin(), directory_.end());
  DAYAQ_TRY_OK(write(extras.data(), extras.size(), offset_));
  DAYAQ_TRY_OK(write(header.data(), header.size(), 0));
  const std::string beside = path_.string() + ".new";
  if (::fsync(fd_) != 0) return cannot_write(path_);
  ::close(std::exchange(fd_, -1));
  if (::rename(beside.c_str(), path_.c_str()) != 0) return cannot_write(path_);
  const int folder = ::open(path_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return cannot_write(path_);
  const bool flushed = ::fsync(folder) == 0;
  ::close(folder);
  if (!flushed) return cannot_write(path_);
  return {};
}

MappedCheckpoint::MappedCheckpoint(MappedCheckpoint&& other) noexcept
    : at_(std::exchange(other.at_, nullptr)),
      size_(other.size_),
      replay_after_(other.replay_after_),
      extras_(other.extras_) {}

MappedCheckpoint& MappedCheckpoint::operator=(MappedCheckpoint&& other) noexcept {
  std::swap(at_, other.at_);
  std::swap(size_, other.size_);
  std::swap(replay_after_, other.replay_after_);
  std::swap(extras_, other.extras_);
  return *this;
}

MappedCheckpoint::~MappedCheckpoint() {
  if (at_ != nullptr) ::munmap(at_, size_);
}

Result<std::optional<MappedCheckpoint>> MappedCheckpoint::load(const std::filesystem::path& path,
                                                               AccountTable& into) {
  const auto cannot_read = [&] {
    return fail(ErrorKind::unavailable, "accounts.read", "The saved accounts can't be read.",
                fmt::format("{}: {}", path.string(), std::strerror(errno)));
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return std::nullopt;
  if (fd < 0) return cannot_read();
  struct stat about{};
  void* at = MAP_FAILED;
  if (::fstat(fd, &about) == 0 && about.st_size > off_t(places_at)) {
    at = ::mmap(nullptr, std::size_t(about.st_size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd,
                0);
  }
  ::close(fd);
  if (at == MAP_FAILED) return damaged(path, "it is too short, or can't be mapped");
  MappedCheckpoint mapped(static_cast<std::byte*>(at), std::size_t(about.st_size));
  const BytesView all(mapped.at_, mapped.size_);
  BytesView in = all;
  std::uint32_t found = 0;
  std::uint32_t crc = 0;
  std::uint64_t extras_at = 0;
  std::uint64_t extras_bytes = 0;
  const bool whole = take_le(in, found) && take_le(in, crc) && take_le(in, mapped.replay_after_) &&
                     take_le(in, extras_at) && take_le(in, extras_bytes);
  if (!whole || found != magic || extras_at < places_at || extras_at > all.size() ||
      extras_bytes != all.size() - extras_at) {
    return damaged(path, "header");
  }
  mapped.extras_ = all.subspan(extras_at);
  if (crc32c(mapped.extras_, crc32c(all.subspan(8, places_at - 8))) != crc) return damaged(path, "checksum");
  for (std::size_t i = 0; i < AccountTable::shards; ++i) {
    DirectoryEntry entry;
    std::memcpy(&entry, all.data() + header_bytes + i * entry_bytes, entry_bytes);
    const std::uint64_t bytes = std::uint64_t(entry.capacity) * sizeof(Account);
    if (entry.offset > extras_at || bytes > extras_at - entry.offset || entry.count > entry.capacity) {
      return damaged(path, "directory");
    }
    if (crc32c(all.subspan(entry.offset, bytes)) != entry.crc) return damaged(path, "a shard's checksum");
    into.adopt(i, reinterpret_cast<Account*>(mapped.at_ + entry.offset), entry.capacity, entry.count,
               entry.mark);
  }
  return std::optional<MappedCheckpoint>(std::move(mapped));
}

}  // namespace dayaq::edge
