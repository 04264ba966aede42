#include "services/surge/page_cache.hpp"

#include <fmt/format.h>

#include "base/siphash.hpp"

namespace dayaq::services::surge {
namespace {

http::Response answer(const http::Request& request, const http::Response& page, const std::string& etag) {
  const std::string_view known = request.header("if-none-match");
  if (known != "*" && known.find(etag) == std::string_view::npos) return page;
  http::Response out;
  out.status = 304;
  out.content_type = page.content_type;
  out.headers = page.headers;
  return out;
}

}  // namespace

std::size_t PageCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

Result<http::Response> PageCache::get(const http::Request& request, std::string_view path,
                                      std::uint64_t edition, const Render& render) {
  std::shared_ptr<Entry> entry;
  {
    const std::lock_guard lock(mutex_);
    if (edition > edition_) {
      entries_.clear();
      edition_ = edition;
    }
    if (edition == edition_) {
      const auto found = entries_.find(Key(path, request.language));
      if (found != entries_.end()) entry = found->second;
    }
    if (!entry) entry = std::make_shared<Entry>();
    if (edition == edition_ &&
        entries_.size() < entries_max_) {  // a reader of the edition before keeps nothing
      entries_.try_emplace(Key(path, request.language), entry);
    }
  }
  std::shared_ptr<const http::Response> kept;
  {
    const std::lock_guard lock(entry->rendering);
    if (!entry->page) {
      rendered_.fetch_add(1, std::memory_order_relaxed);
      DAYAQ_TRY(http::Response page, render());
      if (page.status != 200) return page;
      std::erase_if(page.headers, [](const auto& header) { return header.first == "Cache-Control"; });
      entry->etag = fmt::format("\"{:016x}\"", siphash(SipKey{}, page.body));
      page.headers.emplace_back("ETag", entry->etag);
      page.headers.emplace_back("Cache-Control", "no-cache");
      page.headers.emplace_back("Vary", "Accept-Language, Cookie");
      entry->page = std::make_shared<const http::Response>(std::move(page));
    }
    kept = entry->page;
  }
  return answer(request, *kept, entry->etag);
}

}  // namespace dayaq::services::surge
