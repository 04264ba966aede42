#include "store/sqlite_connection.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <mutex>

#include "store/errors.hpp"
#include "store/log_file.hpp"

namespace dayaq::store {

namespace {

/// Once, before the first connection: without allocation statistics SQLite takes no lock in each malloc.
void configure_library() {
  static std::once_flag once;
  std::call_once(once, [] { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); });
}

/// The row that a statement stands on.
class SqliteRow final : public Row {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}
  [[nodiscard]] bool is_null(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  [[nodiscard]] std::int64_t integer(int column) const override {
    return sqlite3_column_int64(statement_, column);
  }
  [[nodiscard]] std::string_view text(int column) const override {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (data == nullptr) return {};
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }
  [[nodiscard]] BytesView blob(int column) const override {
    const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
    if (data == nullptr) return {};
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3_stmt* statement_;
};

int bind_one(sqlite3_stmt* statement, int place, const Param& param) {
  switch (param.index()) {
    case 0:
      return sqlite3_bind_null(statement, place);
    case 1:
      return sqlite3_bind_int64(statement, place, std::get<1>(param));
    case 2: {
      // A null pointer would bind NULL: an empty view isn't NULL.
      const auto text = std::get<2>(param);
      return sqlite3_bind_text64(statement, place, text.data() == nullptr ? "" : text.data(), text.size(),
                                 SQLITE_STATIC, SQLITE_UTF8);
    }
    default: {
      const auto bytes = std::get<3>(param);
      if (bytes.empty()) return sqlite3_bind_zeroblob(statement, place, 0);
      return sqlite3_bind_blob64(statement, place, bytes.data(), bytes.size(), SQLITE_STATIC);
    }
  }
}

}  // namespace

void SqliteClose::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);
}
void SqliteFinalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Error sqlite_error(int extended_code, int system_errno, std::string what) {
  switch (extended_code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return duplicate_error(std::move(what));
    case SQLITE_IOERR_SHMSIZE:
      return full_error(std::move(what));
    default:
      break;
  }
  switch (extended_code & 0xff) {
    case SQLITE_FULL:
      return full_error(std::move(what));
    case SQLITE_IOERR:
      if (system_errno == ENOSPC || system_errno == EDQUOT) return full_error(std::move(what));
      return unavailable_error(std::move(what));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_PROTOCOL:
    case SQLITE_CANTOPEN:
      return unavailable_error(std::move(what));
    default:
      return sql_error(std::move(what));
  }
}

/// Marks a cached statement as taken while it steps, and resets it on every way out.
class SqliteConnection::Lease {
 public:
  explicit Lease(Statement& statement) : statement_(statement) { statement_.busy = true; }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    sqlite3_reset(statement_.handle.get());
    statement_.busy = false;
  }

 private:
  Statement& statement_;
};

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const std::string& path, Access access,
                                                                 std::int64_t cache_bytes) {
  configure_library();
  const int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (access == Access::write ? SQLITE_OPEN_CREATE : 0);
  sqlite3* handle = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &handle, flags, log_vfs());
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(handle));
  if (opened != SQLITE_OK) {
    return fail(ErrorKind::unavailable, "store.open",
                "The database can't be opened. Check that its folder exists and may be written.",
                fmt::format("{}: {}", path, sqlite3_errmsg(handle)));
  }
  sqlite3_extended_result_codes(handle, 1);
  // Another program (the sqlite3 shell, a backup) may hold a lock for a moment.
  sqlite3_busy_timeout(handle, busy_timeout_ms);
  // The page size counts only for a new file; memory for sorting stays off the disk that may be full.
  DAYAQ_TRY_OK(connection->script(fmt::format(
      "PRAGMA page_size={}; PRAGMA cache_size=-{}; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON;"
      "PRAGMA trusted_schema=OFF;",
      page_bytes, cache_bytes / 1024)));
  if (access == Access::read) {
    DAYAQ_TRY_OK(connection->script("PRAGMA query_only=ON"));
  } else {
    DAYAQ_TRY_OK(
        connection->script("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0"));
  }
  // A connection joins the write-ahead log when it first reads: until then a checkpoint on it does nothing.
  DAYAQ_TRY_OK(connection->script("SELECT count(*) FROM sqlite_schema"));
  return connection;
}

Error SqliteConnection::error_now(int code, const char* sql) const {
  sqlite3* handle = connection_.get();
  return sqlite_error(code, sqlite3_system_errno(handle), fmt::format("{}: {}", sqlite3_errmsg(handle), sql));
}

