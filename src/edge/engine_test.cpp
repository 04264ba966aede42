#include "edge/engine.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "edge/engine_test_support.hpp"

namespace dayaq::edge {
namespace {

using namespace testing_support;

struct EngineTest : testing::Test {
  Edge edge;
  EngineTest() {  // these call it without its lock: nothing may save accounts beside them
    edge.options.folder.clear();
    edge.restart();
  }
  void covered(feed::BenefitLine line, Period period = {}) {
    edge.replica.grant(1, edge.replica.define(std::move(line), period));
  }
};

TEST_F(EngineTest, WithoutAGrantNothingIsCoveredAndNothingKept) {
  EXPECT_EQ(edge.ask(edge.data(1, 0, Phase::start)).outcome, Outcome::unknown);
  covered(data_of(500));
  Ask call = edge.data(1, 0, Phase::start);
  call.service = edge.sms;
  EXPECT_EQ(edge.ask(call).outcome, Outcome::not_covered);
  EXPECT_EQ(edge.engine->counts().leases, 0u);
  EXPECT_EQ(edge.journal->last(), 0u);
}

TEST_F(EngineTest, SeveralSessionsShareAQuotaToItsLastUnit) {
  covered(data_of(250));
  const Verdict first = edge.ask(edge.data(1, 0, Phase::start));
  EXPECT_EQ(first.outcome, Outcome::granted);
  EXPECT_EQ(first.slice, 100u);
  EXPECT_FALSE(first.last);
  EXPECT_EQ(edge.ask(edge.data(2, 0, Phase::start)).slice, 100u);
  const Verdict third = edge.ask(edge.data(3, 0, Phase::start));
  EXPECT_EQ(third.slice, 50u);
  EXPECT_TRUE(third.last);
  EXPECT_EQ(edge.ask(edge.data(4, 0, Phase::start)).outcome, Outcome::used_up);
  // Half of a slice comes back with the end of its session.
  EXPECT_EQ(edge.ask(edge.data(1, 1, Phase::stop, 50)).outcome, Outcome::granted);
  EXPECT_EQ(edge.ask(edge.data(4, 1, Phase::start)).slice, 50u);
}

TEST_F(EngineTest, TheSameNumberIsAnsweredAlikeAndCountedOnce) {
  covered(data_of(1000));
  edge.ask(edge.data(1, 0, Phase::start));
  const Verdict first = edge.ask(edge.data(1, 1, Phase::update, 80));
  const Verdict again = edge.ask(edge.data(1, 1, Phase::update, 80));
  EXPECT_FALSE(first.repeated);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.slice, first.slice);
  EXPECT_EQ(again.validity, first.validity);
  EXPECT_EQ(again.measure, first.measure);
  edge.ask(edge.data(1, 2, Phase::update, 100));
  EXPECT_TRUE(edge.ask(edge.data(1, 1, Phase::update, 80)).repeated);
  EXPECT_TRUE(edge.ask(edge.data(1, 0, Phase::start)).repeated);
  edge.ask(edge.data(1, 3, Phase::stop, 20));
  EXPECT_TRUE(edge.ask(edge.data(1, 3, Phase::stop, 20)).repeated);
  EXPECT_EQ(edge.engine->counts().used[std::size_t(feed::Benefit::data)], 200u);
  EXPECT_EQ(edge.engine->look(1, LineKind::mobile, edge.education, edge.now).slice, 100u);
}

TEST_F(EngineTest, AReportThatWasOvertakenIsCountedAndGivesNoSecondSlice) {
  covered(data_of(1000));
  edge.ask(edge.data(1, 0, Phase::start));
  edge.ask(edge.data(1, 2, Phase::update, 10));
  const Verdict late = edge.ask(edge.data(1, 1, Phase::update, 30));
  EXPECT_EQ(late.outcome, Outcome::granted);
  EXPECT_EQ(late.slice, 0u);
  EXPECT_EQ(edge.engine->counts().used[std::size_t(feed::Benefit::data)], 40u);
  EXPECT_EQ(edge.engine->lease(edge.data(1, 0, Phase::start).lease)->reserved, 100u);
  EXPECT_TRUE(edge.ask(edge.data(1, 1, Phase::update, 30)).repeated);
}

TEST_F(EngineTest, AnUpdateWhoseBeginningNobodySawIsCountedAndAnswered) {
  covered(data_of(1000));
  const Verdict verdict = edge.ask(edge.data(9, 4, Phase::update, 300));
  EXPECT_EQ(verdict.outcome, Outcome::granted);
  EXPECT_EQ(verdict.slice, 100u);
  EXPECT_EQ(edge.engine->counts().orphans, 1u);
  EXPECT_EQ(edge.ask(edge.data(9, 5, Phase::stop, 100)).outcome, Outcome::granted);
  EXPECT_EQ(edge.ask(edge.data(10, 0, Phase::start, 0, 5000)).slice, 600u);
  EXPECT_EQ(edge.ask(edge.data(11, 7, Phase::stop, 0)).outcome, Outcome::used_up);
}

TEST_F(EngineTest, UnlimitedGoesFirstThenThePeriodThatEndsFirstThenTheNumber) {
  const auto monthly = edge.replica.define(data_of(100, feed::QuotaPeriod::month));
  const auto daily = edge.replica.define(data_of(100, feed::QuotaPeriod::day));
  const auto also_daily = edge.replica.define(data_of(100, feed::QuotaPeriod::day));
  for (const auto measure : {also_daily, monthly, daily}) edge.replica.grant(1, measure);
  EXPECT_EQ(edge.ask(edge.data(1, 0, Phase::start)).measure, daily);
  EXPECT_EQ(edge.ask(edge.data(2, 0, Phase::start)).measure, also_daily);
  EXPECT_EQ(edge.ask(edge.data(3, 0, Phase::start)).measure, monthly);
  EXPECT_EQ(edge.ask(edge.data(4, 0, Phase::start)).outcome, Outcome::used_up);
  const auto unlimited = edge.replica.define(data_of(0));
  edge.replica.grant(1, unlimited);
  const Verdict verdict = edge.ask(edge.data(5, 0, Phase::start));
  EXPECT_EQ(verdict.measure, unlimited);
  EXPECT_TRUE(verdict.unlimited);
  EXPECT_EQ(edge.engine->counts().accounts, 3u);
}

TEST_F(EngineTest, WhatIsDeliveredOnAnotherLineDoesNotCount) {
  feed::BenefitLine line = data_of(0);
  line.delivered_on = 2;  // fixed
  covered(line);
  EXPECT_EQ(edge.ask(edge.data(1, 0, Phase::start)).outcome, Outcome::not_covered);
  Ask ask = edge.data(1, 0, Phase::start);
  ask.line = LineKind::fixed;
  EXPECT_EQ(edge.ask(ask).outcome, Outcome::granted);
}

TEST_F(EngineTest, ASliceIsChargedToThePeriodInWhichItWasGranted) {
  covered(data_of(100));
  edge.now = *parse_instant("2026-11-21T19:59:00Z");  // a minute before midnight in Baku
  EXPECT_EQ(edge.ask(edge.data(1, 0, Phase::start)).slice, 100u);
  EXPECT_EQ(edge.ask(edge.data(2, 0, Phase::start)).outcome, Outcome::used_up);
  edge.now += minutes(2);
  const Verdict verdict = edge.ask(edge.data(1, 1, Phase::update, 90));
  EXPECT_EQ(verdict.slice, 100u);  // the new day's quota is whole
  edge.ask(edge.data(1, 2, Phase::stop, 30));
  edge.restart();
  EXPECT_EQ(edge.engine->look(1, LineKind::mobile, edge.education, edge.now).slice, 70u);
  edge.now -= minutes(2);
  EXPECT_EQ(edge.engine->look(1, LineKind::mobile, edge.education, edge.now).slice, 10u);
}

TEST_F(EngineTest, ARegimeThatEndsInMidSessionEndsTheGrantNotTheCounting) {
  const Instant end = edge.now + minutes(20);
  covered(data_of(1000), {.from = instant_min, .until = end});
  const Verdict verdict = edge.ask(edge.data(1, 0, Phase::start));
  EXPECT_EQ(verdict.validity, minutes(20));
  edge.now = end;
  EXPECT_EQ(edge.ask(edge.data(1, 1, Phase::update, 70)).outcome, Outcome::not_covered);
  EXPECT_EQ(edge.engine->counts().used[std::size_t(feed::Benefit::data)], 70u);
  // From here on the operator charges: its units are not the state's.
  EXPECT_EQ(edge.ask(edge.data(1, 2, Phase::update, 500)).outcome, Outcome::not_covered);
  EXPECT_EQ(edge.engine->counts().used[std::size_t(feed::Benefit::data)], 70u);
  edge.replica.define(data_of(1000), {.from = instant_min, .until = end + hours(1)}, 1);  // extended
  EXPECT_EQ(edge.ask(edge.data(1, 3, Phase::update, 500)).outcome, Outcome::granted);
  EXPECT_EQ(edge.engine->counts().used[std::size_t(feed::Benefit::data)], 70u);
}

TEST_F(EngineTest, ARevokedGrantStillGetsWhatWasUsedOfIt) {
  covered(data_of(1000));
  edge.ask(edge.data(1, 0, Phase::start));
  edge.replica.revoke(1);
  EXPECT_EQ(edge.ask(edge.data(1, 1, Phase::update, 70)).outcome, Outcome::unknown);
  EXPECT_EQ(edge.engine->counts().used[std::size_t(feed::Benefit::data)], 70u);
}

TEST_F(EngineTest, LimitedServiceFollowsWhereTheMeasureSaysSo) {
  feed::BenefitLine line = data_of(100);
  line.when_used_up = feed::WhenUsedUp::limited;
  covered(line);
  const Verdict verdict = edge.ask(edge.data(1, 0, Phase::start));
  EXPECT_TRUE(verdict.last);
  EXPECT_TRUE(verdict.limited_after);
  EXPECT_EQ(edge.ask(edge.data(1, 1, Phase::update, 100)).outcome, Outcome::limited);
  EXPECT_EQ(edge.ask(edge.data(1, 2, Phase::stop, 0)).outcome, Outcome::limited);
}

TEST_F(EngineTest, DefersSaysWhetherPaymentsWait) {
  feed::BenefitLine line;
  line.kind = feed::Benefit::deferral;
  line.delivered_on = 1;
  EXPECT_FALSE(edge.engine->defers(1, LineKind::mobile, edge.now));
  covered(line);
  EXPECT_TRUE(edge.engine->defers(1, LineKind::mobile, edge.now));
  EXPECT_FALSE(edge.engine->defers(1, LineKind::tv, edge.now));
}

TEST_F(EngineTest, MessagesAreCountedOneByOneAndOnce) {
  feed::BenefitLine line;
  line.kind = feed::Benefit::messages;
  line.unit = feed::Unit::messages;
  line.delivered_on = 1;
  line.limited = true;
  line.quota = 3;
  covered(line);
  const auto message = [&](std::uint64_t session, std::uint64_t count) {
    Ask ask = edge.data(session, 0, Phase::event, 0, count);
    ask.service = edge.sms;
    return edge.ask(ask);
  };
  EXPECT_EQ(message(1, 0).slice, 1u);
  const Verdict again = message(1, 0);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.slice, 1u);
  EXPECT_EQ(message(2, 3).outcome, Outcome::used_up);
  const Verdict last = message(3, 2);
  EXPECT_EQ(last.slice, 2u);
  EXPECT_TRUE(last.last);
  EXPECT_EQ(message(4, 1).outcome, Outcome::used_up);
}

