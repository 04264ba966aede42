// Previews for pages: counted at most once in a few seconds, however many people look.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "regime/preview.hpp"

namespace dayaq::portal {

/// While one caller counts a key anew, others get the last result, or wait if there is none. Thread-safe.
class PreviewCache {
 public:
  using Handle = std::shared_ptr<const regime::Preview>;
  using Count = std::function<Result<regime::Preview>()>;

  explicit PreviewCache(const Clock& clock) : clock_(clock) {}
  /// A result not older than `age_max`, or one just counted. Passes on the counter's errors. Keys are few:
  /// they come from versions of regimes, never from foreign text.
  [[nodiscard]] Result<Handle> get(const std::string& key, const Count& count);

  static constexpr std::chrono::seconds age_max{10};

 private:
  struct Entry {
    Handle preview;
    Instant counted = instant_min;
    bool counting = false;
  };
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Entry> entries_;
};

}  // namespace dayaq::portal
