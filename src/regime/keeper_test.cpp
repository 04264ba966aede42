#include "support/grant_node.hpp"

namespace dayaq::regime {
namespace {

using namespace std::chrono_literals;
using dayaq::test::must;
using registry::Registry;
using store::Session;
using test::Node;

struct Keeper : testing::TestWithParam<std::tuple<store::Engine, std::uint64_t>> {};

TEST_P(Keeper, KeepsGrantsAndFeedAsADerivationFromNothingHasThem) {
  const auto [engine, seed] = GetParam();
  Node node(engine, seed);
  for (int i = 0; i < 3; ++i) node.change_law();
  for (int round = 0; round < 60; ++round) {
    const auto pick = node.random.below(10);
    if (pick == 0) node.change_law();
    if (pick == 1) node.node.clock.advance(1h * std::int64_t(node.random.below(80)));
    if (pick == 2) node.restart();
    if (pick == 3) must(node.keeper->save(GrantKeeper::Saving::here));
    if (pick == 4 && node.random.below(4) == 0) must(node.keeper->save(GrantKeeper::Saving::in_background));
    must(node.keeper->advance());
    const bool fails = node.random.below(6) == 0;
    const auto done = node.node.write([&](Session& session, const Registry& registry) -> Result<void> {
      for (std::uint64_t i = 0; i < 1 + node.random.below(6); ++i) DAYAQ_TRY_OK(node.step(session, registry));
      if (fails) return fail(ErrorKind::conflict, "test.refused", "The transaction is given up.");
      return {};
    });
    EXPECT_EQ(bool(done), !fails);
    node.expect_right();
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(node.lines_checked, 100u);
}

INSTANTIATE_TEST_SUITE_P(Histories, Keeper,
                         testing::Combine(testing::Values(store::Engine::sqlite),
                                          testing::Range<std::uint64_t>(1, 25)));
INSTANTIATE_TEST_SUITE_P(HistoriesOnPostgreSql, Keeper,
                         testing::Combine(testing::Values(store::Engine::postgresql),
                                          testing::Range<std::uint64_t>(100, 103)));

}  // namespace
}  // namespace dayaq::regime