TEST_F(EngineTest, CumulativeCountersAreCountedByTheirGrowth) {
  covered(data_of(0));
  const auto report = [&](Phase phase, std::uint64_t counter) {
    Ask ask = edge.data(1, 0, phase, counter);
    ask.cumulative = true;
    ask.wants_slice = false;
    return edge.ask(ask);
  };
  EXPECT_EQ(report(Phase::start, 0).outcome, Outcome::granted);
  const auto used = [&] { return edge.engine->counts().used[std::size_t(feed::Benefit::data)]; };
  report(Phase::update, 100);
  EXPECT_EQ(used(), 100u);
  report(Phase::update, 100);
  report(Phase::update, 80);
  EXPECT_EQ(used(), 100u);
  edge.restart();
  report(Phase::update, 250);
  EXPECT_EQ(used(), 150u);  // counted since the restart
  EXPECT_EQ(edge.engine->lease(edge.data(1, 0, Phase::start).lease)->cumulative, 250u);
  report(Phase::stop, 300);
  EXPECT_TRUE(report(Phase::stop, 300).repeated);
  EXPECT_EQ(used(), 200u);
}

TEST_F(EngineTest, ALeaseThatFallsSilentGivesItsReservationBack) {
  covered(data_of(100));
  edge.options.slices.data_validity = minutes(10);
  edge.restart();
  edge.ask(edge.data(1, 0, Phase::start));
  edge.tick_for(minutes(19));
  EXPECT_EQ(edge.engine->look(1, LineKind::mobile, edge.education, edge.now).outcome, Outcome::used_up);
  edge.tick_for(minutes(2));
  EXPECT_EQ(edge.engine->look(1, LineKind::mobile, edge.education, edge.now).slice, 100u);
  EXPECT_TRUE(edge.engine->lease(edge.data(1, 0, Phase::start).lease)->ended);
  // It was alive after all: its use is still charged to the account that it came from.
  edge.ask(edge.data(1, 1, Phase::update, 60));
  edge.ask(edge.data(1, 2, Phase::stop, 0));
  EXPECT_EQ(edge.engine->look(1, LineKind::mobile, edge.education, edge.now).slice, 40u);
  edge.tick_for(minutes(11));
  EXPECT_EQ(edge.engine->counts().leases, 0u);
}

