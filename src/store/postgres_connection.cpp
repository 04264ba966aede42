#include "store/postgres_connection.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "store/errors.hpp"

namespace dayaq::store {

namespace {

constexpr Oid type_int8 = 20;
constexpr Oid type_text = 25;
constexpr Oid type_bytea = 17;
/// Migrations may build an index over everybody: they get this long.
constexpr std::chrono::hours script_silence_max{6};

Oid declared_type(const Param& param) {
  switch (param.index()) {
    case 1:
      return type_int8;
    case 2:
      return type_text;
    case 3:
      return type_bytea;
    default:
      return 0;
  }
}

void to_big_endian(std::int64_t number, char* out) {
  const auto bits = static_cast<std::uint64_t>(number);
  for (int i = 0; i < 8; ++i) out[i] = static_cast<char>(bits >> (56 - 8 * i) & 0xff);
}

/// What a SQLSTATE means to the caller. @see PostgreSQL 15, appendix A.
Error error_of_state(std::string_view state, PostgresConnection::Role role, std::string what) {
  if (state == "23505") return duplicate_error(std::move(what));
  if (state == "53100") return full_error(std::move(what));
  if (state == "57014" || state == "55P03" || state == "40001" || state == "40P01") {
    return Error{ErrorKind::unavailable,
                 "store.timeout",
                 "This took too long. Please try again in a moment.",
                 std::move(what),
                 {},
                 0,
                 0};
  }
  // A standby that was the primary a moment ago; for a reader it is a defect, since readers never write.
  if (state == "25006" && role == PostgresConnection::Role::writer) return unavailable_error(std::move(what));
  if (state.starts_with("53") || state.starts_with("57") || state.starts_with("58")) {
    return unavailable_error(std::move(what));
  }
  return sql_error(std::move(what));
}

}  // namespace

void PostgresFinish::operator()(PGconn* connection) const {
  PQfinish(connection);
}

PostgresConnection::PostgresConnection(Settings settings)
    : settings_(std::move(settings)), silence_max_(settings_.silence_max) {}

PostgresConnection::~PostgresConnection() = default;

Result<void> PostgresConnection::connect() {
  connection_.reset();
  statements_.clear();
  pending_.clear();
  streaming_ = nullptr;
  aborted_ = false;
  // What stands before dbname are defaults that the URL may override.
  const char* const keys[] = {"connect_timeout",
                              "tcp_user_timeout",
                              "keepalives_idle",
                              "keepalives_interval",
                              "keepalives_count",
                              "application_name",
                              "dbname",
                              "client_encoding",
                              nullptr};
  const char* const values[] = {"3", "10000", "5", "2", "3", "dayaq", settings_.url.c_str(), "UTF8", nullptr};
  connection_.reset(PQconnectdbParams(keys, values, 1));
  if (PQstatus(connection_.get()) != CONNECTION_OK) {
    return std::unexpected(lost(PQerrorMessage(connection_.get())));
  }
  PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);
  if (PQsetnonblocking(connection_.get(), 1) != 0) {
    return std::unexpected(lost(PQerrorMessage(connection_.get())));
  }
  // The server gives up a statement shortly before this side gives up the server. A reader may stream for
  // long.
  const bool writer = settings_.role == Role::writer;
  const auto statement_max = writer ? settings_.silence_max.count() * 9 / 10 : 0;
  return simple(
      fmt::format("SET statement_timeout = {}; SET lock_timeout = {}; SET jit = off;"
                  "SET idle_in_transaction_session_timeout = 300000; SET standard_conforming_strings = on;"
                  "SET client_connection_check_interval = 2000",
                  statement_max, statement_max / 2),
      settings_.silence_max);
}

Error PostgresConnection::lost(std::string why) {
  // libpq's messages have several lines; a log line has one.
  std::ranges::replace_if(why, [](char c) { return c == '\n' || c == '\t'; }, ' ');
  connection_.reset();
  statements_.clear();
  pending_.clear();
  streaming_ = nullptr;
  aborted_ = false;
  failure_ = unavailable_error(std::move(why));
  return *failure_;
}

Error PostgresConnection::error_of(const PGresult* result, const char* sql) {
  const auto field = [&](int code) {
    const char* text = PQresultErrorField(result, code);
    return std::string_view(text == nullptr ? "" : text);
  };
  const auto state = field(PG_DIAG_SQLSTATE);
  const auto severity = field(PG_DIAG_SEVERITY_NONLOCALIZED);
  // The message alone: the server's DETAIL quotes values, and logs carry none.
  auto what = fmt::format("{} {}: {}", state, field(PG_DIAG_MESSAGE_PRIMARY), sql);
  if (state.empty()) return lost(PQresultErrorMessage(result));
  if (severity == "FATAL" || severity == "PANIC") return lost(std::move(what));
  return error_of_state(state, settings_.role, std::move(what));
}

