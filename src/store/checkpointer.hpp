// Keeps SQLite's write-ahead log short without making writers wait. Not for other rooms.
//
//   log grows past passive_pages  -> background thread: PASSIVE (copies to the database beside readers and
//   writer) and past restart_pages        -> then the writer, between two groups: RESTART (copies the little
//   that is left,
//                                    so that the next write begins the log anew)
//
// PASSIVE alone never catches up with a writer that doesn't pause; RESTART alone would make writers wait for
// all the copying. A reader with an old snapshot holds the log back: RESTART then waits briefly and is tried
// again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "store/sqlite_connection.hpp"

namespace dayaq::store {

class Checkpointer {
 public:
  struct Limits {
    int passive_pages = 0;
    int restart_pages = 0;
    int busy_timeout_ms = 20;  ///< how long RESTART waits for readers
  };

  static Result<std::unique_ptr<Checkpointer>> create(const std::string& path, Limits limits);
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;
  ~Checkpointer();

  /// Tells the length of the log after a commit. Called on the writer thread; doesn't block.
  void log_grew(int pages);
  /// Called on the writer thread outside of transactions, with the writer's connection.
  void restart_if_due(sqlite3* writer);

 private:
  Checkpointer(std::unique_ptr<SqliteConnection> connection, Limits limits);
  void run();

  std::unique_ptr<SqliteConnection> connection_;
  const Limits limits_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int pages_ = 0;         ///< length of the log
  int checkpointed_ = 0;  ///< length of the log when it was last copied
  int restart_next_ = 0;  ///< length of the log from which RESTART is tried
  bool stopping_ = false;
  std::atomic<bool> restart_due_{false};
  std::thread thread_;
};

}  // namespace dayaq::store
