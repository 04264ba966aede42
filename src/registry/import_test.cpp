#include "registry/import.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "registry/export.hpp"
#include "registry/synthetic.hpp"
#include "support/registry.hpp"

namespace dayaq::registry {
namespace {

constexpr ImportKind persons = ImportKind::persons;
constexpr ImportKind attestations = ImportKind::attestations;
constexpr ImportKind subscriptions = ImportKind::subscriptions;
const std::string person_head = "national_id,family_name,given_name,sex,birth_date,death_date,place\n";

/// A file in memory, given out in small pieces.
ReadBytes bytes_of(std::string text, std::size_t piece = 1000) {
  return [text = std::make_shared<std::string>(std::move(text)), at = std::size_t(0),
          piece](std::span<char> out) mutable -> Result<std::size_t> {
    const std::size_t n = std::min({piece, out.size(), text->size() - at});
    std::copy_n(text->data() + at, n, out.data());
    at += n;
    return n;
  };
}

std::string many_persons(int count) {
  std::string text = person_head;
  for (int i = 0; i < count; ++i)
    text += fmt::format("5A{:05},Əliyeva,Aygün,female,1985-03-14,,AZ-BA-587084\n", i);
  return text;
}

std::string sorted_lines(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::ranges::sort(lines);
  return fmt::format("{}", fmt::join(lines, "\n"));
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Imports : testing::TestWithParam<store::Engine> {
  test::RememberingObserver observer;
  test::RegistryNode node{GetParam(), &observer};
  std::vector<Reject> rejects;

  Result<ImportReport> run(ImportKind kind, std::string text, ImportOptions options = {}) {
    options.kind = kind;
    options.on_reject = [&](const Reject& reject) { rejects.push_back(reject); };
    return import_file(node.db(), *node.registry, bytes_of(std::move(text)), options);
  }
  std::string exported(ImportKind kind) {
    std::string out;
    test::must(node.read([&](auto& session, auto& rows) {
      return export_rows(session, node.pack, *node.organisations, rows, kind,
                         [&](std::string_view bytes) -> Result<void> {
                           out += bytes;
                           return {};
                         });
    }));
    return out;
  }
  std::int64_t count() {
    return test::must(node.read([](auto& session, auto& rows) { return rows.count_persons(session); }));
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, Imports, testing::ValuesIn(test::engines),
                         [](const auto& engine) { return test::name_of(engine.param); });

TEST_P(Imports, GoodRowsGoInAndBadRowsAreReportedWithTheirLines) {
  const std::string text = person_head +
                           "5ABC123,Əliyeva,Aygün,female,1985-03-14,,AZ-BA-587084\n"
                           "5ABC124,\"Broken,Aygün,female,1985-03-14,,AZ-BA-587084\n"
                           "5ABC125,Ə,A,female,2999-01-01,,AZ-BA-587084\r\n"
                           "5ABC126,Ə,A,female,1985-03-14,,AZ-BA-587084";
  const auto report = run(persons, text);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->counts, (ImportCounts{.recorded = 2, .rejected = 2}));
  ASSERT_EQ(rejects.size(), 2u);
  EXPECT_EQ(rejects[0].line, 3u);
  EXPECT_EQ(rejects[0].code, "csv.quote");
  EXPECT_EQ(rejects[1].line, 4u);
  EXPECT_EQ(rejects[1].field, "birth_date");
  std::string file(rejects_header());
  for (const Reject& reject : rejects) append_reject(file, reject);
  EXPECT_NE(file.find("4,birth_date,registry.birth,"), std::string::npos) << file;
  EXPECT_EQ(count(), 2);
  EXPECT_EQ(observer.changes.size(), 2u);
}

TEST_P(Imports, AttestationsAndSubscriptionsOfUnknownPersonsAreRejected) {
  ASSERT_TRUE(run(persons, many_persons(1)));
  const auto report = run(attestations,
                          "national_id,status,issuer,valid_from,valid_until\n"
                          "5A00000,pensioner,social-protection-fund,2026-01-01,\n"
                          "5A99999,pensioner,social-protection-fund,2026-01-01,\n");
  EXPECT_EQ(report->counts, (ImportCounts{.recorded = 1, .rejected = 1}));
  ASSERT_TRUE(run(subscriptions,
                  "national_id,kind,provider,number,valid_from\n"
                  "5A99999,mobile,azercell,994501234567,2026-01-01\n"
                  "5A00000,mobile,azercell,994501234567,2026-01-01\n"));
  ASSERT_EQ(rejects.size(), 2u);
  EXPECT_EQ(rejects[0].line, 3u);
  EXPECT_EQ(rejects[0].field, "national_id");
  EXPECT_EQ(rejects[0].text, "5A99999,pensioner,social-protection-fund,2026-01-01,");
  EXPECT_EQ(rejects[1].line, 2u);
}

TEST_P(Imports, ImportingAgainChangesNothingAndAChangedFileOnlyWhatDiffers) {
  ASSERT_TRUE(run(persons, many_persons(100), {.chunk_rows = 30}));
  EXPECT_EQ(run(persons, many_persons(100), {.chunk_rows = 30})->counts, (ImportCounts{.unchanged = 100}));
  std::string moved = many_persons(100);
  moved.replace(moved.find("AZ-BA-587084"), 12, "AZ-GA-586523");
  node.clock.advance(std::chrono::hours(1));
  EXPECT_EQ(run(persons, moved)->counts, (ImportCounts{.changed = 1, .unchanged = 99}));
}

TEST_P(Imports, EachChunkIsOneEntryOfTheLogWithCountsAndHash) {
  const std::uint64_t before = node.log->size();
  ASSERT_TRUE(run(persons, many_persons(100), {.chunk_rows = 40}));
  EXPECT_EQ(node.log->size(), before + 3);
  const auto entry = test::must(node.log->entry(before));
  EXPECT_NE(entry.leaf.find("import.persons"), std::string::npos);
  EXPECT_NE(entry.leaf.find(R"("recorded":40)"), std::string::npos);
  EXPECT_NE(entry.leaf.find("rows_sha256"), std::string::npos);
}

TEST_P(Imports, AStoppedImportGoesOnWhereItWasWithItsCountsAndDuplicates) {
  std::string text = many_persons(100);
  text += "5A00001,Again,Aygün,female,1985-03-14,,AZ-BA-587084\n";
  ImportOptions options{.chunk_rows = 20};
  options.on_progress = [](const ImportProgress& progress) { return progress.counts.recorded < 40; };
  const auto first = run(persons, text, options);
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->stopped);
  EXPECT_EQ(first->counts.recorded, 40u);
  const auto jobs = test::must(node.read([](auto& session, auto&) { return unfinished_imports(session); }));
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].next_line, 42u);

