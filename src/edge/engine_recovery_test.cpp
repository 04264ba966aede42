// Starts after stops and kills: checkpoints, dropped files, kill -9 in the middle of work, full disks.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <deque>

#include "base/random.hpp"
#include "edge/engine_core.hpp"
#include "edge/engine_test_support.hpp"
#include "edge/memory_journal.hpp"

namespace dayaq::edge {
namespace {

using namespace testing_support;

std::uint64_t used_of(const Engine& engine, SubscriptionKey key) {
  std::uint64_t sum = 0;
  for (const AccountTable::Shard& shard : static_cast<const EngineCore&>(engine).state().accounts.all()) {
    for (const Account& account : std::span(shard.places, shard.capacity)) {
      if (account.key == key) sum += account.used;
    }
  }
  return sum;
}
std::uint64_t reserved_sum(const Engine& engine) {
  std::uint64_t sum = 0;
  for (const AccountTable::Shard& shard : static_cast<const EngineCore&>(engine).state().accounts.all()) {
    for (const Account& account : std::span(shard.places, shard.capacity)) sum += account.reserved;
  }
  return sum;
}

TEST(EngineRecovery, CheckpointsLetTheJournalGoAndNothingIsForgotten) {
  EngineOptions options;
  options.checkpoint_records = 300;
  Edge edge(options);
  const auto measure = edge.replica.define(data_of(1'000'000'000));
  SeededRandom random(5);
  std::map<SubscriptionKey, std::uint64_t> model;
  std::map<std::uint64_t, std::uint32_t> numbers;
  for (SubscriptionKey key = 1; key <= 200; ++key) edge.replica.grant(key, measure);
  for (int step = 1; step <= 12'000; ++step) {
    const std::uint64_t session = 1 + random.below(step % 2 == 0 ? 500 : 20);  // some hardly ever speak
    const bool fresh = !numbers.contains(session);
    const SubscriptionKey key = 1 + session % 200;
    Ask ask = edge.data(session, fresh ? 0 : numbers[session], fresh ? Phase::start : Phase::update,
                        fresh ? 0 : 1 + random.below(100));
    ask.key = key;
    {
      const std::lock_guard lock(edge.engine->mutex());
      ASSERT_EQ(edge.ask(ask).outcome, Outcome::granted);
      ASSERT_TRUE(edge.ask(ask).repeated);
    }
    ++numbers[session];
    model[key] += ask.used;
    if (step % 100 == 0) {
      const std::lock_guard lock(edge.engine->mutex());
      edge.engine->settled_through(edge.journal->durable());
      edge.now += seconds(1);
      edge.engine->tick(edge.now);
    }
    if (step % 300 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (step % 1500 == 0) {
      const std::uint64_t reserved = reserved_sum(*edge.engine);
      edge.restart();
      ASSERT_EQ(reserved_sum(*edge.engine), reserved);
      for (const auto& [of, used] : model) ASSERT_EQ(used_of(*edge.engine, of), used) << step;
      for (const auto& [of, number] : numbers) {
        const auto view = edge.engine->lease(edge.data(of, 0, Phase::start).lease);
        ASSERT_TRUE(view);
        ASSERT_EQ(view->number + 1, number);
        if (number < 3) continue;
        Ask older = edge.data(of, number - 2, Phase::update, 7);  // doubled by the network, long under way
        older.key = 1 + of % 200;
        ASSERT_TRUE(edge.ask(older).repeated) << of << " " << number;
      }
    }
  }
  EXPECT_GT(edge.journal->first_kept(), 5'000u);
}

TEST(EngineRecovery, WhoHearsOfALeaseLateKnowsWhatASiblingHadCountedOfIt) {
  EngineOptions first;
  first.edges = 2;
  EngineOptions second = first;
  second.edge = 2;
  Edge one(first);
  Edge two(second);
  for (Edge* edge : {&one, &two}) edge->replica.grant(1, edge->replica.define(data_of(100'000)));
  one.ask(one.data(1, 0, Phase::start));
  for (std::uint32_t number = 1; number <= 6; ++number) {
    if (number != 4) one.ask(one.data(1, number, Phase::update, 10));
  }
  const std::uint64_t last = one.journal->last();
  while (one.journal->durable() < last) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_TRUE(one.journal->read(last - 1, [&](std::uint64_t number, const Record& record) {
    two.engine->apply_sibling(number, record, two.now);
    return true;
  }));
  for (int again = 0; again < 2; ++again) {
    for (const std::uint32_t number : {1u, 2u, 3u, 5u, 6u}) {
      EXPECT_TRUE(two.ask(two.data(1, number, Phase::update, 10)).repeated) << number;
    }
    two.restart();
  }
  EXPECT_FALSE(two.ask(two.data(1, 4, Phase::update, 10)).repeated);
}

TEST(EngineRecovery, AMissingOrBrokenCheckpointIsNotPassedOver) {
  EngineOptions options;
  options.checkpoint_records = 50;
  Edge edge(options);
  edge.replica.grant(1, edge.replica.define(data_of(1'000'000)));
  for (std::uint32_t i = 0; i < 3000; ++i) {
    const std::lock_guard lock(edge.engine->mutex());
    edge.ask(edge.data(1, i, i == 0 ? Phase::start : Phase::update, i == 0 ? 0 : 1));
    edge.engine->settled_through(edge.journal->durable());
    edge.engine->tick(edge.now);
    if (i % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  for (int i = 0; i < 500 && edge.journal->first_kept() == 1; ++i) {
    const std::lock_guard lock(edge.engine->mutex());
    for (std::uint32_t n = 0; n < 60; ++n) edge.ask(edge.data(2 + unsigned(i), n, Phase::update, 1));
    edge.engine->settled_through(edge.journal->durable());
    edge.engine->tick(edge.now);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ASSERT_GT(edge.journal->first_kept(), 1u);
  edge.stop();
  const auto file = edge.folder.path / "accounts.table";
  auto journal = Journal::open({.folder = edge.folder.path, .segment_bytes = 64 << 10});
  ASSERT_TRUE(journal);
  std::filesystem::rename(file, file.string() + ".away");
  const auto missing = Engine::open(edge.options, edge.services, edge.replica, **journal, edge.now);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "accounts.missing");
  std::filesystem::rename(file.string() + ".away", file);
  FILE* broken = std::fopen(file.c_str(), "r+");
  ASSERT_EQ(std::fseek(broken, -20, SEEK_END), 0);
  std::fputc('x', broken);
  std::fclose(broken);
  const auto damaged = Engine::open(edge.options, edge.services, edge.replica, **journal, edge.now);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, "accounts.damaged");
}

TEST(EngineRecovery, ACheckpointWaitsForTheRecordsThatItCounts) {
  const Folder folder;
  ServiceTable services;
  FakeReplica replica(services);
  const ServiceIndex data = *services.add({.kind = feed::Benefit::data, .traffic_class = "education"});
  replica.grant(1, replica.define(data_of(1000)));
  Instant now = *parse_instant("2026-11-21T08:00:00Z");
  MemoryJournal journal;
  journal.durable_max = 0;
  EngineOptions options;
  options.folder = folder.path;
  options.checkpoint_records = 1;
  const auto engine = *Engine::open(options, services, replica, journal, now);
  Ask ask;
  ask.key = 1;
  ask.service = data;
  ask.lease = {.high = 1, .low = 1};
  {
    const std::lock_guard lock(engine->mutex());
    engine->decide(ask, now);
    engine->tick(now);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_FALSE(std::filesystem::exists(folder.path / "accounts.table"));
  journal.durable_max = 100;
  for (int i = 0; i < 1000 && !std::filesystem::exists(folder.path / "accounts.table"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(std::filesystem::exists(folder.path / "accounts.table"));
}

// --- kill -9
// ----------------------------------------------------------------------------------------------
constexpr std::size_t sessions = 40;
constexpr std::uint32_t reports = 30;  ///< of a session, then it stops and another begins

struct Progress {
  std::uint32_t session = 0;  ///< its generation
  std::uint32_t number = 0;   ///< the next to be asked
};
std::uint64_t units(std::size_t i, const Progress& at) {
  return at.number == 0 ? 0 : 1 + (i * 31 + at.session * 7 + at.number * 13) % 90;
}
Ask ask_of(const Edge& edge, std::size_t i, const Progress& at) {
  const Phase phase = at.number == 0 ? Phase::start : at.number == reports ? Phase::stop : Phase::update;
  Ask ask = edge.data((i + 1) * 100'000 + at.session, at.number, phase, units(i, at));
  ask.key = i + 1;
  return ask;
}
void advance(Progress& at) {
  if (at.number == reports) {
    at = {.session = at.session + 1, .number = 0};
  } else {
    ++at.number;
  }
}

/// Each session asks its next question once the last is acknowledged; acknowledged is what is on disk.
[[noreturn]] void work_until_killed(Edge& edge, std::vector<Progress> at, int pipe) {
  edge.start();
  if (!edge.engine) ::_exit(3);
  std::deque<std::pair<std::uint64_t, std::uint32_t>> waiting;
  std::vector<bool> busy(sessions);
  for (std::uint32_t i = 0;; i = (i + 1) % sessions) {
    {
      const std::lock_guard lock(edge.engine->mutex());
      if (!busy[i]) {
        const Verdict verdict = edge.ask(ask_of(edge, i, at[i]));
        if (verdict.outcome != Outcome::granted) ::_exit(4);
        busy[i] = true;
        waiting.emplace_back(verdict.sequence, i);
      }
      if (i == 0) {
        edge.engine->settled_through(edge.journal->durable());
        edge.engine->tick(edge.now);
      }
    }
    while (!waiting.empty() && waiting.front().first <= edge.journal->durable()) {
      const std::uint32_t done = waiting.front().second;
      waiting.pop_front();
      busy[done] = false;
      advance(at[done]);
      if (::write(pipe, &done, sizeof done) != sizeof done) ::_exit(5);
    }
  }
}

TEST(EngineRecovery, FiftyTimesKillNineLosesNothingAcknowledgedAndCountsNothingTwice) {
  EngineOptions options;
  options.checkpoint_records = 500;
  Edge edge(options);
  const auto measure = edge.replica.define(data_of(1'000'000'000));
  for (std::size_t i = 0; i < sessions; ++i) edge.replica.grant(i + 1, measure);
  std::vector<Progress> at(sessions);
  std::vector<std::uint64_t> used(sessions);
  std::uint64_t acknowledged = 0;
  for (int round = 0; round < 50; ++round) {
    edge.stop();
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      work_until_killed(edge, at, ends[1]);
    }
    ::close(ends[1]);
    std::thread killer([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(60 + round * 11 % 90));
      ::kill(child, SIGKILL);
    });
    std::uint32_t done = 0;
    while (::read(ends[0], &done, sizeof done) == sizeof done) {
      used[done] += units(done, at[done]);
      advance(at[done]);
      ++acknowledged;
    }
    killer.join();
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    edge.start();
    ASSERT_TRUE(edge.engine);
    for (std::size_t i = 0; i < sessions; ++i) {
      // The question in flight was counted, or it wasn't; never anything else.
      const std::uint64_t counted = used_of(*edge.engine, i + 1);
      ASSERT_TRUE(counted == used[i] || counted == used[i] + units(i, at[i])) << round << " " << i;
    }
  }
  EXPECT_GT(acknowledged, 1'000u);
}

TEST(EngineRecovery, AFullDiskIsAsTheOperatorChose) {
  ServiceTable services;
  const ServiceIndex data = *services.add({.kind = feed::Benefit::data, .traffic_class = "education"});
  FakeReplica replica(services);
  replica.grant(1, replica.define(data_of(1000)));
  const Instant now = *parse_instant("2026-11-21T08:00:00Z");
  for (const WhenDiskFull policy : {WhenDiskFull::grant, WhenDiskFull::refuse}) {
    MemoryJournal journal;
    EngineOptions options;
    options.slices.data_octets = 100;
    options.when_disk_full = policy;
    const auto engine = *Engine::open(options, services, replica, journal, now);
    Ask ask;
    ask.key = 1;
    ask.service = data;
    ask.lease = {.high = 1, .low = 1};
    EXPECT_NE(engine->decide(ask, now).sequence, 0u);
    journal.set_health(Journal::Health::full);
    ask.number = 1;
    ask.phase = Phase::update;
    ask.used = 60;
    const Verdict verdict = engine->decide(ask, now);
    EXPECT_EQ(verdict.sequence, 0u);  // nobody waits for a disk that takes nothing
    if (policy == WhenDiskFull::refuse) {
      EXPECT_EQ(verdict.outcome, Outcome::refused);
      EXPECT_EQ(used_of(*engine, 1), 0u);
      journal.set_health(Journal::Health::ok);
      EXPECT_EQ(engine->decide(ask, now).outcome, Outcome::granted);
      EXPECT_EQ(used_of(*engine, 1), 60u);
      continue;
    }
    EXPECT_EQ(verdict.outcome, Outcome::granted);
    journal.waiting_max_reached = true;
    ask.number = 2;
    ask.used = 100;
    EXPECT_EQ(engine->decide(ask, now).outcome, Outcome::granted);
    EXPECT_EQ(engine->counts().unjournaled, 2u);
    EXPECT_EQ(used_of(*engine, 1), 160u);
    EXPECT_TRUE(engine->decide(ask, now).repeated);
  }
}

}  // namespace
}  // namespace dayaq::edge
