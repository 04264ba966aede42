#include "portal/preview_cache.hpp"

namespace dayaq::portal {

Result<PreviewCache::Handle> PreviewCache::get(const std::string& key, const Count& count) {
  std::unique_lock lock(mutex_);
  Entry& entry = entries_[key];  // a map's entries stay where they are
  while (true) {
    if (entry.preview && clock_.now() < entry.counted + age_max) return entry.preview;
    if (!entry.counting) break;
    if (entry.preview) return entry.preview;
    changed_.wait(lock);
  }
  entry.counting = true;
  lock.unlock();
  auto counted = count();
  lock.lock();
  entry.counting = false;
  changed_.notify_all();
  if (!counted) return std::unexpected(std::move(counted).error());
  entry.preview = std::make_shared<const regime::Preview>(std::move(*counted));
  entry.counted = clock_.now();
  return entry.preview;
}

}  // namespace dayaq::portal