TEST_F(EngineTest, AStepOfTheClockIsNotSilence) {
  covered(data_of(100));
  edge.ask(edge.data(1, 0, Phase::start));
  edge.now += hours(9);
  edge.engine->tick(edge.now);
  edge.engine->tick(edge.now + seconds(1));
  EXPECT_FALSE(edge.engine->lease(edge.data(1, 0, Phase::start).lease)->ended);
  edge.now -= hours(30);
  edge.engine->tick(edge.now);
  EXPECT_FALSE(edge.engine->lease(edge.data(1, 0, Phase::start).lease)->ended);
}

TEST_F(EngineTest, AfterARestartAllIsAsItWas) {
  covered(data_of(1000));
  edge.ask(edge.data(1, 0, Phase::start));
  edge.ask(edge.data(1, 1, Phase::update, 80));
  edge.ask(edge.data(2, 0, Phase::start));
  const Verdict before = edge.ask(edge.data(2, 1, Phase::update, 30));
  const auto left = edge.engine->look(1, LineKind::mobile, edge.education, edge.now).last;
  edge.restart();
  const Verdict after = edge.ask(edge.data(2, 1, Phase::update, 30));
  EXPECT_TRUE(after.repeated);
  EXPECT_EQ(after.slice, before.slice);
  EXPECT_EQ(after.validity, before.validity);
  EXPECT_EQ(after.measure, before.measure);
  EXPECT_EQ(edge.engine->look(1, LineKind::mobile, edge.education, edge.now).last, left);
  edge.ask(edge.data(3, 0, Phase::start, 0, 5000));
  EXPECT_EQ(edge.engine->lease(edge.data(3, 0, Phase::start).lease)->reserved, 690u);
}

