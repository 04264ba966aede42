#include "regime/feed_hub.hpp"

#include <algorithm>

namespace dayaq::regime {

FeedHub::FeedHub() : thread_([this] { run(); }) {}

FeedHub::~FeedHub() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void FeedHub::set_end(OrganisationIndex provider, const FeedEnd& end) {
  const std::lock_guard lock(mutex_);
  feeds_[provider].end = end;
}

void FeedHub::publish(std::vector<FeedBlock> blocks, Instant created) {
  if (blocks.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    for (FeedBlock& block : blocks) {
      Feed& feed = feeds_[block.provider];
      feed.end = {.last_sequence = block.last_sequence, .created = created};
      feed.kept_bytes += block.bytes->size();
      feed.kept.push_back(std::move(block));
      while (feed.kept_bytes > kept_bytes_max && feed.kept.size() > 1) {
        feed.kept_bytes -= feed.kept.front().bytes->size();
        feed.kept.pop_front();
      }
    }
  }
  changed_.notify_all();
}

FeedEnd FeedHub::end(OrganisationIndex provider) const {
  const std::lock_guard lock(mutex_);
  const auto found = feeds_.find(provider);
  return found == feeds_.end() ? FeedEnd{} : found->second.end;
}

std::vector<OrganisationIndex> FeedHub::operators() const {
  const std::lock_guard lock(mutex_);
  std::vector<OrganisationIndex> out;
  for (const auto& [provider, feed] : feeds_) out.push_back(provider);
  return out;
}

std::optional<std::vector<FeedBlock>> FeedHub::recent(OrganisationIndex provider, std::uint64_t after,
                                                      std::size_t bytes_max) const {
  const std::lock_guard lock(mutex_);
  const auto found = feeds_.find(provider);
  std::vector<FeedBlock> out;
  if (found == feeds_.end() || after >= found->second.end.last_sequence) return out;
  const auto& kept = found->second.kept;
  if (kept.empty() || kept.front().first_sequence > after + 1) return std::nullopt;
  std::size_t bytes = 0;
  auto block = std::ranges::upper_bound(kept, after, {}, &FeedBlock::last_sequence);
  for (; block != kept.end(); ++block) {
    bytes += block->bytes->size();
    if (!out.empty() && bytes > bytes_max) break;
    out.push_back(*block);
  }
  return out;
}

std::optional<Instant> FeedHub::said_after(OrganisationIndex provider, std::uint64_t after) const {
  const std::lock_guard lock(mutex_);
  const auto found = feeds_.find(provider);
  if (found == feeds_.end()) return std::nullopt;
  const auto& kept = found->second.kept;
  if (kept.empty() || kept.front().first_sequence > after + 1) return std::nullopt;
  const auto block = std::ranges::upper_bound(kept, after, {}, &FeedBlock::last_sequence);
  if (block == kept.end()) return std::nullopt;
  const auto header = feed::decode_header(*block->bytes);
  return header ? std::optional(header->created) : std::nullopt;
}

void FeedHub::wait(OrganisationIndex provider, std::uint64_t after,
                   std::chrono::steady_clock::time_point deadline, std::function<void()> then) {
  {
    const std::lock_guard lock(mutex_);
    waiters_.push_back({.provider = provider, .after = after, .deadline = deadline, .then = std::move(then)});
  }
  changed_.notify_all();
}

void FeedHub::let_go() {
  {
    const std::lock_guard lock(mutex_);
    let_go_ = true;
  }
  changed_.notify_all();
}

std::size_t FeedHub::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiters_.size();
}

std::vector<FeedHub::Waiter> FeedHub::take_due(std::chrono::steady_clock::time_point now) {
  std::vector<Waiter> due;
  const auto rest = std::ranges::partition(waiters_, [&](const Waiter& waiter) {
    return !stopping_ && !let_go_ && now < waiter.deadline &&
           feeds_[waiter.provider].end.last_sequence <= waiter.after;
  });
  std::ranges::move(rest, std::back_inserter(due));
  waiters_.erase(rest.begin(), rest.end());
  return due;
}

void FeedHub::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    auto due = take_due(std::chrono::steady_clock::now());
    if (!due.empty()) {
      lock.unlock();
      for (Waiter& waiter : due) waiter.then();
      due.clear();
      lock.lock();
      continue;  // somebody may have come, or more been said, meanwhile
    }
    if (stopping_) return;
    const auto next = std::ranges::min_element(waiters_, {}, &Waiter::deadline);
    if (next == waiters_.end())
      changed_.wait(lock);
    else
      changed_.wait_until(lock, next->deadline);
  }
}

}  // namespace dayaq::regime
