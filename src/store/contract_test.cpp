// What every Database does, whichever engine is behind it.
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "store/database.hpp"
#include "support/database.hpp"

namespace dayaq::store {
namespace {

using dayaq::test::OpenedDatabase;

constexpr Migration notes{.room = "notes", .number = 1, .sql = R"(
  CREATE TABLE note (id BIGINT NOT NULL, body TEXT, data {blob}, PRIMARY KEY (id)) {without_rowid};
  CREATE INDEX note_by_body ON note (body);
)"};

Result<void> insert(Session& session, std::int64_t id, std::string_view body = "a note") {
  return session.exec("INSERT INTO note (id, body) VALUES ($1, $2)", {id, body});
}

struct Contract : testing::TestWithParam<Engine> {
  void SetUp() override {
    const auto migrated = db().migrate(std::span(&notes, 1));
    ASSERT_TRUE(migrated) << migrated.error().detail;
  }
  Database& db() { return *opened.database; }

  std::int64_t count() {
    const auto found = db().read([](Session& session) {
      return session.one("SELECT count(*) FROM note", {}, [](const Row& row) { return row.integer(0); });
    });
    EXPECT_TRUE(found) << (found ? "" : found.error().detail);
    return found ? found->value_or(-1) : -1;
  }

  /// Makes the next submissions share a group: the writer waits in a function until let go.
  struct Gate {
    explicit Gate(Database& db) {
      db.submit([this](Session&) -> Result<void> { return hold(); }, [](Result<void>) {});
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return held; });
    }
    Result<void> hold() {
      std::unique_lock lock(mutex);
      held = true;
      changed.notify_all();
      changed.wait(lock, [this] { return open; });
      return {};
    }
    void let_go() {
      const std::lock_guard lock(mutex);
      open = true;
      changed.notify_all();
    }
    std::mutex mutex;
    std::condition_variable changed;
    bool held = false;
    bool open = false;
  };

  /// Answers by number, and a wait for all of them.
  struct Answers {
    explicit Answers(std::size_t count) : results(count) {}
    Database::Done slot(std::size_t i) {
      return [this, i](Result<void> result) {
        const std::lock_guard lock(mutex);
        results[i] = std::move(result);
        ++answered;
        changed.notify_all();
      };
    }
    void wait() {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return answered == results.size(); });
    }
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t answered = 0;
    std::vector<Result<void>> results;
  };

  OpenedDatabase opened{GetParam()};
};

TEST_P(Contract, KeepsWhatAFunctionWrote) {
  ASSERT_TRUE(db().write([](Session& session) { return insert(session, 1); }));
  EXPECT_EQ(count(), 1);
}

TEST_P(Contract, ReturnsTheFunctionsValue) {
  const auto value = db().write([](Session& session) -> Result<std::string> {
    DAYAQ_TRY_OK(insert(session, 1));
    return "done";
  });
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, "done");
}

