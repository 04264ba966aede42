// Files named by what they hold, in a folder: <folder>/<aa>/<sha256>, and <folder>/new/ for those under way.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "crypto/digest.hpp"

namespace dayaq::services::attachments {

/// A file under way; goes with this unless it was kept.
class NewFile {
 public:
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  /// unavailable "attachment.disk"
  Result<void> add(BytesView piece);
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  friend class ContentFolder;
  NewFile(int descriptor, std::filesystem::path path) : descriptor_(descriptor), path_(std::move(path)) {}
  int descriptor_;
  std::filesystem::path path_;
  crypto::Sha256Stream hash_;
};

/// Thread-safe; who removes while others keep holds a lock of his own.
class ContentFolder {
 public:
  /// Makes the folder, and removes what was under way when a program died. unavailable "attachment.disk".
  static Result<ContentFolder> open(std::filesystem::path folder);

  Result<std::unique_ptr<NewFile>> begin(Random& random) const;
  /// One that lies in a file already; null if that can't be adopted.
  Result<std::unique_ptr<NewFile>> adopt(
      BytesView content,
      const std::function<Result<bool>(BytesView content, const std::filesystem::path& target)>& how,
      Random& random) const;
  /// Flushes it to disk and names it; gives the name. There already: that one stays, and is young again.
  Result<std::string> keep(std::unique_ptr<NewFile> file) const;
  [[nodiscard]] std::filesystem::path path_of(std::string_view name) const;
  /// not_found "attachment.unknown" if it isn't there, internal "attachment.damaged" if it holds something
  /// else than its name says.
  [[nodiscard]] Result<Bytes> read(std::string_view name) const;
  Result<void> remove(std::string_view name) const;
  /// The names in one of the 256 shards of files that were kept before `before`.
  [[nodiscard]] std::vector<std::string> older_than(std::uint8_t shard, Instant before) const;

 private:
  explicit ContentFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] std::filesystem::path new_path(Random& random) const;
  std::filesystem::path folder_;
};

}  // namespace dayaq::services::attachments
