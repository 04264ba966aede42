#include "services/surge/admission.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "services/surge/surge_test_support.hpp"

namespace dayaq::services::surge {
namespace {

using namespace std::chrono_literals;

constexpr Instant start = from_micros(1'800'000'000'000'000);

struct Surge : testing::Test {
  Options options{.rate_max = 100, .rate_min = 10};
  Instant now = start;
  std::unique_ptr<Admission> admission = std::make_unique<Admission>(key(), options);

  Place enter(std::string_view ticket = {}, std::string_view holder = "aytan") {
    Place place = admission->enter(ticket, holder, now);
    if (place.admitted) admission->asked(now);
    return place;
  }
  /// Until somebody has to wait, who is returned. The others are answered quickly.
  Place first_who_waits() {
    for (int i = 0; i < 10'000; ++i) {
      if (Place place = enter(); !place.admitted) return place;
      admission->answered(5ms, now);
    }
    return {};
  }
};

TEST_F(Surge, AdmitsAtOnceWhileNobodyWaitsAndThePassIsGoodForItsTime) {
  const Place first = enter();
  ASSERT_TRUE(first.admitted);
  EXPECT_FALSE(admission->surging());
  now += options.pass - 1s;
  EXPECT_TRUE(enter(first.ticket).admitted);
  EXPECT_EQ(enter(first.ticket).ticket, first.ticket);
  const auto entered = admission->admitted();
  EXPECT_TRUE(enter(first.ticket).admitted);
  EXPECT_EQ(admission->admitted(), entered);  // a pass that is used again costs nobody their place
}

TEST_F(Surge, ARetryNeitherLosesNorImprovesThePlace) {
  const Place waits = first_who_waits();
  ASSERT_FALSE(waits.admitted);
  EXPECT_TRUE(admission->surging());
  for (int i = 0; i < 50; ++i) {
    const Place again = enter(waits.ticket);
    EXPECT_EQ(again.ticket, waits.ticket);
    EXPECT_EQ(again.number, waits.number);
  }
  EXPECT_EQ(enter().number, waits.number + 1);  // fifty retries took no number
}

TEST_F(Surge, WhoComesLaterWaitsThoughTheBudgetWouldAllow) {
  const Place waits = first_who_waits();
  for (int i = 0; i < 200; ++i) enter();
  now += 1s;
  EXPECT_FALSE(enter().admitted);
  EXPECT_TRUE(enter(waits.ticket).admitted);
}

TEST_F(Surge, TheEstimateIsKept) {
  first_who_waits();
  std::vector<Place> people;
  for (int i = 0; i < 2000; ++i) people.push_back(enter({}, "p" + std::to_string(i)));
  now += 10s;
  // Everybody comes again each second; answers are quick.
  std::map<std::size_t, Instant> came;
  Place promised;
  const Instant asked = now;
  for (int second = 0; second < 120 && came.size() < people.size(); ++second) {
    for (std::size_t i = 0; i < people.size(); ++i) {
      if (came.contains(i)) continue;
      const Place place = enter(people[i].ticket, "p" + std::to_string(i));
      if (i == 1999 && second == 20) promised = place;
      if (place.admitted) came[i] = now;
      if (place.admitted) admission->answered(10ms, now);
    }
    now += 1s;
  }
  ASSERT_EQ(came.size(), people.size());
  const auto took = came[1999] - (asked + 20s);
  EXPECT_LT(std::chrono::abs(took - promised.wait), std::max<std::chrono::microseconds>(5s, took / 2))
      << "promised " << promised.wait.count() << " s, took " << took.count() / 1'000'000;
}

TEST_F(Surge, ATicketIsGoodForItsHolderAndAsItWasGivenAlone) {
  const Place waits = first_who_waits();
  const Place other = enter(waits.ticket, "somebody else");
  EXPECT_GT(other.number, waits.number);
  for (std::size_t i = 0; i < waits.ticket.size(); ++i) {
    std::string changed = waits.ticket;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    const auto seen = admission->look(changed, "aytan", now);
    if (seen) {
      EXPECT_EQ(changed, waits.ticket) << i;
    }
  }
  Admission elsewhere(key('x'), options);
  const Place foreign = elsewhere.enter({}, "aytan", now);
  EXPECT_FALSE(enter(foreign.ticket).admitted);
}

TEST_F(Surge, WhatAnUnknownVisitorWasGivenIsTheFirstsWhoSignsInWithIt) {
  first_who_waits();
  const Place waits = enter({}, "");
  ASSERT_FALSE(waits.admitted);
  EXPECT_EQ(enter(waits.ticket, "leyla").number, waits.number);  // signing in while waiting costs no place
  now += 5s;
  const Place pass = enter(waits.ticket, "");
  ASSERT_TRUE(pass.admitted);
  const auto entered = admission->admitted();
  const Place theirs = enter(pass.ticket, "leyla");
  EXPECT_TRUE(theirs.admitted);
  EXPECT_NE(theirs.ticket, pass.ticket);
  EXPECT_EQ(enter(pass.ticket, "leyla").ticket, theirs.ticket);  // the answer was lost
  EXPECT_EQ(admission->admitted(), entered);
  EXPECT_FALSE(admission->look(pass.ticket, "rauf", now));  // copies
  EXPECT_FALSE(admission->look(waits.ticket, "rauf", now));
  EXPECT_FALSE(admission->look(theirs.ticket, "rauf", now));
  EXPECT_TRUE(
      admission->look(theirs.ticket, "", now)->admitted);  // who has to sign in once more isn't stopped
  now += options.pass + options.patience;
  EXPECT_TRUE(admission->look(pass.ticket, "leyla", now)->lapsed);
  EXPECT_FALSE(admission->look(pass.ticket, "rauf", now));
}

TEST_F(Surge, ATicketOfOneQueueIsNoneInAnother) {
  const Place first = enter();
  Admission other(key(), {.rate_max = 100, .rate_min = 10, .lane = 1});
  EXPECT_FALSE(other.look(first.ticket, "aytan", now));
  EXPECT_TRUE(admission->look(first.ticket, "aytan", now));
}

TEST_F(Surge, ANumberIsKeptForItsPatienceAndAPassOfItEndsOnceForAll) {
  const Place waits = first_who_waits();
  now += 2s;
  const Place pass = enter(waits.ticket);
  ASSERT_TRUE(pass.admitted);
  now += options.patience / 2;
  const Place replayed = enter(waits.ticket);
  EXPECT_TRUE(replayed.admitted);  // its first answer may have been lost
  EXPECT_EQ(replayed.ticket, pass.ticket);
  now += options.patience / 2 + 1s;
  EXPECT_FALSE(admission->look(waits.ticket, "aytan", now));
  EXPECT_TRUE(admission->look(pass.ticket, "aytan", now)->admitted);
  now += options.pass;
  const auto after = admission->look(pass.ticket, "aytan", now);
  ASSERT_TRUE(after);
  EXPECT_TRUE(after->lapsed && !after->admitted);
  now += options.pass;
  EXPECT_FALSE(admission->look(pass.ticket, "aytan", now));
}

TEST_F(Surge, PlacesOfThoseWhoHaveGoneAreNotWaitedFor) {
  first_who_waits();
  for (int i = 0; i < 20'000; ++i) enter({}, "gone");  // without a cookie: a number each
  const Place last = enter();
  const double at_first = double(last.wait.count());
  int seconds = 0;
  for (; seconds < 2'000 && !enter(last.ticket).admitted; ++seconds) now += 1s;
  EXPECT_LT(seconds, at_first / 4) << "of " << at_first;
}

TEST_F(Surge, TheRateFollowsHowLongAnswersTake) {
  now += 100s;
  EXPECT_LE(admission->rate(), 10);  // what was never asked for isn't promised
  std::deque<std::string> queue;
  const auto run = [&](int seconds, std::chrono::microseconds took) {
    for (int tick = 0; tick < seconds * 100; ++tick, now += 10ms) {
      for (int i = 0; i < 2; ++i) queue.push_back(enter().ticket);
      for (; !queue.empty() && enter(queue.front()).admitted; queue.pop_front())
        admission->answered(took, now);
    }
  };
  run(20, 10ms);
  EXPECT_DOUBLE_EQ(admission->rate(), options.rate_max);
  run(2, 900ms);
  EXPECT_LT(admission->rate(), options.rate_max);
  run(60, 900ms);
  EXPECT_DOUBLE_EQ(admission->rate(), options.rate_min);
  run(1, 10ms);
  EXPECT_GT(admission->rate(), options.rate_min);
  EXPECT_LT(admission->rate(), options.rate_max);  // step by step
}

// A server that does `capacity` a second and lets what is too much wait; the crowd comes whenever a number is
// up.
TEST_F(Surge, AllThatCanBeDoneIsDoneAndLittleWaits) {
  options = {.rate_max = 5000, .rate_min = 20};
  admission = std::make_unique<Admission>(key(), options);
  std::deque<Instant> waits;
  std::deque<std::string> crowd;
  double done = 0;
  const auto run = [&](int seconds, double capacity) {
    double served = 0, longest = 0;
    for (int tick = 0; tick < seconds * 200; ++tick, now += 5ms) {
      for (int i = 0; i < 30; ++i) crowd.push_back(enter().ticket);
      for (; !crowd.empty() && enter(crowd.front()).admitted; crowd.pop_front()) waits.push_back(now);
      for (done += capacity / 200; done >= 1 && !waits.empty(); --done, ++served) {
        const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - waits.front()) + 5ms;
        longest = std::max(longest, double(took.count()) / 1e6);
        admission->answered(took, now);
        waits.pop_front();
      }
      done = std::min(done, capacity / 200 + 1);
    }
    return std::pair(served / seconds, longest);
  };
  run(20, 1000);  // finds out
  const auto [steady, longest] = run(30, 1000);
  EXPECT_GT(steady, 950);
  EXPECT_LT(longest, 0.3);
  run(5, 400);  // half of the machine is taken away
  const auto [slower, longest_then] = run(30, 400);
  EXPECT_GT(slower, 380);
  EXPECT_LT(longest_then, 0.3);
  run(40, 1000);
  EXPECT_GT(run(20, 1000).first, 900);
  run(7, 0);  // a standstill teaches nothing of what can be done after it
  run(6, 1000);
  EXPECT_GT(run(4, 1000).first, 900);
}

TEST_F(Surge, ARestartForgetsNobody) {
  const Place early = first_who_waits();
  const Place late = enter({}, "leyla");
  const auto written = Saved::parse(admission->save().to_text());
  ASSERT_TRUE(written);
  const Place unsaved = enter({}, "rauf");  // after the last save, before the crash
  admission = std::make_unique<Admission>(key(), options, *written);
  const Place fresh = enter({}, "nigar");
  ASSERT_FALSE(fresh.admitted);
  EXPECT_GT(fresh.number, unsaved.number);
  EXPECT_EQ(enter(early.ticket).number, early.number);
  EXPECT_EQ(enter(unsaved.ticket, "rauf").ahead, 2u);
  EXPECT_EQ(enter(fresh.ticket, "nigar").ahead, 2u);  // numbers that perhaps nobody has aren't counted
  now += 1s;
  for (const auto& [place, holder] : std::vector<std::pair<Place, std::string>>{
           {early, "aytan"}, {late, "leyla"}, {unsaved, "rauf"}, {fresh, "nigar"}}) {
    EXPECT_TRUE(enter(place.ticket, holder).admitted) << holder;
  }
}

TEST_F(Surge, ALostStateIsMadeAgainFromTicketsThatAreShown) {
  first_who_waits();
  for (int i = 0; i < 500; ++i) enter({}, "x");
  const Place waits = enter();
  admission = std::make_unique<Admission>(key(), options);
  ASSERT_FALSE(enter(waits.ticket).admitted);
  EXPECT_GT(enter({}, "fresh").number, waits.number);
}

TEST(SavedState, IsReadAsItWasWritten) {
  const Saved saved{.issued = 7100, .horizon = 6900, .gaps = {{7000, 7010}, {7050, 7060}}};
  const auto back = Saved::parse(saved.to_text());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->to_text(), saved.to_text());
  for (const char* bad : {"", "x", "5", "5 6", "7 6 5", "7 6 5-4", "7 6 5-", "7 6 -5"}) {
    EXPECT_FALSE(Saved::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace dayaq::services::surge