TEST_P(Contract, LeavesNothingOfAFailedFunctionAndReturnsItsError) {
  const auto result = db().write([](Session& session) -> Result<int> {
    DAYAQ_TRY_OK(insert(session, 1));
    return fail(ErrorKind::limit, "notes.enough", "No more notes.");
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "notes.enough");
  EXPECT_EQ(count(), 0);
}

TEST_P(Contract, AFunctionThatThrowsIsADefectAndLeavesNothing) {
  const auto result = db().write([](Session& session) -> Result<void> {
    DAYAQ_TRY_OK(insert(session, 1));
    throw std::runtime_error("from a library");
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::internal);
  EXPECT_EQ(count(), 0);
}

TEST_P(Contract, ADuplicateKeyIsAConflict) {
  ASSERT_TRUE(db().write([](Session& session) { return insert(session, 1); }));
  const auto again = db().write([](Session& session) { return insert(session, 1); });
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::conflict);
  EXPECT_EQ(again.error().code, "store.duplicate");
}

TEST_P(Contract, AFunctionThatIgnoresAFailedStatementDoesNotCommit) {
  ASSERT_TRUE(db().write([](Session& session) { return insert(session, 1); }));
  const auto result = db().write([](Session& session) -> Result<void> {
    (void)insert(session, 2);
    (void)insert(session, 1);
    (void)insert(session, 3);
    return {};
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "store.duplicate");
  EXPECT_EQ(count(), 1);
}

TEST_P(Contract, AMistakeInSqlIsADefect) {
  const auto write =
      db().write([](Session& session) { return session.exec("INSERT INTO nowhere VALUES (1)"); });
  ASSERT_FALSE(write);
  EXPECT_EQ(write.error().code, "store.sql");
  const auto read = db().read([](Session& session) {
    return session.one("SELECT nothing FROM note", {}, [](const Row& row) { return row.integer(0); });
  });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, "store.sql");
  EXPECT_EQ(count(), 0) << "the connection goes on working";
}

TEST_P(Contract, AFailingFunctionDoesNotHurtItsNeighbours) {
  ASSERT_TRUE(db().write([](Session& session) { return insert(session, 5); }));
  Gate gate(db());
  Answers answers(20);
  for (std::size_t i = 0; i < 20; ++i) {
    db().submit(
        [i](Session& session) -> Result<void> {
          DAYAQ_TRY_OK(insert(session, 100 + std::int64_t(i)));
          if (i == 7) return insert(session, 5);
          if (i == 11) return fail(ErrorKind::limit, "notes.enough", "No more notes.");
          return {};
        },
        answers.slot(i));
  }
  gate.let_go();
  answers.wait();
  for (std::size_t i = 0; i < 20; ++i) {
    if (i == 7) {
      EXPECT_EQ(answers.results[i].error().code, "store.duplicate");
    } else if (i == 11) {
      EXPECT_EQ(answers.results[i].error().code, "notes.enough");
    } else {
      EXPECT_TRUE(answers.results[i]) << i << answers.results[i].error().detail;
    }
  }
  EXPECT_EQ(count(), 19);
}

TEST_P(Contract, FunctionsOfAGroupSeeWhatCameBeforeThem) {
  Gate gate(db());
  Answers answers(50);
  for (std::size_t i = 0; i < 50; ++i) {
    db().submit(
        [](Session& session) -> Result<void> {
          DAYAQ_TRY(const auto last, session.one("SELECT coalesce(max(id), 0) FROM note", {},
                                                 [](const Row& row) { return row.integer(0); }));
          return insert(session, *last + 1);
        },
        answers.slot(i));
  }
  gate.let_go();
  answers.wait();
  for (const auto& result : answers.results) EXPECT_TRUE(result);
  EXPECT_EQ(count(), 50);
}

TEST_P(Contract, NobodyIsAnsweredBeforeTheCommit) {
  std::atomic<int> seen{-1};
  Answers answers(1);
  auto done = answers.slot(0);
  db().submit([](Session& session) { return insert(session, 1); },
              [&](Result<void> result) {
                // On the writer thread, in the moment of the answer, another connection must see the row.
                std::thread([&] { seen = int(count()); }).join();
                done(std::move(result));
              });
  answers.wait();
  EXPECT_EQ(seen, 1);
}

TEST_P(Contract, AReadSeesOneMoment) {
  ASSERT_TRUE(db().write([](Session& session) { return insert(session, 1); }));
  const auto counted = db().read([&](Session& session) -> Result<std::pair<std::int64_t, std::int64_t>> {
    const auto all = [&] {
      return session.one("SELECT count(*) FROM note", {}, [](const Row& row) { return row.integer(0); });
    };
    DAYAQ_TRY(const auto before, all());
    DAYAQ_TRY_OK(db().write([](Session& writer) { return insert(writer, 2); }));
    DAYAQ_TRY(const auto after, all());
    return std::pair(*before, *after);
  });
  ASSERT_TRUE(counted);
  EXPECT_EQ(counted->first, 1);
  EXPECT_EQ(counted->second, 1);
  EXPECT_EQ(count(), 2);
}

TEST_P(Contract, AReadCanNotWrite) {
  const auto result = db().read([](Session& session) { return insert(session, 1); });
  EXPECT_FALSE(result);
  EXPECT_EQ(count(), 0);
}

TEST_P(Contract, NullsTextsBytesAndLargeNumbersComeBackAsTheyWent) {
  std::string text = "İı'\"\\ \xd1\x8f $1 {}";
  Bytes bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(std::byte(i));
  const auto smallest = std::numeric_limits<std::int64_t>::min();
  const auto largest = std::numeric_limits<std::int64_t>::max();
  ASSERT_TRUE(db().write([&](Session& session) -> Result<void> {
    const Sql sql = "INSERT INTO note (id, body, data) VALUES ($1, $2, $3)";
    DAYAQ_TRY_OK(session.exec(sql, {smallest, std::string_view(text), BytesView(bytes)}));
    DAYAQ_TRY_OK(session.exec(sql, {std::int64_t(0), nullptr, nullptr}));
    return session.exec(sql, {largest, std::string_view(), BytesView()});
  }));
  int rows = 0;
  ASSERT_TRUE(db().read([&](Session& session) {
    return session.query("SELECT id, body, data FROM note ORDER BY id", {},
                         [&](const Row& row) -> Result<bool> {
                           ++rows;
                           if (row.integer(0) == smallest) {
                             EXPECT_EQ(row.text(1), text);
                             EXPECT_EQ(Bytes(row.blob(2).begin(), row.blob(2).end()), bytes);
                           } else if (row.integer(0) == 0) {
                             EXPECT_TRUE(row.is_null(1));
                             EXPECT_TRUE(row.is_null(2));
                             EXPECT_EQ(row.text(1), "");
                             EXPECT_EQ(row.integer(1), 0);
                             EXPECT_TRUE(row.blob(2).empty());
                           } else {
                             EXPECT_EQ(row.integer(0), largest);
                             EXPECT_FALSE(row.is_null(1)) << "an empty text is not NULL";
                             EXPECT_EQ(row.text(1), "");
                             EXPECT_FALSE(row.is_null(2)) << "empty bytes are not NULL";
                             EXPECT_TRUE(row.blob(2).empty());
                           }
                           return true;
                         });
  }));
  EXPECT_EQ(rows, 3);
}

TEST_P(Contract, ParametersGoByNumberInAnyOrderAndMoreThanOnce) {
  ASSERT_TRUE(db().write([](Session& session) {
    return session.exec("INSERT INTO note (body, id) VALUES ($2, $1)",
                        {std::int64_t(7), std::string_view("seven")});
  }));
  const auto found = db().read([](Session& session) {
    return session.one("SELECT id FROM note WHERE body = $2 AND id >= $1 AND id <= $1",
                       {std::int64_t(7), std::string_view("seven")},
                       [](const Row& row) { return row.integer(0); });
  });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value_or(0), 7);
}

