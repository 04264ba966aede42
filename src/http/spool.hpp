// Bodies too large for memory: written to a file without a name as they come, handed to the handler as a view
// of it. Whoever dies leaves nothing: the kernel frees the file with its last descriptor.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "base/result.hpp"

namespace dayaq::http {

/// Thread-safe. Its files may outlive it.
class Spool {
 public:
  /// Bodies from this size on are spooled; smaller ones stay in memory.
  static constexpr std::size_t body_min = 256 << 10;

  /// Makes the folder (readable by this user alone) and removes what an earlier program left in it.
  /// @param bytes_max  of all bodies that are under way together
  /// @return unavailable "http.spool_disk" if the folder can't be had
  static Result<std::unique_ptr<Spool>> open(std::filesystem::path folder, std::uint64_t bytes_max);

  class File {
   public:
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File();
    /// Appends. limit "http.spool_full" beyond bytes_max, unavailable "http.spool_disk" if the disk refuses.
    /// Writes to the kernel's memory and doesn't wait for the disk. After an error nothing else is called.
    Result<void> add(std::string_view piece);
    /// All that was added, until the File goes. unavailable "http.spool_disk". Nothing is added after it.
    Result<std::string_view> view();
    [[nodiscard]] std::uint64_t size() const { return size_; }

   private:
    friend class Spool;
    File(int descriptor, std::shared_ptr<std::atomic<std::uint64_t>> held, std::uint64_t bytes_max)
        : descriptor_(descriptor), held_(std::move(held)), bytes_max_(bytes_max) {}
    int descriptor_;
    std::shared_ptr<std::atomic<std::uint64_t>> held_;
    std::uint64_t bytes_max_;
    std::uint64_t size_ = 0;
    void* mapped_ = nullptr;
    bool failed_ = false;
  };
  /// unavailable "http.spool_disk"
  [[nodiscard]] Result<std::unique_ptr<File>> begin() const;
  [[nodiscard]] std::uint64_t held() const { return held_->load(std::memory_order_relaxed); }

 private:
  Spool(std::filesystem::path folder, std::uint64_t bytes_max)
      : folder_(std::move(folder)),
        held_(std::make_shared<std::atomic<std::uint64_t>>(0)),
        bytes_max_(bytes_max) {}
  std::filesystem::path folder_;
  std::shared_ptr<std::atomic<std::uint64_t>> held_;
  std::uint64_t bytes_max_;
};

}  // namespace dayaq::http