/// Waits until the socket can be read (or written, while output is left). A signal or a byte starts the wait
/// anew.
Result<void> PostgresConnection::wait_for_server(bool output_left) {
  pollfd socket{.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
  if (output_left) socket.events |= POLLOUT;
  const int ready = poll(&socket, 1, static_cast<int>(silence_max_.count()));
  if (ready < 0 && errno == EINTR) return {};
  if (ready == 0) {
    return std::unexpected(lost(fmt::format("the server said nothing for {} ms", silence_max_.count())));
  }
  if (ready < 0) return std::unexpected(lost("poll failed"));
  if ((socket.revents & (POLLIN | POLLERR | POLLHUP)) != 0 && PQconsumeInput(connection_.get()) == 0) {
    return std::unexpected(lost(PQerrorMessage(connection_.get())));
  }
  return {};
}

Result<void> PostgresConnection::push_out() {
  for (;;) {
    const int left = PQflush(connection_.get());
    if (left == 0) return {};
    if (left < 0) return std::unexpected(lost(PQerrorMessage(connection_.get())));
    DAYAQ_TRY_OK(wait_for_server(true));
  }
}

/// The next result; null at the end of a command's results.
Result<PostgresResult> PostgresConnection::next_result() {
  while (PQisBusy(connection_.get()) != 0) {
    const int left = PQflush(connection_.get());
    if (left < 0) return std::unexpected(lost(PQerrorMessage(connection_.get())));
    DAYAQ_TRY_OK(wait_for_server(left > 0));
  }
  PostgresResult result(PQgetResult(connection_.get()));
  if (PQstatus(connection_.get()) != CONNECTION_OK)
    return std::unexpected(lost(PQerrorMessage(connection_.get())));
  return result;
}

Result<void> PostgresConnection::take_answer(std::int64_t* changed) {
  const Pending head = pending_.front();
  for (;;) {
    DAYAQ_TRY(const PostgresResult result, next_result());
    if (!result) break;
    switch (PQresultStatus(result.get())) {
      case PGRES_PIPELINE_SYNC:
        if (head.kind != Kind::sync) return std::unexpected(lost("out of step with the server"));
        aborted_ = false;
        pending_.pop_front();
        return {};
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK: {
        const std::string_view count = PQcmdTuples(result.get());
        if (changed != nullptr) std::from_chars(count.data(), count.data() + count.size(), *changed);
        // COMMIT of an aborted transaction succeeds, and rolls back.
        if (head.kind == Kind::statement && std::string_view(head.sql) == "COMMIT" &&
            std::string_view(PQcmdStatus(result.get())) != "COMMIT") {
          (void)remember(sql_error("the transaction was aborted before its commit"));
        }
        break;
      }
      default:
        aborted_ = true;
        if (head.kind == Kind::prepare) statements_.erase(head.sql);
        if (PQresultStatus(result.get()) == PGRES_PIPELINE_ABORTED) break;
        (void)remember(error_of(result.get(), head.sql));
        if (broken()) return std::unexpected(*failure_);
    }
  }
  if (head.kind == Kind::sync) return std::unexpected(lost("out of step with the server"));
  pending_.pop_front();
  return {};
}

/// The rows of one query, as they come over the wire; what isn't wanted is taken off the wire when it ends.
class PostgresConnection::Stream {
 public:
  explicit Stream(PostgresConnection& connection) : connection_(connection) { connection_.streaming_ = this; }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    while (!ended_ && next()) {
    }
    leave();
  }

  /// The next row's result, or null at the end or after a failure.
  PostgresResult next() {
    if (!kept_.empty()) {
      PostgresResult row = std::move(kept_.front());
      kept_.pop_front();
      return row;
    }
    return ended_ ? nullptr : from_wire();
  }
  /// Another statement needs the wire: the rest of the rows goes to memory.
  void keep_rest() {
    while (!ended_) {
      if (PostgresResult row = from_wire()) kept_.push_back(std::move(row));
    }
  }

 private:
  PostgresResult from_wire() {
    for (;;) {
      auto result = connection_.next_result();
      if (!result || !*result) {
        if (result) connection_.pending_.pop_front();
        leave();
        return nullptr;
      }
      const auto status = PQresultStatus(result->get());
      if (status == PGRES_SINGLE_TUPLE) return std::move(*result);
      if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        const std::string_view tag = PQcmdStatus(result->get());
        if (!tag.starts_with("SELECT")) connection_.wrote_ = true;  // INSERT ... RETURNING, for one.
        continue;
      }
      connection_.aborted_ = true;
      if (status == PGRES_PIPELINE_ABORTED) continue;
      (void)connection_.remember(connection_.error_of(result->get(), connection_.pending_.front().sql));
      if (connection_.broken()) {
        leave();
        return nullptr;
      }
    }
  }
  void leave() {
    ended_ = true;
    if (connection_.streaming_ == this) connection_.streaming_ = nullptr;
  }

  PostgresConnection& connection_;
  std::deque<PostgresResult> kept_;
  bool ended_ = false;
};

