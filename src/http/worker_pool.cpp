#include "http/worker_pool.hpp"

#include <pthread.h>

#include <condition_variable>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

#include "base/log.hpp"
#include "base/waiting.hpp"
#include "http/answers.hpp"

namespace dayaq::http {

void run_handler(const AsyncHandler& handler, const Route& route, std::shared_ptr<const Request> request,
                 Responder respond) {
  try {
    handler(std::move(request), std::move(respond));
  } catch (const std::exception& error) {
    log::error("http.handler_threw", "a handler let an exception escape",
               {{"operation", route.operation}, {"what", error.what()}});
  } catch (...) {
    log::error("http.handler_threw", "a handler let an exception escape", {{"operation", route.operation}});
  }
}

namespace {

std::optional<Response> refused_caller(const Job& job) {
  if (job.authenticator == nullptr) return std::nullopt;
  try {
    auto refusal = admit_caller(*job.route, *job.caller, *job.authenticator);
    if (!refusal && job.ask_gate) {
      refusal = job.route->gate->refuse(*job.caller);
      job.caller->gate_refused = refusal.has_value();
    }
    return refusal;
  } catch (const std::exception& error) {
    log::error("http.handler_threw", "who is calling could not be said",
               {{"operation", job.route->operation}, {"what", error.what()}});
    return problem(500, "http.no_answer", "Internal error", "The server failed. Try again.");
  }
}

}  // namespace

/// One thread. While its job waits for a commit, another may run.
class WorkerPool::Worker final : public WaitListener {
 public:
  /// @param called  it is made for a job that waits
  Worker(WorkerPool& pool, bool called) : pool_(pool), called_(called), thread_([this] { work(); }) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void call() { wake_.notify_one(); }
  void is_called() { called_ = true; }  ///< under the pool's mutex
  void join() {
    if (thread_.joinable()) thread_.join();
  }

  void begins_to_wait() noexcept override {
    Worker* next = nullptr;
    {
      const std::scoped_lock lock(pool_.mutex_);
      count(-1);
      next = pool_.another();
    }
    if (next != nullptr) next->call();
  }
  void goes_on() noexcept override {
    const std::scoped_lock lock(pool_.mutex_);
    count(1);
  }

 private:
  void work();
  void wait_for_a_job(std::unique_lock<std::mutex>& lock);
  void count(int change) {
    pool_.running_ += change;
    if (yields_) pool_.yielding_running_ += change;
  }

  WorkerPool& pool_;
  std::condition_variable wake_;
  bool called_;  ///< and counted in coming_; under the pool's mutex
  bool yields_ = false;
  std::thread thread_;  // the last member: it uses all others
};

WorkerPool::WorkerPool(const Options& options) : options_(options) {
  idle_.reserve(std::size_t(options.threads + options.waiting_max));
  for (int i = 0; i < options.threads; ++i) workers_.emplace_back(*this, false);
}

WorkerPool::~WorkerPool() {
  stop();
}

bool WorkerPool::admit(Job& job) {
  Worker* next = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    std::deque<Job>& queue = job.route->yields ? yielding_ : queue_;
    const bool stale = !queue.empty() && job.arrived - queue.front().arrived > options_.age_max;
    if (stopping_ || stale || queue.size() >= options_.queue_max) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    queue.push_back(std::move(job));
    waiting_.store(queue_.size() + yielding_.size(), std::memory_order_relaxed);
    next = another();
  }
  if (next != nullptr) next->call();
  return true;
}

/// Whoever is to be called (after the lock) for a job that may run and that nobody is on the way to; null if
/// there is none, or a new thread comes. In a flood those who are idle are the reserved ones: called, they
/// would only go to sleep again.
WorkerPool::Worker* WorkerPool::another() {
  if (stopping_ || !runnable()) return nullptr;
  const std::size_t jobs = queue_.size() + (may_yielding_run() ? yielding_.size() : 0);
  if (jobs <= coming_ || std::size_t(running_) + coming_ >= std::size_t(options_.threads)) return nullptr;
  if (!idle_.empty()) {
    Worker* const last = idle_.back();
    idle_.pop_back();
    last->is_called();
    ++coming_;
    return last;
  }
  if (workers_.size() >= std::size_t(options_.threads + options_.waiting_max)) return nullptr;
  try {
    ++coming_;
    workers_.emplace_back(*this, true);
  } catch (const std::system_error&) {  // no more threads for this process: it goes on with those it has
    --coming_;
  }
  return nullptr;
}

/// Returns when there is one that may run, or the pool stops.
void WorkerPool::Worker::wait_for_a_job(std::unique_lock<std::mutex>& lock) {
  while (true) {
    if (std::exchange(called_, false)) --pool_.coming_;
    if (pool_.stopping_ || pool_.runnable()) return;
    pool_.idle_.push_back(this);
    wake_.wait(lock, [this] { return called_ || pool_.stopping_; });
  }
}

void WorkerPool::Worker::work() {
  ::pthread_setname_np(::pthread_self(), "http-worker");  // whoever looks at load sees whose it is
  listen(this);
  std::unique_lock lock(pool_.mutex_);
  while (true) {
    wait_for_a_job(lock);
    if (pool_.stopping_) return;
    yields_ = pool_.queue_.empty();
    std::deque<Job>& queue = yields_ ? pool_.yielding_ : pool_.queue_;
    Job job = std::move(queue.front());
    queue.pop_front();
    if (yields_) ++pool_.yielding_taken_;
    count(1);
    Worker* const next = pool_.another();  // there may be room for more than who was called
    pool_.waiting_.store(pool_.queue_.size() + pool_.yielding_.size(), std::memory_order_relaxed);
    lock.unlock();
    if (next != nullptr) next->call();
    // Nobody waits for the answer of a request that has timed out: its work would only delay the others.
    if (!job.respond.wanted()) {
      Job dropped = std::move(job);
    } else if (auto refusal = refused_caller(job)) {
      job.respond(std::move(*refusal));
    } else {
      run_handler(*job.handler, *job.route, std::move(job.request), std::move(job.respond));
    }
    lock.lock();
    if (yields_) --pool_.yielding_taken_;
    count(-1);
  }
}

void WorkerPool::stop() {
  std::deque<Job> dropped, dropped_too;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    dropped.swap(queue_);
    dropped_too.swap(yielding_);
    waiting_.store(0, std::memory_order_relaxed);
  }
  for (Worker& worker : workers_) worker.call();
  for (Worker& worker : workers_) worker.join();
}

}  // namespace dayaq::http
