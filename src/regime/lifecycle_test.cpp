#include "regime/lifecycle.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "regime/law_test_support.hpp"
#include "regime/store.hpp"
#include "support/audit_log.hpp"

namespace dayaq::regime {
namespace {

using test::azerbaijan;

std::string regime_text(const std::string& from, const std::string& until) {
  return fmt::format(R"(format: 1
code: exercise
title: {{az: Sınaq rejimi}}
legal_basis: {{az: Qərar}}
territory: country
period: {{from: {}, until: {}}}
measures:
  - code: calls
    title: {{az: Pulsuz zəng}}
    who: {{status: pensioner}}
    benefits:
      - {{gives: voice, quota: 300 min, per: month, cost: 3 qepik per min}}
)",
                     from, until);
}

struct CountingObserver final : LawObserver {
  int calls = 0;
  bool refuse = false;
  std::shared_ptr<const Law> last;
  Result<void> on_law_change(store::Session&, const std::shared_ptr<const Law>& next, Instant) override {
    ++calls;
    last = next;
    if (refuse) return fail(ErrorKind::unavailable, "test.refused", "The observer refuses.");
    return {};
  }
};

/// A law book on an empty database of either engine.
struct Offices {
  explicit Offices(store::Engine engine) : audit(engine, migrations()) { open(); }
  void open() {
    book = std::make_unique<Lawbook>(azerbaijan().file_context(), *audit.log);
    ASSERT_TRUE(audit.db().read([&](store::Session& session) { return book->load(session); }));
    book->add_observer(observer);
    audit.db().add_hook(*book);
  }
  Result<VersionHandle> submit(const std::string& text, const std::string& actor, Instant now) {
    return step([&](store::Session& s) { return book->submit(s, *parse(text), actor, now); });
  }
  Result<VersionHandle> approve(const std::string& code, int version, const std::string& actor, Instant now) {
    return step([&](store::Session& s) { return book->approve(s, RegimeCode(code), version, actor, now); });
  }
  template <class F>
  Result<VersionHandle> step(F&& fn) {
    return audit.db().write(std::forward<F>(fn));
  }
  static std::expected<Regime, Errors> parse(const std::string& text) {
    return parse_regime(text, azerbaijan().file_context());
  }

  dayaq::test::AuditLog audit;
  CountingObserver observer;
  std::unique_ptr<Lawbook> book;
};

using test::scalar;

Result<VersionHandle> take_step(Offices& offices, const TreeNode& files, const TreeNode& step) {
  const Instant now = azerbaijan().moment(scalar(step, "at"));
  const std::string by = "org:digital-agency/key:" + scalar(step, "by");
  const auto file = [&](std::string_view key) {
    const TreeNode* period = files.find(scalar(step, key));
    return regime_text(scalar(*period, "from"), scalar(*period, "until"));
  };
  const RegimeCode code("exercise");
  return offices.step([&](store::Session& session) -> Result<VersionHandle> {
    Lawbook& book = *offices.book;
    if (step.find("submit") != nullptr) return book.submit(session, *Offices::parse(file("submit")), by, now);
    if (step.find("amend") != nullptr) return book.amend(session, *Offices::parse(file("amend")), by, now);
    if (step.find("end") != nullptr)
      return book.end(session, code, azerbaijan().moment(scalar(step, "end")), by, now);
    return book.approve(session, code, std::stoi(scalar(step, "approve")), by, now);
  });
}

std::string in_force_at(const Law& law, const std::string& moment) {
  const auto version = law.version_at(RegimeCode("exercise"), azerbaijan().moment(moment));
  const auto measures = law.in_force_at(azerbaijan().moment(moment));
  EXPECT_EQ(measures.size(), version ? 1u : 0u) << moment;
  return version ? std::to_string(version->regime.version) : "none";
}

void run_case(store::Engine engine, const TreeNode& node) {
  Offices offices(engine);
  for (const TreeNode& step : node.find("steps")->children) {
    const auto done = take_step(offices, *node.find("files"), step);
    EXPECT_EQ(done ? "" : std::string(done.error().code), scalar(step, "refused"))
        << "line " << step.place.line;
  }
  const TreeNode* moments = node.find("in_force");
  if (moments == nullptr) return;
  for (std::size_t i = 0; i < moments->keys.size(); ++i) {
    EXPECT_EQ(in_force_at(*offices.book->law(), moments->keys[i].text), moments->children[i].text)
        << moments->keys[i].text;
  }
  // The same after a restart: all of it is in the database.
  offices.audit.reopen();
  offices.open();
  for (std::size_t i = 0; i < moments->keys.size(); ++i) {
    EXPECT_EQ(in_force_at(*offices.book->law(), moments->keys[i].text), moments->children[i].text)
        << "after a restart, " << moments->keys[i].text;
  }
}

struct Lifecycle : testing::TestWithParam<store::Engine> {};
INSTANTIATE_TEST_SUITE_P(Engines, Lifecycle, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& each) { return dayaq::test::name_of(each.param); });

TEST_P(Lifecycle, GoesAsTheCasesSay) {
  const auto cases = test::cases("lifecycle.yaml");
  ASSERT_GE(cases.size(), 14u);
  for (const TreeNode& node : cases) {
    SCOPED_TRACE(scalar(node, "title"));
    run_case(GetParam(), node);
  }
}