Result<void> PostgresConnection::settle(std::int64_t* changed) {
  if (broken()) return remember(unavailable_error("there is no connection"));
  if (streaming_ != nullptr) streaming_->keep_rest();
  if (!pending_.empty()) {
    if (PQsendFlushRequest(connection_.get()) == 0)
      return std::unexpected(lost(PQerrorMessage(connection_.get())));
    DAYAQ_TRY_OK(push_out());
  }
  while (!pending_.empty()) DAYAQ_TRY_OK(take_answer(pending_.size() == 1 ? changed : nullptr));
  if (aborted_) DAYAQ_TRY_OK(resync());
  if (failure_) return std::unexpected(*failure_);
  return {};
}

Result<void> PostgresConnection::settle() {
  return settle(nullptr);
}

Result<void> PostgresConnection::send_sync() {
  if (PQpipelineSync(connection_.get()) == 0) return std::unexpected(lost(PQerrorMessage(connection_.get())));
  pending_.push_back({Kind::sync, ""});
  return {};
}

Result<void> PostgresConnection::resync() {
  DAYAQ_TRY_OK(send_sync());
  DAYAQ_TRY_OK(push_out());
  while (!pending_.empty()) DAYAQ_TRY_OK(take_answer(nullptr));
  return {};
}

Result<PostgresConnection::Statement*> PostgresConnection::prepared(const char* sql,
                                                                    std::span<const Param> params) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return &found->second;
  Statement statement;
  statement.name = fmt::format("s{}", ++statements_named_);
  for (const Param& param : params) statement.types.push_back(declared_type(param));
  if (PQsendPrepare(connection_.get(), statement.name.c_str(), sql, static_cast<int>(params.size()),
                    statement.types.data()) == 0) {
    return std::unexpected(lost(PQerrorMessage(connection_.get())));
  }
  pending_.push_back({Kind::prepare, sql});
  return &statements_.emplace(sql, std::move(statement)).first->second;
}

void PostgresConnection::encode(const Statement& statement, std::span<const Param> params) {
  const std::size_t count = params.size();
  values_.assign(count, nullptr);
  lengths_.assign(count, 0);
  formats_.assign(count, 1);
  if (numbers_.size() < count) numbers_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Oid type = i < statement.types.size() ? statement.types[i] : 0;
    if (const auto* number = std::get_if<std::int64_t>(&params[i])) {
      char* out = numbers_[i].data();
      values_[i] = out;
      if (type == type_int8) {
        to_big_endian(*number, out);
        lengths_[i] = 8;
      } else {  // The server inferred the type when the first value was NULL: only text fits whatever it is.
        *std::to_chars(out, out + numbers_[i].size() - 1, *number).ptr = '\0';
        formats_[i] = 0;
      }
    } else if (const auto* text = std::get_if<std::string_view>(&params[i])) {
      values_[i] = text->data() == nullptr ? "" : text->data();
      lengths_[i] = static_cast<int>(text->size());
    } else if (const auto* bytes = std::get_if<BytesView>(&params[i])) {
      values_[i] = bytes->empty() ? "" : reinterpret_cast<const char*>(bytes->data());
      lengths_[i] = static_cast<int>(bytes->size());
    }
  }
}

Result<void> PostgresConnection::send(Sql sql, std::span<const Param> params) {
  if (broken()) return remember(unavailable_error("there is no connection"));
  DAYAQ_TRY(const Statement* statement, prepared(sql.text, params));
  encode(*statement, params);
  constexpr int binary = 1;
  if (PQsendQueryPrepared(connection_.get(), statement->name.c_str(), static_cast<int>(params.size()),
                          values_.data(), lengths_.data(), formats_.data(), binary) == 0) {
    return std::unexpected(lost(PQerrorMessage(connection_.get())));
  }
  pending_.push_back({Kind::statement, sql.text});
  return {};
}

Result<void> PostgresConnection::exec(Sql sql, std::span<const Param> params) {
  if (failure_) return std::unexpected(*failure_);
  wrote_ = true;
  first_of_read_ = false;
  return send(sql, params);
}

Result<std::int64_t> PostgresConnection::change(Sql sql, std::span<const Param> params) {
  DAYAQ_TRY_OK(exec(sql, params));
  std::int64_t changed = 0;
  DAYAQ_TRY_OK(settle(&changed));
  return changed;
}