Result<SqliteConnection::Statement> SqliteConnection::prepare(const char* text) {
  Statement statement;
  sqlite3_stmt* handle = nullptr;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v3(connection_.get(), text, -1, SQLITE_PREPARE_PERSISTENT, &handle, &rest);
  statement.handle.reset(handle);
  if (code != SQLITE_OK) return std::unexpected(error_now(code, text));
  if (handle == nullptr || std::strspn(rest, " \t\r\n;") != std::strlen(rest)) {
    return std::unexpected(sql_error(fmt::format("not one statement: {}", text)));
  }
  // SQLite numbers $2 ... $1 by appearance, so each is asked for its name.
  const int count = sqlite3_bind_parameter_count(handle);
  for (int place = 1; place <= count; ++place) {
    const char* name = sqlite3_bind_parameter_name(handle, place);
    std::size_t number = 0;
    if (name != nullptr) std::from_chars(name + 1, name + std::strlen(name), number);
    if (number == 0 || number > 1000)
      return std::unexpected(sql_error(fmt::format("parameters are $n: {}", text)));
    if (statement.places.size() < number) statement.places.resize(number, 0);
    statement.places[number - 1] = place;
  }
  return statement;
}

Result<SqliteConnection::Statement*> SqliteConnection::cached(Sql sql) {
  auto found = statements_.find(sql.text);
  if (found == statements_.end()) {
    DAYAQ_TRY(auto statement, prepare(sql.text));
    found = statements_.emplace(sql.text, std::move(statement)).first;
  }
  return &found->second;
}

Result<void> SqliteConnection::bind(const Statement& statement, std::span<const Param> params) {
  if (params.size() != statement.places.size()) {
    return std::unexpected(
        sql_error(fmt::format("{} parameters instead of {}: {}", params.size(), statement.places.size(),
                              sqlite3_sql(statement.handle.get()))));
  }
  for (std::size_t i = 0; i < params.size(); ++i) {
    if (statement.places[i] == 0) continue;
    const int code = bind_one(statement.handle.get(), statement.places[i], params[i]);
    if (code != SQLITE_OK) return std::unexpected(error_now(code, sqlite3_sql(statement.handle.get())));
  }
  return {};
}

/// Binds and steps to the end. A statement that a query above is still using is prepared a second time.
Result<void> SqliteConnection::run(Sql sql, std::span<const Param> params) {
  DAYAQ_TRY(Statement * statement, cached(sql));
  Statement second;
  if (statement->busy) {
    DAYAQ_TRY(second, prepare(sql.text));
    statement = &second;
  }
  DAYAQ_TRY_OK(bind(*statement, params));
  const Lease lease(*statement);
  int code = SQLITE_ROW;
  while (code == SQLITE_ROW) code = sqlite3_step(statement->handle.get());
  if (code != SQLITE_DONE) return std::unexpected(error_now(code, sql.text));
  return {};
}

Result<void> SqliteConnection::exec(Sql sql, std::span<const Param> params) {
  if (failure_) return std::unexpected(*failure_);
  wrote_ = true;
  auto done = run(sql, params);
  if (!done) return remember(std::move(done).error());
  return {};
}

Result<std::int64_t> SqliteConnection::change(Sql sql, std::span<const Param> params) {
  DAYAQ_TRY_OK(exec(sql, params));
  return sqlite3_changes64(connection_.get());
}

Result<void> SqliteConnection::query(Sql sql, std::span<const Param> params,
                                     const std::function<Result<bool>(const Row&)>& on_row) {
  if (failure_) return std::unexpected(*failure_);
  auto leased = cached(sql);
  if (!leased) return remember(std::move(leased).error());
  Statement* statement = *leased;
  Statement second;
  if (statement->busy) {
    auto prepared = prepare(sql.text);
    if (!prepared) return remember(std::move(prepared).error());
    second = std::move(*prepared);
    statement = &second;
  }
  auto bound = bind(*statement, params);
  if (!bound) return remember(std::move(bound).error());
  const Lease lease(*statement);
  sqlite3_stmt* handle = statement->handle.get();
  if (sqlite3_stmt_readonly(handle) == 0) wrote_ = true;  // INSERT ... RETURNING, for one.
  const SqliteRow row(handle);
  int code = sqlite3_step(handle);
  for (; code == SQLITE_ROW; code = sqlite3_step(handle)) {
    DAYAQ_TRY(const bool more, on_row(row));
    if (!more) return {};
    // A statement in on_row may have failed and ended the session.
    if (failure_) return std::unexpected(*failure_);
  }
  if (code != SQLITE_DONE) return remember(error_now(code, sql.text));
  return {};
}

Result<void> SqliteConnection::script(std::string_view text) {
  if (failure_) return std::unexpected(*failure_);
  wrote_ = true;
  const std::string sql(text);
  const int code = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return remember(error_now(code, sql.c_str()));
  return {};
}

Result<void> SqliteConnection::control(Sql sql) {
  return run(sql, {});
}

void SqliteConnection::rollback() noexcept {
  if (sqlite3_get_autocommit(connection_.get()) == 0) (void)control("ROLLBACK");
}

}  // namespace dayaq::store
