// What a use-case asks of the database, written down: so that two courses of the same work can be compared.
#pragma once

#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/database.hpp"

namespace dayaq::test {

/// Passes everything on and remembers what was run.
class WatchingSession final : public store::Session {
 public:
  explicit WatchingSession(store::Session& inner) : inner_(inner) {}
  [[nodiscard]] store::Engine engine() const override { return inner_.engine(); }
  Result<void> exec(store::Sql sql, std::span<const store::Param> params) override {
    statements.emplace_back(sql.text);
    return inner_.exec(sql, params);
  }
  Result<std::int64_t> change(store::Sql sql, std::span<const store::Param> params) override {
    statements.emplace_back(sql.text);
    return inner_.change(sql, params);
  }
  Result<void> query(store::Sql sql, std::span<const store::Param> params,
                     const std::function<Result<bool>(const store::Row&)>& on_row) override {
    statements.emplace_back(sql.text);
    return inner_.query(sql, params, on_row);
  }
  Result<void> script(std::string_view text) override { return inner_.script(text); }
  std::vector<std::string> statements;

 private:
  store::Session& inner_;
};

/// A database whose transactions and reads are watched. For one thread that calls.
class WatchingDatabase final : public store::Database {
 public:
  explicit WatchingDatabase(store::Database& inner) : inner_(inner) {}
  [[nodiscard]] store::Engine engine() const override { return inner_.engine(); }
  void add_hook(store::CommitHook& hook) override { inner_.add_hook(hook); }
  void submit(WriteFunction fn, Done done) override {
    inner_.submit(
        [this, run = std::move(fn)](store::Session& session) {
          WatchingSession watched(session);
          auto out = run(watched);
          note("write", watched);
          return out;
        },
        std::move(done));
  }
  [[nodiscard]] std::int64_t wal_bytes() const override { return inner_.wal_bytes(); }
  [[nodiscard]] bool writable() const override { return inner_.writable(); }

  /// All statements since the last call, each transaction after a word that says what it is.
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(statements_, {});
  }

 private:
  [[nodiscard]] bool on_writer_thread() const override { return false; }
  Result<void> read_blocking(const std::function<Result<void>(store::Session&)>& fn) override {
    return inner_.read([&](store::Session& session) {
      WatchingSession watched(session);
      auto out = fn(watched);
      note("read", watched);
      return out;
    });
  }
  void note(std::string what, const WatchingSession& watched) {
    const std::lock_guard lock(mutex_);
    statements_.push_back(std::move(what));
    statements_.insert(statements_.end(), watched.statements.begin(), watched.statements.end());
  }

  store::Database& inner_;
  std::mutex mutex_;
  std::vector<std::string> statements_;
};

}  // namespace dayaq::test
