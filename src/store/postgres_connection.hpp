// One PostgreSQL connection in pipeline mode and the Session on it. Not for other rooms.
//
// Statements without a result are sent and not waited for: they wait in `pending_` until somebody needs an
// answer (query, change, the end of the transaction), and then cost one round trip together.
//
//   exec ... exec, query:   -> Bind Execute ... Bind Execute, Bind Execute Flush    <- all answers, in order
//
// A failed statement makes the server skip everything up to the next Sync, so the first failure found is
// followed by a Sync; the transaction is then known to be aborted, and `failure_` holds the reason.
//
// A server that says nothing for `silence_max` is given up: the connection is then broken and must be opened
// again.
#pragma once

#include <array>
#include <chrono>
#include <deque>
#include <memory>
#include <unordered_map>

#include "store/postgres_row.hpp"
#include "store/session_state.hpp"

typedef struct pg_conn PGconn;  // libpq-fe.h's own words

namespace dayaq::store {

struct PostgresFinish {
  void operator()(PGconn* connection) const;
};

/// Used by one thread at a time.
class PostgresConnection final : public TrackedSession {
 public:
  enum class Role { writer, reader };
  struct Settings {
    std::string url;
    Role role = Role::reader;
    std::chrono::milliseconds silence_max{30'000};
  };

  explicit PostgresConnection(Settings settings);
  ~PostgresConnection() override;

  /// Opens the connection anew, whatever state it is in. unavailable "store.unavailable".
  Result<void> connect();
  void disconnect() { (void)lost("closed"); }
  [[nodiscard]] bool broken() const { return connection_ == nullptr; }

  [[nodiscard]] Engine engine() const override { return Engine::postgresql; }
  using Session::change;
  using Session::exec;
  using Session::query;
  Result<void> exec(Sql sql, std::span<const Param> params) override;
  Result<std::int64_t> change(Sql sql, std::span<const Param> params) override;
  Result<void> query(Sql sql, std::span<const Param> params,
                     const std::function<Result<bool>(const Row&)>& on_row) override;
  Result<void> script(std::string_view text) override;

  /// Begins a read; its first query opens the connection again if the server was restarted meanwhile.
  Result<void> begin_read();
  /// Ends a read without waiting for the server.
  void end_read() noexcept;

  /// Sends a statement of the store's own ("BEGIN", "SAVEPOINT f") with the next ones.
  Result<void> send(Sql sql, std::span<const Param> params = {});
  /// Waits for the answers of all that was sent. An error is the first statement's that failed.
  Result<void> settle();
  /// Sends COMMIT and waits. An error with broken() means that its outcome is unknown.
  Result<void> commit();
  /// Forgets failures and rolls the transaction back; leaves the connection broken if that fails.
  void rollback() noexcept;
  /// Forgets failures and rolls back to savepoint `f`.
  Result<void> rollback_to_savepoint();

 private:
  struct Statement {
    std::string name;
    std::vector<unsigned> types;  ///< as declared to the server; 0 where it infers
  };
  enum class Kind { prepare, statement, sync };
  struct Pending {
    Kind kind;
    const char* sql;
  };
  class Stream;
  static constexpr Sql begin_reading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

  Result<Statement*> prepared(const char* sql, std::span<const Param> params);
  Result<void> push_out();
  Result<PostgresResult> next_result();
  Result<void> wait_for_server(bool output_left);
  /// Takes the answer of the oldest pending command; its error, if it has one, becomes failure_.
  Result<void> take_answer(std::int64_t* changed);
  Result<void> settle(std::int64_t* changed);
  Result<void> send_sync();
  Result<void> resync();
  void encode(const Statement& statement, std::span<const Param> params);
  Result<void> simple(const std::string& text, std::chrono::milliseconds silence_max);
  Result<void> stream(Sql sql, std::span<const Param> params,
                      const std::function<Result<bool>(const Row&)>& on_row, bool& delivered);
  [[nodiscard]] Error error_of(const PGresult* result, const char* sql);
  Error lost(std::string why);

  const Settings settings_;
  std::unique_ptr<PGconn, PostgresFinish> connection_;
  std::unordered_map<const char*, Statement> statements_;
  std::int64_t statements_named_ = 0;
  std::deque<Pending> pending_;
  Stream* streaming_ = nullptr;  ///< the innermost query that still has rows on the wire
  bool aborted_ = false;         ///< the server skips everything up to the next Sync
  bool first_of_read_ = false;   ///< no statement of this read was answered yet
  std::chrono::milliseconds silence_max_;
  std::vector<const char*> values_;  ///< scratch of one call, kept for its memory
  std::vector<int> lengths_;
  std::vector<int> formats_;
  std::vector<std::array<char, 24>> numbers_;
};

}  // namespace dayaq::store
