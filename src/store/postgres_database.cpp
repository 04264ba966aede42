// PostgreSQL behind the Database: one connection that writes, a pool that reads.
//
// One program writes at a time: the writing connection holds an advisory lock. What a program keeps in memory
// follows its own commits, so it must also know after a lost connection whether its last commit happened, and
// that nobody else wrote meanwhile. Both are read from one row, `store_writer`, whose `mark` each commit
// changes:
//
//   after reconnecting and taking the lock (so that the old connection's server process is gone):
//     mark = the one in doubt     the commit happened
//     mark = the last known one   it didn't
//     any other mark              somebody else has written, or the server lost commits: only a restart is
//     safe
#include <fmt/format.h>

#include <thread>

#include "base/log.hpp"
#include "base/random.hpp"
#include "store/engines.hpp"
#include "store/errors.hpp"
#include "store/group_writer.hpp"
#include "store/postgres_connection.hpp"
#include "store/read_only.hpp"
#include "store/reader_pool.hpp"

namespace dayaq::store {

namespace {

using namespace std::chrono_literals;

/// A program killed a moment ago leaves its lock until the server notices.
constexpr auto lock_wait_max = 2s;

Error second_writer() {
  return Error{ErrorKind::conflict,
               "store.second_writer",
               "Another program writes to this database. Stop it first, or use another database.",
               {},
               {},
               0,
               0};
}

class PostgresEngine final : public WriteEngine {
 public:
  explicit PostgresEngine(PostgresConnection::Settings settings) : connection_(std::move(settings)) {}

  /// Connects for the first time: refuses a server that isn't durable, takes the lock, reads the mark.
  Result<void> open() {
    connection_.start_function();
    DAYAQ_TRY_OK(connection_.connect());
    DAYAQ_TRY_OK(refuse_forgetful_server());
    const auto deadline = std::chrono::steady_clock::now() + lock_wait_max;
    for (;;) {
      DAYAQ_TRY(const bool locked, try_lock());
      if (locked) break;
      if (std::chrono::steady_clock::now() >= deadline) return std::unexpected(second_writer());
      std::this_thread::sleep_for(20ms);
    }
    DAYAQ_TRY_OK(connection_.script(
        "CREATE TABLE IF NOT EXISTS store_writer (id BIGINT NOT NULL PRIMARY KEY, mark BIGINT NOT NULL)"));
    DAYAQ_TRY_OK(
        connection_.exec("INSERT INTO store_writer (id, mark) VALUES (1, 0) ON CONFLICT (id) DO NOTHING"));
    DAYAQ_TRY_OK(connection_.settle());
    DAYAQ_TRY(mark_, read_mark());
    // Marks of different programs must differ: each counts on from a number of its own.
    SystemRandom random;
    next_mark_ = static_cast<std::int64_t>(random.next_id() >> 1);
    return {};
  }

  [[nodiscard]] TrackedSession& session() override { return connection_; }

  Result<void> begin() override {
    if (connection_.broken()) return std::unexpected(unavailable_error("the connection is lost"));
    connection_.start_function();
    return connection_.send("BEGIN");
  }
  Result<void> savepoint() override { return connection_.send("SAVEPOINT f"); }
  Result<void> release() override {
    DAYAQ_TRY_OK(connection_.send("RELEASE f"));
    return connection_.settle();
  }
  Result<void> rollback_to_savepoint() override { return connection_.rollback_to_savepoint(); }

  Result<void> commit() override {
    auto committed = commit_marked();
    if (unsure_) group_in_doubt_ = next_mark_;
    return committed;
  }
  void rollback() noexcept override { connection_.rollback(); }
  [[nodiscard]] bool in_doubt() const override { return group_in_doubt_.has_value(); }

  Result<Fate> probe() override {
    if (overtaken_) return std::unexpected(overtaken_error());
    if (connection_.broken()) {
      auto reconnected = reconnect();
      if (!reconnected) {
        connection_.disconnect();  // Half a reconnection (no lock yet) is none.
        return std::unexpected(std::move(reconnected).error());
      }
    }
    DAYAQ_TRY_OK(begin());
    auto written = commit_marked();
    if (!written) {
      connection_.rollback();
      return std::unexpected(std::move(written).error());
    }
    group_in_doubt_.reset();
    return std::exchange(fate_, Fate::none);
  }

 private:
  Result<void> refuse_forgetful_server() {
    for (const Sql sql :
         {Sql("SELECT current_setting('synchronous_commit')"), Sql("SELECT current_setting('fsync')")}) {
      DAYAQ_TRY(const auto value,
                connection_.one(sql, {}, [](const Row& row) { return std::string(row.text(0)); }));
      if (value == "off") {
        return fail(
            ErrorKind::conflict, "store.not_durable",
            "This PostgreSQL answers before a commit is on disk. Set fsync and synchronous_commit to on.",
            sql.text);
      }
    }
    return {};
  }

