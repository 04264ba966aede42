// Batches into the database, on both engines.
#include "settlement/settle.hpp"

#include <gtest/gtest.h>

#include "settlement/report.hpp"
#include "settlement/settlement_test_support.hpp"
#include "support/audit_log.hpp"

namespace dayaq::settlement {
namespace {

using test::batch;
using test::signed_bytes;

struct SettleTest : testing::TestWithParam<store::Engine> {
  dayaq::test::AuditLog audit{GetParam(), migrations()};
  test::FakeEdges edges;
  Standing standing;

  std::string_view send(const feed::Settlement& what) { return send(signed_bytes(what)); }
  std::string_view send(const Bytes& bytes, std::string_view caller = "azercell") {
    standing = {};
    const auto checked = check(bytes, caller, edges);
    if (!checked) return checked.error().code;
    const auto done = audit.db().write([&](store::Session& session) {
      return take(session, *audit.log, *checked, bytes, "org:azercell/key:3", audit.clock.now(), standing);
    });
    return done ? "" : done.error().code;
  }
  Report report(SettlementStore::By by = SettlementStore::By::month, Days days = {}, std::string of = "") {
    auto made = audit.db().read([&](store::Session& session) {
      return make_report(session, {.operator_code = of, .days = days, .by = by}, test::quarantine_law());
    });
    EXPECT_TRUE(made) << (made ? "" : made.error().detail);
    return made ? *made : Report{};
  }
};

TEST_P(SettleTest, StoresEachBatchOnceAndAddsItUp) {
  EXPECT_EQ(send(batch(1, 3600)), "");
  EXPECT_EQ(standing.next, 2u);
  EXPECT_EQ(send(batch(1, 3600)), "") << "the same bytes again";
  feed::Settlement second = batch(2, 30);
  second.resources_version = 18;
  EXPECT_EQ(send(second), "");
  const Report all = report();
  ASSERT_EQ(all.lines.size(), 1u);
  EXPECT_EQ(all.lines[0].sum.units, 3630);
  EXPECT_EQ(all.lines[0].sum.requests, 6);
  EXPECT_EQ(all.lines[0].sum.orphans, 2);
  EXPECT_EQ(all.lines[0].owed, 182) << "181.5 qepik, rounded once";
  EXPECT_EQ(all.lines[0].measure->measure->code.value(), "health-workers-calls");
  EXPECT_EQ(all.owed.at("azercell"), 182);
  ASSERT_EQ(all.edges.size(), 1u);
  EXPECT_EQ(all.edges[0].number, 2u);
  EXPECT_EQ(all.edges[0].last_record, 200u);
  EXPECT_EQ(all.edges[0].resources, 18u);
  EXPECT_EQ(all.edges[0].stored, audit.clock.now());
  EXPECT_EQ(audit.log->size(), 2u) << "an entry for each, none for what was sent again";
  const auto entry = audit.log->entry(0);
  EXPECT_NE(entry->leaf.find(R"("action":"settlement.store")"), std::string::npos);
  EXPECT_NE(entry->leaf.find(to_hex(crypto::sha256(signed_bytes(batch(1, 3600))))), std::string::npos);
}

TEST_P(SettleTest, RefusesOtherBytesGapsAndRecordsThatDoNotFollow) {
  EXPECT_EQ(send(batch(2)), "settlement.gap");
  EXPECT_EQ(standing.next, 1u);
  EXPECT_EQ(send(batch(1)), "");
  EXPECT_EQ(send(batch(1, 61)), "settlement.other_bytes");
  EXPECT_EQ(send(batch(3)), "settlement.gap");
  EXPECT_EQ(standing.next, 2u);
  feed::Settlement skips = batch(2);
  skips.first_record += 1;
  EXPECT_EQ(send(skips), "settlement.records");
  EXPECT_EQ(report().lines[0].sum.units, 60);
  EXPECT_EQ(audit.log->size(), 1u);
}

TEST_P(SettleTest, RefusesWhoIsNotTheEnrolledEdge) {
  EXPECT_EQ(send(signed_bytes(batch(1)), "bakcell"), "settlement.operator");
  feed::Settlement stranger = batch(1);
  stranger.edge = "baku-9";
  EXPECT_EQ(send(stranger), "settlement.not_enrolled");
  EXPECT_EQ(send(encode(batch(1), test::key_of("bakcell", "baku-1"))), "settlement.signature");
  EXPECT_EQ(send(Bytes(10)), "settlement.magic");
  EXPECT_TRUE(report().lines.empty());
}

TEST_P(SettleTest, KeepsOperatorsEdgesAndDaysApart) {
  EXPECT_EQ(send(batch(1, 60)), "");
  feed::Settlement other = batch(1, 120);
  other.operator_code = "bakcell";
  EXPECT_EQ(send(signed_bytes(other), "bakcell"), "");
  edges.enrolled.emplace_back("azercell", "ganja-1");
  feed::Settlement second = batch(1, 30);
  second.edge = "ganja-1";
  second.lines[0].day += 1;
  second.lines.push_back(second.lines[0]);
  second.lines[1].day += 30;
  EXPECT_EQ(send(second), "");
  EXPECT_EQ(report().edges.size(), 3u);
  const Report azercell = report(SettlementStore::By::month, {}, "azercell");
  ASSERT_EQ(azercell.lines.size(), 2u);
  EXPECT_EQ(azercell.edges.size(), 2u);
  EXPECT_EQ(azercell.lines[0].sum.units, 90) << "November, both edges";
  EXPECT_EQ(format_month(azercell.lines[1].sum.month), "2026-12");
  const Report days = report(SettlementStore::By::day, {}, "azercell");
  ASSERT_EQ(days.lines.size(), 3u);
  EXPECT_EQ(days.lines[0].sum.day, test::date(2026, 11, 21));
  EXPECT_EQ(days.lines[0].owed, std::nullopt) << "money is rounded for months";
  const auto months =
      audit.db().read([](store::Session& session) { return SettlementStore::months(session); });
  EXPECT_EQ(*months, (std::vector{month_of(test::date(2026, 12, 1)), month_of(test::date(2026, 11, 1))}));
  const Report one = report(SettlementStore::By::month,
                            {.from = test::date(2026, 11, 22), .until = test::date(2026, 12, 1)});
  ASSERT_EQ(one.lines.size(), 1u);
  EXPECT_EQ(one.lines[0].sum.units, 30);
}

TEST_P(SettleTest, TakesBackWhatWasReversed) {
  EXPECT_EQ(send(batch(1, 60)), "");
  EXPECT_EQ(send(batch(2, -60)), "");
  EXPECT_EQ(report().lines[0].sum.units, 0);
  EXPECT_EQ(send(batch(3, -120)), "");
  EXPECT_EQ(report().lines[0].owed, -6);
}

TEST_P(SettleTest, ShowsWhatItCannotPriceAndPaysNothingForIt) {
  feed::Settlement odd = batch(1);
  odd.lines[0].measure = 4711;
  EXPECT_EQ(send(odd), "") << "an edge isn't kept from settling the rest";
  const Report all = report();
  EXPECT_EQ(all.lines[0].measure, nullptr);
  EXPECT_EQ(all.lines[0].price.pays, Pays::unknown);
  EXPECT_EQ(all.owed.at("azercell"), 0);
}

TEST_P(SettleTest, RefusesSumsThatNobodyDelivers) {
  std::uint64_t number = 0;
  std::string_view code;
  while (code.empty() && number < 100) code = send(batch(++number, feed::settlement_units_max));
  EXPECT_EQ(code, "settlement.too_much");
  EXPECT_EQ(number, 9u);
  EXPECT_EQ(report().lines[0].sum.units, 8 * feed::settlement_units_max)
      << "nothing of what was refused stays";
  EXPECT_EQ(report().edges[0].number, 8u);
}

TEST_P(SettleTest, IsThereAfterARestart) {
  EXPECT_EQ(send(batch(1, 60)), "");
  audit.reopen();
  EXPECT_EQ(send(batch(1, 60)), "");
  EXPECT_EQ(send(batch(2, 60)), "");
  EXPECT_EQ(report().lines[0].sum.units, 120);
}

INSTANTIATE_TEST_SUITE_P(Engines, SettleTest, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& param) { return dayaq::test::name_of(param.param); });

}  // namespace
}  // namespace dayaq::settlement
