// Admission as a node has it: the key and the numbers that outlive a restart, in the data folder, and the
// gate.
//
//   keys/surge.hex   signs tickets; made at the first start
//   surge.state      which numbers were given and which have come up; written each second while they move
#pragma once

#include <filesystem>
#include <memory>

#include "base/random.hpp"
#include "services/surge/guard.hpp"
#include "services/surge/page_cache.hpp"

namespace dayaq::services::surge {

class Surge {
 public:
  /// invalid_input "surge.key" if the key file holds something else; errors of base's files. A state that
  /// can't be read is made again from the tickets that are shown.
  static Result<std::unique_ptr<Surge>> open(const std::filesystem::path& data, Random& random,
                                             const Clock& clock, bool secure, const Options& options = {});

  [[nodiscard]] Admission& admission() { return admission_; }
  [[nodiscard]] Guard& guard() { return guard_; }
  [[nodiscard]] PageCache& pages() { return pages_; }
  /// Once a second, and at the end: writes the state if it has changed. unavailable "file.write".
  Result<void> save();

 private:
  Surge(std::filesystem::path data, crypto::SecretBytes key, const Clock& clock, bool secure,
        const Options& options, const Saved& saved)
      : data_(std::move(data)),
        admission_(std::move(key), options, saved),
        guard_(admission_, clock, secure) {}

  const std::filesystem::path data_;
  Admission admission_;
  Guard guard_;
  PageCache pages_;
  std::string written_;
};

}  // namespace dayaq::services::surge
