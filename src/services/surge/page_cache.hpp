// Pages that are the same for everybody, rendered once for each address, language and edition, and thrown
// away when another edition is published. Answers If-None-Match with 304 before anything is rendered.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

#include "base/text.hpp"
#include "http/message.hpp"

namespace dayaq::services::surge {

/// Thread-safe. While one thread renders a page, others that want the same wait for it: a publish doesn't
/// make every worker render at once.
class PageCache {
 public:
  using Render = std::function<Result<http::Response>()>;
  /// @param entries_max  distinct addresses are bounded: beyond it a page is rendered and not kept
  explicit PageCache(std::size_t entries_max = 4096) : entries_max_(entries_max) {}

  /// The page at `path` (with whatever of the query matters) in the request's language, of `edition`. Only
  /// a 200 is kept, and with its ETag and "Cache-Control: no-cache" added: browsers ask each time, and it
  /// costs a 304. Errors are render's. @see RFC 9110 section 13.1.2, RFC 9111
  Result<http::Response> get(const http::Request& request, std::string_view path, std::uint64_t edition,
                             const Render& render);
  [[nodiscard]] std::uint64_t rendered() const { return rendered_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t size() const;

 private:
  struct Entry {
    std::mutex rendering;
    std::shared_ptr<const http::Response> page;  // guarded by `rendering` until set, then constant
    std::string etag;
  };
  using Key = std::pair<std::string, Language>;

  const std::size_t entries_max_;
  mutable std::mutex mutex_;  // guards entries_ and edition_
  std::map<Key, std::shared_ptr<Entry>> entries_;
  std::uint64_t edition_ = 0;
  std::atomic<std::uint64_t> rendered_{0};
};

}  // namespace dayaq::services::surge
