// One I/O thread: its event loop, its connections and their deadlines, and the answers that come from other
// threads. Included by server.cpp alone.
#pragma once

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "http/server.hpp"
#include "http/wire.hpp"
#include "http/worker_pool.hpp"

namespace dayaq::http {

namespace asio = boost::asio;
using boost::asio::ip::tcp;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;
using TimePoint = SteadyClock::time_point;

/// What all connections of a server share.
struct Shared {
  const ServerOptions options;
  const Router& router;
  const Authenticator* authenticator;
  std::shared_ptr<Metrics::RequestMeter> meter;  ///< null without metrics; shared with the registry
  WorkerPool pool;
  std::atomic<bool> stopping{false};
  std::atomic<bool> giving{false};  ///< with stopping: sockets go to the next process
  std::atomic<int> connections{0};
  std::atomic<int> held{0};
  std::atomic<std::uint64_t> overloaded{0};
  std::mutex mutex;
  std::condition_variable changed;  ///< told when the last connection ends while stopping
  std::vector<int> given;           ///< under mutex

  Shared(const ServerOptions& o, const Router& r, const Authenticator* a,
         std::shared_ptr<Metrics::RequestMeter> m)
      : options(o),
        router(r),
        authenticator(a),
        meter(std::move(m)),
        pool(WorkerPool::Options{.threads = o.workers + kept_free(r),
                                 .queue_max = static_cast<std::size_t>(o.queue_max),
                                 .age_max = o.queue_age_max}) {}

  /// Where some routes yield, the threads that they may not have are more than the others: a flood that is
  /// let in has as many as without reserve.
  static int kept_free(const Router& router) {
    const bool some = std::ranges::any_of(router.routes(), [](const Route& route) { return route.yields; });
    return some ? WorkerPool::Options{}.reserved : 0;
  }

  void take_given(int descriptor) {
    const std::scoped_lock lock(mutex);
    given.push_back(descriptor);
  }

  void connection_ended() {
    if (connections.fetch_sub(1) == 1 && stopping) {
      const std::scoped_lock lock(mutex);
      changed.notify_all();
    }
  }
};

class IoThread;

/// What the I/O thread needs of a connection. Everything but answer() and wanted() runs on that thread.
class ConnectionBase : public ResponseSink, public std::enable_shared_from_this<ConnectionBase> {
 public:
  explicit ConnectionBase(std::shared_ptr<IoThread> io) : io_(std::move(io)) {}
  virtual void expire() = 0;        ///< its deadline has passed
  virtual void stop_if_idle() = 0;  ///< the server is stopping: nothing begun, nothing lost
  virtual void give_if_idle() = 0;  ///< the same, and its socket goes to the next process
  virtual void abort() = 0;         ///< the server can't wait any longer
  virtual void deliver(std::uint64_t request, Response&& response) = 0;
  virtual void release() = 0;  ///< it was held, and its time or its turn has come
  /// Of who is held: whether the gate would let them in now. Costs next to nothing.
  [[nodiscard]] virtual bool turn_has_come() const = 0;

  /// Those whom one gate holds, by its number: who has a smaller one comes in earlier.
  using Waiting = std::multimap<std::uint64_t, ConnectionBase*>;
  /// Where a held one stands.
  struct HeldAt {
    std::multimap<TimePoint, ConnectionBase*>::iterator by_time;
    Waiting* waiting = nullptr;  ///< null: it isn't held
    Waiting::iterator by_number;
  };
  HeldAt held_at;

  ConnectionBase* previous = nullptr;
  ConnectionBase* next = nullptr;
  TimePoint deadline = TimePoint::max();

 protected:
  std::shared_ptr<IoThread>
      io_;  ///< shared: a Responder held elsewhere may keep a connection beyond its server
};

class IoThread : public std::enable_shared_from_this<IoThread> {
 public:
  IoThread(std::size_t number, std::chrono::milliseconds tick)
      : number_(number), tick_every_(tick), tick_(context), release_(context) {
    update_date();
  }

