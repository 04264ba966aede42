// A folder that lives as long as a test.
#pragma once

#include <filesystem>
#include <string_view>

namespace dayaq::test {

/// Made empty under the system's temporary folder (TMPDIR), removed with all it holds when destroyed.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(std::string_view name = "test");
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view file) const { return path_ / file; }

 private:
  std::filesystem::path path_;
};

}  // namespace dayaq::test
