#include "edge/diameter/watchdog.hpp"

#include <gtest/gtest.h>

namespace dayaq::edge::diameter {
namespace {

using namespace std::chrono_literals;
using Do = Watchdog::Do;
using State = Watchdog::State;

struct WatchdogOfAPeer : testing::Test {
  Watchdog::Time now{1000s};
  Watchdog watchdog{30s, [] { return 0.0; }};
  Do pass_tw() { return watchdog.on_timer(now += 30s); }
};

TEST_F(WatchdogOfAPeer, AsksAfterATwOfSilenceAndNotBefore) {
  EXPECT_EQ(watchdog.connection_up(now), Do::fail_back);
  EXPECT_EQ(watchdog.on_timer(now + 29s), Do::nothing);
  EXPECT_EQ(pass_tw(), Do::send_dwr);
  EXPECT_EQ(watchdog.on_dwa(now + 1s), Do::nothing);
  EXPECT_EQ(watchdog.state(), State::okay);
}

TEST_F(WatchdogOfAPeer, AnyMessagePutsTheQuestionOff) {
  (void)watchdog.connection_up(now);
  EXPECT_EQ(watchdog.on_message(now + 20s), Do::nothing);
  EXPECT_EQ(pass_tw(), Do::nothing);
  EXPECT_EQ(watchdog.on_timer(now + 20s), Do::send_dwr);
}

TEST_F(WatchdogOfAPeer, SuspectsASilentPeerThenGivesItUp) {
  (void)watchdog.connection_up(now);
  EXPECT_EQ(pass_tw(), Do::send_dwr);
  EXPECT_EQ(pass_tw(), Do::fail_over);
  EXPECT_EQ(watchdog.state(), State::suspect);
  EXPECT_EQ(pass_tw(), Do::close);
  EXPECT_EQ(watchdog.state(), State::down);
}

TEST_F(WatchdogOfAPeer, ASuspectThatSpeaksIsTrustedAgain) {
  (void)watchdog.connection_up(now);
  (void)pass_tw();
  (void)pass_tw();
  EXPECT_EQ(watchdog.on_message(now), Do::fail_back);
  EXPECT_EQ(watchdog.state(), State::okay);
}

TEST_F(WatchdogOfAPeer, AConnectionThatComesBackAnswersThreeTimesFirst) {
  (void)watchdog.connection_up(now);
  watchdog.connection_down();
  EXPECT_EQ(watchdog.connection_up(now), Do::send_dwr);
  EXPECT_EQ(watchdog.on_message(now), Do::nothing) << "other traffic proves nothing here";
  EXPECT_EQ(watchdog.on_dwa(now), Do::nothing);
  EXPECT_EQ(pass_tw(), Do::send_dwr);
  EXPECT_EQ(watchdog.on_dwa(now), Do::nothing);
  EXPECT_EQ(watchdog.state(), State::reopen);
  EXPECT_EQ(pass_tw(), Do::send_dwr);
  EXPECT_EQ(watchdog.on_dwa(now), Do::fail_back);
  EXPECT_EQ(watchdog.state(), State::okay);
}

TEST_F(WatchdogOfAPeer, AReopenedConnectionThatFallsSilentIsClosed) {
  (void)watchdog.connection_up(now);
  watchdog.connection_down();
  (void)watchdog.connection_up(now);
  EXPECT_EQ(pass_tw(), Do::nothing);
  EXPECT_EQ(pass_tw(), Do::close);
}

TEST_F(WatchdogOfAPeer, AConnectionThatNeverStoodDoesntMakeTheFirstOneAReopening) {
  watchdog.connection_down();
  EXPECT_EQ(watchdog.connection_up(now), Do::fail_back);
}

TEST(WatchdogJitter, SpreadsTwByTwoSeconds) {
  double value = 1;
  Watchdog watchdog(30s, [&] { return value; });
  const Watchdog::Time now{1000s};
  (void)watchdog.connection_up(now);
  EXPECT_EQ(watchdog.due(), now + 32s);
  value = -1;
  (void)watchdog.on_message(now);
  EXPECT_EQ(watchdog.due(), now + 28s);
}

}  // namespace
}  // namespace dayaq::edge::diameter