TEST_F(EngineTest, ARefundGivesBackWhatAnEventDebitedOnce) {
  covered(data_of(10));
  const Ask event = edge.data(1, 0, Phase::event, 0, 8);
  EXPECT_FALSE(edge.engine->debit(event.lease));
  EXPECT_EQ(edge.ask(event).slice, 8u);
  const auto left = [&] { return edge.engine->look(1, LineKind::mobile, edge.education, edge.now).slice; };
  EXPECT_EQ(left(), 2u);
  const auto debit = edge.engine->debit(event.lease);
  ASSERT_TRUE(debit);
  EXPECT_EQ(debit->units, 8u);
  const Verdict back = edge.engine->refund(*debit, 5, edge.now);
  EXPECT_EQ(back.outcome, Outcome::granted);
  EXPECT_EQ(back.slice, 5u);
  EXPECT_EQ(left(), 7u);
  edge.restart();
  const Verdict again = edge.engine->refund(*debit, 0, edge.now);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.slice, 5u);
  edge.tick_for(minutes(30));  // long after the event itself is forgotten
  EXPECT_FALSE(edge.engine->debit(event.lease));
  EXPECT_TRUE(edge.engine->refund(*debit, 0, edge.now).repeated);
  EXPECT_EQ(left(), 7u);
  EXPECT_EQ(edge.engine->counts().refunded, 0u) << "since the restart";
}

