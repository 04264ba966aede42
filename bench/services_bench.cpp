// links: dayaq::services_cases dayaq::test_support PkgConfig::SQLITE
// figures: decisions transitions
// decisions: applications that are decided at once, with their permit signed, in process and durable on
// SQLite, through the store's own group commits. transitions: what officials and persons do with cases that
// wait (claim, ask, reply, refuse, appeal, claim, grant), the same way. Both by the writer's one thread, so a
// core's worth; beside the same rows inserted by SQLite alone in commits of as many, in the same run.
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "regime/law_directory.hpp"
#include "services/cases/cases.hpp"
#include "services/cases/permit_kinds.hpp"
#include "support.hpp"
#include "support/registry.hpp"

using namespace dayaq;
using namespace dayaq::services;
using namespace std::chrono_literals;
using dayaq::test::must;

namespace {

constexpr std::size_t in_flight = 512;

constexpr const char* pass_file = R"(format: 1
title: {az: Sınaq}
summary: {az: Sınaq}
legal_basis: {az: Qərar}
provider: digital-agency
code: pass
who: {age: {from: 18}}
channels: web
promised: 1 min
limits: [{at_most: 1, per: day}]
form:
  - field: reason
    kind: choice
    title: {az: Səbəb}
    choices: [{code: shop, title: {az: Mağaza}}, {code: stay, title: {az: Ev}}]
steps:
  - step: check
    kind: decide
    verdicts: [{when: {status: quarantined}, outcome: refuse, reason: {az: Evdə qalın}}]
  - step: permit
    kind: issue
    permit: leaving
    ends: [{when: {place_kind: village}, lasts: 5 h}, {lasts: 3 h}]
    shows: [reason]
appeal: {within: 3 days}
)";
constexpr const char* help_file = R"(format: 1
title: {az: Sınaq}
summary: {az: Sınaq}
legal_basis: {az: Qərar}
provider: digital-agency
code: help
who: {everyone: true}
channels: web
promised: 5 days
form:
  - {field: purpose, kind: text, title: {az: Məqsəd}, max: 200}
steps:
  - {step: look, kind: review, within: 2 days}
appeal: {within: 3 days}
)";

/// As a node has them: rules' facts in memory, the national id from the registry's row.
class MemoryFacts final : public Facts {
 public:
  explicit MemoryFacts(const registry::RegistryStore& rows) : rows_(rows) {}
  void add(const registry::Person& person) {
    registry::PersonFacts& facts = facts_[person.id.value()];
    facts.person.id = person.id;
    facts.person.birth = person.birth;
    facts.person.place = person.place;
    facts.residences.push_back({.place = person.place, .period = {}});
  }
  Result<registry::PersonFacts> of(store::Session&, PersonId person) const override {
    const auto found = facts_.find(person.value());
    if (found == facts_.end()) return fail(ErrorKind::not_found, "registry.person", "Nobody.");
    return found->second;
  }
  Result<std::string> national_id(store::Session& session, PersonId person) const override {
    DAYAQ_TRY(const auto record, rows_.person(session, person));
    return record->person.national_id;
  }
  [[nodiscard]] Instant regime_end(const std::string&, Instant) const override { return instant_max; }

 private:
  const registry::RegistryStore& rows_;
  std::unordered_map<std::uint64_t, registry::PersonFacts> facts_;
};

struct Stand {
  dayaq::test::RegistryNode node{store::Engine::sqlite, nullptr, migrations()};
  regime::TrafficCatalogue traffic = must(regime::TrafficCatalogue::load(node.pack.folder()));
  regime::FileContext files{.country = node.pack,
                            .traffic = traffic,
                            .zone = node.pack.zone(),
                            .providers = regime::provider_names(*node.organisations)};
  ServiceBook book{files, *node.log};
  PermitKinds kinds{book};
  MemoryFacts facts{*node.rows};
  permit::Issuer issuer{crypto::CoseSigner::generate(crypto::CoseAlgorithm::eddsa)};
  Cases cases{{.db = node.db(),
               .book = book,
               .country = node.pack,
               .facts = facts,
               .notifier = nullptr,
               .log = *node.log,
               .issuer = issuer,
               .kind_number = [this](std::string_view kind) { return kinds.number(kind); }}};
  std::vector<PersonId> persons;
  const std::string official = "org:digital-agency/key:1";