TEST_P(Contract, AParameterMayBeNullFirstAndAValueLater) {
  ASSERT_TRUE(db().write([](Session& session) -> Result<void> {
    const Sql sql = "INSERT INTO note (id, body, data) VALUES (coalesce($1, 1), $2, $3)";
    DAYAQ_TRY_OK(session.exec(sql, {nullptr, nullptr, nullptr}));
    return session.exec(sql, {std::int64_t(2), std::string_view("two"), as_bytes("two")});
  }));
  const auto found = db().read([](Session& session) {
    return session.one("SELECT body, data FROM note WHERE id = 2", {}, [](const Row& row) {
      return std::string(row.text(0)) + "/" + std::string(as_text(row.blob(1)));
    });
  });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value_or(""), "two/two");
}

TEST_P(Contract, SumsAndConditionsAreNumbers) {
  const auto large = std::int64_t(1) << 62;
  ASSERT_TRUE(db().write([&](Session& session) -> Result<void> {
    DAYAQ_TRY_OK(insert(session, large));
    DAYAQ_TRY_OK(insert(session, -5));
    return insert(session, 20'005);
  }));
  const auto found = db().read([](Session& session) {
    return session.one("SELECT sum(id), min(id), count(*), max(id) > 0, 7, sum(id) - sum(id) FROM note", {},
                       [](const Row& row) {
                         return std::vector{row.integer(0), row.integer(1), row.integer(2),
                                            row.integer(3), row.integer(4), row.integer(5)};
                       });
  });
  ASSERT_TRUE(found) << found.error().detail;
  EXPECT_EQ(**found, (std::vector<std::int64_t>{large + 20'000, -5, 3, 1, 7, 0}));
}

// AddressSanitizer keeps freed memory for a while, so that resident memory says nothing.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool frees_at_once = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool frees_at_once = false;
#else
constexpr bool frees_at_once = true;
#endif
#else
constexpr bool frees_at_once = true;
#endif

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t all = 0;
  std::int64_t resident = 0;
  statm >> all >> resident;
  return resident * 4096;
}

TEST_P(Contract, ALargeResultStreamsThroughLittleMemory) {
  const std::int64_t rows_wanted = 500'000;
  const std::int64_t before = resident_bytes();
  std::int64_t most = 0;
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  const auto done = db().read([&](Session& session) {
    return session.query(
        "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1) "
        "SELECT i, "
        "'0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890' "
        "|| '0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890' "
        "FROM n",
        {rows_wanted}, [&](const Row& row) -> Result<bool> {
          bytes += std::int64_t(row.text(1).size());
          if (++rows % 50'000 == 0) most = std::max(most, resident_bytes());
          return row.integer(0) == rows;
        });
  });
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(rows, rows_wanted);
  EXPECT_EQ(bytes, rows_wanted * 182);
  if (frees_at_once) {
    EXPECT_LT(most - before, 24 << 20) << "of about " << (bytes >> 20) << " MiB";
  }
}

TEST_P(Contract, ChangeCountsTheRowsItChanged) {
  const auto counts = db().write([](Session& session) -> Result<std::vector<std::int64_t>> {
    const Sql sql = "INSERT INTO note (id, body) VALUES ($1, 'x') ON CONFLICT (id) DO NOTHING";
    DAYAQ_TRY(const auto first, session.change(sql, {std::int64_t(1)}));
    DAYAQ_TRY(const auto second, session.change(sql, {std::int64_t(1)}));
    DAYAQ_TRY_OK(insert(session, 2));
    DAYAQ_TRY(const auto both, session.change("UPDATE note SET body = 'y'"));
    DAYAQ_TRY(const auto none, session.change("DELETE FROM note WHERE id = 99"));
    return std::vector{first, second, both, none};
  });
  ASSERT_TRUE(counts) << counts.error().detail;
  EXPECT_EQ(*counts, (std::vector<std::int64_t>{1, 0, 2, 0}));
}

TEST_P(Contract, AQueryEndsWhenItsReaderHasEnoughOrFails) {
  ASSERT_TRUE(db().write([](Session& session) -> Result<void> {
    for (std::int64_t i = 0; i < 100; ++i) DAYAQ_TRY_OK(insert(session, i));
    return {};
  }));
  int rows = 0;
  const auto result = db().read([&](Session& session) -> Result<std::int64_t> {
    DAYAQ_TRY_OK(
        session.query("SELECT id FROM note", {}, [&](const Row&) -> Result<bool> { return ++rows < 3; }));
    const auto failed = session.query("SELECT id FROM note", {}, [](const Row&) -> Result<bool> {
      return fail(ErrorKind::limit, "notes.enough", "No more notes.");
    });
    EXPECT_EQ(failed.error().code, "notes.enough");
    DAYAQ_TRY(const auto all,
              session.one("SELECT count(*) FROM note", {}, [](const Row& row) { return row.integer(0); }));
    return *all;
  });
  EXPECT_EQ(rows, 3);
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, 100);
}

TEST_P(Contract, StatementsMayRunInsideAQuery) {
  ASSERT_TRUE(db().write([](Session& session) -> Result<void> {
    for (std::int64_t i = 1; i <= 10; ++i) DAYAQ_TRY_OK(insert(session, i));
    return {};
  }));
  std::int64_t sum = 0;
  const Sql by_id = "SELECT id FROM note WHERE id <= $1 ORDER BY id";
  const auto result = db().write([&](Session& session) -> Result<void> {
    sum = 0;
    return session.query(by_id, {std::int64_t(3)}, [&](const Row& outer) -> Result<bool> {
      const auto id = outer.integer(0);
      DAYAQ_TRY_OK(insert(session, 100 + id));
      DAYAQ_TRY_OK(session.query(by_id, {id}, [&](const Row& inner) -> Result<bool> {
        sum += inner.integer(0);
        return true;
      }));
      return true;
    });
  });
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(sum, 1 + (1 + 2) + (1 + 2 + 3));
  EXPECT_EQ(count(), 13);
}

TEST_P(Contract, OverloadIsRefusedAtOnceAndTheRestGoesOn) {
  Gate gate(db());
  const std::size_t beyond = 10;
  const auto queue_max = std::size_t(OpenedDatabase::queue_max);
  Answers answers(queue_max + beyond);
  for (std::size_t i = 0; i < queue_max + beyond; ++i) {
    db().submit([i](Session& session) { return insert(session, std::int64_t(i)); }, answers.slot(i));
  }
  {
    const std::lock_guard lock(answers.mutex);
    EXPECT_EQ(answers.answered, beyond) << "refused before anything ran";
  }
  gate.let_go();
  answers.wait();
  for (std::size_t i = 0; i < queue_max; ++i) EXPECT_TRUE(answers.results[i]);
  for (std::size_t i = queue_max; i < queue_max + beyond; ++i) {
    EXPECT_EQ(answers.results[i].error().code, "store.overload");
    EXPECT_EQ(answers.results[i].error().kind, ErrorKind::unavailable);
  }
  EXPECT_EQ(count(), std::int64_t(queue_max));
}

TEST_P(Contract, SixteenThreadsWriteAndReadEachTheirOwn) {
  std::atomic<int> failures{0};
  {
    std::vector<std::jthread> threads;
    for (std::int64_t thread = 0; thread < 16; ++thread) {
      threads.emplace_back([&, thread] {
        for (std::int64_t i = 0; i < 100; ++i) {
          const std::int64_t id = thread * 1000 + i;
          if (!db().write([&](Session& session) { return insert(session, id, "by a thread"); })) ++failures;
          const auto mine = db().read([&](Session& session) {
            return session.one("SELECT body FROM note WHERE id = $1", {id},
                               [](const Row& row) { return std::string(row.text(0)); });
          });
          if (!mine || mine->value_or("") != "by a thread") ++failures;
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(count(), 1600);
}

TEST_P(Contract, AnswersComeEvenWhileItCloses) {
  Answers answers(200);
  for (std::size_t i = 0; i < 200; ++i) {
    db().submit([i](Session& session) { return insert(session, std::int64_t(i)); }, answers.slot(i));
  }
  opened.reopen();
  answers.wait();
  EXPECT_EQ(count(), 200);
}

TEST_P(Contract, OneProgramWritesAtATime) {
  const auto second = Database::open(opened.options());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::conflict);
  EXPECT_EQ(second.error().code, "store.second_writer");
}

TEST_P(Contract, ASecondProgramMayReadBesideTheFirstAndNeverWrites) {
  ASSERT_TRUE(db().write([&](Session& session) { return insert(session, 1, "seen"); }));
  Options options = opened.options();
  options.read_only = true;
  const auto reader = Database::open(options);
  ASSERT_TRUE(reader);
  const auto seen = (*reader)->read([](Session& session) {
    return session.one("SELECT body FROM note WHERE id = 1", {},
                       [](const Row& row) { return std::string(row.text(0)); });
  });
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->value_or(""), "seen");
  const auto refused = (*reader)->write([&](Session& session) { return insert(session, 2); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "store.read_only");
}

TEST_P(Contract, EverybodyIsAnsweredThoughAGroupThatFailedTakesLongerThanItsTime) {
  // The second run of a group stops after its time, too: who is left over must go with the next group.
  constexpr int functions = 80;
  std::mutex mutex;
  std::condition_variable changed;
  int answered = 0;
  int refused = 0;
  for (int i = 0; i < functions; ++i) {
    db().submit(
        [i](Session& session) -> Result<void> {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
          DAYAQ_TRY_OK(insert(session, i));
          if (i % 10 != 9) return {};
          return fail(ErrorKind::conflict, "test.refused", "No.");
        },
        [&](const Result<void>& result) {
          const std::lock_guard lock(mutex);
          ++answered;
          if (!result) ++refused;
          changed.notify_one();
        });
  }
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(60), [&] { return answered == functions; }));
  EXPECT_EQ(answered, functions);
  EXPECT_EQ(refused, functions / 10);
  EXPECT_EQ(count(), functions - functions / 10);
}

INSTANTIATE_TEST_SUITE_P(Engines, Contract, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

}  // namespace
}  // namespace dayaq::store
