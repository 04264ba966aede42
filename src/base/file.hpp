// Files: whole reads, atomic durable writes, and the lock on a data folder.
#pragma once

#include <filesystem>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace dayaq {

/// The whole file. not_found "file.missing"; unavailable "file.read"; limit "file.size" beyond size_max
/// bytes.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path,
                                            std::size_t size_max = 64u << 20);

/// Written beside, flushed to disk, renamed over: after a crash either the old or the new content is there.
/// unavailable "file.write".
[[nodiscard]] Result<void> write_file_atomically(const std::filesystem::path& path, BytesView content,
                                                 std::filesystem::perms perms = std::filesystem::perms(0644));

/// An exclusive lock on a file, held until destroyed and let go by the kernel if the process dies.
class FileLock {
 public:
  /// conflict "file.locked" if another process holds it.
  static Result<FileLock> acquire(const std::filesystem::path& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace dayaq
