// The Database: transactions as functions, over SQLite or PostgreSQL.
//
// All writes run on one writer thread, which runs the waiting transactions one after another in one database
// transaction and makes them durable with one commit (group commit). Nobody is answered before that commit.
//
//   queue of fn -> [ begin | fn1 | fn2 | ... | hooks.before_commit | commit ] -> done(fn1), done(fn2), ...
//
// A transaction function that fails (returns an Error) leaves no trace: the group is rolled back and run
// again, each function in a savepoint of its own. So a function may run more than once and must have no
// effect but through its Session and through CommitHooks, and must be a pure function of what it reads.
//
// One SQL text serves both engines (SQLite, PostgreSQL, Citus): parameters are $1, $2, ...; types BIGINT,
// TEXT and BLOB (BYTEA in PostgreSQL); `ON CONFLICT ... DO UPDATE/NOTHING`; no sequences, triggers, arrays.
// A parameter that stands alone and may be NULL needs a type for PostgreSQL: CAST($1 AS BIGINT) IS NULL.
// Results are BIGINT (or a sum of them), TEXT and BLOB.
//
// A commit's outcome may be unknown (the server died while it committed). Its callers get unavailable
// "store.unavailable"; the store finds out after reconnecting, before it writes anything else, and only then
// calls the hooks' after_commit or after_rollback.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace dayaq::store {

enum class Engine : std::uint8_t { sqlite, postgresql };

/// A statement's text: a string literal, prepared once per connection and found again by its address.
struct Sql {
  consteval Sql(const char* literal) : text(literal) {}  // NOLINT(google-explicit-constructor)
  const char* text;
};

/// What a parameter binds. Text and bytes are views: they must live until the call returns.
using Param = std::variant<std::nullptr_t, std::int64_t, std::string_view, BytesView>;

/// One row of a result; valid only inside the callback that gets it. Columns count from 0.
class Row {
 public:
  virtual ~Row() = default;
  [[nodiscard]] virtual bool is_null(int column) const = 0;
  [[nodiscard]] virtual std::int64_t integer(int column) const = 0;   ///< 0 for NULL
  [[nodiscard]] virtual std::string_view text(int column) const = 0;  ///< "" for NULL
  [[nodiscard]] virtual BytesView blob(int column) const = 0;
};

/// One transaction's view of the database. Lives as long as the function it is given to.
///
/// Errors of all calls: conflict "store.duplicate" (a key exists), unavailable "store.full" (no disk space),
/// unavailable "store.unavailable" (connection lost; safe to retry), unavailable "store.timeout" (PostgreSQL
/// gave the statement up), internal "store.sql" (a defect). The first failed statement ends the session, on
/// both engines: all that follow return its error, and the function fails with it even if it ignores it.
class Session {
 public:
  virtual ~Session() = default;
  [[nodiscard]] virtual Engine engine() const = 0;

  /// Runs a statement without a result. PostgreSQL may send it later, with others in one round trip: its
  /// failure is then returned by a later call or by write() itself, and nothing of the transaction is kept.
  virtual Result<void> exec(Sql sql, std::span<const Param> params) = 0;
  Result<void> exec(Sql sql, std::initializer_list<Param> params = {}) {
    return exec(sql, std::span(params.begin(), params.size()));
  }
  /// Runs a statement and says how many rows it changed: for "insert ... on conflict do nothing" and the
  /// like. Costs PostgreSQL a round trip.
  virtual Result<std::int64_t> change(Sql sql, std::span<const Param> params) = 0;
  Result<std::int64_t> change(Sql sql, std::initializer_list<Param> params = {}) {
    return change(sql, std::span(params.begin(), params.size()));
  }
  /// Runs a query; calls on_row for each row until it returns false or an error. Streams: memory is bounded
  /// whatever the number of rows. on_row may run other statements, but must not change what this query reads,
  /// and a query or change inside it makes PostgreSQL keep the remaining rows in memory. Who wants few rows
  /// of many says LIMIT: the rest still comes over PostgreSQL's wire.
  virtual Result<void> query(Sql sql, std::span<const Param> params,
                             const std::function<Result<bool>(const Row&)>& on_row) = 0;
  Result<void> query(Sql sql, std::initializer_list<Param> params,
                     const std::function<Result<bool>(const Row&)>& on_row) {
    return query(sql, std::span(params.begin(), params.size()), on_row);
  }
  /// The first row through `read`, or nullopt.
  template <class F>
  auto one(Sql sql, std::initializer_list<Param> params, F&& read)
      -> Result<std::optional<std::remove_cvref_t<std::invoke_result_t<F, const Row&>>>> {
    std::optional<std::remove_cvref_t<std::invoke_result_t<F, const Row&>>> found;
    DAYAQ_TRY_OK(query(sql, params, [&](const Row& row) -> Result<bool> {
      found.emplace(read(row));
      return false;
    }));
    return found;
  }
  /// Runs `text` (DDL, several statements allowed). For migrations and tests only.
  virtual Result<void> script(std::string_view text) = 0;
};