  Stand(std::size_t people) {
    node.db().add_hook(book);
    for (const char* text : {pass_file, help_file}) {
      auto service = parse_service(text, files);
      if (!service) throw std::runtime_error(service.error().front().public_text);
      must(node.db().write([&](store::Session& s) { return book.submit(s, *service, official, now()); }));
      must(node.db().write([&](store::Session& s) {
        return book.publish(s, service->code, 1, "org:digital-agency/key:2", now());
      }));
    }
    const registry::PlaceIndex place = node.place("AZ-BA-587084");
    for (std::size_t done = 0; done < people;) {
      must(node.db().write([&](store::Session& s) -> Result<void> {
        for (std::size_t i = 0; i < 5000 && done < people; ++i, ++done) {
          const std::string id = fmt::format("{:07}", done);
          const registry::Person person{node.person_id(id),
                                        id,
                                        "Əliyeva",
                                        "Aygün",
                                        registry::Sex::female,
                                        Date(std::chrono::year(1985) / 3 / 14),
                                        std::nullopt,
                                        place};
          DAYAQ_TRY_OK(registry::put_person(s, *node.registry, registry::row_of(person), now()));
          facts.add(person);
          persons.push_back(person.id);
        }
        return {};
      }));
    }
  }
  ~Stand() {
    node.registry.reset();
    node.opened.database.reset();
  }
  [[nodiscard]] Instant now() const { return node.clock.now(); }
};

/// Runs `total` chains, `in_flight` of them at a time; a chain is done when `next` says so.
struct Rate {
  double seconds = 0, cpu = 0;
};
double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return double(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         double(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

class Chains {
 public:
  /// `step(chain, number)` runs in a transaction; `length` steps a chain.
  using StepFunction = std::function<Result<void>(store::Session&, std::size_t chain, std::size_t number)>;
  Chains(store::Database& db, std::size_t total, std::size_t length, StepFunction step)
      : db_(db), total_(total), length_(length), step_(std::move(step)) {}
  Rate run() {
    const double cpu = cpu_seconds();
    const double seconds = bench::seconds_of([&] {
      for (std::size_t i = 0; i < std::min(in_flight, total_); ++i) begin();
      std::unique_lock lock(mutex_);
      done_.wait(lock, [&] { return finished_ == total_; });
    });
    return {seconds, cpu_seconds() - cpu};
  }

 private:
  void begin() {
    const std::size_t chain = started_.fetch_add(1);
    if (chain < total_) go(chain, 0);
  }
  void go(std::size_t chain, std::size_t number) {
    db_.submit([this, chain, number](store::Session& s) { return step_(s, chain, number); },
               [this, chain, number](const Result<void>& done) {
                 if (!done) {
                   fmt::print(stderr, "services_bench: {} {}\n", done.error().code, done.error().detail);
                   std::_Exit(1);
                 }
                 if (number + 1 < length_) return go(chain, number + 1);
                 {
                   const std::lock_guard lock(mutex_);
                   ++finished_;
                 }
                 done_.notify_one();
                 begin();
               });
  }
  store::Database& db_;
  std::size_t total_, length_;
  StepFunction step_;
  std::atomic<std::size_t> started_{0};
  std::mutex mutex_;
  std::condition_variable done_;
  std::size_t finished_ = 0;
};

[[noreturn]] void stop(sqlite3* db) {
  fmt::print(stderr, "services_bench: {}\n", sqlite3_errmsg(db));
  std::exit(1);
}
void run(sqlite3* db, const std::string& sql) {
  if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) stop(db);
}

/// The same tables and rows written by SQLite alone: `rows` of each of `tables`, `in_flight` of each a
/// commit.
double raw_seconds(const std::string& source, const std::filesystem::path& folder, std::size_t rows,
                   const std::vector<std::string>& tables, const std::string& order) {
  const std::string path = (folder / "raw.db").string();
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
  sqlite3* db = nullptr;
  if (sqlite3_open(path.c_str(), &db) != SQLITE_OK) stop(db);
  run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536");
  run(db, fmt::format("ATTACH '{}' AS source", source));
  sqlite3_stmt* schema = nullptr;
  sqlite3_prepare_v2(
      db, "SELECT sql, tbl_name FROM source.sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC", -1,
      &schema, nullptr);
  std::vector<std::string> made;
  while (sqlite3_step(schema) == SQLITE_ROW) {
    const std::string table(reinterpret_cast<const char*>(sqlite3_column_text(schema, 1)));
    if (std::ranges::find(tables, table) != tables.end()) {
      made.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(schema, 0)));
    }
  }
  sqlite3_finalize(schema);
  for (const std::string& sql : made) run(db, sql);
  // The rows wait in memory, in the order in which they were written.
  for (const std::string& table : tables) {
    run(db, fmt::format("CREATE TEMP TABLE t_{0} AS SELECT * FROM source.{0} ORDER BY {1} LIMIT {2}", table,
                        table == "audit_entry" ? "idx DESC" : order, rows));
  }
  const double seconds = bench::seconds_of([&] {
    for (std::size_t from = 0; from < rows; from += in_flight) {
      run(db, "BEGIN IMMEDIATE");
      for (const std::string& table : tables) {
        run(db,
            fmt::format("INSERT INTO main.{0} SELECT * FROM temp.t_{0} WHERE rowid > {1} AND rowid <= {2}",
                        table, from, from + in_flight));
      }
      run(db, "COMMIT");
    }
  });
  sqlite3_close(db);
  return seconds;
}

