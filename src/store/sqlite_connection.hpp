// One SQLite connection and the Session on it. Not for other rooms.
#pragma once

#include <memory>
#include <unordered_map>

#include "store/session_state.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace dayaq::store {

/// SQLite's page size for new files. 4096 writes less for each change of a random row than 8192, and that is
/// what grants and balances do.
inline constexpr int page_bytes = 4096;
/// How long a connection waits for a lock that another program holds.
inline constexpr int busy_timeout_ms = 2000;

struct SqliteClose {
  void operator()(sqlite3* connection) const;
};
struct SqliteFinalize {
  void operator()(sqlite3_stmt* statement) const;
};

/// Used by one thread at a time. Statements are prepared once and found again by their literal's address.
class SqliteConnection final : public TrackedSession {
 public:
  enum class Access { write, read };

  /// Opens (and for `write` creates) the database in WAL mode. unavailable "store.open".
  static Result<std::unique_ptr<SqliteConnection>> open(const std::string& path, Access access,
                                                        std::int64_t cache_bytes);

  [[nodiscard]] Engine engine() const override { return Engine::sqlite; }
  using Session::change;
  using Session::exec;
  using Session::query;
  Result<void> exec(Sql sql, std::span<const Param> params) override;
  Result<std::int64_t> change(Sql sql, std::span<const Param> params) override;
  Result<void> query(Sql sql, std::span<const Param> params,
                     const std::function<Result<bool>(const Row&)>& on_row) override;
  Result<void> script(std::string_view text) override;

  /// Runs a statement of the store's own ("begin immediate", "savepoint f"); not a part of a function's
  /// session.
  Result<void> control(Sql sql);
  /// Rolls back if a transaction is open; SQLite itself may have done so after an error.
  void rollback() noexcept;
  [[nodiscard]] sqlite3* handle() const { return connection_.get(); }

 private:
  struct Statement {
    std::unique_ptr<sqlite3_stmt, SqliteFinalize> handle;
    std::vector<int> places;  ///< SQLite's index of $1, $2, ...; 0 if the text doesn't name it
    bool busy = false;        ///< in use by a query that is calling on_row
  };
  class Lease;

  explicit SqliteConnection(sqlite3* connection) : connection_(connection) {}
  Result<Statement> prepare(const char* text);
  Result<Statement*> cached(Sql sql);
  Result<void> bind(const Statement& statement, std::span<const Param> params);
  Result<void> run(Sql sql, std::span<const Param> params);
  [[nodiscard]] Error error_now(int code, const char* sql) const;

  std::unique_ptr<sqlite3, SqliteClose> connection_;
  std::unordered_map<const char*, Statement> statements_;
};

/// The store's Error for a SQLite result code. `what` goes to the log.
[[nodiscard]] Error sqlite_error(int extended_code, int system_errno, std::string what);

}  // namespace dayaq::store
