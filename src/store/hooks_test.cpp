// State in memory that follows commits, on both engines.
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "support/database.hpp"

namespace dayaq::store {
namespace {

constexpr Migration lines{
    .room = "lines", .number = 1, .sql = "CREATE TABLE line (id BIGINT NOT NULL PRIMARY KEY)"};

/// Numbers the lines of each transaction, as the audit log and the feed do, and tells what was called.
class Numbering final : public CommitHook {
 public:
  Numbering(std::string name, std::vector<std::string>& calls) : name_(std::move(name)), calls_(calls) {}

  void add(std::int64_t id) { pending_.push_back(id); }

  void begin_transaction() override {
    calls_.push_back(name_ + " begin");
    mark_ = pending_.size();
  }
  void discard_transaction() override {
    calls_.push_back(name_ + " discard");
    pending_.resize(mark_);
  }
  Result<void> before_commit(Session& session) override {
    calls_.push_back(name_ + " before");
    if (refusals_ > 0) {
      --refusals_;
      return fail(ErrorKind::internal, "hook.refused", "No.");
    }
    for (const std::int64_t id : pending_)
      DAYAQ_TRY_OK(session.exec("INSERT INTO line (id) VALUES ($1)", {id}));
    return {};
  }
  void after_commit() noexcept override {
    calls_.push_back(name_ + " after");
    committed.insert(committed.end(), pending_.begin(), pending_.end());
    pending_.clear();
  }
  void after_rollback() noexcept override {
    calls_.push_back(name_ + " rollback");
    pending_.clear();
  }
  void refuse(int times) { refusals_ = times; }

  std::vector<std::int64_t> committed;

 private:
  std::string name_;
  std::vector<std::string>& calls_;
  std::vector<std::int64_t> pending_;
  std::size_t mark_ = 0;
  int refusals_ = 0;
};

struct Hooks : testing::TestWithParam<Engine> {
  void SetUp() override { ASSERT_TRUE(db().migrate(std::span(&lines, 1))); }
  Database& db() { return *opened.database; }

  std::vector<std::int64_t> stored() {
    std::vector<std::int64_t> ids;
    EXPECT_TRUE(db().read([&](Session& session) {
      return session.query("SELECT id FROM line ORDER BY id", {}, [&](const Row& row) -> Result<bool> {
        ids.push_back(row.integer(0));
        return true;
      });
    }));
    return ids;
  }

  std::vector<std::string> calls;
  Numbering first{"first", calls};
  Numbering second{"second", calls};
  dayaq::test::OpenedDatabase opened{GetParam()};
};

TEST_P(Hooks, AreCalledInTheirOrderAndBeforeTheAnswer) {
  db().add_hook(first);
  db().add_hook(second);
  ASSERT_TRUE(db().write([](Session&) -> Result<void> { return {}; }));
  EXPECT_EQ(calls, (std::vector<std::string>{"first begin", "second begin", "first before", "second before",
                                             "first after", "second after"}));
}

TEST_P(Hooks, WriteInTheSameTransaction) {
  db().add_hook(first);
  ASSERT_TRUE(db().write([&](Session&) -> Result<void> {
    first.add(1);
    first.add(2);
    return {};
  }));
  EXPECT_EQ(stored(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(first.committed, stored());
}

TEST_P(Hooks, ForgetWhatAFailedFunctionAdded) {
  db().add_hook(first);
  std::promise<void> started;
  std::promise<void> go;
  std::vector<std::promise<Result<void>>> answers(3);
  db().submit(
      [&, went = go.get_future().share(), once = std::make_shared<bool>(false)](Session&) -> Result<void> {
        if (!std::exchange(*once, true)) started.set_value();
        went.wait();
        return {};
      },
      [](Result<void>) {});
  started.get_future().wait();
  for (std::int64_t i = 0; i < 3; ++i) {
    db().submit(
        [&, i](Session& session) -> Result<void> {
          DAYAQ_TRY_OK(session.exec("INSERT INTO line (id) VALUES ($1)", {100 + i}));
          first.add(i);
          if (i == 1) return fail(ErrorKind::limit, "lines.enough", "No more.");
          return {};
        },
        [&, i](Result<void> result) { answers[std::size_t(i)].set_value(std::move(result)); });
  }
  go.set_value();
  EXPECT_TRUE(answers[0].get_future().get());
  EXPECT_EQ(answers[1].get_future().get().error().code, "lines.enough");
  EXPECT_TRUE(answers[2].get_future().get());
  EXPECT_EQ(first.committed, (std::vector<std::int64_t>{0, 2}));
  EXPECT_EQ(stored(), (std::vector<std::int64_t>{0, 2, 100, 102}));
}

TEST_P(Hooks, AFunctionThatFailsBeforeItWritesCostsItsNeighboursNothing) {
  db().add_hook(first);
  const auto refused = db().write([&](Session&) -> Result<void> {
    first.add(9);
    return fail(ErrorKind::not_found, "lines.none", "None.");
  });
  EXPECT_EQ(refused.error().code, "lines.none");
  EXPECT_EQ(calls, (std::vector<std::string>{"first begin", "first discard", "first rollback"}));
  EXPECT_TRUE(first.committed.empty());
}

TEST_P(Hooks, ThatRefuseAGroupMakeItRunOneByOne) {
  db().add_hook(first);
  first.refuse(2);
  // Together and apart are refused; alone it passes.
  EXPECT_TRUE(db().write([&](Session&) -> Result<void> {
    first.add(1);
    return {};
  }));
  EXPECT_EQ(stored(), (std::vector<std::int64_t>{1}));
  first.refuse(3);
  const auto refused = db().write([&](Session&) -> Result<void> {
    first.add(2);
    return {};
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "hook.refused");
  first.refuse(0);
  EXPECT_EQ(stored(), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(first.committed, stored());
  EXPECT_TRUE(db().writable());
}

INSTANTIATE_TEST_SUITE_P(Engines, Hooks, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

}  // namespace
}  // namespace dayaq::store
