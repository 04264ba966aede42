// Random histories of a network beside a model of it: messages lost, doubled and late, edges that stop and
// start, clocks that are set. Never more is granted than the quota, and what is counted is what was reported.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <set>

#include "base/random.hpp"
#include "edge/engine_core.hpp"
#include "edge/fake_replica.hpp"
#include "edge/memory_journal.hpp"

namespace dayaq::edge {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t quota = 5'000;
constexpr SubscriptionKey who = 42;

struct Node {
  std::unique_ptr<MemoryJournal> journal = std::make_unique<MemoryJournal>();
  std::unique_ptr<Engine> engine;
  EngineOptions options;
  std::uint64_t delivered = 0;  ///< of the other's journal: given to this one
  [[nodiscard]] const EngineState& state() const { return static_cast<const EngineCore&>(*engine).state(); }
};

/// A session as the network sees it.
struct Session {
  std::uint32_t number = 0;  ///< of the next question
  bool open = false;
  bool stopping = false;
  std::uint64_t slice = 0;   ///< what it may use
  std::uint64_t used = 0;    ///< what it has used of it
  std::int32_t period = -1;  ///< of the slice
  std::optional<Ask> asked;  ///< not answered yet
  Node* refused_by =
      nullptr;  ///< its refusal was lost: asks again there (docs/edge/usage.md, what isn't exact)
};

class World {
 public:
  World(std::uint64_t seed, std::uint8_t edges, feed::QuotaPeriod period, feed::WhenSilent silent,
        std::uint64_t open_bound)
      : random(seed), calendar(*Zone::create("Asia/Baku")), kind(period) {
    data = *services.add({.kind = feed::Benefit::data, .traffic_class = "all"});
    feed::BenefitLine line;
    line.kind = feed::Benefit::data;
    line.delivered_on = 7;
    line.limited = true;
    line.quota = quota;
    line.quota_period = period;
    line.traffic_class = "all";
    line.when_silent = silent;
    line.open_bound = open_bound;
    replica.grant(who, replica.define(line));
    nodes = std::vector<Node>(edges);
    for (std::uint8_t i = 0; i < edges; ++i) {
      nodes[i].options.edge = number_of(i, edges);
      nodes[i].options.edges = edges;
      if (edges == 3) nodes[i].options.siblings = {number_of((i + 1) % 3, 3), number_of((i + 2) % 3, 3)};
      nodes[i].options.slices.data_octets = 400;
      start(nodes[i]);
    }
    sessions = std::vector<Session>(12);
    for (Session& session : sessions) renew(session);
  }

  /// Of three edges the second was lost, and another has its place.
  static std::uint8_t number_of(int i, std::uint8_t edges) {
    return std::uint8_t(edges == 3 && i > 0 ? i + 2 : i + 1);
  }

  void start(Node& node) {
    node.engine.reset();
    auto made = Engine::open(node.options, services, replica, *node.journal, now);
    RC_ASSERT(made);
    node.engine = std::move(*made);
  }

  [[nodiscard]] std::int32_t period() { return calendar.at(kind, now).start; }

  Verdict tell(Node& node, const Ask& ask) {
    // The first edge to see a report counts it: so does the model, once.
    const Verdict verdict = node.engine->decide(ask, now);
    auto& seen = counted[{ask.lease.low, ask.number}];
    if (ask.used != 0) seen = ask.used;
    return verdict;
  }

  void answered(Session& session, const Verdict& verdict) {
    const Ask ask = *session.asked;
    session.asked.reset();
    ++session.number;
    session.used = 0;
    session.slice = 0;
    if (ask.phase == Phase::stop || verdict.outcome != Outcome::granted) {
      session.open = false;
      if (verdict.outcome != Outcome::granted || ask.phase == Phase::stop) renew(session);
      return;
    }
    session.open = true;
    session.slice = verdict.slice;
    session.period = verdict.repeated ? session.period : period();
  }
  void renew(Session& session) {
    session = {};
    ids[std::size_t(&session - sessions.data())] = ++next_id;
  }

  Ask question(std::size_t i) {
    Session& session = sessions[i];
    Ask ask;
    ask.key = who;
    ask.service = data;
    ask.lease = {.high = 7, .low = ids[i] * 0x9e3779b97f4a7c15u};
    ask.number = session.number;
    ask.requested = 1 + random.below(600);
    if (!session.open) {
      ask.phase = Phase::start;
    } else {
      if (session.used == 0) session.used = random.below(session.slice + 1);
      real_used += session.used;  // it has happened, whether it is ever reported or not
      ask.used = session.used;
      ask.phase = random.below(6) == 0 ? Phase::stop : Phase::update;
      session.slice = 0;  // what it did not use it gives back by asking
    }
    return ask;
  }

