#include "edge/follower.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <fstream>

#include "edge/replica_test_support.hpp"
#include "http/server.hpp"

namespace dayaq::edge {
namespace {

using namespace std::chrono_literals;

/// The centre's two routes, as docs/feed.md has them, with the misbehaviour that a test asks for.
class FeedServer {
 public:
  explicit FeedServer(TestCentre& centre) : centre_(centre) {
    router_.add({.pattern = "/v1/feed", .operation = "get_feed", .summary = "."},
                [this](const http::Request& request) { return feed(request); });
    router_.add({.pattern = "/v1/feed/snapshot", .operation = "get_snapshot", .summary = "."},
                [this](const http::Request& request) { return snapshot(request); });
    router_.add({.pattern = "/v1/feed/keys", .operation = "get_keys", .summary = "."},
                [this](const http::Request&) {
                  const std::lock_guard guard(mutex);
                  return http::Response::text(keys);
                });
    start(0);
  }
  ~FeedServer() { stop(); }
  FeedServer(const FeedServer&) = delete;
  FeedServer& operator=(const FeedServer&) = delete;

  void start(std::uint16_t port) {
    ending_ = false;
    auto started = http::Server::start({.port = port, .shutdown_timeout = 100ms}, router_, nullptr);
    ASSERT_TRUE(started) << started.error().public_text;
    server_ = std::move(*started);
    port_ = server_->port();
  }
  void stop() {
    {
      const std::lock_guard guard(mutex);
      ending_ = true;
    }
    news_.notify_all();
    if (server_) server_->stop();
    server_.reset();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// The centre says something; `change` makes its block.
  template <class F>
  void say(F&& change) {
    {
      const std::lock_guard guard(mutex);
      const std::uint64_t first = centre_.sequence + 1;
      Bytes bytes = change(centre_);
      blocks_.push_back({.first = first, .last = centre_.sequence, .bytes = std::move(bytes)});
    }
    news_.notify_all();
  }
  void trim() {
    const std::lock_guard guard(mutex);
    blocks_.clear();
  }
  void grant(SubscriptionKey key, std::vector<MeasureNumber> numbers) {
    say([&](TestCentre& centre) { return centre.grant(key, numbers); });
  }

  std::mutex mutex;                             // of the centre and of what follows
  std::deque<http::Response> instead;           ///< answers to the next questions of either kind
  std::deque<http::Response> instead_of_pages;  ///< to the next pages after the first
  std::uint32_t pages = 1;
  std::chrono::milliseconds page_takes{0};
  std::vector<std::string> asked;
  std::uint64_t pages_given = 0;
  std::string keys;     ///< announcements of the next key
  bool forked = false;  ///< it was restored, and has gone on since

 private:
  struct Said {
    std::uint64_t first, last;
    Bytes bytes;
  };
  static std::uint64_t number(const http::Request& request, std::string_view name) {
    return std::stoull(request.query_value(name).value_or("0"));
  }
  static http::Response blocks(BytesView bytes, std::uint64_t sequence) {
    http::Response response;
    response.content_type = "application/vnd.dayaq.feed";
    response.body = std::string(as_text(bytes));
    response.headers.emplace_back("Dayaq-Feed-Sequence", std::to_string(sequence));
    return response;
  }
  bool take_instead(std::deque<http::Response>& from, http::Response& out) {
    if (from.empty()) return false;
    out = std::move(from.front());
    from.pop_front();
    return true;
  }

  http::Response feed(const http::Request& request) {
    std::unique_lock lock(mutex);
    asked.push_back(std::string(request.query));
    http::Response other;
    if (take_instead(instead, other)) return other;
    const std::uint64_t after = number(request, "after");
    const auto conflict = [](std::string_view code) {
      return http::problem(
          Error{.kind = ErrorKind::conflict, .code = code, .public_text = "Take a snapshot."});
    };
    if (after > centre_.sequence) return conflict("feed.ahead");
    if (forked && request.query_value("said")) return conflict("feed.forked");
    news_.wait_for(lock, std::chrono::seconds(number(request, "wait")),
                   [&] { return ending_ || centre_.sequence > after || !instead.empty(); });
    if (take_instead(instead, other)) return other;
    Bytes bytes;
    for (const Said& said : blocks_) {
      if (said.last <= after) continue;
      if (bytes.empty() && said.first > after + 1) return conflict("feed.trimmed");
      bytes.insert(bytes.end(), said.bytes.begin(), said.bytes.end());
    }
    if (bytes.empty() && after < centre_.sequence) return conflict("feed.trimmed");
    return blocks(bytes, centre_.sequence);
  }
  http::Response snapshot(const http::Request& request) {
    const auto page = std::uint32_t(number(request, "page"));
    std::this_thread::sleep_for(page_takes);
    const std::lock_guard guard(mutex);
    asked.push_back("snapshot " + std::string(request.query));
    http::Response other;
    if (page > 0 && take_instead(instead_of_pages, other)) return other;
    if (take_instead(instead, other)) return other;
    ++pages_given;
    http::Response response = blocks(centre_.page(page, pages), centre_.sequence);
    response.headers.emplace_back("Dayaq-Feed-Pages", std::to_string(pages));
    return response;
  }

  TestCentre& centre_;
  std::deque<Said> blocks_;
  std::condition_variable news_;
  bool ending_ = false;
  http::Router router_;
  std::unique_ptr<http::Server> server_;
  std::uint16_t port_ = 0;
};

struct FollowerTest : testing::Test {
  TestFolder folder;
  TestCentre centre;
  FeedServer server{centre};
  const ServiceTable services = test_services();
  std::mutex lock;
  SeededRandom random{1};
  SystemClock clock;
  ReplicaOptions replica_options{.folder = folder.path(),
                                 .operator_code = "azercell",
                                 .centre_keys = {centre.public_key()},
                                 .heal = true,
                                 .boot = "boot"};
  FollowerOptions options{.token = "key", .edge = "baku 1", .retry_first = 10ms, .retry_most = 50ms};
  std::unique_ptr<Replica> replica = std::move(*Replica::open(replica_options, services));
  std::unique_ptr<Follower> follower;