Result<void> PostgresConnection::script(std::string_view text) {
  if (failure_) return std::unexpected(*failure_);
  wrote_ = true;
  first_of_read_ = false;
  DAYAQ_TRY_OK(settle());
  DAYAQ_TRY_OK(resync());
  if (PQexitPipelineMode(connection_.get()) == 0)
    return std::unexpected(lost(PQerrorMessage(connection_.get())));
  return simple("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; " + std::string(text),
                script_silence_max);
}

/// Runs statements outside of pipeline mode, and enters it.
Result<void> PostgresConnection::simple(const std::string& text, std::chrono::milliseconds silence_max) {
  if (PQsendQuery(connection_.get(), text.c_str()) == 0)
    return std::unexpected(lost(PQerrorMessage(connection_.get())));
  DAYAQ_TRY_OK(push_out());
  silence_max_ = silence_max;
  for (;;) {
    auto result = next_result();
    if (!result) {
      silence_max_ = settings_.silence_max;
      return std::unexpected(std::move(result).error());
    }
    if (!*result) break;
    const auto status = PQresultStatus(result->get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
      (void)remember(error_of(result->get(), "script"));
      if (broken()) break;
    }
  }
  silence_max_ = settings_.silence_max;
  if (failure_) {
    if (!broken() && PQenterPipelineMode(connection_.get()) == 0)
      return std::unexpected(lost("pipeline mode"));
    return std::unexpected(*failure_);
  }
  if (PQenterPipelineMode(connection_.get()) == 0) return std::unexpected(lost("pipeline mode"));
  return {};
}

Result<void> PostgresConnection::stream(Sql sql, std::span<const Param> params,
                                        const std::function<Result<bool>(const Row&)>& on_row,
                                        bool& delivered) {
  if (streaming_ != nullptr) streaming_->keep_rest();
  DAYAQ_TRY_OK(send(sql, params));
  if (PQsendFlushRequest(connection_.get()) == 0)
    return std::unexpected(lost(PQerrorMessage(connection_.get())));
  DAYAQ_TRY_OK(push_out());
  while (pending_.size() > 1) DAYAQ_TRY_OK(take_answer(nullptr));
  if (failure_) return settle();
  if (PQsetSingleRowMode(connection_.get()) == 0) return std::unexpected(lost("no single-row mode"));
  {
    Stream rows(*this);
    while (const PostgresResult result = rows.next()) {
      if (!delivered) {
        auto unreadable = unreadable_column(result.get());
        if (!unreadable.empty()) return remember(sql_error(fmt::format("{}: {}", unreadable, sql.text)));
        delivered = true;
      }
      DAYAQ_TRY(const bool more, on_row(PostgresRow(result.get(), 0)));
      if (!more) break;
      // A statement in on_row may have failed and ended the session.
      if (failure_) break;
    }
  }
  if (failure_ && !broken()) return settle();
  if (failure_) return std::unexpected(*failure_);
  return {};
}

Result<void> PostgresConnection::query(Sql sql, std::span<const Param> params,
                                       const std::function<Result<bool>(const Row&)>& on_row) {
  if (failure_) return std::unexpected(*failure_);
  bool delivered = false;
  const bool first = std::exchange(first_of_read_, false);
  Result<void> done = stream(sql, params, on_row, delivered);
  if (!done && first && broken() && !delivered) {
    // The server was restarted since the last read. Nothing was seen of it yet, so the read begins anew.
    failure_.reset();
    DAYAQ_TRY_OK(connect());
    DAYAQ_TRY_OK(send(begin_reading));
    done = stream(sql, params, on_row, delivered);
  }
  return done;
}

Result<void> PostgresConnection::begin_read() {
  start_function();
  if (broken()) DAYAQ_TRY_OK(connect());
  first_of_read_ = true;
  return send(begin_reading);
}

void PostgresConnection::end_read() noexcept {
  if (broken()) return;
  if (failure_ || aborted_) {
    rollback();
  } else if (send("COMMIT") && send_sync()) {
    (void)push_out();
  }
}

Result<void> PostgresConnection::commit() {
  if (failure_) return settle();
  DAYAQ_TRY_OK(send("COMMIT"));
  DAYAQ_TRY_OK(send_sync());
  return settle();
}

void PostgresConnection::rollback() noexcept {
  failure_.reset();
  if (broken()) return;
  (void)settle();
  failure_.reset();
  if (broken()) return;
  if (!send("ROLLBACK") || !settle()) (void)lost("the transaction can't be rolled back");
  failure_.reset();
}

Result<void> PostgresConnection::rollback_to_savepoint() {
  failure_.reset();
  (void)settle();
  if (broken()) return std::unexpected(*failure_);
  failure_.reset();
  DAYAQ_TRY_OK(send("ROLLBACK TO f"));
  DAYAQ_TRY_OK(send("RELEASE f"));
  return settle();
}

}  // namespace dayaq::store
