// SQLite behind the Database: one connection that writes, a pool that reads, one that copies the log.
#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/file.hpp"
#include "store/checkpointer.hpp"
#include "store/engines.hpp"
#include "store/errors.hpp"
#include "store/group_writer.hpp"
#include "store/read_only.hpp"
#include "store/reader_pool.hpp"
#include "store/sqlite_connection.hpp"

namespace dayaq::store {

namespace {

constexpr std::int64_t reader_cache_bytes = 16 << 20;

/// Whether a few groups would fit on the disk: a single page nearly always does, and tells nothing.
Result<void> room_beside(const std::string& path) {
  const std::string probe = path + ".probe";
  const int file = ::open(probe.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return std::unexpected(unavailable_error("can't make " + probe));
  const int failed = ::posix_fallocate(file, 0, 4 << 20);
  ::close(file);
  ::unlink(probe.c_str());
  if (failed == ENOSPC || failed == EDQUOT)
    return std::unexpected(full_error("less than 4 MB beside " + path));
  if (failed != 0) return std::unexpected(unavailable_error("can't write beside " + path));
  return {};
}

class SqliteEngine final : public WriteEngine {
 public:
  SqliteEngine(std::string path, std::unique_ptr<SqliteConnection> connection, Checkpointer& checkpointer)
      : path_(std::move(path)), connection_(std::move(connection)), checkpointer_(checkpointer) {
    const auto told = [](void* self, sqlite3*, const char*, int pages) {
      static_cast<SqliteEngine*>(self)->checkpointer_.log_grew(pages);
      return SQLITE_OK;
    };
    sqlite3_wal_hook(connection_->handle(), told, this);
  }

  [[nodiscard]] TrackedSession& session() override { return *connection_; }
  Result<void> begin() override { return connection_->control("BEGIN IMMEDIATE"); }
  Result<void> savepoint() override { return connection_->control("SAVEPOINT f"); }
  Result<void> release() override { return connection_->control("RELEASE f"); }
  Result<void> rollback_to_savepoint() override {
    DAYAQ_TRY_OK(connection_->control("ROLLBACK TO f"));
    return connection_->control("RELEASE f");
  }
  Result<void> commit() override { return connection_->control("COMMIT"); }
  void rollback() noexcept override { connection_->rollback(); }
  void between_groups() noexcept override { checkpointer_.restart_if_due(connection_->handle()); }

  Result<Fate> probe() override {
    DAYAQ_TRY_OK(room_beside(path_));
    // Rewrites the number in the file's header: the smallest commit there is.
    connection_->start_function();
    std::int64_t version = 0;
    DAYAQ_TRY_OK(connection_->query("PRAGMA user_version", {}, [&](const Row& row) -> Result<bool> {
      version = row.integer(0);
      return false;
    }));
    DAYAQ_TRY_OK(connection_->script(version == 0 ? "PRAGMA user_version=1" : "PRAGMA user_version=0"));
    return Fate::none;
  }

 private:
  std::string path_;
  std::unique_ptr<SqliteConnection> connection_;
  Checkpointer& checkpointer_;
};

/// One read transaction.
Result<void> read_on(SqliteConnection& reader, const std::function<Result<void>(Session&)>& fn) {
  reader.start_function();
  DAYAQ_TRY_OK(reader.control("BEGIN"));
  Result<void> done = fn(reader);
  reader.rollback();
  if (done && reader.failure()) return std::unexpected(*reader.failure());
  return done;
}

class SqliteDatabase final : public Database {
 public:
  SqliteDatabase(std::string path, FileLock lock, std::unique_ptr<Checkpointer> checkpointer,
                 std::unique_ptr<SqliteConnection> writer, const Options& options)
      : path_(std::move(path)),
        lock_(std::move(lock)),
        checkpointer_(std::move(checkpointer)),
        engine_(path_, std::move(writer), *checkpointer_),
        writer_(engine_, {.group_max = options.group_max, .queue_max = options.queue_max}) {}

  [[nodiscard]] Engine engine() const override { return Engine::sqlite; }
  void add_hook(CommitHook& hook) override { writer_.add_hook(hook); }
  void submit(WriteFunction fn, Done done) override { writer_.submit(std::move(fn), std::move(done)); }
  [[nodiscard]] bool writable() const override { return writer_.writable(); }

  [[nodiscard]] std::int64_t wal_bytes() const override {
    std::error_code missing;
    const auto bytes = std::filesystem::file_size(path_ + "-wal", missing);
    return missing ? 0 : static_cast<std::int64_t>(bytes);
  }

  ReaderPool<SqliteConnection>& readers() { return readers_; }

 private:
  [[nodiscard]] bool on_writer_thread() const override { return writer_.on_writer_thread(); }

  Result<void> read_blocking(const std::function<Result<void>(Session&)>& fn) override {
    DAYAQ_TRY(auto reader, readers_.take());
    return read_on(*reader, fn);
  }

  std::string path_;
  FileLock lock_;
  std::unique_ptr<Checkpointer> checkpointer_;
  ReaderPool<SqliteConnection> readers_;
  SqliteEngine engine_;
  GroupWriter writer_;  ///< last: its thread uses all of the above
};

Result<FileLock> lock_writer(const std::string& path) {
  auto lock = FileLock::acquire(path + ".lock");
  if (!lock && lock.error().kind == ErrorKind::conflict) {
    return fail(ErrorKind::conflict, "store.second_writer",
                "Another program has this database open. Stop it first, or use another data folder.", path);
  }
  return lock;
}

/// Personal data: nobody but the owner of the process reads the file. SQLite gives its log the same
/// permissions.
Result<void> create_private(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) {
    return fail(ErrorKind::unavailable, "store.open",
                "The database can't be opened. Check that its folder exists and may be written.", path);
  }
  ::close(file);
  return {};
}

Result<std::unique_ptr<Database>> open_sqlite_to_read(const std::string& path, const Options& options) {
  auto database = std::make_unique<ReadOnlyDatabase<SqliteConnection>>(Engine::sqlite, read_on);
  for (int i = 0; i < options.readers; ++i) {
    DAYAQ_TRY(auto reader, SqliteConnection::open(path, SqliteConnection::Access::read, reader_cache_bytes));
    database->readers().put(std::move(reader));
  }
  return database;
}

}  // namespace

Result<std::unique_ptr<Database>> open_sqlite(const std::string& path, const Options& options) {
  if (options.read_only) return open_sqlite_to_read(path, options);
  DAYAQ_TRY_OK(create_private(path));
  DAYAQ_TRY(auto lock, lock_writer(path));
  using Access = SqliteConnection::Access;
  DAYAQ_TRY(auto writer, SqliteConnection::open(path, Access::write, options.cache_bytes));
  DAYAQ_TRY_OK(writer->script(fmt::format("PRAGMA journal_size_limit={}", options.wal_bytes_max)));
  const auto pages_max = static_cast<int>(options.wal_bytes_max / page_bytes);
  DAYAQ_TRY(auto checkpointer,
            Checkpointer::create(path, {.passive_pages = pages_max / 4, .restart_pages = pages_max * 3 / 4}));
  auto database = std::make_unique<SqliteDatabase>(path, std::move(lock), std::move(checkpointer),
                                                   std::move(writer), options);
  for (int i = 0; i < options.readers; ++i) {
    DAYAQ_TRY(auto reader, SqliteConnection::open(path, Access::read, reader_cache_bytes));
    database->readers().put(std::move(reader));
  }
  return database;
}

}  // namespace dayaq::store