  Result<void> commit_marked() {
    const std::int64_t mark = ++next_mark_;
    const Param params[] = {mark};
    DAYAQ_TRY_OK(connection_.send("UPDATE store_writer SET mark = $1 WHERE id = 1", params));
    auto committed = connection_.commit();
    if (committed) mark_ = mark;
    unsure_ = !committed && connection_.broken();
    return committed;
  }

  Result<bool> try_lock() {
    DAYAQ_TRY(const auto locked,
              connection_.one("SELECT pg_try_advisory_lock($1)", {std::int64_t(0x6461796171)},  // "dayaq"
                              [](const Row& row) { return row.integer(0) != 0; }));
    return locked.value_or(false);
  }

  Result<std::int64_t> read_mark() {
    DAYAQ_TRY(const auto mark, connection_.one("SELECT mark FROM store_writer WHERE id = 1", {},
                                               [](const Row& row) { return row.integer(0); }));
    return mark.value_or(0);
  }

  Result<void> reconnect() {
    connection_.start_function();
    DAYAQ_TRY_OK(connection_.connect());
    DAYAQ_TRY_OK(refuse_forgetful_server());
    DAYAQ_TRY(const bool locked, try_lock());
    if (!locked)
      return std::unexpected(unavailable_error("another connection still holds the writer's lock"));
    DAYAQ_TRY(const std::int64_t found, read_mark());
    if (found != mark_ && !(unsure_ && found == next_mark_)) {
      overtaken_ = true;
      return std::unexpected(overtaken_error());
    }
    mark_ = found;
    unsure_ = false;
    if (group_in_doubt_ && fate_ == Fate::none) {
      fate_ = found == *group_in_doubt_ ? Fate::committed : Fate::undone;
    }
    return {};
  }

  static Error overtaken_error() {
    return unavailable_error(
        "another program has written to the database, or it lost commits: restart this program");
  }

  PostgresConnection connection_;
  std::int64_t mark_ = 0;                       ///< of the last commit that is known to have happened
  std::int64_t next_mark_ = 0;                  ///< of the last commit that was tried
  bool unsure_ = false;                         ///< the commit with next_mark_ may have happened
  std::optional<std::int64_t> group_in_doubt_;  ///< the mark of a group that waits for its fate
  Fate fate_ = Fate::none;                      ///< of that group, once known
  bool overtaken_ = false;
};

/// One read transaction.
Result<void> read_on(PostgresConnection& reader, const std::function<Result<void>(Session&)>& fn) {
  DAYAQ_TRY_OK(reader.begin_read());
  Result<void> done = fn(reader);
  // A statement that nobody waited for may have failed.
  if (done && reader.wrote()) done = reader.settle();
  if (done && reader.failure()) done = std::unexpected(*reader.failure());
  reader.end_read();
  return done;
}

class PostgresDatabase final : public Database {
 public:
  PostgresDatabase(std::unique_ptr<PostgresEngine> engine, const Options& options)
      : engine_(std::move(engine)),
        writer_(*engine_, {.group_max = options.group_max, .queue_max = options.queue_max}) {}

  [[nodiscard]] Engine engine() const override { return Engine::postgresql; }
  void add_hook(CommitHook& hook) override { writer_.add_hook(hook); }
  void submit(WriteFunction fn, Done done) override { writer_.submit(std::move(fn), std::move(done)); }
  [[nodiscard]] bool writable() const override { return writer_.writable(); }
  [[nodiscard]] std::int64_t wal_bytes() const override { return 0; }

  ReaderPool<PostgresConnection>& readers() { return readers_; }

 private:
  [[nodiscard]] bool on_writer_thread() const override { return writer_.on_writer_thread(); }

  Result<void> read_blocking(const std::function<Result<void>(Session&)>& fn) override {
    DAYAQ_TRY(auto reader, readers_.take());
    return read_on(*reader, fn);
  }

  ReaderPool<PostgresConnection> readers_;
  std::unique_ptr<PostgresEngine> engine_;
  GroupWriter writer_;  ///< last: its thread uses all of the above
};

}  // namespace

Result<std::unique_ptr<Database>> open_postgres(const Options& options) {
  PostgresConnection::Settings settings{
      .url = options.url, .role = PostgresConnection::Role::writer, .silence_max = options.silence_max};
  if (options.read_only) {
    settings.role = PostgresConnection::Role::reader;
    auto database = std::make_unique<ReadOnlyDatabase<PostgresConnection>>(Engine::postgresql, read_on);
    for (int i = 0; i < options.readers; ++i) {
      database->readers().put(std::make_unique<PostgresConnection>(settings));
    }
    return database;
  }
  auto engine = std::make_unique<PostgresEngine>(settings);
  DAYAQ_TRY_OK(engine->open());
  settings.role = PostgresConnection::Role::reader;
  auto database = std::make_unique<PostgresDatabase>(std::move(engine), options);
  for (int i = 0; i < options.readers; ++i) {
    database->readers().put(std::make_unique<PostgresConnection>(settings));
  }
  return database;
}

}  // namespace dayaq::store