  void start() {
    options.url = server.url();
    auto started = Follower::start(options, *replica, lock, random, clock);
    ASSERT_TRUE(started);
    follower = std::move(*started);
  }
  template <class F>
  bool becomes(F&& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (std::chrono::steady_clock::now() < deadline) {
      if (condition()) return true;
      std::this_thread::sleep_for(1ms);
    }
    return false;
  }
  bool granted(SubscriptionKey key, MeasureNumber number) {
    const std::lock_guard guard(lock);
    const auto grants = answered(*replica, key, test_now());
    return std::ranges::any_of(grants, [&](const auto& grant) { return grant.first == number; });
  }
  bool caught_up() {
    const std::lock_guard guard(server.mutex);
    return replica->state().sequence == centre.sequence;
  }
  void expect_as_at_the_centre() {
    ASSERT_TRUE(becomes([&] { return caught_up(); }));
    const std::scoped_lock guard(lock, server.mutex);
    for (SubscriptionKey key = 1; key < 60; ++key) {
      EXPECT_EQ(answered(*replica, key, test_now()), expected(centre, key, test_now())) << key;
    }
  }
  void define() {
    server.say([](TestCentre& said) {
      return said.changes({TestCentre::definition(1), TestCentre::definition(2)}, {{10, {{.measure = 1}}}});
    });
  }
  http::Response body(BytesView bytes, std::uint64_t sequence) {
    http::Response response;
    response.body = std::string(as_text(bytes));
    response.headers.emplace_back("Dayaq-Feed-Sequence", std::to_string(sequence));
    return response;
  }
  void answer_instead(http::Response response) {
    const std::lock_guard guard(server.mutex);
    server.instead.push_back(std::move(response));
  }
};

TEST_F(FollowerTest, TakesASnapshotThenFollows) {
  define();
  server.pages = 3;
  start();
  expect_as_at_the_centre();
  EXPECT_TRUE(becomes([&] { return follower->state().snapshots == 1; }));
  const auto begun = std::chrono::steady_clock::now();
  server.grant(11, {2});
  EXPECT_TRUE(becomes([&] { return granted(11, 2); }));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1s) << "the long poll brings it";
  ASSERT_TRUE(becomes([&] { return follower->state().doing == Follower::Doing::following; }));
  const Follower::State state = follower->state();
  EXPECT_TRUE(state.connected);
  EXPECT_EQ(state.behind, 0u);
  EXPECT_EQ(state.sequence, centre.sequence);
  EXPECT_EQ(state.centre, centre.sequence);
  EXPECT_EQ(state.error, "");
  EXPECT_GT(state.last_heard, clock.now() - 10s);
  const std::lock_guard guard(server.mutex);
  EXPECT_EQ(server.asked.at(0), "snapshot page=0");
  EXPECT_EQ(server.asked.at(2), "snapshot page=2&pages=3");
  EXPECT_EQ(server.asked.at(3), "after=3&wait=25&edge=baku%201");
}

TEST_F(FollowerTest, AFeedThatHasSaidNothingYetIsFollowed) {
  start();
  ASSERT_TRUE(becomes([&] {
    return follower->state().doing == Follower::Doing::following || follower->state().snapshots == 1;
  }));
  define();
  expect_as_at_the_centre();
  EXPECT_TRUE(becomes([&] { return follower->state().snapshots == 1; }));
}

TEST_F(FollowerTest, GoesOnFromWhereItWasAfterARestartWithoutASnapshot) {
  define();
  start();
  expect_as_at_the_centre();
  follower.reset();
  server.grant(12, {1});
  start();
  expect_as_at_the_centre();
  EXPECT_EQ(follower->state().snapshots, 0u);
}

TEST_F(FollowerTest, GoesOnWithWhatItKnowsWhileTheCentreIsAwayAndComesBack) {
  define();
  start();
  expect_as_at_the_centre();
  server.stop();
  ASSERT_TRUE(becomes([&] { return follower->state().failures > 3; }));
  Follower::State state = follower->state();
  EXPECT_FALSE(state.connected);
  EXPECT_EQ(state.doing, Follower::Doing::away);
  EXPECT_TRUE(state.error.starts_with("client.")) << state.error;
  EXPECT_FALSE(state.error_text.empty());
  EXPECT_TRUE(granted(10, 1));
  server.grant(13, {1, 2});
  server.start(server.port());
  expect_as_at_the_centre();
  ASSERT_TRUE(becomes([&] { return follower->state().connected && follower->state().failures == 0; }));
  EXPECT_EQ(follower->state().error, "");
}

TEST_F(FollowerTest, RefusesWhatIsNotRightAppliesNothingOfItAndGoesOn) {
  define();
  start();
  expect_as_at_the_centre();
  TestCentre stranger(2);
  stranger.sequence = centre.sequence;
  TestCentre other(1, "bakcell");
  other.sequence = centre.sequence;
  TestCentre earlier;
  const std::uint64_t next = centre.sequence + 1;
  answer_instead(body(as_bytes("<html>the hotel's page</html>"), next));
  answer_instead(body(stranger.grant(10, {2}), next));
  answer_instead(body(other.grant(10, {2}), next));
  answer_instead(body(earlier.grant(10, {2}), next));
  server.grant(14, {1});
  expect_as_at_the_centre();
  const Follower::State state = follower->state();
  EXPECT_EQ(state.refused, 4u);
  EXPECT_EQ(state.last_refused, "replica.replay");
  EXPECT_EQ(state.snapshots, 1u);
  EXPECT_FALSE(granted(10, 2));
}

TEST_F(FollowerTest, AGapIsRefusedAndASnapshotTaken) {
  define();
  start();
  expect_as_at_the_centre();
  TestCentre ahead;
  ahead.sequence = centre.sequence + 5;
  answer_instead(body(ahead.grant(10, {2}), 9));
  server.grant(15, {1});
  expect_as_at_the_centre();
  ASSERT_TRUE(becomes([&] { return follower->state().snapshots == 2; }));
  EXPECT_EQ(follower->state().last_refused, "replica.gap");
}

TEST_F(FollowerTest, TakesASnapshotWhereTheFeedIsNoLongerKept) {
  define();
  start();
  expect_as_at_the_centre();
  follower.reset();
  server.grant(16, {1});
  server.trim();
  server.grant(17, {1});
  start();
  expect_as_at_the_centre();
  ASSERT_TRUE(becomes([&] { return follower->state().snapshots == 1; }));
  EXPECT_EQ(follower->state().refused, 0u);
}

TEST_F(FollowerTest, ACentreThatWasRestoredIsNotBelievedUntilSomebodyHasLooked) {
  define();
  for (int i = 0; i < 5; ++i) server.grant(18, {MeasureNumber(1 + i % 2)});
  start();
  expect_as_at_the_centre();
  {
    const std::lock_guard guard(server.mutex);
    centre = TestCentre();
    server.instead.push_back(body({}, 2));  // without a word about it
  }
  server.trim();
  server.say(
      [](TestCentre& said) { return said.changes({TestCentre::definition(2)}, {{20, {{.measure = 2}}}}); });
  ASSERT_TRUE(becomes([&] { return follower->state().last_refused == "replica.ahead"; }));
  EXPECT_TRUE(granted(10, 1)) << "what is known stays in force";
  EXPECT_FALSE(granted(20, 2));
  EXPECT_EQ(follower->state().doing, Follower::Doing::refused);
  {
    const std::lock_guard guard(server.mutex);
    server.forked = true;
  }
  for (int i = 0; i < 9; ++i) server.grant(21, {2});  // past what is known here
  ASSERT_TRUE(becomes([&] { return follower->state().last_refused == "replica.forked"; }));
  EXPECT_NE(follower->state().error_text.find("--accept-restored"), std::string::npos);
  follower.reset();  // and noticed after a start too
  start();
  ASSERT_TRUE(becomes([&] { return follower->state().last_refused == "replica.forked"; }));
  EXPECT_TRUE(granted(10, 1));
  EXPECT_EQ(follower->state().snapshots, 0u);
  follower.reset();
  replica.reset();
  options.accept_restored = replica_options.accept_older = true;
  replica = std::move(*Replica::open(replica_options, services));
  start();
  expect_as_at_the_centre();
  ASSERT_TRUE(becomes([&] { return follower->state().snapshots == 1; }));
  EXPECT_FALSE(granted(10, 1));
  server.grant(22, {2});
  expect_as_at_the_centre();
}

/// What changes at the centre when its feed's key does.
struct FollowerKeys : FollowerTest {
  std::optional<CentreKeys> keys;
  std::vector<CentreKeys::Keys> told;

