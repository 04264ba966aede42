// A bounded set of connections that readers take turns with. Not for other rooms.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace dayaq::store {

template <class Connection>
class ReaderPool {
 public:
  /// Waits at most this long for a connection: a frozen server must not hold every thread of the program.
  static constexpr std::chrono::seconds wait_max{10};

  /// A connection on loan; goes back when destroyed.
  class Loan {
   public:
    Loan(ReaderPool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Loan(Loan&& other) noexcept = default;
    Loan& operator=(Loan&&) = delete;
    ~Loan() {
      if (connection_) pool_->put(std::move(connection_));
    }
    Connection& operator*() { return *connection_; }
    Connection* operator->() { return connection_.get(); }

   private:
    ReaderPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  void put(std::unique_ptr<Connection> connection) {
    {
      const std::lock_guard lock(mutex_);
      idle_.push_back(std::move(connection));
    }
    returned_.notify_one();
  }

  /// unavailable "store.overload" if all stay taken.
  Result<Loan> take() {
    std::unique_lock lock(mutex_);
    if (!returned_.wait_for(lock, wait_max, [this] { return !idle_.empty(); })) {
      return fail(ErrorKind::unavailable, "store.overload",
                  "The service is busy. Please try again in a moment.",
                  "all connections for reading are taken");
    }
    // The one used last has the warmest cache.
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    return Result<Loan>(std::in_place, *this, std::move(connection));
  }

 private:
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace dayaq::store