  /// One exchange of a session: lost on the way, answered, or answered and the answer lost.
  void exchange(std::size_t i, Node& usual) {
    Session& session = sessions[i];
    Node* at = session.refused_by;
    if (at == nullptr) {
      at = &usual;
      for (Node& other : nodes) {
        if (avoid.contains({ids[i], at})) at = &other;
      }
      if (avoid.contains({ids[i], at})) return renew(session);
    }
    Node& node = *at;
    if (!session.asked) session.asked = question(i);
    const std::uint64_t fate = random.below(10);
    if (fate == 0) return;  // lost
    const Ask ask = *session.asked;
    const Verdict verdict = tell(node, ask);
    if (random.below(3) == 0) late.push_back({ask, now});  // a copy is still under way
    if (fate == 1) {                                       // the answer is lost: it will be asked again
      if (verdict.outcome != Outcome::granted) session.refused_by = &node;
      if (session.refused_by != nullptr && nodes.size() > 2) renew(session);  // a third may hear of it alone
      return;
    }
    session.refused_by = nullptr;
    answered(session, verdict);
  }

  /// A copy that was under way for long reaches any edge; nobody takes the answer.
  void stray() {
    if (late.empty()) return;
    const std::size_t i = random.below(late.size());
    const Ask ask = late[i].first;
    late.erase(late.begin() + std::ptrdiff_t(i));
    Node& node = nodes[random.below(nodes.size())];
    if (ask.phase == Phase::event) return repeat(node, ask);
    const Verdict verdict = tell(node, ask);
    if (verdict.outcome != Outcome::granted && !verdict.repeated) {  // as for refused_by
      for (const Node& heard : nodes) {
        if (&heard == &node || nodes.size() > 2) avoid.insert({ask.lease.low * 0xf1de83e19937733du, &heard});
      }
    }
  }
  /// The question about an event, once more: an edge that has not heard of it debits it as well.
  void repeat(Node& node, const Ask& ask) {
    const Verdict verdict = node.engine->decide(ask, now);
    if (verdict.outcome != Outcome::granted) return;
    const auto debit = node.engine->debit(ask.lease);
    RC_ASSERT(debit && debit->units == ask.requested);
    debits.push_back(*debit);
  }
  /// Minutes pass: what is under way for long isn't any more, and edges forget what ended.
  void pause() {
    now += minutes(4);
    std::erase_if(late, [&](const auto& sent) { return now - sent.second > minutes(9); });
    for (Session& session : sessions) {
      if (session.asked) renew(session);
    }
    for (Node& node : nodes) node.engine->tick(now);
  }

  /// A message is sent: used at once, and now and then refunded, once or several times, by whichever edge.
  void event(Node& node) {
    const Ask ask{.key = who,
                  .service = data,
                  .lease = {.high = 8, .low = ++next_id * 0x9e3779b97f4a7c15u},
                  .phase = Phase::event,
                  .requested = 1 + random.below(50)};
    if (node.engine->decide(ask, now).outcome != Outcome::granted) return;
    real_used += ask.requested;
    counted[{ask.lease.low, 0}] = ask.requested;
    const auto debit = node.engine->debit(ask.lease);
    RC_ASSERT(debit && debit->units == ask.requested && debit->edge == node.options.edge);
    debits.push_back(*debit);
    for (std::uint64_t copies = random.below(3); copies > 0; --copies) late.push_back({ask, now});
  }
  void refund(Node& node) {
    if (debits.empty()) return;
    const Engine::Debit& debit = debits[random.below(debits.size())];
    const Verdict verdict = node.engine->refund(debit, 0, now);
    if (verdict.outcome == Outcome::not_covered) {  // too late, by the clock
      RC_ASSERT(now - debit.at > Engine::refund_within);
      return;
    }
    RC_ASSERT(verdict.outcome == Outcome::granted && verdict.slice == debit.units);
    if (!refunded.insert(debit.lease.low).second) return;
    real_used -= debit.units;
  }

  [[nodiscard]] std::uint64_t outstanding() const {
    std::uint64_t sum = 0;
    for (const Session& session : sessions) sum += session.slice;
    return sum;
  }

