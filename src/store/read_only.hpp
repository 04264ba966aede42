// A database of readers alone, beside the program that writes. Not for other rooms.
#pragma once

#include <memory>
#include <utility>

#include "store/database.hpp"
#include "store/reader_pool.hpp"

namespace dayaq::store {

/// `run_read` runs one function on a connection as the engine's own database does.
template <class Connection>
class ReadOnlyDatabase final : public Database {
 public:
  using Read = Result<void> (*)(Connection&, const std::function<Result<void>(Session&)>&);

  ReadOnlyDatabase(store::Engine engine, Read run_read) : engine_(engine), read_(run_read) {}
  [[nodiscard]] store::Engine engine() const override { return engine_; }
  void add_hook(CommitHook&) override {}
  void submit(WriteFunction, Done done) override {
    done(fail(ErrorKind::conflict, "store.read_only", "Here the database is open for reading alone."));
  }
  [[nodiscard]] std::int64_t wal_bytes() const override { return 0; }
  [[nodiscard]] bool writable() const override { return false; }
  ReaderPool<Connection>& readers() { return readers_; }

 private:
  [[nodiscard]] bool on_writer_thread() const override { return false; }
  Result<void> read_blocking(const std::function<Result<void>(Session&)>& fn) override {
    DAYAQ_TRY(auto reader, readers_.take());
    return read_(*reader, fn);
  }

  store::Engine engine_;
  Read read_;
  ReaderPool<Connection> readers_;
};

}  // namespace dayaq::store