  ~FollowerKeys() override { follower.reset(); }  // it uses what goes before it

  void open() {
    follower.reset();
    replica.reset();
    keys.emplace(*CentreKeys::open(folder.path() / "centre.keys", {TestCentre().public_key()}));
    replica_options.centre_keys = keys->of_disk();
    replica = std::move(*Replica::open(replica_options, services));
    options.keys = &*keys;
    options.keys_changed = [this](const CentreKeys::Keys& now) { told.push_back(now); };
  }
  void change_key(int key, bool announced) {
    const std::lock_guard guard(server.mutex);
    const std::string said = centre.change_key(key);
    if (announced) server.keys += said;
  }
};

TEST_F(FollowerKeys, TheSuccessorThatTheKnownKeyNamesIsBelievedAndTheOldOneNoLonger) {
  open();
  define();
  start();
  expect_as_at_the_centre();
  TestCentre old = centre;
  change_key(7, true);
  server.grant(40, {1});
  expect_as_at_the_centre();
  ASSERT_TRUE(becomes([&] { return follower->state().snapshots == 2; }));
  EXPECT_EQ(follower->state().refused, 0u);
  follower.reset();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0], CentreKeys::Keys{centre.public_key()});
  EXPECT_FALSE(keys->changing());
  replica_options.boot = "another";  // and all that is on disk is signed by the new one
  open();
  EXPECT_EQ(keys->of_disk(), CentreKeys::Keys{centre.public_key()});
  EXPECT_TRUE(granted(40, 1));
  old.sequence = centre.sequence;
  answer_instead(body(old.grant(10, {2}), centre.sequence + 1));
  start();
  ASSERT_TRUE(becomes([&] { return follower->state().last_refused == "replica.signature"; }));
  server.grant(41, {1});
  expect_as_at_the_centre();
}

