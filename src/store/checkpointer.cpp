#include "store/checkpointer.hpp"

#include <sqlite3.h>

#include "base/log.hpp"

namespace dayaq::store {

Result<std::unique_ptr<Checkpointer>> Checkpointer::create(const std::string& path, Limits limits) {
  DAYAQ_TRY(auto connection, SqliteConnection::open(path, SqliteConnection::Access::write, 1 << 20));
  return std::unique_ptr<Checkpointer>(new Checkpointer(std::move(connection), limits));
}

Checkpointer::Checkpointer(std::unique_ptr<SqliteConnection> connection, Limits limits)
    : connection_(std::move(connection)),
      limits_(limits),
      restart_next_(limits.restart_pages),
      thread_([this] { run(); }) {}

Checkpointer::~Checkpointer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Checkpointer::log_grew(int pages) {
  bool due = false;
  {
    const std::lock_guard lock(mutex_);
    if (pages < pages_) {  // The log began anew.
      checkpointed_ = 0;
      restart_next_ = limits_.restart_pages;
    }
    pages_ = pages;
    due = pages_ - checkpointed_ >= limits_.passive_pages;
  }
  if (due) changed_.notify_one();
}

void Checkpointer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || pages_ - checkpointed_ >= limits_.passive_pages; });
    if (stopping_) return;
    checkpointed_ = pages_;
    lock.unlock();
    const int code = sqlite3_wal_checkpoint_v2(connection_->handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                               nullptr, nullptr);
    if (code != SQLITE_OK && code != SQLITE_BUSY) {
      log::warning("store.checkpoint", "the write-ahead log can't be copied to the database",
                   {{"code", code}, {"reason", sqlite3_errmsg(connection_->handle())}});
    }
    lock.lock();
    if (pages_ >= restart_next_) restart_due_.store(true, std::memory_order_release);
  }
}

void Checkpointer::restart_if_due(sqlite3* writer) {
  if (!restart_due_.exchange(false, std::memory_order_acquire)) return;
  sqlite3_busy_timeout(writer, limits_.busy_timeout_ms);
  (void)sqlite3_wal_checkpoint_v2(writer, nullptr, SQLITE_CHECKPOINT_RESTART, nullptr, nullptr);
  sqlite3_busy_timeout(writer, busy_timeout_ms);
  // If a reader held it back, the next attempt comes after some more growth; a log that begins anew resets
  // this.
  const std::lock_guard lock(mutex_);
  restart_next_ = pages_ + limits_.passive_pages;
}

}  // namespace dayaq::store
