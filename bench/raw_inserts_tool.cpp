// links: dayaq::base PkgConfig::SQLITE PkgConfig::PQ
// The limit of `attest`: the same rows that an attestation writes, inserted by nothing but the engine's own
// client.
//
//   raw_inserts_tool sqlite SOURCE.db COUNT FOLDER   rows of SOURCE's last COUNT attestations, 256 in a
//   commit raw_inserts_tool postgresql SOURCE.db COUNT URL  the same rows, one attestation a transaction, 16
//   connections
//
// SOURCE is a node's SQLite database. Prints attestations a second.
#include <fmt/format.h>
#include <libpq-fe.h>
#include <sqlite3.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

namespace {

struct Cell {
  int type = SQLITE_NULL;
  std::int64_t integer = 0;
  std::string bytes;
};
using Cells = std::vector<Cell>;
struct Rows {
  std::vector<Cells> attestations, entries;
};

[[noreturn]] void stop(const std::string& what) {
  fmt::print(stderr, "raw_inserts_tool: {}\n", what);
  std::exit(1);
}

sqlite3* open_sqlite(const std::string& path) {
  sqlite3* db = nullptr;
  if (sqlite3_open(path.c_str(), &db) != SQLITE_OK) stop(sqlite3_errmsg(db));
  return db;
}

void run(sqlite3* db, const std::string& sql) {
  if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    stop(sql + ": " + sqlite3_errmsg(db));
}

std::vector<Cells> read(sqlite3* db, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) stop(sqlite3_errmsg(db));
  std::vector<Cells> rows;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    Cells cells(static_cast<std::size_t>(sqlite3_column_count(statement)));
    for (int i = 0; i < static_cast<int>(cells.size()); ++i) {
      Cell& cell = cells[static_cast<std::size_t>(i)];
      cell.type = sqlite3_column_type(statement, i);
      cell.integer = sqlite3_column_int64(statement, i);
      if (const void* blob = sqlite3_column_blob(statement, i)) {
        cell.bytes.assign(static_cast<const char*>(blob),
                          static_cast<std::size_t>(sqlite3_column_bytes(statement, i)));
      }
    }
    rows.push_back(std::move(cells));
  }
  sqlite3_finalize(statement);
  return rows;
}

Rows read_rows(const std::string& source, int count) {
  sqlite3* db = open_sqlite(source);
  Rows rows{
      read(db, fmt::format("SELECT * FROM attestation ORDER BY recorded DESC LIMIT {}", count)),
      read(db, fmt::format("SELECT * FROM audit_entry WHERE person_id IS NOT NULL ORDER BY idx DESC LIMIT {}",
                           count))};
  sqlite3_close(db);
  if (rows.attestations.size() != rows.entries.size() || rows.entries.empty())
    stop("the source has too few attestations");
  return rows;
}

void insert(sqlite3_stmt* statement, const Cells& cells) {
  for (int i = 0; i < static_cast<int>(cells.size()); ++i) {
    const Cell& cell = cells[static_cast<std::size_t>(i)];
    const int size = static_cast<int>(cell.bytes.size());
    if (cell.type == SQLITE_INTEGER)
      sqlite3_bind_int64(statement, i + 1, cell.integer);
    else if (cell.type == SQLITE_TEXT)
      sqlite3_bind_text(statement, i + 1, cell.bytes.data(), size, SQLITE_STATIC);
    else if (cell.type == SQLITE_BLOB)
      sqlite3_bind_blob(statement, i + 1, cell.bytes.data(), size, SQLITE_STATIC);
    else
      sqlite3_bind_null(statement, i + 1);
  }
  if (sqlite3_step(statement) != SQLITE_DONE) stop("insert failed");
  sqlite3_reset(statement);
}

/// As the node's database is: the same schema, and what was there before these attestations.
double with_sqlite(const std::string& source, const Rows& rows, const std::string& folder) {
  const std::string path = folder + "/raw.db";
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  sqlite3* from = open_sqlite(source);
  const auto schema = read(
      from,
      "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name IN ('attestation','audit_entry')");
  const auto page = read(from, "PRAGMA page_size");
  sqlite3_close(from);
  sqlite3* db = open_sqlite(path);
  run(db,
      fmt::format(
          "PRAGMA page_size={}; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536",
          page.at(0).at(0).integer));
  for (const Cells& sql : schema) run(db, sql.at(0).bytes);
  run(db, fmt::format("ATTACH '{}' AS source; BEGIN", source));
  run(db, fmt::format("INSERT INTO attestation SELECT * FROM source.attestation WHERE recorded < {}",
                      rows.attestations.back().at(7).integer));
  run(db, fmt::format("INSERT INTO audit_entry SELECT * FROM source.audit_entry WHERE idx < {}",
                      rows.entries.back().at(0).integer));
  run(db, "COMMIT; DETACH source; PRAGMA wal_checkpoint(TRUNCATE)");
  sqlite3_stmt* attest = nullptr;
  sqlite3_stmt* entry = nullptr;
  sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO attestation VALUES (?,?,?,?,?,?,?,?,?)", -1, &attest,
                     nullptr);
  sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO audit_entry VALUES (?,?,?,?,?,?)", -1, &entry, nullptr);
  const double seconds = dayaq::bench::seconds_of([&] {
    for (std::size_t i = rows.entries.size(); i-- > 0;) {
      if ((rows.entries.size() - 1 - i) % 256 == 0)
        run(db, i + 1 == rows.entries.size() ? "BEGIN" : "COMMIT; BEGIN");
      insert(attest, rows.attestations[i]);
      insert(entry, rows.entries[i]);
    }
    run(db, "COMMIT");
  });
  sqlite3_finalize(attest);
  sqlite3_finalize(entry);
  sqlite3_close(db);
  return static_cast<double>(rows.entries.size()) / seconds;
}