void report(const std::string& name, double rate, double per_core, double goal, double limit) {
  bench::print({.name = name,
                .value = rate,
                .unit = name + "/s",
                .goal = fmt::format(">= {:.0f}", goal),
                .met = rate >= goal,
                .peer = "a second of processor time, all threads",
                .peer_value = per_core,
                .limit = "the same rows by SQLite alone, as many a commit",
                .limit_value = limit});
}

}  // namespace

int main() {
  (void)log::set_level("error");
  const char* asked = std::getenv("CASES");
  const std::size_t count = asked != nullptr ? std::size_t(std::stoul(asked)) : 60'000;
  const std::size_t chains = count / 7;
  Stand stand(count);
  const std::string source = stand.node.opened.url.substr(7);
  const std::filesystem::path folder = std::filesystem::path(source).parent_path();

  Chains applying(
      stand.node.db(), count, 1, [&](store::Session& s, std::size_t chain, std::size_t) -> Result<void> {
        const Submission submission{.id = stand.cases.draw_number(stand.now()),
                                    .person = stand.persons[chain],
                                    .service = ServiceCode("pass"),
                                    .channel = Channel::web,
                                    .answers = {{"reason", "shop"}},
                                    .actor = "self"};
        DAYAQ_TRY(const Receipt receipt, stand.cases.submit(s, submission, stand.now()));
        return receipt.permit ? Result<void>() : fail(ErrorKind::internal, "bench.permit", "No permit.");
      });
  const Rate decisions = applying.run();
  const double raw = raw_seconds(source, folder, count, {"cases", "permits", "audit_entry"}, "case_id");
  report("decisions", double(count) / decisions.seconds, double(count) / decisions.cpu, 5000,
         double(count) / raw);

  const LocalizedText words{"Hansı?", "Which?", "Какой?"};
  const std::vector<Action> acts{
      Claim{},       Ask{words},    Reply{.answers = {{"purpose", "rye"}}, .text = "rye"},
      Refuse{words}, Appeal{words}, Claim{},
      Grant{}};
  for (std::size_t i = 0; i < chains; ++i) {
    must(stand.node.db().write([&](store::Session& s) {
      return stand.cases.submit(s,
                                {.id = CaseId(count + 1 + i),
                                 .person = stand.persons[i],
                                 .service = ServiceCode("help"),
                                 .channel = Channel::web,
                                 .answers = {{"purpose", "bread"}},
                                 .actor = "self"},
                                stand.now());
    }));
    if (i >= 2000) break;
  }
  // Whoever refused doesn't decide on the appeal.
  const auto official_of = [](std::size_t number) {
    return std::string(number < 5 ? "org:digital-agency/key:1" : "org:digital-agency/key:2");
  };
  const std::size_t open = std::min<std::size_t>(chains, 2001);
  Chains acting(
      stand.node.db(), open, acts.size(),
      [&](store::Session& s, std::size_t chain, std::size_t number) -> Result<void> {
        DAYAQ_TRY_OK(stand.cases.act(s, stand.persons[chain], CaseId(count + 1 + chain), int(number) + 1,
                                     acts[number], official_of(number), stand.now()));
        return {};
      });
  const Rate moved = acting.run();
  const double done = double(open * acts.size());
  // Of a transition the event and the log's entry are new rows; the case's own row is written over.
  const double raw_moved =
      raw_seconds(source, folder, std::size_t(done), {"cases", "case_events", "audit_entry"}, "case_id DESC");
  report("transitions", done / moved.seconds, done / moved.cpu, 10000, done / raw_moved);
}
