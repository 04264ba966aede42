// A registry over an empty database with the country pack of Azerbaijan and its organisations, for tests of
// every room that stands on it. Whoever includes this links dayaq::registry.
#pragma once

#include <optional>

#include "base/log.hpp"
#include "registry/record.hpp"
#include "support/database.hpp"

namespace dayaq::test {

/// Throws std::runtime_error with the error's words: a test can't go on without the value.
template <class T>
T must(Result<T> result) {
  if (!result) {
    throw std::runtime_error(std::string(result.error().code) + ": " + result.error().public_text + " " +
                             result.error().detail);
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// Remembers what it is told, in order of the transactions' calls.
struct RememberingObserver final : registry::ChangeObserver {
  Result<void> on_change(store::Session&, const registry::Change& change) override {
    changes.push_back(change);
    return {};
  }
  std::vector<registry::Change> changes;
};

struct RegistryNode {
  /// `further`: migrations of rooms above. Log lines below warnings stay out of the test's output.
  explicit RegistryNode(store::Engine engine, registry::ChangeObserver* observer = nullptr,
                        std::span<const store::Migration> further = {})
      : opened(engine), observer_(observer), further_(further.begin(), further.end()) {
    must(log::set_level("warning"));
    start();
  }

  /// On a database that exists already: another process may have made it, and died.
  explicit RegistryNode(const std::string& url, std::span<const store::Migration> further = {})
      : opened(store::Engine::sqlite), observer_(nullptr), further_(further.begin(), further.end()) {
    must(log::set_level("warning"));
    opened.url = url;
    opened.reopen();
    start();
  }

  /// Stops and starts again on the same database, as after a crash or an upgrade.
  void restart() {
    registry.reset();
    opened.database.reset();
    log.reset();
    organisations.reset();
    catalogue.reset();
    opened.reopen();
    start();
  }

  [[nodiscard]] store::Database& db() { return *opened.database; }
  [[nodiscard]] PersonId person_id(std::string_view national_id) const {
    return registry->person_id(must(pack.national_id_rule().parse(national_id)));
  }
  [[nodiscard]] registry::OrganisationIndex organisation(std::string_view code) const {
    return organisations->find(code).value();
  }
  [[nodiscard]] registry::StatusIndex status(std::string_view code) const {
    return pack.find_status(code).value();
  }
  [[nodiscard]] registry::PlaceIndex place(std::string_view code) const {
    return pack.find_place(code).value();
  }

  /// Runs a use-case in a write transaction, hands its result back.
  template <class F>
  auto write(F&& use_case) {
    return db().write([&](store::Session& session) { return use_case(session, *registry); });
  }
  template <class F>
  auto read(F&& fn) {
    return db().read([&](store::Session& session) { return fn(session, *rows); });
  }

  FixedClock clock{Instant(std::chrono::sys_days{std::chrono::year(2026) / 11 / 21} + std::chrono::hours(8))};
  SeededRandom random{1};
  registry::CountryPack pack =
      must(registry::CountryPack::load(std::filesystem::path(DAYAQ_SOURCE_DIR) / "country/az"));
  std::optional<registry::Catalogue> catalogue;
  std::optional<registry::OrganisationDirectory> organisations;
  std::optional<registry::RegistryStore> rows;
  std::unique_ptr<audit::Log> log;
  OpenedDatabase opened;  // destroyed before the hooks above, which its writer thread calls
  std::optional<registry::Registry> registry;

 private:
  void start() {
    std::vector<store::Migration> migrations;
    for (const auto room :
         {audit::migrations(), registry::migrations(), std::span<const store::Migration>(further_)}) {
      migrations.insert(migrations.end(), room.begin(), room.end());
    }
    must(db().migrate(migrations));
    catalogue =
        must(db().write([&](store::Session& session) { return registry::Catalogue::open(session, pack); }));
    rows.emplace(*catalogue);
    organisations.emplace(pack);
    must(db().read([&](store::Session& session) { return organisations->load(session); }));
    db().add_hook(*organisations);
    const std::array<std::byte, 32> seed{};
    log = must(
        audit::Log::open(db(), must(crypto::SigningKey::from_seed(seed)), "dayaq.test/audit", clock, random));
    db().add_hook(*log);
    registry.emplace(
        registry::Registry{pack, *catalogue, *organisations, *log, observer_, clock, SipKey{1, 2}});
    must(db().write(
        [&](store::Session& session) { return registry::seed_organisations(session, *registry); }));
  }

  registry::ChangeObserver* observer_;
  std::vector<store::Migration> further_;
};

}  // namespace dayaq::test
