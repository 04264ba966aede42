// Migrations, on both engines.
#include <gtest/gtest.h>

#include <vector>

#include "support/database.hpp"

namespace dayaq::store {
namespace {

struct Migrations : testing::TestWithParam<Engine> {
  Database& db() { return *opened.database; }
  std::int64_t one(Sql sql) {
    const auto found = db().read([&](Session& session) {
      return session.one(sql, {}, [](const Row& row) { return row.integer(0); });
    });
    EXPECT_TRUE(found) << (found ? "" : found.error().detail);
    return found ? found->value_or(-1) : -1;
  }

  dayaq::test::OpenedDatabase opened{GetParam()};
  std::vector<Migration> steps{
      {.room = "a",
       .number = 1,
       .sql = "CREATE TABLE a (id BIGINT NOT NULL PRIMARY KEY, d {blob}) {without_rowid}"},
      {.room = "b", .number = 1, .sql = "CREATE TABLE b (id BIGINT); INSERT INTO b (id) VALUES (1)"},
      {.room = "a", .number = 2, .sql = "INSERT INTO a (id) VALUES (5); INSERT INTO a (id) VALUES (6)"}};
};

TEST_P(Migrations, RunOnceAndAreRemembered) {
  ASSERT_TRUE(db().migrate(steps));
  ASSERT_TRUE(db().migrate(steps));
  opened.reopen();
  ASSERT_TRUE(db().migrate(steps));
  EXPECT_EQ(one("SELECT count(*) FROM a"), 2);
  EXPECT_EQ(one("SELECT count(*) FROM b"), 1);
  EXPECT_EQ(one("SELECT count(*) FROM schema_migration"), 3);
}

TEST_P(Migrations, OnlyTheNewOnesRun) {
  ASSERT_TRUE(db().migrate(std::span(steps).first(2)));
  EXPECT_EQ(one("SELECT count(*) FROM a"), 0);
  ASSERT_TRUE(db().migrate(steps));
  EXPECT_EQ(one("SELECT count(*) FROM a"), 2);
}

TEST_P(Migrations, ANewerSchemaIsRefusedAndNotTouched) {
  ASSERT_TRUE(db().migrate(steps));
  const std::vector<Migration> older{
      steps[0], steps[1], {.room = "c", .number = 1, .sql = "CREATE TABLE c (id BIGINT)"}};
  const auto refused = db().migrate(older);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
  EXPECT_EQ(refused.error().code, "store.newer_schema");
  EXPECT_EQ(one("SELECT count(*) FROM schema_migration"), 3);
}

TEST_P(Migrations, ARoomThatThisProgramDoesNotKnowIsNewer) {
  ASSERT_TRUE(db().migrate(steps));
  const std::vector<Migration> without_b{steps[0], steps[2]};
  EXPECT_EQ(db().migrate(without_b).error().code, "store.newer_schema");
}

TEST_P(Migrations, AFailedOneLeavesNothingAndStopsTheRest) {
  steps[1].sql = "CREATE TABLE b (id BIGINT); INSERT INTO nowhere VALUES (1)";
  const auto failed = db().migrate(steps);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "store.sql");
  EXPECT_EQ(one("SELECT count(*) FROM schema_migration"), 1);
  EXPECT_EQ(one("SELECT count(*) FROM a"), 0);
  steps[1].sql = "CREATE TABLE b (id BIGINT)";
  ASSERT_TRUE(db().migrate(steps)) << "table b isn't there yet";
  EXPECT_EQ(one("SELECT count(*) FROM a"), 2);
}

TEST_P(Migrations, GapsAreADefect) {
  steps[2].number = 3;
  EXPECT_EQ(db().migrate(steps).error().code, "store.migration_order");
}

INSTANTIATE_TEST_SUITE_P(Engines, Migrations, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

}  // namespace
}  // namespace dayaq::store