/// In-memory state that follows commits (audit tree, grant index, feed). All calls come on the writer thread.
class CommitHook {
 public:
  virtual ~CommitHook() = default;
  /// A transaction function begins: remember where pending state stands.
  virtual void begin_transaction() = 0;
  /// The function failed: drop what it added to the pending state since begin_transaction.
  virtual void discard_transaction() = 0;
  /// All functions of the group ran: write what the group as a whole adds. An error rolls the group back.
  virtual Result<void> before_commit(Session& session) = 0;
  /// The group is durable: make the pending state the state. Called before anybody is answered.
  virtual void after_commit() noexcept = 0;
  /// The group is rolled back (and perhaps run again): drop all pending state.
  virtual void after_rollback() noexcept = 0;
};

/// A migration: runs once, in order of `number`, each in a transaction of its own. `sql` is the one text for
/// both engines, in which these words are replaced: `{blob}` (BLOB / BYTEA), `{without_rowid}` (WITHOUT ROWID /
/// nothing) and `{concat}` (group_concat / string_agg).
struct Migration {
  std::string_view room;    ///< "registry"; numbers count per room
  std::int64_t number = 0;  ///< 1, 2, 3, ... without gaps
  std::string_view sql;
};

struct Options {
  /// "sqlite:/path/to/file.db" or a libpq URL "postgresql://user@host:port/name".
  std::string url;
  int readers = 4;                      ///< connections for read()
  int group_max = 1024;                 ///< transactions in one commit at most
  std::int64_t cache_bytes = 64 << 20;  ///< SQLite page cache of the writer
  /// Size that SQLite's write-ahead log is kept near; a reader with an old snapshot lets it grow while it
  /// reads.
  std::int64_t wal_bytes_max = 160 << 20;
  /// PostgreSQL: silence after which a server is given up, and its callers answered unavailable
  /// "store.unavailable".
  std::chrono::milliseconds silence_max{30'000};
  /// Beside the program that writes: migrations aren't run, and every write answers conflict
  /// "store.read_only".
  bool read_only = false;
  int queue_max = 8192;  ///< waiting writes beyond which submit() answers unavailable "store.overload"
};

class Database {
 public:
  /// Opens or creates. Durable: SQLite WAL with synchronous=FULL; PostgreSQL synchronous_commit as the server
  /// has it (refused if off), and an advisory lock so that one node writes at a time (conflict
  /// "store.second_writer").
  static Result<std::unique_ptr<Database>> open(const Options& options);
  virtual ~Database() = default;

  [[nodiscard]] virtual Engine engine() const = 0;

  /// Runs what hasn't run yet. Give all rooms' migrations in one call: a room that isn't among them counts as
  /// newer. conflict "store.newer_schema" if the database has migrations this program doesn't know: it is
  /// refused and not touched.
  Result<void> migrate(std::span<const Migration> migrations);

  /// Hooks are called in the order they were added; add them before the first write.
  virtual void add_hook(CommitHook& hook) = 0;

  using WriteFunction = std::function<Result<void>(Session&)>;
  using Done = std::function<void(Result<void>)>;
  /// Queues a transaction; `done` is called on the writer thread once it is durable or refused, or at once on
  /// this thread with unavailable "store.overload" if the queue is full. It must neither block nor throw.
  virtual void submit(WriteFunction fn, Done done) = 0;

  /// Runs a transaction function and waits until it is durable. Returns what the function returned, or the
  /// store's error. Must not be called on the writer thread.
  template <class F>
  auto write(F&& fn) -> std::invoke_result_t<F, Session&> {
    using R = std::invoke_result_t<F, Session&>;
    std::optional<R> out;
    Result<void> committed = write_blocking([&](Session& session) -> Result<void> {
      out.emplace(fn(session));
      if (!*out) return std::unexpected(out->error());
      return {};
    });
    if (!committed) return std::unexpected(std::move(committed).error());
    return std::move(*out);
  }

  /// Runs a read-only function on a consistent snapshot, on the caller's thread with a pooled connection.
  template <class F>
  auto read(F&& fn) -> std::invoke_result_t<F, Session&> {
    using R = std::invoke_result_t<F, Session&>;
    std::optional<R> out;
    Result<void> ok = read_blocking([&](Session& session) -> Result<void> {
      out.emplace(fn(session));
      return {};
    });
    if (!ok) return std::unexpected(std::move(ok).error());
    return std::move(*out);
  }

  /// Bytes of the SQLite write-ahead log (0 for PostgreSQL): it must stay bounded.
  [[nodiscard]] virtual std::int64_t wal_bytes() const = 0;
  /// False while writes are refused because the disk is full or the connection is lost (readiness). Turns
  /// true by itself.
  [[nodiscard]] virtual bool writable() const = 0;

 protected:
  Result<void> write_blocking(const WriteFunction& fn);
  [[nodiscard]] virtual bool on_writer_thread() const = 0;
  virtual Result<void> read_blocking(const std::function<Result<void>(Session&)>& fn) = 0;
};

}  // namespace dayaq::store