  /// All of what one journaled, or a part of it, reaches the other.
  void link(std::size_t from, std::size_t to, bool whole) {
    Node& source = nodes[from];
    Node& target = nodes[to];
    const auto edge = source.options.edge;
    const std::uint64_t knew = source.engine->sibling_sequence(target.options.edge);
    std::uint64_t limit = source.journal->last();
    std::uint64_t after = target.engine->sibling_sequence(edge);
    if (!whole && limit > after) limit = after + random.below(limit - after + 1);
    (void)source.journal->read(after, [&](std::uint64_t number, const Record& record) {
      if (number > limit) return false;
      if (!record.copied()) target.engine->apply_sibling(number, record, now);
      return true;
    });
    target.engine->sibling_heard(edge, now);
    if (whole) target.engine->sibling_stands(edge, knew, knew);
  }

  [[nodiscard]] std::uint64_t reported() const {
    std::uint64_t sum = 0;
    for (const auto& [what, used] : counted) {
      if (!refunded.contains(what.first)) sum += used;
    }
    return sum;
  }
  /// As the edges' settlers add up their journals.
  [[nodiscard]] std::uint64_t settled() const {
    std::uint64_t sum = 0;
    for (const Node& node : nodes) {
      (void)node.journal->read(0, [&](std::uint64_t, const Record& record) {
        if (record.counts()) sum += record.gives_back() ? 0 - record.used : record.used;
        return true;
      });
    }
    return sum;
  }
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> sums(const Node& node) const {
    std::uint64_t own = 0;
    std::uint64_t siblings = 0;
    for (const AccountTable::Shard& shard : node.state().accounts.all()) {
      for (const Account& account : std::span(shard.places, shard.capacity)) {
        own += account.used;
        siblings += account.siblings;
      }
    }
    return {own, siblings};
  }

  SeededRandom random;
  ServiceTable services;
  ServiceIndex data = no_service;
  FakeReplica replica{services};
  QuotaCalendar calendar;
  feed::QuotaPeriod kind;
  std::vector<Node> nodes;
  std::vector<Session> sessions;
  std::map<std::size_t, std::uint64_t> ids;
  std::uint64_t next_id = 0;
  std::vector<std::pair<Ask, Instant>> late;  ///< copies under way, and since when
  std::set<std::pair<std::uint64_t, const Node*>> avoid;
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint64_t> counted;
  std::vector<Engine::Debit> debits;
  std::set<std::uint64_t> refunded;  ///< leases of events
  std::uint64_t real_used = 0;
  Instant now = *parse_instant("2026-11-21T18:00:00Z");
};

TEST(EngineModel, OneEdgeNeverGrantsMoreThanTheQuotaAndCountsWhatWasReported) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    World world(seed, 1, feed::QuotaPeriod::regime, feed::WhenSilent::close, 0);
    Node& node = world.nodes[0];
    for (int step = 0; step < 300; ++step) {
      const std::uint64_t what = world.random.below(40);
      if (what == 0) world.start(node);
      if (what == 1) world.now += hours(1 + int(world.random.below(50)));  // the clock is set
      if (what == 2) world.now -= hours(1 + int(world.random.below(50)));
      if (what == 3) node.engine->tick(world.now);
      if (what == 4) world.stray();
      if (what >= 5 && what < 9) world.event(node);
      if (what == 9) world.refund(node);
      world.now += seconds(1);
      world.exchange(world.random.below(world.sessions.size()), node);
      RC_ASSERT(world.real_used + world.outstanding() <= quota);
      RC_ASSERT(world.sums(node).first == world.reported());
      RC_ASSERT(node.engine->counts().leases < 1000);
    }
    const auto before = world.sums(node);
    const Verdict look = node.engine->look(who, LineKind::mobile, world.data, world.now);
    world.start(node);
    RC_ASSERT(world.sums(node) == before);
    RC_ASSERT(node.engine->look(who, LineKind::mobile, world.data, world.now).slice == look.slice);
  }));
}

