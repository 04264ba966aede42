// The journal's files: which there are, where to write next, reading groups back.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "edge/journal_format.hpp"

namespace dayaq::edge {

/// One file. The descriptor is shared with readers, so that a file may be dropped while one reads it.
class JournalFile {
 public:
  JournalFile(int fd, std::uint64_t first, std::filesystem::path path)
      : fd_(fd), first_(first), path_(std::move(path)) {}
  JournalFile(const JournalFile&) = delete;
  JournalFile& operator=(const JournalFile&) = delete;
  ~JournalFile();
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::uint64_t first() const { return first_; }  ///< number of its first record
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  int fd_;
  std::uint64_t first_;
  std::filesystem::path path_;
};

class JournalFiles {
 public:
  /// Looks at the last file group by group and cuts its torn tail. unavailable "journal.open", conflict
  /// "journal.damaged" if a whole group stands behind a broken one.
  static Result<std::unique_ptr<JournalFiles>> open(const std::filesystem::path& folder,
                                                    std::uint64_t segment_bytes);
  [[nodiscard]] std::uint64_t next() const { return next_; }  ///< number of the next record
  [[nodiscard]] std::uint64_t first_kept() const;

  /// Writes a sealed group and waits for the disk. 0, or an errno: nothing of it counts then.
  [[nodiscard]] int write(BytesView group, std::uint64_t first, std::uint32_t count);
  /// Records after `after`, up to `until`. limit "journal.trimmed", conflict "journal.damaged".
  Result<void> read(std::uint64_t after, std::uint64_t until,
                    const std::function<bool(std::uint64_t, const Record&)>& on_record) const;
  void drop_through(std::uint64_t number);

 private:
  struct Place {
    std::uint64_t first;
    std::uint64_t offset;
  };
  struct Entry {
    std::shared_ptr<const JournalFile> file;
    std::vector<Place> places;  ///< one every 64 KiB, where this process wrote or scanned them
  };
  JournalFiles(std::filesystem::path folder, std::uint64_t segment_bytes)
      : folder_(std::move(folder)), segment_bytes_(segment_bytes) {}
  Result<void> scan_last();
  [[nodiscard]] int begin_file(std::uint64_t first);
  [[nodiscard]] int sync_folder() const;
  [[nodiscard]] std::filesystem::path path_of(std::uint64_t first) const;
  void remember(Entry& entry, std::uint64_t first, std::uint64_t offset);

  std::filesystem::path folder_;
  std::uint64_t segment_bytes_;
  mutable std::mutex mutex_;  ///< of entries_
  std::vector<Entry> entries_;
  std::shared_ptr<const JournalFile> current_;  ///< the last of them; writer only, as the next two
  std::uint64_t offset_ = 0;                    ///< in it
  std::uint64_t next_ = 1;
};

}  // namespace dayaq::edge
