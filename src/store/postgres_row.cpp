#include "store/postgres_row.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <charconv>

namespace dayaq::store {

namespace {

// Type numbers that never change. @see PostgreSQL 15, src/include/catalog/pg_type.dat
enum Type : Oid {
  type_bool = 16,
  type_bytea = 17,
  type_name = 19,
  type_int8 = 20,
  type_int2 = 21,
  type_int4 = 23,
  type_text = 25,
  type_bpchar = 1042,
  type_varchar = 1043,
  type_numeric = 1700,
};

/// A big-endian two's complement number of 1 to 8 bytes.
std::int64_t signed_number(BytesView bytes) {
  if (bytes.empty()) return 0;
  std::uint64_t value = (bytes[0] & std::byte(0x80)) != std::byte(0) ? ~std::uint64_t(0) : 0;
  for (const std::byte byte : bytes) value = value << 8 | std::uint64_t(byte);
  return static_cast<std::int64_t>(value);
}

/// NUMERIC: digit count, weight of the first digit, sign, scale (16 bits each), then digits to the base
/// 10,000. The fraction is cut off; beyond 64 bits the number wraps, as SQLite's doesn't (it refuses such a
/// sum).
std::int64_t numeric_number(BytesView bytes) {
  if (bytes.size() < 8) return 0;
  const std::int64_t count = signed_number(bytes.subspan(0, 2));
  const std::int64_t weight = signed_number(bytes.subspan(2, 2));
  const bool negative = signed_number(bytes.subspan(4, 2)) == 0x4000;
  std::uint64_t value = 0;
  for (std::int64_t i = 0; i <= weight; ++i) {
    const auto at = static_cast<std::size_t>(8 + 2 * i);
    const std::int64_t digit = i < count && at + 2 <= bytes.size() ? signed_number(bytes.subspan(at, 2)) : 0;
    value = value * 10'000 + static_cast<std::uint64_t>(digit);
  }
  return static_cast<std::int64_t>(negative ? ~value + 1 : value);
}

BytesView raw(const PGresult* result, int row, int column) {
  return as_bytes(
      {PQgetvalue(result, row, column), static_cast<std::size_t>(PQgetlength(result, row, column))});
}

bool is_number(Oid type) {
  return type == type_int8 || type == type_int4 || type == type_int2 || type == type_bool ||
         type == type_numeric;
}

bool is_text(Oid type) {
  return type == type_text || type == type_varchar || type == type_bpchar || type == type_name;
}

}  // namespace

void PostgresClear::operator()(PGresult* result) const {
  PQclear(result);
}

std::string unreadable_column(const PGresult* result) {
  for (int column = 0; column < PQnfields(result); ++column) {
    const Oid type = PQftype(result, column);
    if (!is_number(type) && !is_text(type) && type != type_bytea) {
      return fmt::format("column {} has type {}", PQfname(result, column), type);
    }
  }
  return {};
}

bool PostgresRow::is_null(int column) const {
  return PQgetisnull(result_, row_, column) != 0;
}

std::int64_t PostgresRow::integer(int column) const {
  if (is_null(column)) return 0;
  const BytesView bytes = raw(result_, row_, column);
  const Oid type = PQftype(result_, column);
  if (type == type_numeric) return numeric_number(bytes);
  if (is_number(type)) return signed_number(bytes);
  std::int64_t value = 0;  // A text that is a number, as SQLite reads it.
  const auto* begin = reinterpret_cast<const char*>(bytes.data());
  std::from_chars(begin, begin + bytes.size(), value);
  return value;
}

std::string_view PostgresRow::text(int column) const {
  if (is_null(column)) return {};
  if (is_number(PQftype(result_, column))) return texts_.emplace_back(std::to_string(integer(column)));
  return as_text(raw(result_, row_, column));
}

BytesView PostgresRow::blob(int column) const {
  if (is_null(column)) return {};
  return raw(result_, row_, column);
}

}  // namespace dayaq::store