TEST_F(FollowerKeys, AKeyThatNobodyAnnouncedIsRefusedUntilItIs) {
  open();
  define();
  start();
  expect_as_at_the_centre();
  {
    const std::lock_guard guard(server.mutex);
    server.keys = feed::announce(test_key(8), test_key(9).public_key(), test_now());  // a stranger's
  }
  change_key(9, false);
  server.grant(42, {1});
  ASSERT_TRUE(becomes([&] { return follower->state().refused > 2; }));
  EXPECT_EQ(follower->state().last_refused, "replica.signature");
  EXPECT_FALSE(granted(42, 1));
  {
    const std::lock_guard guard(server.mutex);
    server.keys = feed::announce(test_key(1), test_key(9).public_key(), test_now());
  }
  expect_as_at_the_centre();
}

TEST_F(FollowerKeys, AStartBetweenTheKeysGoesOnWithTheNewOne) {
  open();
  define();
  start();
  expect_as_at_the_centre();
  follower.reset();
  change_key(7, true);
  server.grant(43, {1});
  ASSERT_TRUE(*keys->learn(server.keys));  // ended before it had a snapshot
  open();
  EXPECT_TRUE(keys->changing());
  EXPECT_TRUE(granted(10, 1)) << "what is on disk is the old key's";
  start();
  expect_as_at_the_centre();
  ASSERT_TRUE(becomes([&] { return follower->state().snapshots == 1; }));
  follower.reset();
  EXPECT_FALSE(keys->changing());
}

