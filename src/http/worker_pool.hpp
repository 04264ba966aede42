// The pool that runs blocking handlers, and the gate before it.
//
// A request that must wait longer than its caller has patience for is work lost twice: the caller tries
// again, and the old request still takes a worker. So new requests are refused at arrival, in microseconds,
// as soon as the queue is full or its oldest entry has waited too long; what was admitted keeps its latency.
//
// Threads that wait for a commit use no processor: others work in their place (base/waiting.hpp), so that a
// commit is shared by as many as there are, and not by as many as may work at a time. Whoever became idle
// last is called first: few threads do most of the work, with what they need still in the caches; and nobody
// is called while the lock is held, to find it taken.
// @see Nichols, Jacobson: "Controlling Queue Delay", ACM Queue 2012; Maurer: "Fail at Scale", ACM Queue 2015
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "http/router.hpp"

namespace dayaq::http {

struct Job {
  const AsyncHandler* handler = nullptr;
  const Route* route = nullptr;
  /// Says first who is calling, if the I/O thread couldn't; fills `caller`'s principal. Null: it is said.
  const Authenticator* authenticator = nullptr;
  Request* caller = nullptr;               ///< the request, before its handler may see it
  std::shared_ptr<const Request> request;  ///< shared with the connection, whose buffer it points into
  Responder respond;
  std::chrono::steady_clock::time_point arrived;
  bool ask_gate = false;  ///< the route's gate is asked after the authenticator
};

/// Calls a handler; what it throws is logged, and answered 500 by its Responder.
void run_handler(const AsyncHandler& handler, const Route& route, std::shared_ptr<const Request> request,
                 Responder respond);

class WorkerPool {
 public:
  struct Options {
    int threads = 8;       ///< that work at a time
    int waiting_max = 32;  ///< more, made when they are needed, in place of those that wait
    std::size_t queue_max = 1024;
    std::chrono::milliseconds age_max{500};  ///< of the oldest waiting job
    /// Threads that never run a job of a route that yields, of those that work and of all: what else is asked
    /// keeps them in a flood. At least one thread stays for those that do.
    int reserved = 2;
  };
  explicit WorkerPool(const Options& options);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Takes the job, or leaves it untouched and says false: overloaded, or stopping.
  [[nodiscard]] bool admit(Job& job);
  /// Ends the threads when their jobs end; drops what still waits. Idempotent.
  void stop();
  [[nodiscard]] std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  class Worker;

  // All that follows under mutex_.
  /// A job that may run now.
  [[nodiscard]] bool runnable() const {
    return running_ < options_.threads && (!queue_.empty() || may_yielding_run());
  }
  [[nodiscard]] bool may_yielding_run() const {
    return !yielding_.empty() && yielding_running_ < std::max(1, options_.threads - options_.reserved) &&
           yielding_taken_ < std::max(1, options_.threads + options_.waiting_max - options_.reserved);
  }
  [[nodiscard]] Worker* another();

  const Options options_;
  std::mutex mutex_;
  std::list<Worker> workers_;  ///< until the pool's end: whoever is about to call one may be late
  std::vector<Worker*> idle_;  ///< without a job, and not called; the last came last
  std::size_t coming_ = 0;     ///< called or made, and not here yet
  std::deque<Job> queue_;
  std::deque<Job> yielding_;  ///< jobs of routes that yield
  int running_ = 0;           ///< workers with a job, without those that wait for a commit
  int yielding_running_ = 0;  ///< of them, with a job of a route that yields
  int yielding_taken_ = 0;    ///< the same with those that wait
  bool stopping_ = false;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace dayaq::http
