#include "portal/standing.hpp"

#include <gtest/gtest.h>

#include "portal/decisions.hpp"
#include "portal/portal_test_support.hpp"

namespace dayaq::portal {
namespace {

using namespace std::chrono_literals;
using regime::RegimeState;

Instant at(std::string_view text) {
  return *parse_instant(text);
}

regime::RegimeVersion approved_version() {
  regime::RegimeVersion version;
  version.regime.code = RegimeCode("r");
  version.regime.period = {at("2026-03-01T00:00:00Z"), at("2026-06-01T00:00:00Z")};
  version.state = RegimeState::approved;
  version.submitted = at("2026-01-30T00:00:00Z");
  version.submitted_by = "a";
  version.approved = at("2026-02-01T00:00:00Z");
  version.approved_by = "b";
  return version;
}

TEST(Standing, FollowsAVersionThroughItsLife) {
  const regime::RegimeVersion version = approved_version();
  EXPECT_EQ(standing_of(version, at("2026-02-15T00:00:00Z")), Standing::coming);
  EXPECT_EQ(standing_of(version, version.regime.period.from), Standing::in_force);
  EXPECT_EQ(standing_of(version, version.regime.period.until - 1us), Standing::in_force);
  EXPECT_EQ(standing_of(version, version.regime.period.until), Standing::ended);
}

TEST(Standing, TellsAnAmendedVersionFromAnEndedAndAWithdrawnOne) {
  regime::RegimeVersion version = approved_version();
  version.superseded = at("2026-04-01T00:00:00Z");
  EXPECT_EQ(standing_of(version, at("2026-03-31T00:00:00Z")), Standing::in_force);
  EXPECT_EQ(standing_of(version, at("2026-04-01T00:00:00Z")), Standing::superseded);
  version.state = RegimeState::ended;
  version.ended_by = "c";
  EXPECT_EQ(standing_of(version, at("2026-03-31T00:00:00Z")), Standing::in_force);
  EXPECT_EQ(standing_of(version, at("2026-04-01T00:00:00Z")), Standing::ended);
  version = approved_version();
  version.state = RegimeState::submitted;
  EXPECT_EQ(standing_of(version, at("2026-03-31T00:00:00Z")), Standing::submitted);
  version.superseded = at("2026-02-01T00:00:00Z");
  EXPECT_EQ(standing_of(version, at("2026-03-31T00:00:00Z")), Standing::withdrawn);
}

TEST(LeadingVersion, IsTheOneInForceEvenIfANewerOneWaits) {
  test::FakeBook book;
  book.add(test::quarantine(), at("2026-03-20T00:00:00Z"), true);
  book.add(test::quarantine(), at("2026-10-20T00:00:00Z"), false);
  const Instant now = at("2026-11-21T00:00:00Z");
  EXPECT_EQ(leading_version(book.all, now)->regime.version, 1);
  EXPECT_EQ(leading_versions(book.all, now).size(), 1u);
  EXPECT_EQ(leading_version({book.all[1]}, now)->regime.version, 2);
}

TEST(DecisionTrail, FindsEachDecisionInTheLogByItsTime) {
  test::FakeLeaves leaves;
  const regime::RegimeVersion version = approved_version();
  const Versions versions{std::make_shared<const regime::RegimeVersion>(version)};
  for (int i = 0; i < 500; ++i) leaves.add("person.read", "x", 1, version.submitted - 1h + i * 1s);
  leaves.add("regime.submit", "other", 1, version.submitted);
  leaves.add("regime.submit", "r", 2, version.submitted);
  leaves.add("regime.submit", "r", 1, version.submitted + 3ms);
  for (int i = 0; i < 500; ++i) leaves.add("person.read", "x", 1, version.submitted + 1h + i * 1s);
  leaves.add("regime.approve", "r", 1, version.approved + 1h);  // another moment: not this decision

  DecisionTrail trail(leaves);
  const auto decisions = trail.decisions(versions);
  ASSERT_EQ(decisions.size(), 2u);
  EXPECT_EQ(decisions[0].kind, Decision::Kind::submitted);
  ASSERT_TRUE(decisions[0].entry);
  EXPECT_EQ(decisions[0].entry->index, 502u);
  EXPECT_EQ(decisions[0].entry->leaf, leaves.leaves[502]);
  EXPECT_EQ(decisions[1].kind, Decision::Kind::approved);
  EXPECT_FALSE(decisions[1].entry);
}

TEST(DecisionTrail, ShowsDecisionsWithoutEntriesWhenTheLogCantBeRead) {
  struct Unreadable final : AuditLeaves {
    std::uint64_t size() override { return 7; }
    Result<std::string> leaf(std::uint64_t) override {
      return fail(ErrorKind::unavailable, "test", "Not now.");
    }
    std::string checkpoint() override { return ""; }
  } leaves;
  DecisionTrail trail(leaves);
  const auto decisions = trail.decisions({std::make_shared<const regime::RegimeVersion>(approved_version())});
  ASSERT_EQ(decisions.size(), 2u);
  EXPECT_FALSE(decisions[0].entry);
}

}  // namespace
}  // namespace dayaq::portal
