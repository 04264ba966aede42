// Hands the feed to its readers: the last blocks from memory, and a word to those who wait for the next.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "regime/feed_writer.hpp"

namespace dayaq::regime {

class FeedHub {
 public:
  FeedHub();
  ~FeedHub();  ///< everybody who waits is called
  FeedHub(const FeedHub&) = delete;
  FeedHub& operator=(const FeedHub&) = delete;

  /// Where an operator's feed stands; set once for each at the start, then by publish().
  void set_end(OrganisationIndex provider, const FeedEnd& end);
  /// New blocks, after their commit. Writer thread.
  void publish(std::vector<FeedBlock> blocks, Instant created);

  [[nodiscard]] FeedEnd end(OrganisationIndex provider) const;
  [[nodiscard]] std::vector<OrganisationIndex> operators() const;
  /// Blocks with lines after `after`, from memory, at most `bytes_max` of them but at least one; empty if
  /// nothing newer is there. nullopt: memory doesn't reach back that far, read the store.
  [[nodiscard]] std::optional<std::vector<FeedBlock>> recent(OrganisationIndex provider, std::uint64_t after,
                                                             std::size_t bytes_max) const;

  /// When the first line after `after` was said; nullopt if memory doesn't reach back that far.
  [[nodiscard]] std::optional<Instant> said_after(OrganisationIndex provider, std::uint64_t after) const;

  /// Calls `then` once, on the hub's thread, when something is said after `after`, or at the deadline, or
  /// when the hub is destroyed. At once if there is something already.
  void wait(OrganisationIndex provider, std::uint64_t after, std::chrono::steady_clock::time_point deadline,
            std::function<void()> then);
  [[nodiscard]] std::size_t waiting() const;
  /// Calls everybody who waits now, and whoever comes later at once: the server is about to stop.
  void let_go();

 private:
  static constexpr std::size_t kept_bytes_max = 32u << 20;  ///< of each operator
  struct Feed {
    FeedEnd end;
    std::deque<FeedBlock> kept;
    std::size_t kept_bytes = 0;
  };
  struct Waiter {
    OrganisationIndex provider = 0;
    std::uint64_t after = 0;
    std::chrono::steady_clock::time_point deadline;
    std::function<void()> then;
  };
  void run();
  [[nodiscard]] std::vector<Waiter> take_due(std::chrono::steady_clock::time_point now);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<OrganisationIndex, Feed> feeds_;
  std::vector<Waiter> waiters_;
  bool let_go_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace dayaq::regime
