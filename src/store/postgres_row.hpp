// Rows of PostgreSQL's binary format. Not for other rooms.
#pragma once

#include <deque>

#include "store/database.hpp"

typedef struct pg_result PGresult;  // libpq-fe.h's own words

namespace dayaq::store {

/// Frees a PGresult.
struct PostgresClear {
  void operator()(PGresult* result) const;
};
using PostgresResult = std::unique_ptr<PGresult, PostgresClear>;

/// The first column whose type Row can't give, or "" if all are BIGINT, INTEGER, SMALLINT, BOOLEAN, NUMERIC
/// (a sum: whole numbers that fit 64 bits), TEXT or BYTEA.
[[nodiscard]] std::string unreadable_column(const PGresult* result);

/// One row of a result in binary format. @see PostgreSQL 15, src/backend/utils/adt: int8send, numeric_send.
class PostgresRow final : public Row {
 public:
  PostgresRow(const PGresult* result, int row) : result_(result), row_(row) {}
  [[nodiscard]] bool is_null(int column) const override;
  [[nodiscard]] std::int64_t integer(int column) const override;
  [[nodiscard]] std::string_view text(int column) const override;
  [[nodiscard]] BytesView blob(int column) const override;

 private:
  const PGresult* result_;
  int row_;
  mutable std::deque<std::string> texts_;  ///< numbers that were asked for as text, as SQLite allows
};

}  // namespace dayaq::store