  node.restart();
  const auto second = run(persons, text, {.chunk_rows = 7});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->resumed_from, jobs[0].read_to);
  EXPECT_EQ(second->counts, (ImportCounts{.recorded = 100, .rejected = 1}));
  ASSERT_EQ(rejects.size(), 1u);
  EXPECT_EQ(rejects[0].line, 102u);
  EXPECT_EQ(rejects[0].code, "import.duplicate") << "its first row was stored before the stop";
}

TEST_P(Imports, AnotherFileThatBeginsAlikeIsNotTakenForTheInterruptedOne) {
  std::string text = many_persons(3000);  // more than the beginning by which files are known
  ImportOptions options{.chunk_rows = 1500};
  options.on_progress = [](const ImportProgress&) { return false; };
  ASSERT_TRUE(run(persons, text, options)->stopped);
  std::string other = text;
  other.replace(other.find("5A01400,Əliyeva"), 7, "5A01X00");
  const auto result = run(persons, other);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "import.other_file");
  EXPECT_EQ(run(persons, other, {.restart = true})->counts.rows(), 3000u);
}

TEST_P(Imports, AFileWithoutItsColumnsIsRefusedWhole) {
  EXPECT_EQ(run(persons, "5ABC123,Əliyeva,Aygün\n").error().code, "import.header");
  EXPECT_EQ(run(persons, "").error().code, "import.header");
  EXPECT_EQ(run(persons, person_head)->counts, ImportCounts{});
}

TEST_P(Imports, ALineWithoutEndCostsItselfOnly) {
  const std::string text =
      person_head + std::string(3 << 20, 'x') + "\n5ABC126,Ə,A,female,1985-03-14,,AZ-BA-587084\n";
  EXPECT_EQ(run(persons, text)->counts, (ImportCounts{.recorded = 1, .rejected = 1}));
  EXPECT_EQ(rejects[0].code, "csv.line_size");
}