void edges_apart(std::uint64_t seed, std::uint8_t edges, feed::WhenSilent silent, std::uint64_t bound) {
  World world(seed, edges, feed::QuotaPeriod::regime, silent, bound);
  const auto any = [&] { return std::size_t(world.random.below(edges)); };
  bool apart = false;
  for (int step = 0; step < 400; ++step) {
    const std::uint64_t what = world.random.below(40);
    if (what == 0) world.start(world.nodes[any()]);
    if (what == 1) apart = !apart;
    if (what == 2) world.pause();
    if (what >= 3 && what < 20 && !apart) {
      const std::size_t from = any();
      const std::size_t to = any();
      if (from != to) world.link(from, to, what < 14);
    }
    if (what >= 36) world.stray();
    if (what >= 30 && what < 34) world.event(world.nodes[any()]);
    if (what == 34 || what == 35) world.refund(world.nodes[any()]);
    world.now += seconds(1);
    // A session stays with its edge mostly, and fails over now and then.
    const std::size_t session = world.random.below(world.sessions.size());
    world.exchange(session, world.nodes[world.random.below(5) == 0 ? any() : session % edges]);
    RC_ASSERT(world.real_used + world.outstanding() <= quota + edges * bound);
  }
  for (int round = 0; round < 2 * edges; ++round) {
    for (std::size_t from = 0; from < edges; ++from) {
      for (std::size_t to = 0; to < edges; ++to) {
        if (from != to) world.link(from, to, true);
      }
    }
  }
  std::uint64_t all = 0;
  for (const Node& node : world.nodes) all += world.sums(node).first;
  RC_ASSERT(all == world.reported());
  RC_ASSERT(world.settled() == world.reported());
  for (Node& node : world.nodes) {
    const auto before = world.sums(node);
    RC_ASSERT(before.first + before.second == all);
    world.start(node);
    RC_ASSERT(world.sums(node) == before);
  }
}

/// An event counted by two edges that are apart, and refunded: each of the two debits through each edge,
/// before or after they meet, once and twice.
TEST(EngineModel, WhatTwoEdgesDebitedAndOneRefundedComesBackToTheQuotaOfBoth) {
  for (int way = 0; way < 32; ++way) {
    SCOPED_TRACE(way);
    World world(1, 2, feed::QuotaPeriod::regime, feed::WhenSilent::close, 0);
    const auto meet = [&] {
      for (int i = 0; i < 4; ++i) world.link(std::size_t(i % 2), std::size_t(1 - i % 2), true);
    };
    const Ask event{.key = who,
                    .service = world.data,
                    .lease = {.high = 8, .low = 9},
                    .phase = Phase::event,
                    .requested = 1000};
    std::vector<Engine::Debit> debits;
    for (Node& node : world.nodes) {
      ASSERT_EQ(node.engine->decide(event, world.now).outcome, Outcome::granted);
      debits.push_back(*node.engine->debit(event.lease));
    }
    if (way & 1) meet();
    if (way & 2) world.now += minutes(2);
    const auto refund = [&](int debit, int through) {
      const Verdict back =
          world.nodes[std::size_t(through)].engine->refund(debits[std::size_t(debit)], 0, world.now);
      EXPECT_EQ(back.outcome, Outcome::granted);
    };
    refund(way >> 2 & 1, way >> 3 & 1);
    if (way & 16) refund(1 - (way >> 2 & 1), 1 - (way >> 3 & 1));
    meet();
    EXPECT_EQ(world.settled(), 0u);
    for (Node& node : world.nodes) {
      EXPECT_EQ(world.sums(node), std::pair(std::uint64_t(0), std::uint64_t(0)));
      if (way & 2) world.start(node);
    }
    std::uint64_t granted = 0;
    for (std::size_t i = 0; i < 2; ++i) {
      const Ask all{.key = who,
                    .service = world.data,
                    .lease = {.high = 9, .low = 100 + i},
                    .phase = Phase::start,
                    .requested = quota};
      granted += world.nodes[i].engine->decide(all, world.now).slice;
    }
    EXPECT_EQ(granted, quota);
  }
}

TEST(EngineModel, TwoEdgesApartOverdrawNothingWhereTheMeasureCloses) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) { edges_apart(seed, 2, feed::WhenSilent::close, 0); }));
}

TEST(EngineModel, TwoEdgesApartOverdrawAtMostTheOpenBoundEach) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) { edges_apart(seed, 2, feed::WhenSilent::open, 700); }));
}

TEST(EngineModel, ThreeEdgesApartStayWithinTheBoundAndAgreeOnceTheyHaveMet) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) { edges_apart(seed, 3, feed::WhenSilent::open, 400); }));
  EXPECT_TRUE(rc::check([](std::uint64_t seed) { edges_apart(seed, 3, feed::WhenSilent::close, 0); }));
}

/// Three edges with a hundred units each, by right.
struct Three : testing::Test {
  World world{1, 3, feed::QuotaPeriod::regime, feed::WhenSilent::close, 0};
  Three() {
    feed::BenefitLine line = world.replica.measure(1)->benefits[0];
    line.quota = 300;
    world.replica.define(line, {}, 1);
  }
  Verdict ask(std::size_t node, std::uint64_t session, std::uint32_t number, Phase phase, std::uint64_t used,
              bool wants_slice = true) {
    Ask ask;
    ask.key = who;
    ask.service = world.data;
    ask.lease = {.high = session, .low = session};
    ask.number = number;
    ask.phase = phase;
    ask.used = used;
    ask.wants_slice = wants_slice;
    return world.nodes[node].engine->decide(ask, world.now);
  }
};