  void start() {
    schedule_tick();
    thread_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "http-io");
      current() = this;
      run();
    });
  }

  /// Only when no connection is left.
  void join() {
    asio::post(context, [this] {
      ended_ = true;
      tick_.cancel();
      release_.cancel();
      work_.reset();
    });
    if (thread_.joinable()) thread_.join();
    std::vector<Answer> late;
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    late.swap(answers_);
  }

  void link(ConnectionBase& connection) {
    connection.next = first_;
    if (first_ != nullptr) first_->previous = &connection;
    first_ = &connection;
  }

  void unlink(ConnectionBase& connection) {
    (connection.previous != nullptr ? connection.previous->next : first_) = connection.next;
    if (connection.next != nullptr) connection.next->previous = connection.previous;
    connection.previous = connection.next = nullptr;
  }

  template <class Action>
  void for_each(Action action) {
    for (ConnectionBase* connection = first_; connection != nullptr;) {
      ConnectionBase* next = connection->next;  // the action may end the connection, and only this one
      action(*connection);
      connection = next;
    }
  }

  /// Until release(), at the latest at `until`; the connection does nothing meanwhile.
  void hold(ConnectionBase& connection, TimePoint until, const Gate& gate, std::uint64_t number) {
    if (held_.empty()) schedule_release();
    Waiting& waiting = waiting_[&gate];
    connection.held_at = {.by_time = held_.emplace(until, &connection),
                          .waiting = &waiting,
                          .by_number = waiting.emplace(number, &connection)};
  }

  /// No longer: release() won't come.
  void let_go(ConnectionBase& connection) {
    if (connection.held_at.waiting == nullptr) return;
    held_.erase(connection.held_at.by_time);
    connection.held_at.waiting->erase(connection.held_at.by_number);
    connection.held_at.waiting = nullptr;
  }

  /// From any thread. Answers that come together wake the loop once.
  void push_answer(std::shared_ptr<ConnectionBase> connection, std::uint64_t request, Response response) {
    bool first = false;
    {
      const std::scoped_lock lock(mutex_);
      if (closed_) return;
      first = answers_.empty();
      answers_.push_back({std::move(connection), request, std::move(response)});
    }
    if (first) asio::post(context, [this] { drain(); });
  }

  /// Buffers of one size, for connections that come and go: to the allocator, among thousands that stay, each
  /// is a search.
  std::unique_ptr<char[]> take_buffer(std::size_t size) {
    if (spare_.empty()) return std::make_unique_for_overwrite<char[]>(size);
    std::unique_ptr<char[]> out = std::move(spare_.back());
    spare_.pop_back();
    return out;
  }
  void give_buffer(std::unique_ptr<char[]> buffer) {
    if (spare_.size() < spare_max) spare_.push_back(std::move(buffer));
  }

  [[nodiscard]] bool is_current() const { return current() == this; }
  [[nodiscard]] std::size_t number() const { return number_; }
  [[nodiscard]] std::string_view date() const { return date_; }

  asio::io_context context{1};

 private:
  struct Answer {
    std::shared_ptr<ConnectionBase> connection;
    std::uint64_t request;
    Response response;
  };

  static IoThread*& current() {
    thread_local IoThread* thread = nullptr;
    return thread;
  }

  /// While anybody is held, what comes is taken together about a thousand times a second: in a surge each
  /// packet would cost a switch of threads, from whoever does the work that the others wait for.
  void run() {
    while (!context.stopped()) {
      if (held_.empty()) {
        context.run_one();
      } else {
        std::this_thread::sleep_for(pause_while_held);
      }
      context.poll();
    }
  }

  void drain() {
    {
      const std::scoped_lock lock(mutex_);
      draining_.swap(answers_);
    }
    for (Answer& answer : draining_) answer.connection->deliver(answer.request, std::move(answer.response));
    draining_.clear();
  }

  void schedule_tick() {
    if (ended_) return;  // a tick that had already fired isn't cancelled any more
    tick_.expires_after(tick_every_);
    tick_.async_wait([this](error_code error) {
      if (error) return;
      update_date();
      const TimePoint now = SteadyClock::now();
      for_each([now](ConnectionBase& connection) {
        if (connection.deadline <= now) connection.expire();
      });
      schedule_tick();
    });
  }

  /// While anybody is held: those whose time or turn has come, a few at a time and a little apart, so that
  /// what is admitted goes between. Of thousands who wait one is looked at, the next.
  void schedule_release() {
    if (ended_) return;
    release_.expires_after(release_apart);
    release_.async_wait([this](error_code error) {
      if (error) return;
      const TimePoint now = SteadyClock::now();
      int left = release_max;
      const auto release = [this, &left](ConnectionBase& connection) {
        --left;
        let_go(connection);
        connection.release();
      };
      while (left > 0 && !held_.empty() && held_.begin()->first <= now) release(*held_.begin()->second);
      for (auto& [gate, waiting] : waiting_) {
        while (left > 0 && !waiting.empty() && waiting.begin()->second->turn_has_come()) {
          release(*waiting.begin()->second);
        }
      }
      if (!held_.empty()) schedule_release();
    });
  }

  void update_date() {
    date_ = format_http_date(std::chrono::floor<std::chrono::seconds>(SystemClock().now()));
  }

  static constexpr std::chrono::microseconds pause_while_held{1000};
  static constexpr std::size_t spare_max = 64;
  static constexpr int release_max = 64;
  static constexpr std::chrono::milliseconds release_apart{5};
  using Waiting = ConnectionBase::Waiting;

  const std::size_t number_;
  const std::chrono::milliseconds tick_every_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{context.get_executor()};
  asio::steady_timer tick_;
  asio::steady_timer release_;
  std::multimap<TimePoint, ConnectionBase*> held_;
  std::map<const Gate*, Waiting> waiting_;  ///< the same, of each gate
  std::vector<std::unique_ptr<char[]>> spare_;
  ConnectionBase* first_ = nullptr;
  std::string date_;
  std::mutex mutex_;  ///< guards answers_ and closed_
  std::vector<Answer> answers_;
  std::vector<Answer> draining_;  ///< keeps its capacity between batches
  bool closed_ = false;
  bool ended_ = false;  ///< of the I/O thread
  std::thread thread_;
};

}  // namespace dayaq::http