TEST_P(Imports, WhatIsExportedIsWhatWasImported) {
  const test::TemporaryFolder folder("roundtrip");
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    test::must(
        write_synthetic_csv(*node.registry, {.persons = 400, .seed = seed, .batch = 100}, folder.path()));
    test::RegistryNode fresh(GetParam());
    for (const ImportKind kind : {persons, attestations, subscriptions}) {
      const std::string text = content_of(folder / fmt::format("{}.csv", to_string(kind)));
      const auto report =
          import_file(fresh.db(), *fresh.registry, bytes_of(text), {.kind = kind, .chunk_rows = 90});
      ASSERT_TRUE(report);
      EXPECT_EQ(report->counts.rejected, 0u);
      std::string out;
      test::must(fresh.read([&](auto& session, auto& rows) {
        return export_rows(session, fresh.pack, *fresh.organisations, rows, kind,
                           [&](std::string_view bytes) -> Result<void> {
                             out += bytes;
                             return {};
                           });
      }));
      EXPECT_EQ(sorted_lines(out), sorted_lines(text)) << to_string(kind) << " seed " << seed;
    }
  }
}

// -- kill -9

constexpr int killed_rows = 60'000;

/// The process that the test below starts and kills: instead of running tests, it imports until that happens.
class ImportInAnotherProcess final : public testing::Environment {
 public:
  static constexpr const char* variable = "DAYAQ_TEST_IMPORT_INTO";
  void SetUp() override {
    const char* url = std::getenv(variable);
    if (url == nullptr) return;
    test::RegistryNode node{std::string(url)};
    ImportOptions options{.chunk_rows = 100};
    options.on_progress = [](const ImportProgress&) { return ::write(STDOUT_FILENO, "#", 1) == 1; };
    const auto report = import_file(node.db(), *node.registry, bytes_of(many_persons(killed_rows)), options);
    std::_Exit(report ? 0 : 1);
  }
};
[[maybe_unused]] const auto* const in_another_process =
    testing::AddGlobalTestEnvironment(new ImportInAnotherProcess);  // gtest owns it

/// A killed process's locks are let go a moment after it (PostgreSQL: when the server notices).
std::unique_ptr<test::RegistryNode> opened_again(const std::string& url) {
  for (int attempt = 0;; ++attempt) {
    try {
      return std::make_unique<test::RegistryNode>(url);
    } catch (const std::runtime_error&) {
      if (attempt == 100) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
}

struct KilledImports : testing::TestWithParam<store::Engine> {};

INSTANTIATE_TEST_SUITE_P(Engines, KilledImports, testing::ValuesIn(test::engines),
                         [](const auto& engine) { return test::name_of(engine.param); });

TEST_P(KilledImports, LoseNothingThatWasReportedAndGoOn) {
  test::OpenedDatabase place(GetParam());
  place.database.reset();
  const std::string url = place.url;
  const std::string text = many_persons(killed_rows);
  SeededRandom random(static_cast<std::uint64_t>(GetParam()) + 7);
  std::uint64_t durable = 0;
  int cut_short = 0;
  for (int round = 0; round < 6; ++round) {
    int progress[2];
    ASSERT_EQ(::pipe(progress), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(progress[1], STDOUT_FILENO);
      ::close(progress[0]);
      ::setenv(ImportInAnotherProcess::variable, url.c_str(), 1);
      ::execl("/proc/self/exe", "registry_test", nullptr);
      ::_exit(127);
    }
    ASSERT_GT(child, 0);
    ::close(progress[1]);
    // A chunk of this run is durable: now it may die at any moment.
    char mark = 0;
    while (mark != '#' && ::read(progress[0], &mark, 1) == 1) {
    }
    EXPECT_EQ(mark, '#');
    std::this_thread::sleep_for(std::chrono::microseconds(random.below(150'000)));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(progress[0]);
    const auto node = opened_again(url);
    const auto jobs =
        test::must(node->read([](auto& session, auto&) { return unfinished_imports(session); }));
    const auto stored =
        test::must(node->read([](auto& session, auto& rows) { return rows.count_persons(session); }));
    cut_short += static_cast<int>(jobs.size());
    const std::uint64_t reported =
        jobs.empty() ? static_cast<std::uint64_t>(stored) : jobs[0].counts.recorded;
    EXPECT_EQ(static_cast<std::uint64_t>(stored), reported) << "rows and job are one transaction";
    EXPECT_GE(reported, durable);
    durable = reported;
  }
  EXPECT_GT(cut_short, 0) << "killed too late to show anything";
  const auto node = opened_again(url);
  const auto report = import_file(node->db(), *node->registry, bytes_of(text), {.chunk_rows = 100});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->counts.rows(), std::uint64_t(killed_rows));
  EXPECT_EQ(test::must(node->read([](auto& session, auto& rows) { return rows.count_persons(session); })),
            killed_rows);
}

}  // namespace
}  // namespace dayaq::registry