TEST_F(EngineTest, NoMoreIsRefundedThanWasDebitedAndNothingAfterADay) {
  covered(data_of(10));
  const auto debited = [&](std::uint64_t session) {
    const Ask event = edge.data(session, 0, Phase::event, 0, 2);
    edge.ask(event);
    return *edge.engine->debit(event.lease);
  };
  EXPECT_EQ(edge.engine->refund(debited(1), 100, edge.now).slice, 2u);
  const auto late = debited(2);
  EXPECT_EQ(edge.engine->refund(late, 0, edge.now + hours(25)).outcome, Outcome::not_covered);
  EXPECT_FALSE(edge.engine->debit(edge.data(3, 0, Phase::start).lease)) << "no event";
}

/// Records of months of use in a journal, as a settler adds them up.
std::int64_t months_in(const Journal& journal) {
  while (journal.durable() < journal.last()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::int64_t sum = 0;
  (void)journal.read(0, [&](std::uint64_t, const Record& record) {
    if (record.counts() && (record.benefit & month_of_use) != 0)
      sum += record.gives_back() ? -std::int64_t(record.used) : std::int64_t(record.used);
    return true;
  });
  return sum;
}

TEST_F(EngineTest, ATelevisionPackageIsCountedOnceForASubscriptionAndMonth) {
  feed::BenefitLine package;
  package.kind = feed::Benefit::tv;
  package.delivered_on = 7;
  package.traffic_class = "home";
  const ServiceIndex tv = *edge.services.add({.kind = feed::Benefit::tv, .traffic_class = "home"});
  covered(package);
  edge.now = *parse_instant("2026-11-20T08:00:00Z");
  const auto watch = [&](std::uint64_t session, std::uint64_t seconds_watched) {
    Ask ask = edge.data(session, 0, Phase::start);
    ask.service = tv;
    EXPECT_EQ(edge.ask(ask).outcome, Outcome::granted);
    ask.number = 1;
    ask.phase = Phase::stop;
    ask.used = seconds_watched;
    edge.ask(ask);
  };
  watch(1, 0);
  EXPECT_EQ(months_in(*edge.journal), 0) << "looked, and watched nothing";
  watch(2, 60);
  watch(3, 60);
  edge.restart();
  edge.tick_for(minutes(30));
  watch(4, 60);
  EXPECT_EQ(months_in(*edge.journal), 1);
  edge.now = *parse_instant("2026-11-30T19:59:00Z");  // still November in Baku
  watch(5, 60);
  EXPECT_EQ(months_in(*edge.journal), 1);
  edge.now = *parse_instant("2026-11-30T20:01:00Z");
  watch(6, 60);
  EXPECT_EQ(months_in(*edge.journal), 2);
}

}  // namespace
}  // namespace dayaq::edge