TEST_P(Lifecycle, WritesAnAuditEntryForEachStepAndNoneForARefusedOne) {
  Offices offices(GetParam());
  const Instant now = azerbaijan().moment("2026-03-20");
  ASSERT_TRUE(offices.submit(regime_text("2026-03-24", "2027-03-24"), "org:a/key:1", now));
  ASSERT_FALSE(offices.approve("exercise", 1, "org:a/key:1", now));
  ASSERT_TRUE(offices.approve("exercise", 1, "org:a/key:2", now));
  ASSERT_EQ(offices.audit.log->size(), 2u);
  const auto leaf = offices.audit.log->entry(1)->leaf;
  EXPECT_NE(leaf.find(R"("action":"regime.approve")"), std::string::npos) << leaf;
  EXPECT_NE(leaf.find(R"("actor":"org:a/key:2")"), std::string::npos) << leaf;
  EXPECT_NE(leaf.find(R"("in_force_from":"2026-03-23T20:00:00Z")"), std::string::npos) << leaf;
}

TEST_P(Lifecycle, TellsObserversOfTheNewLawWithinTheTransaction) {
  Offices offices(GetParam());
  const Instant now = azerbaijan().moment("2026-03-20");
  ASSERT_TRUE(offices.submit(regime_text("2026-03-24", "2027-03-24"), "org:a/key:1", now));
  EXPECT_EQ(offices.observer.calls, 0) << "a submission changes no law";
  ASSERT_TRUE(offices.approve("exercise", 1, "org:a/key:2", now));
  EXPECT_GE(offices.observer.calls, 1);
  ASSERT_TRUE(offices.observer.last);
  EXPECT_EQ(offices.observer.last->measures().size(), 1u);
  EXPECT_EQ(offices.observer.last, offices.book->law());
}

TEST_P(Lifecycle, LeavesNothingBehindWhenAnObserverFails) {
  Offices offices(GetParam());
  const Instant now = azerbaijan().moment("2026-03-20");
  ASSERT_TRUE(offices.submit(regime_text("2026-03-24", "2027-03-24"), "org:a/key:1", now));
  offices.observer.refuse = true;
  EXPECT_EQ(offices.approve("exercise", 1, "org:a/key:2", now).error().code, "test.refused");
  EXPECT_EQ(offices.book->versions().front()->state, RegimeState::submitted);
  EXPECT_TRUE(offices.book->law()->measures().empty());
  EXPECT_EQ(offices.audit.log->size(), 1u);
  offices.observer.refuse = false;
  EXPECT_TRUE(offices.approve("exercise", 1, "org:a/key:2", now));
}

TEST_P(Lifecycle, RefusesToStartOnAFileThatTheCountryPackNoLongerUnderstands) {
  Offices offices(GetParam());
  std::string text = regime_text("2026-03-24", "2027-03-24");
  text.replace(text.find("pensioner"), 9, "veteran");
  ASSERT_TRUE(offices.audit.db().write([&](store::Session& session) {
    return RegimeStore::insert(session, {.code = "exercise", .source = text, .submitted_by = "cli"});
  }));
  Lawbook book(azerbaijan().file_context(), *offices.audit.log);
  const auto loaded = offices.audit.db().read([&](store::Session& session) { return book.load(session); });
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, "regime.stored");
  EXPECT_NE(loaded.error().public_text.find("`veteran`"), std::string::npos) << loaded.error().public_text;
}

TEST(Law, TellsWhenItChangesNext) {
  Offices offices(store::Engine::sqlite);
  const Instant now = azerbaijan().moment("2026-03-20");
  ASSERT_TRUE(offices.submit(regime_text("2026-03-24", "2027-03-24"), "org:a/key:1", now));
  ASSERT_TRUE(offices.approve("exercise", 1, "org:a/key:2", now));
  const auto law = offices.book->law();
  EXPECT_EQ(law->next_change(now), azerbaijan().moment("2026-03-24"));
  EXPECT_EQ(law->next_change(azerbaijan().moment("2026-03-24")), azerbaijan().moment("2027-03-24"));
  EXPECT_EQ(law->next_change(azerbaijan().moment("2027-03-24")), std::nullopt);
}

TEST(CheckConflicts, PointsOutTheSameMeasureInAnotherRegime) {
  Offices offices(store::Engine::sqlite);
  const Instant now = azerbaijan().moment("2026-03-20");
  ASSERT_TRUE(offices.submit(regime_text("2026-03-24", "2027-03-24"), "org:a/key:1", now));
  ASSERT_TRUE(offices.approve("exercise", 1, "org:a/key:2", now));
  Regime other = *Offices::parse(regime_text("2026-06-01", "2026-07-01"));
  EXPECT_TRUE(check_conflicts(other, *offices.book->law(), now).empty())
      << "a version of the same regime is no conflict";
  other.code = RegimeCode("other");
  const auto notices = check_conflicts(other, *offices.book->law(), now);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_NE(notices.front().find("exercise"), std::string::npos);
}

}  // namespace
}  // namespace dayaq::regime
