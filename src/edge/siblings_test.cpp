#include "edge/siblings.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"
#include "edge/engine_core.hpp"
#include "edge/engine_test_support.hpp"
#include "http/client.hpp"
#include "http/server.hpp"

namespace dayaq::edge {
namespace {

using namespace testing_support;

TEST(PeerUsage, ComesBackAsItWasAndNothingElseIsTaken) {
  PeerUsage usage{.edge = 3, .through = 12, .last = 20, .knows = 7, .records = {}};
  for (const std::uint64_t number : {4u, 9u, 12u}) {
    Record record;
    record.edge = 3;
    record.number = std::uint32_t(number);
    record.used = number * 10;
    usage.records.emplace_back(number, record);
  }
  const Bytes bytes = encode(usage);
  const auto back = decode_peer_usage(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, usage);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes changed = bytes;
    changed[i] ^= std::byte(1);
    EXPECT_FALSE(decode_peer_usage(changed)) << i;
    EXPECT_FALSE(decode_peer_usage(BytesView(bytes).first(i))) << i;
  }
  usage.records[1].first = 4;
  EXPECT_EQ(decode_peer_usage(encode(usage)).error().code, "peer.value");
}

/// An edge that serves its journal, and follows another while it is joined to it.
struct Post {
  explicit Post(std::uint8_t number) : edge(options_of(number)) {
    clock.set(edge.now);
    serving = Siblings::create({.edge = number, .siblings = {}, .tokens = {"secret"}}, *edge.engine,
                               *edge.journal, clock);
    serving->add_routes(router);
    auto started = http::Server::start({.port = 0, .workers = 1}, router, nullptr);
    EXPECT_TRUE(started);
    server = std::move(*started);
    feed::BenefitLine line = data_of(1'000'000'000);
    line.open_bound = 1'000'000'000;
    for (SubscriptionKey key = 1; key <= 5; ++key) edge.replica.grant(key, 1);
    edge.replica.define(line, {}, 1);
  }
  static EngineOptions options_of(std::uint8_t number) {
    EngineOptions options;
    options.edge = number;
    options.edges = 2;
    return options;
  }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server->port()); }
  void join(const Post& other, std::string token = "secret") {
    following = Siblings::create({.edge = edge.options.edge,
                                  .siblings = {{.edge = other.edge.options.edge,
                                                .url = other.url(),
                                                .token = std::move(token),
                                                .tls_authority = {}}},
                                  .tokens = {}},
                                 *edge.engine, *edge.journal, clock);
    following->start();
  }
  void part() { following.reset(); }
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> sums() const {
    const std::lock_guard lock(edge.engine->mutex());
    std::uint64_t own = 0;
    std::uint64_t siblings = 0;
    for (const auto& shard : static_cast<const EngineCore&>(*edge.engine).state().accounts.all()) {
      for (const Account& account : std::span(shard.places, shard.capacity)) {
        own += account.used;
        siblings += account.siblings;
      }
    }
    return {own, siblings};
  }

  Edge edge;
  FixedClock clock{Instant{}};
  http::Router router;
  std::unique_ptr<Siblings> serving;
  std::unique_ptr<http::Server> server;
  std::unique_ptr<Siblings> following;
};

bool settle(const Post& a, const Post& b, std::uint64_t sum) {
  for (int i = 0; i < 1000; ++i) {
    const auto [own_a, siblings_a] = a.sums();
    const auto [own_b, siblings_b] = b.sums();
    if (own_a == siblings_b && own_b == siblings_a && own_a + own_b == sum) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST(Siblings, SumsAreEqualAndExactEachTimeTheyHaveMet) {
  Post a(1);
  Post b(2);
  std::array<Post*, 2> posts{&a, &b};
  SeededRandom random(6);
  std::array<std::uint32_t, 40> numbers{};
  std::uint64_t sum = 0;
  for (int round = 0; round < 6; ++round) {
    const bool apart = round % 2 == 1;
    if (!apart) {
      a.join(b);
      b.join(a);
    }
    for (int step = 0; step < 400; ++step) {
      const std::size_t session = random.below(numbers.size());
      const std::uint32_t number = numbers[session]++;
      Ask ask = a.edge.data(session + 1, number, number == 0 ? Phase::start : Phase::update,
                            number == 0 ? 0 : 1 + random.below(99));
      ask.key = 1 + session % 5;
      Post& first = *posts[random.below(2)];
      Post& second = &first == &a ? b : a;
      {
        const std::lock_guard lock(first.edge.engine->mutex());
        ASSERT_EQ(first.edge.ask(ask).outcome, Outcome::granted);
      }
      if (random.below(4) == 0) {  // sent again to the other, which may not have heard of it
        const std::lock_guard lock(second.edge.engine->mutex());
        second.edge.ask(ask);
      }
      sum += ask.used;
    }
    ASSERT_TRUE(apart || settle(a, b, sum)) << round;
    if (!apart) {
      a.part();
      b.part();
    }
    if (apart && round == 5) {
      a.join(b);
      b.join(a);
      ASSERT_TRUE(settle(a, b, sum));
    }
  }
  const std::lock_guard lock(b.edge.engine->mutex());
  EXPECT_GT(b.edge.engine->counts().reversed, 20u);
}

TEST(Siblings, RightsGoToTheEdgeThatTheTrafficIsAt) {
  Post a(1);
  Post b(2);
  feed::BenefitLine line = data_of(10'000);
  line.when_silent = feed::WhenSilent::close;
  for (Post* post : {&a, &b}) post->edge.replica.define(line, {}, 1);
  a.join(b);
  b.join(a);
  std::uint64_t used = 0;
  std::uint32_t number = 0;
  for (int i = 0; i < 3000 && used < 9'900; ++i) {
    Verdict verdict;
    {
      const std::lock_guard lock(a.edge.engine->mutex());
      verdict = a.edge.ask(
          a.edge.data(1, number, number == 0 ? Phase::start : Phase::update, number == 0 ? 0 : 50, 50));
      if (number != 0) used += 50;
      ++number;
    }
    if (verdict.outcome != Outcome::granted || verdict.slice < 50) {
      // Its half is used up for the moment; the other's spare half is on its way.
      number += 1;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      const std::lock_guard lock(a.edge.engine->mutex());
      a.edge.now += std::chrono::seconds(1);
    }
  }
  EXPECT_GT(used, 9'000u);
  EXPECT_LE(a.sums().first, 10'000u);
}

TEST(Siblings, AStrangerIsRefusedAndTheTroubleIsNamed) {
  Post a(1);
  Post b(2);
  auto client = http::Client::create(b.url(), {.bearer_token = "wrong"});
  ASSERT_TRUE(client);
  EXPECT_EQ(client->get("/v1/peer/usage?edge=1&after=0&kept=0&wait=0")->status, 401);
  auto known = http::Client::create(b.url(), {.bearer_token = "secret"});
  EXPECT_EQ(known->get("/v1/peer/usage?edge=2&after=0&kept=0&wait=0")->status, 400);
  EXPECT_EQ(known->get("/v1/peer/usage?edge=1&after=x&kept=0&wait=0")->status, 400);
  const auto empty = known->get("/v1/peer/usage?edge=1&after=0&kept=0&wait=0");
  ASSERT_EQ(empty->status, 200);
  EXPECT_EQ(decode_peer_usage(as_bytes(empty->body))->edge, 2);
  a.join(b, "wrong");
  for (int i = 0; i < 500 && a.following->state().front().trouble.empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(a.following->state().front().trouble, "peer.refused");
  EXPECT_FALSE(a.following->state().front().heard);
}

}  // namespace
}  // namespace dayaq::edge