TEST_F(Three, WhoTakesALostOnesPlaceHasNoShareOfQuotasThatHadBegun) {
  Node& joins = world.nodes[2];
  joins.options.joined = world.calendar.at(feed::QuotaPeriod::day, world.now).start + 1;
  world.start(joins);
  EXPECT_EQ(ask(2, 1, 0, Phase::start, 0).outcome, Outcome::used_up);  // and asks the others
  EXPECT_EQ(ask(0, 2, 0, Phase::start, 0).slice, 100u);
  world.link(2, 1, true);
  world.link(1, 2, true);
  world.now += seconds(1);
  EXPECT_EQ(ask(2, 3, 0, Phase::start, 0).slice, 50u);  // half of what that has more
  EXPECT_EQ(ask(1, 4, 0, Phase::start, 0).slice, 50u);
  feed::BenefitLine line = world.replica.measure(1)->benefits[0];
  line.quota_period = feed::QuotaPeriod::day;
  world.replica.define(line, {}, 1);
  EXPECT_EQ(ask(2, 5, 0, Phase::start, 0).slice, 0u);
  world.now += hours(24);
  EXPECT_EQ(ask(2, 6, 0, Phase::start, 0).slice, 100u);
}

TEST_F(Three, NumbersAreTheOperatorsButEachEdgeHasItsOwn) {
  Node& node = world.nodes[0];
  const auto opens = [&](std::uint8_t edge, std::uint8_t edges, std::vector<std::uint8_t> siblings) {
    EngineOptions options;
    options.edge = edge;
    options.edges = edges;
    options.siblings = std::move(siblings);
    return Engine::open(options, world.services, world.replica, *node.journal, world.now).has_value();
  };
  EXPECT_TRUE(opens(9, 3, {1, 16}));
  EXPECT_FALSE(opens(9, 3, {1, 17}));
  EXPECT_FALSE(opens(9, 3, {1, 9}));
  EXPECT_FALSE(opens(9, 3, {1, 1}));
  EXPECT_FALSE(opens(9, 3, {1}));
  EXPECT_FALSE(opens(4, 3, {}));
}

TEST_F(Three, ASessionThatMovesTakesTheRightsForItsSliceAlong) {
  EXPECT_EQ(ask(1, 1, 0, Phase::start, 0).slice, 100u);
  ask(1, 1, 1, Phase::stop, 100);  // the second edge has used its hundred
  EXPECT_EQ(ask(0, 2, 0, Phase::start, 0).slice, 100u);
  world.link(0, 1, true);
  ask(1, 2, 1, Phase::stop, 100);  // the first's hundred are reported there as well
  world.link(1, 0, true);
  EXPECT_EQ(ask(0, 3, 0, Phase::start, 0).slice, 0u);
  EXPECT_EQ(ask(2, 4, 0, Phase::start, 0).slice, 100u);  // has heard of nothing, and needn't
  world.link(0, 1, true);
  EXPECT_EQ(ask(1, 5, 0, Phase::start, 0).slice, 0u);
}

TEST_F(Three, ASliceWhoseUseWasReportedElsewhereStaysReservedUntilThatIsHeard) {
  EXPECT_EQ(ask(1, 1, 0, Phase::start, 0).slice, 100u);
  ask(1, 1, 1, Phase::stop, 100);
  EXPECT_EQ(ask(0, 2, 0, Phase::start, 0).slice, 100u);
  world.link(0, 1, true);
  ask(1, 2, 1, Phase::update, 50, false);  // a report alone; the second edge is full, and cut off from now on
  EXPECT_EQ(ask(0, 2, 2, Phase::stop, 50).outcome, Outcome::granted);
  EXPECT_EQ(ask(0, 3, 0, Phase::start, 0).slice, 0u);  // 100 of its 100 are used, 50 of them elsewhere
  world.link(1, 0, true);
  EXPECT_EQ(ask(0, 3, 1, Phase::start, 0).slice, 0u);
  EXPECT_EQ(world.nodes[0]
                .state()
                .accounts.find({.key = who, .measure = 1, .period = feed::QuotaPeriod::regime})
                ->used,
            50u);
}

}  // namespace
}  // namespace dayaq::edge