TEST_F(FollowerTest, AKeyThatTheCentreDoesNotKnowIsSaid) {
  for (int i = 0; i < 1000; ++i) {
    answer_instead(http::problem(Error{
        .kind = ErrorKind::unauthenticated, .code = "auth.token", .public_text = "This key is not known."}));
  }
  start();
  ASSERT_TRUE(becomes([&] { return follower->state().failures > 2; }));
  EXPECT_EQ(follower->state().error, "follower.forbidden");
  EXPECT_EQ(follower->state().doing, Follower::Doing::away);
}

TEST_F(FollowerTest, WhatTheCentreSaysInsteadOfTheFeedIsShown) {
  for (int i = 0; i < 1000; ++i) {
    answer_instead(http::problem(
        Error{.kind = ErrorKind::not_found, .code = "edges.unknown", .public_text = "No such edge."}));
  }
  start();
  ASSERT_TRUE(becomes([&] { return follower->state().failures > 2; }));
  EXPECT_EQ(follower->state().error, "follower.answer");
  EXPECT_EQ(follower->state().error_text,
            "The centre answered with status 404 edges.unknown, not with the feed.");
}

TEST_F(FollowerTest, APageThatFailsIsAskedForAgain) {
  define();
  server.pages = 4;
  for (int i = 0; i < 3; ++i) server.instead_of_pages.push_back(http::Response::text("busy", 503));
  start();
  expect_as_at_the_centre();
  EXPECT_EQ(server.pages_given, 4u) << "the others weren't";
}

TEST_F(FollowerTest, APageThatIsNotRightEndsTheSnapshotAndTheNextIsTaken) {
  define();
  server.pages = 4;
  {
    const std::lock_guard guard(server.mutex);
    server.instead_of_pages.push_back(body(TestCentre(2).page(1, 4), 1));
  }
  start();
  expect_as_at_the_centre();
  EXPECT_EQ(follower->state().last_refused, "replica.signature");
  ASSERT_TRUE(becomes([&] { return follower->state().snapshots == 1; }));
}

TEST_F(FollowerTest, RenewsTheSnapshotWhenChangesOutgrowItAndNewsDoNotWaitForThat) {
  define();
  options.renew_blocks = 20;
  start();
  expect_as_at_the_centre();
  {
    const std::lock_guard guard(server.mutex);
    server.pages = 8;
    server.page_takes = 150ms;
  }
  for (SubscriptionKey key = 1; key < 25; ++key) {
    server.grant(key, {2});
    ASSERT_TRUE(becomes([&] { return granted(key, 2); }));
  }
  ASSERT_TRUE(becomes([&] { return follower->state().page >= 2; }));
  server.grant(30, {1});
  ASSERT_TRUE(becomes([&] { return granted(30, 1); }));
  EXPECT_EQ(follower->state().snapshots, 1u) << "the second is still coming in";
  ASSERT_TRUE(becomes([&] { return follower->state().snapshots == 2; }));
  expect_as_at_the_centre();
  EXPECT_LT(replica->state().change_blocks, 20u);
  follower.reset();
  replica.reset();
  replica_options.boot = "another";
  replica = std::move(*Replica::open(replica_options, services));
  expect_as_at_the_centre();
}

TEST_F(FollowerTest, TakesASnapshotWhenAnOperatorWantsOneAndAfterDamage) {
  define();
  start();
  expect_as_at_the_centre();
  follower->take_snapshot();
  server.grant(31, {1});  // ends the question that is waiting
  ASSERT_TRUE(becomes([&] { return follower->state().snapshots == 2; }));
  follower.reset();
  replica.reset();
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "snapshot")) {
    std::ofstream(entry.path(), std::ios::in | std::ios::binary).write("????????????????????", 20);
  }
  replica_options.boot = "another";
  replica = std::move(*Replica::open(replica_options, services));
  EXPECT_FALSE(replica->state().set_aside.empty());
  EXPECT_FALSE(granted(31, 1));
  start();
  expect_as_at_the_centre();
  EXPECT_TRUE(replica->state().set_aside.empty());
}

TEST_F(FollowerTest, EndsAtOnceInTheMiddleOfAQuestion) {
  define();
  start();
  expect_as_at_the_centre();
  ASSERT_TRUE(becomes([&] {
    const std::lock_guard guard(server.mutex);
    return server.asked.back().starts_with("after=3");
  }));
  const auto begun = std::chrono::steady_clock::now();
  follower->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
}

TEST_F(FollowerTest, AnAddressThatIsNoneIsRefusedAtOnce) {
  options.url = "centre";
  const auto started = Follower::start(options, *replica, lock, random, clock);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, "client.url");
}

}  // namespace
}  // namespace dayaq::edge
