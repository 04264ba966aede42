// A file mapped for reading and writing, that grows without moving.
#pragma once

#include <cstddef>
#include <filesystem>

#include "base/result.hpp"

namespace dayaq::edge {

/// The kernel's id of this boot, /proc/sys/kernel/random/boot_id; "" if it has none.
[[nodiscard]] std::string boot_id();

/// The file's space is allocated before it is mapped, so that a full disk is an error here and never a signal
/// later. What is written to it is there after a crash of the process, not after one of the machine.
class MappedFile {
 public:
  /// A new file (an old one of the name is replaced) of `bytes` zeros, which may grow to `reserve`.
  /// unavailable "replica.disk".
  static Result<MappedFile> create(const std::filesystem::path& path, std::size_t bytes, std::size_t reserve);
  static Result<MappedFile> open(const std::filesystem::path& path, std::size_t reserve);
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  /// To at least `bytes`; unavailable "replica.disk", and nothing has changed.
  Result<void> grow(std::size_t bytes);
  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  Result<void> map(const std::filesystem::path& path);

  int fd_ = -1;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t reserve_ = 0;
};

/// unavailable "replica.disk" with what failed on which file.
[[nodiscard]] std::unexpected<Error> disk_failed(const char* what, const std::filesystem::path& path,
                                                 int error);

}  // namespace dayaq::edge
