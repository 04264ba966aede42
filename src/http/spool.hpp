// Bodies too large for memory: written to a file without a name as they come, handed to the handler as a view
// of it. Whoever dies leaves nothing: the kernel frees the file with its last descriptor.
//
//   a form's body   [ fields, the head of its first file | what the file holds | the end of the form ]
//                     in memory                            the spool's file, from its first byte
//
// So what somebody uploads can be kept without being written again: adopt() cuts the end off and gives the
// spool's file a name.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"

namespace dayaq::http {

/// Thread-safe. Its files may outlive it.
class Spool {
 public:
  /// Bodies from this size on are spooled; smaller ones stay in memory.
  static constexpr std::size_t body_min = 256 << 10;
  /// What may stand before a form's file, and after it, for it to be adopted.
  static constexpr std::size_t around_max = 64 << 10;

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
    struct Seen;
    File(int descriptor, std::shared_ptr<std::atomic<std::uint64_t>> held, std::uint64_t bytes_max,
         std::shared_ptr<Seen> seen)
        : descriptor_(descriptor), held_(std::move(held)), bytes_max_(bytes_max), seen_(std::move(seen)) {}
    Result<void> write(std::string_view piece);
    Result<bool> adopt(std::size_t content, const std::filesystem::path& target);
    int descriptor_;
    std::shared_ptr<std::atomic<std::uint64_t>> held_;
    std::uint64_t bytes_max_;
    std::shared_ptr<Seen> seen_;
    std::uint64_t size_ = 0;     // of all that was added
    std::uint64_t written_ = 0;  // of it to the file
    std::string before_;         // of it before the file
    bool split_ = false;         // before_ is whole
    char* mapped_ = nullptr;     // before_ and the file, from a page's beginning
    std::size_t mapped_size_ = 0;
    char* file_at_ = nullptr;  // where the file begins in it
    bool failed_ = false;
  };
  /// unavailable "http.spool_disk"
  [[nodiscard]] Result<std::unique_ptr<File>> begin() const;
  /// Gives `content`, a part of a body that somebody sees now, a name, without writing it again; it is on
  /// disk when this returns. False: it must be copied, as it isn't what a file of the spool begins with (but
  /// for around_max bytes behind it), or the name would be on another file system. What is seen stays as it
  /// is. unavailable "http.spool_disk"
  Result<bool> adopt(std::string_view content, const std::filesystem::path& target) const;
  [[nodiscard]] std::uint64_t held() const { return held_->load(std::memory_order_relaxed); }

 private:
  Spool(std::filesystem::path folder, std::uint64_t bytes_max);
  std::filesystem::path folder_;
  std::shared_ptr<std::atomic<std::uint64_t>> held_;
  std::uint64_t bytes_max_;
  std::shared_ptr<File::Seen> seen_;  // shared with files, which may outlive this
};

}  // namespace dayaq::http
