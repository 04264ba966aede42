#include "edge/diameter/re_auth.hpp"

#include <gtest/gtest.h>

#include <map>

#include "edge/diameter/dictionary.hpp"

namespace dayaq::edge::diameter {
namespace {

using namespace std::chrono_literals;

/// Sessions "p<peer>;<n>" of a few peers, all under measure 1; subscription n has session n.
struct Reauthorising : testing::Test {
  ReAuth::Time now{1000s};
  std::size_t sessions = 10'000;
  std::size_t peers = 3;
  std::map<std::uint32_t, CreditControl::Session> sent;  ///< by hop-by-hop
  std::map<std::string, int> times;
  std::vector<std::string> forgotten;
  std::set<std::string> away;
  std::uint32_t hop = 1;

  CreditControl::Session session(std::size_t n) const {
    return {.session_id = "s;" + std::to_string(n), .peer = "p" + std::to_string(n % peers)};
  }
  ReAuth make(ReAuth::Limits limits) {
    return ReAuth(
        limits,
        {.of_subscription = [this](SubscriptionKey key) { return std::vector{session(key)}; },
         .under_measure =
             [this](MeasureNumber, std::size_t limit, std::uint64_t& cursor) {
               std::vector<CreditControl::Session> out;
               while (cursor < sessions && out.size() < limit) out.push_back(session(cursor++));
               if (cursor >= sessions) cursor = 0;
               return out;
             },
         .send = [this](const CreditControl::Session& to) -> std::optional<std::uint32_t> {
           if (away.contains(to.peer)) return std::nullopt;
           sent.emplace(hop, to);
           ++times[to.session_id];
           return hop++;
         },
         .forget = [this](const CreditControl::Session& gone) { forgotten.push_back(gone.session_id); }});
  }
  /// Everybody answers at once with this result.
  void answer_all(ReAuth& re_auth, std::uint32_t code = result::limited_success) {
    for (const auto& [id, to] : sent) EXPECT_TRUE(re_auth.on_answer(to.peer, id, code, now));
    sent.clear();
  }
};

TEST_F(Reauthorising, TellsEverySessionUnderAMeasureOnceAtThePaceAsked) {
  ReAuth re_auth = make({.per_second = 1000});
  re_auth.add_measure(1);
  re_auth.add_measure(1);
  const auto began = now;
  while (!re_auth.idle()) {
    re_auth.run(now);
    answer_all(re_auth);
    now += 5ms;
    ASSERT_LT(now - began, 60s);
  }
  EXPECT_EQ(times.size(), sessions);
  for (const auto& [id, count] : times) ASSERT_EQ(count, 1) << id;
  EXPECT_NEAR(std::chrono::duration<double>(now - began).count(), 10, 0.3);
}

TEST_F(Reauthorising, TellsASubscriptionThatChangesTwiceOnce) {
  ReAuth re_auth = make({});
  for (int i = 0; i < 5; ++i) re_auth.add(7);
  re_auth.run(now);
  EXPECT_EQ(times["s;7"], 1);
  re_auth.add(7);  // before the answer: what it will ask is decided by the new grants anyway
  re_auth.run(now += 1s);
  EXPECT_EQ(times["s;7"], 1);
  answer_all(re_auth);
  re_auth.add(7);
  re_auth.run(now += 1s);
  EXPECT_EQ(times["s;7"], 2);
}

TEST_F(Reauthorising, ASilentPeerHoldsUpNobodyElse) {
  ReAuth re_auth = make({.per_second = 100'000, .window = 50});
  re_auth.add_measure(1);
  for (int i = 0; i < 2000; ++i) {
    re_auth.run(now += 5ms);
    std::erase_if(sent, [&](const auto& entry) {
      return entry.second.peer != "p0" && re_auth.on_answer(entry.second.peer, entry.first, 2002, now);
    });
  }
  std::map<std::string, int> by_peer;
  for (const auto& [id, count] : times) ++by_peer["p" + std::to_string(std::stoul(id.substr(2)) % peers)];
  EXPECT_EQ(by_peer["p0"], 50);
  EXPECT_EQ(by_peer["p1"], 3333);
  EXPECT_EQ(by_peer["p2"], 3333);
}

TEST_F(Reauthorising, APeerThatAnswersSlowlyIsToldAllInItsOwnTime) {
  sessions = 5000;
  peers = 1;
  ReAuth re_auth = make({.per_second = 100'000, .window = 50, .queued_max = 1000});
  re_auth.add_measure(1);
  for (int i = 0; i < 2000 && !re_auth.idle(); ++i) {
    re_auth.run(now += 5ms);
    for (int k = 0; k < 10 && !sent.empty(); ++k) {
      EXPECT_TRUE(re_auth.on_answer("p0", sent.begin()->first, result::limited_success, now));
      sent.erase(sent.begin());
    }
  }
  EXPECT_EQ(times.size(), sessions);
  EXPECT_EQ(re_auth.counts().unreachable, 0u);
}

TEST_F(Reauthorising, ASilentPeersQueueIsLetGoWhenItStandsBeforeOthers) {
  ReAuth re_auth = make({.per_second = 100'000, .window = 50, .queued_max = 1000});
  re_auth.add_measure(1);
  for (int i = 0; i < 4000; ++i) {
    re_auth.run(now += 5ms);
    std::erase_if(sent, [&](const auto& entry) {
      return entry.second.peer != "p0" && re_auth.on_answer(entry.second.peer, entry.first, 2002, now);
    });
  }
  std::size_t others = 0;
  for (const auto& [id, count] : times) others += std::stoul(id.substr(2)) % peers != 0;
  EXPECT_EQ(others, 6666u);
  EXPECT_GT(re_auth.counts().unreachable, 0u);
}

TEST_F(Reauthorising, ForgetsASessionThatTheNetworkDoesntKnowAndRepeatsForABusyOne) {
  sessions = 1;
  ReAuth re_auth = make({});
  re_auth.add(0);
  re_auth.run(now);
  answer_all(re_auth, result::too_busy);
  re_auth.run(now += 1s);
  EXPECT_EQ(times["s;0"], 2);
  answer_all(re_auth, result::unknown_session_id);
  EXPECT_EQ(forgotten, std::vector<std::string>{"s;0"});
  EXPECT_TRUE(re_auth.idle());
}

TEST_F(Reauthorising, AsksOnceMoreAfterSilenceThenLeavesItToTheValidityTime) {
  ReAuth re_auth = make({});
  re_auth.add(1);
  re_auth.run(now);
  re_auth.run(now += 11s);
  EXPECT_EQ(times["s;1"], 2);
  re_auth.run(now += 11s);
  EXPECT_EQ(times["s;1"], 2);
  EXPECT_TRUE(re_auth.idle());
  EXPECT_FALSE(re_auth.on_answer("p1", 1, result::success, now)) << "it came too late";
}

TEST_F(Reauthorising, APeerThatIsAwayOrLeavesIsLeftToItsValidityTime) {
  ReAuth re_auth = make({.per_second = 1000});
  away.insert("p1");
  re_auth.add(1);
  re_auth.run(now);
  EXPECT_EQ(re_auth.counts().unreachable, 1u);
  re_auth.add(2);
  re_auth.run(now += 1s);
  re_auth.on_peer_down("p2");
  EXPECT_TRUE(re_auth.idle());
  EXPECT_FALSE(re_auth.on_answer("p2", sent.begin()->first, result::success, now));
}

TEST_F(Reauthorising, TakesAnAnswerOnlyFromWhoWasAsked) {
  ReAuth re_auth = make({});
  re_auth.add(1);
  re_auth.run(now);
  EXPECT_FALSE(re_auth.on_answer("p2", sent.begin()->first, result::success, now));
  EXPECT_TRUE(re_auth.on_answer("p1", sent.begin()->first, result::success, now));
}

}  // namespace
}  // namespace dayaq::edge::diameter
