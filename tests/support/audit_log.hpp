// An audit log on an empty database. Whoever includes this links dayaq::audit.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "audit/log.hpp"
#include "support/database.hpp"

namespace dayaq::test {

struct AuditLog {
  static constexpr const char* origin = "test.example/audit";

  /// `more`: the migrations of a room above, whose tables stand beside the log's.
  explicit AuditLog(store::Engine engine, std::span<const store::Migration> more = {})
      : opened(engine), migrations(audit::migrations().begin(), audit::migrations().end()) {
    migrations.insert(migrations.end(), more.begin(), more.end());
    start();
  }

  [[nodiscard]] store::Database& db() const { return *opened.database; }
  [[nodiscard]] static crypto::SigningKey key() {
    SeededRandom seeded(5);
    return crypto::SigningKey::generate(seeded);
  }
  /// Closes log and database and opens both again.
  void reopen() {
    opened.database.reset();
    log.reset();
    opened.reopen();
    start();
  }
  [[nodiscard]] static audit::EntryDraft draft(int n) {
    return {.action = "test.note",
            .actor = "cli",
            .subject = {},
            .data = "{\"n\":" + std::to_string(n) + "}",
            .personal = ""};
  }
  Result<std::uint64_t> append(const audit::EntryDraft& entry) {
    return db().write([&](store::Session& session) { return log->append(session, entry); });
  }
  /// Adds entries in one transaction.
  void grow(std::size_t count, const std::function<void(audit::EntryDraft&)>& change = {}) {
    const auto done = db().write([&](store::Session& session) -> Result<void> {
      for (std::size_t i = 0; i < count; ++i) {
        audit::EntryDraft entry = draft(static_cast<int>(log->size() + i));
        if (change) change(entry);
        DAYAQ_TRY_OK(log->append(session, entry));
      }
      return {};
    });
    if (!done) throw std::runtime_error(done.error().public_text + " " + done.error().detail);
  }
  /// Changes the database behind the log's back.
  void script(std::string_view text) {
    const auto done = db().write([&](store::Session& session) { return session.script(text); });
    if (!done) throw std::runtime_error(done.error().detail);
  }

  FixedClock clock{from_micros(1'795'248'000'000'000)};
  SeededRandom random{11};
  OpenedDatabase opened;
  std::vector<store::Migration> migrations;
  std::unique_ptr<audit::Log> log;

 private:
  void start() {
    if (const auto done = db().migrate(migrations); !done) throw std::runtime_error(done.error().detail);
    auto made = audit::Log::open(db(), key(), origin, clock, random);
    if (!made) throw std::runtime_error(made.error().public_text + " " + made.error().detail);
    log = std::move(*made);
    db().add_hook(*log);
  }
};

}  // namespace dayaq::test
