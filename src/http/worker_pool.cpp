#include "http/worker_pool.hpp"

#include <pthread.h>

#include <exception>
#include <system_error>

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

WorkerPool::WorkerPool(const Options& options) : options_(options), idle_(options.threads) {
  for (int i = 0; i < options.threads; ++i) threads_.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() {
  stop();
}

bool WorkerPool::admit(Job& job) {
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
    let_another_run();
  }
  return true;
}

/// Wakes or makes a thread if there is a job that may run. In a flood those who are idle are the reserved
/// ones: woken, they would only go to sleep again.
void WorkerPool::let_another_run() {
  if (stopping_ || !runnable()) return;
  if (idle_ > 0) return wake_.notify_one();
  if (threads_.size() >= std::size_t(options_.threads + options_.waiting_max)) return;
  try {
    threads_.emplace_back([this] { work(); });
    ++idle_;
  } catch (const std::system_error&) {  // no more threads for this process: it goes on with those it has
  }
}

/// Of one thread: while its job waits for a commit, another may run.
class WorkerPool::Worker final : public WaitListener {
 public:
  explicit Worker(WorkerPool& pool) : pool_(pool) { listen(this); }
  ~Worker() override { listen(nullptr); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void takes(bool yields) {  // under the pool's mutex, as leaves()
    yields_ = yields;
    if (yields) ++pool_.yielding_taken_;
    count(1);
  }
  void leaves() {
    if (yields_) --pool_.yielding_taken_;
    count(-1);
  }
  void begins_to_wait() noexcept override {
    const std::scoped_lock lock(pool_.mutex_);
    count(-1);
    pool_.let_another_run();
  }
  void goes_on() noexcept override {
    const std::scoped_lock lock(pool_.mutex_);
    count(1);
  }

 private:
  void count(int change) {
    pool_.running_ += change;
    if (yields_) pool_.yielding_running_ += change;
  }

  WorkerPool& pool_;
  bool yields_ = false;
};

void WorkerPool::work() {
  ::pthread_setname_np(::pthread_self(), "http-worker");  // whoever looks at load sees whose it is
  Worker self(*this);
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || runnable(); });
    --idle_;
    if (stopping_) return;
    const bool yields = queue_.empty();
    std::deque<Job>& queue = yields ? yielding_ : queue_;
    Job job = std::move(queue.front());
    queue.pop_front();
    self.takes(yields);
    let_another_run();  // a place that somebody has left, for whoever wasn't woken when the next one came
    waiting_.store(queue_.size() + yielding_.size(), std::memory_order_relaxed);
    lock.unlock();
    // Nobody waits for the answer of a request that has timed out: its work would only delay the others.
    if (!job.respond.wanted()) {
      Job dropped = std::move(job);
    } else if (auto refusal = refused_caller(job)) {
      job.respond(std::move(*refusal));
    } else {
      run_handler(*job.handler, *job.route, std::move(job.request), std::move(job.respond));
    }
    lock.lock();
    self.leaves();
    ++idle_;
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
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace dayaq::http
