// An empty database of either engine, for tests of every room that stores something. Whoever includes this
// links dayaq::store.
#pragma once

#include <array>
#include <memory>
#include <stdexcept>
#include <string>

#include "store/database.hpp"
#include "support/folder.hpp"
#include "support/postgres.hpp"

namespace dayaq::test {

/// For INSTANTIATE_TEST_SUITE_P(Engines, X, testing::ValuesIn(engines), [](auto& i) { return
/// name_of(i.param); }).
inline constexpr std::array engines{store::Engine::sqlite, store::Engine::postgresql};

[[nodiscard]] inline std::string name_of(store::Engine engine) {
  return engine == store::Engine::sqlite ? "Sqlite" : "PostgreSql";
}

/// Goes with the test. Throws std::runtime_error if it can't be opened.
struct OpenedDatabase {
  static constexpr int queue_max = 600;

  explicit OpenedDatabase(store::Engine engine)
      : url(engine == store::Engine::sqlite ? "sqlite:" + (folder / "test.db").string()
                                            : PostgresServer::shared().url()) {
    reopen();
  }
  [[nodiscard]] store::Options options() const {
    store::Options options;
    options.url = url;
    options.queue_max = queue_max;
    return options;
  }
  /// Closes it and opens it again.
  void reopen() {
    database.reset();
    auto opened = store::Database::open(options());
    if (!opened) throw std::runtime_error(opened.error().public_text + " " + opened.error().detail);
    database = std::move(*opened);
  }

  TemporaryFolder folder{"store"};
  std::string url;
  std::unique_ptr<store::Database> database;
};

}  // namespace dayaq::test
