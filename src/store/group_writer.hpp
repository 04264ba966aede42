// The writer thread of both engines: takes what waits, runs it as one database transaction, answers after the
// commit. Not for other rooms.
//
// A group goes through at most three attempts, each of which begins a database transaction and ends it:
//
//   together  all functions without savepoints: the usual case, one commit for all
//   apart     a savepoint for each function: after a function failed that had written something
//   alone     a transaction for each function: after the commit or a hook refused the group as a whole
//
// Invariants: 1. `done` is called exactly once for each submitted function, after the commit that made it
// durable or after the rollback that undid it. 2. A loss that concerns the engine and not a function (disk
// full, connection lost, unknown outcome of a commit) refuses the whole group at once, with no second
// attempt. 3. Hooks see begin_transaction for each run of a function, and one after_commit or after_rollback
// for each attempt that began. 4. While the outcome of a commit is unknown its callers have been told so, the
// hooks wait for their after_commit or after_rollback, and nothing else is written.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "store/session_state.hpp"

namespace dayaq::store {

/// What became of a commit whose outcome was unknown.
enum class Fate { none, committed, undone };

/// The one connection that writes. All calls come on the writer thread.
class WriteEngine {
 public:
  virtual ~WriteEngine() = default;
  [[nodiscard]] virtual TrackedSession& session() = 0;
  virtual Result<void> begin() = 0;
  virtual Result<void> savepoint() = 0;
  /// Ends the savepoint; reports statements that failed late.
  virtual Result<void> release() = 0;
  virtual Result<void> rollback_to_savepoint() = 0;
  /// Success means durable. unavailable also means that the outcome is unknown.
  virtual Result<void> commit() = 0;
  virtual void rollback() noexcept = 0;
  /// The last commit() failed and may have committed all the same: nobody can know before the next probe().
  [[nodiscard]] virtual bool in_doubt() const { return false; }
  /// Called now and then while writes are refused: reconnects, and writes something harmless. Success means
  /// that writes are possible again, and tells what became of a commit in doubt.
  virtual Result<Fate> probe() = 0;
  /// Called after each group, outside of any transaction.
  virtual void between_groups() noexcept {}
};

class GroupWriter {
 public:
  struct Limits {
    int group_max = 1024;
    int queue_max = 8192;
    /// A group stops taking more functions after this time, so that many slow ones don't delay the first.
    std::chrono::milliseconds group_time_max{20};
    std::chrono::milliseconds probe_interval{250};
  };

  /// `engine` must outlive the writer.
  GroupWriter(WriteEngine& engine, Limits limits);
  GroupWriter(const GroupWriter&) = delete;
  GroupWriter& operator=(const GroupWriter&) = delete;
  /// Runs what waits, then ends the thread.
  ~GroupWriter();

  void add_hook(CommitHook& hook);
  void submit(Database::WriteFunction fn, Database::Done done);
  [[nodiscard]] bool writable() const { return writable_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool on_writer_thread() const { return std::this_thread::get_id() == thread_.get_id(); }

 private:
  struct Job {
    Database::WriteFunction fn;
    Database::Done done;
    Result<void> outcome;
  };
  enum class Mode { together, apart, alone };
  enum class Verdict { answered, again };
  using Jobs = std::span<Job>;

  void run();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void probe();
  void run_group(Jobs group);
  Verdict attempt(Jobs& group, Mode mode);
  Result<void> run_functions(Jobs& group, Mode mode);
  Result<void> run_function(Job& job, Mode mode);
  Result<void> finish();
  Result<void> noted(Result<void> result);
  Result<void> if_not_lost(const Result<void>& result);
  void answer(Jobs group);
  void refuse(Jobs group, const Error& error);
  void set_writable(bool writable, const Error* reason);

  WriteEngine& engine_;
  const Limits limits_;
  std::vector<CommitHook*> hooks_;
  std::atomic<bool> writable_{true};

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Job> queue_;
  bool stopping_ = false;
  int groups_apart_ = 0;  ///< groups that go straight to Mode::apart, since functions fail often just now
  std::chrono::steady_clock::time_point next_probe_;
  bool in_doubt_ = false;
  std::optional<Error> loss_;  ///< why the engine can't write, in the present attempt
  std::thread thread_;
};

}  // namespace dayaq::store