void send(PGconn* connection, const char* name, const Cells& cells) {
  std::vector<std::string> texts(cells.size());
  std::vector<const char*> values(cells.size());
  std::vector<int> lengths(cells.size()), formats(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const Cell& cell = cells[i];
    texts[i] = cell.type == SQLITE_INTEGER ? fmt::format("{}", cell.integer) : cell.bytes;
    values[i] = cell.type == SQLITE_NULL ? nullptr : texts[i].c_str();
    lengths[i] = static_cast<int>(texts[i].size());
    formats[i] = cell.type == SQLITE_BLOB ? 1 : 0;
  }
  PQsendQueryPrepared(connection, name, static_cast<int>(cells.size()), values.data(), lengths.data(),
                      formats.data(), 0);
}

void command(PGconn* connection, const std::string& sql) {
  PGresult* result = PQexec(connection, sql.c_str());
  if (PQresultStatus(result) != PGRES_COMMAND_OK) stop(sql + ": " + PQerrorMessage(connection));
  PQclear(result);
}

PGconn* connect(const std::string& url) {
  PGconn* connection = PQconnectdb(url.c_str());
  if (PQstatus(connection) != CONNECTION_OK) stop(PQerrorMessage(connection));
  return connection;
}

void one_connection(const std::string& url, const Rows& rows, std::atomic<std::size_t>& next) {
  PGconn* connection = connect(url);
  PQclear(
      PQprepare(connection, "a", "INSERT INTO attestation VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)", 0, nullptr));
  PQclear(PQprepare(connection, "e", "INSERT INTO audit_entry VALUES ($1,$2,$3,$4,$5,$6)", 0, nullptr));
  PQenterPipelineMode(connection);
  for (std::size_t i = next++; i < rows.entries.size(); i = next++) {
    PQsendQueryParams(connection, "BEGIN", 0, nullptr, nullptr, nullptr, nullptr, 0);
    send(connection, "a", rows.attestations[i]);
    send(connection, "e", rows.entries[i]);
    PQsendQueryParams(connection, "COMMIT", 0, nullptr, nullptr, nullptr, nullptr, 0);
    PQpipelineSync(connection);
    for (bool synced = false; !synced;) {
      PGresult* result = PQgetResult(connection);
      if (result == nullptr) continue;
      const auto status = PQresultStatus(result);
      if (status != PGRES_COMMAND_OK && status != PGRES_PIPELINE_SYNC) stop(PQerrorMessage(connection));
      synced = status == PGRES_PIPELINE_SYNC;
      PQclear(result);
    }
  }
  PQfinish(connection);
}

double with_postgresql(const Rows& rows, const std::string& url) {
  PGconn* connection = connect(url);
  command(connection,
          "CREATE TABLE attestation (bucket BIGINT, person_id BIGINT, attestation_id BIGINT, status BIGINT "
          "NOT NULL,"
          " issuer BIGINT NOT NULL, valid_from BIGINT NOT NULL, valid_until BIGINT, recorded BIGINT NOT NULL,"
          " ended BIGINT, PRIMARY KEY (bucket, person_id, attestation_id))");
  command(
      connection,
      "CREATE TABLE audit_entry (idx BIGINT PRIMARY KEY, leaf TEXT NOT NULL, bucket BIGINT, person_id BIGINT,"
      " salt BYTEA, personal TEXT)");
  command(connection, "CREATE INDEX ON audit_entry (bucket, person_id, idx) WHERE person_id IS NOT NULL");
  PQfinish(connection);
  std::atomic<std::size_t> next{0};
  const double seconds = dayaq::bench::seconds_of([&] {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 16; ++i) threads.emplace_back([&] { one_connection(url, rows, next); });
  });
  return static_cast<double>(rows.entries.size()) / seconds;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) stop("usage: raw_inserts_tool sqlite|postgresql SOURCE.db COUNT FOLDER|URL");
  const Rows rows = read_rows(argv[2], std::stoi(argv[3]));
  const double rate =
      std::string(argv[1]) == "sqlite" ? with_sqlite(argv[2], rows, argv[4]) : with_postgresql(rows, argv[4]);
  fmt::print("{:.0f}\n", rate);
}
