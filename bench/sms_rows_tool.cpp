// links: PkgConfig::SQLITE
// The limit of sms_permits: the rows that its messages left, inserted by nothing but SQLite. Rows of answers
// aren't among them: they live until they are sent.
//
//   sms_rows_tool SOURCE.db FOLDER   prints messages a second, 256 in a commit, on tables and indexes as they
//   are
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

[[noreturn]] void stop(const std::string& what) {
  fmt::print(stderr, "sms_rows_tool: {}\n", what);
  std::exit(1);
}

void run(sqlite3* db, const std::string& sql) {
  if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    stop(sql + ": " + sqlite3_errmsg(db));
}

sqlite3_stmt* prepare(sqlite3* db, const std::string& sql) {
  sqlite3_stmt* out = nullptr;
  if (sqlite3_prepare_v2(db, sql.c_str(), -1, &out, nullptr) != SQLITE_OK)
    stop(sql + ": " + sqlite3_errmsg(db));
  return out;
}

struct Table {
  std::string name;
  std::vector<std::vector<sqlite3_value*>> rows;
  sqlite3_stmt* insert = nullptr;
};

Table read(sqlite3* db, const std::string& name, const std::string& order, std::size_t most) {
  Table out{.name = name, .rows = {}};
  sqlite3_stmt* all =
      prepare(db, "SELECT * FROM " + name + " ORDER BY " + order + " LIMIT " + std::to_string(most));
  while (sqlite3_step(all) == SQLITE_ROW) {
    auto& row = out.rows.emplace_back();
    for (int i = 0; i < sqlite3_column_count(all); ++i)
      row.push_back(sqlite3_value_dup(sqlite3_column_value(all, i)));
  }
  sqlite3_finalize(all);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) stop("SOURCE.db FOLDER");
  constexpr std::size_t most = 60'000, in_a_commit = 256;
  sqlite3* source = nullptr;
  if (sqlite3_open_v2(argv[1], &source, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK)
    stop(sqlite3_errmsg(source));
  std::vector<Table> tables;
  // In the order in which they came, as the node wrote them; permits and cases by their hashes, which is at
  // random.
  tables.push_back(read(source, "cases", "submitted", most));
  const std::size_t messages = tables[0].rows.size();
  tables.push_back(read(source, "permits", "valid_from", messages));
  tables.push_back(read(source, "sms_senders", "sender % 1009", messages));
  tables.push_back(read(source, "audit_entry", "1 DESC", messages));
  sqlite3* db = nullptr;
  if (sqlite3_open((std::string(argv[2]) + "/rows.db").c_str(), &db) != SQLITE_OK) stop(sqlite3_errmsg(db));
  run(db, "PRAGMA journal_mode=WAL");
  run(db, "PRAGMA synchronous=FULL");
  run(db, "PRAGMA cache_size=-65536");
  for (Table& table : tables) {
    sqlite3_stmt* made = prepare(source, "SELECT sql FROM sqlite_master WHERE tbl_name = '" + table.name +
                                             "' AND sql IS NOT NULL ORDER BY type = 'index'");
    while (sqlite3_step(made) == SQLITE_ROW)
      run(db, reinterpret_cast<const char*>(sqlite3_column_text(made, 0)));
    sqlite3_finalize(made);
    if (table.rows.empty()) stop(table.name + " has no rows");
    std::string marks = "?";
    for (std::size_t i = 1; i < table.rows[0].size(); ++i) marks += ",?";
    table.insert = prepare(db, "INSERT INTO " + table.name + " VALUES (" + marks + ")");
  }
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < messages; i += in_a_commit) {
    run(db, "BEGIN");
    for (std::size_t j = i; j < std::min(i + in_a_commit, messages); ++j) {
      for (const Table& table : tables) {
        if (j >= table.rows.size()) continue;
        for (std::size_t c = 0; c < table.rows[j].size(); ++c) {
          sqlite3_bind_value(table.insert, int(c) + 1, table.rows[j][c]);
        }
        if (sqlite3_step(table.insert) != SQLITE_DONE) stop(sqlite3_errmsg(db));
        sqlite3_reset(table.insert);
      }
    }
    run(db, "COMMIT");
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  fmt::print("{:.1f}\n", double(messages) / seconds);
  return 0;
}
