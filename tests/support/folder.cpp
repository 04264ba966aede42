#include "support/folder.hpp"

#include <stdlib.h>

#include <stdexcept>
#include <string>
#include <system_error>

namespace dayaq::test {

TemporaryFolder::TemporaryFolder(std::string_view name) {
  auto pattern =
      (std::filesystem::temp_directory_path() / ("dayaq-" + std::string(name) + "-XXXXXX")).string();
  if (mkdtemp(pattern.data()) == nullptr)
    throw std::runtime_error("can't make a temporary folder: " + pattern);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace dayaq::test
