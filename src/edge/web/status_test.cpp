#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/web/history.hpp"
#include "edge/web/metrics.hpp"
#include "edge/web/status_page.hpp"
#include "edge/web/status_texts.hpp"

namespace dayaq::edge::web {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

struct StatusTest : testing::Test {
  StatusTest() {
    status.started = Instant(1'800'000'000s);
    status.at = status.started + 5min;
    status.operator_code = "azercell";
    status.name = "baku-1";
    status.line = "mobile";
    status.version = "1";
    status.replica.sequence = 77;
    status.replica.said = status.started;
    status.replica.subscriptions = 1'234'567;
    status.resources_version = 17;
    status.feed_connected = true;
    status.feed_heard = status.at;
    status.diameter = diameter::Node::Counts{};
    status.diameter->peers = {{"<pgw>", "open"}};
    status.tv = tv::Authorizer::Counts{};
    status.radius = radius::Server::Counts{};
    status.settlement = Status::Settlement{};
  }
  std::string page(Language language = Language::en) {
    return status_page({.status = status, .history = history, .zone = zone, .language = language});
  }
  [[nodiscard]] std::vector<Worry::What> seen() const {
    std::vector<Worry::What> what;
    for (const Worry& worry : worries(status)) what.push_back(worry.what);
    return what;
  }
  Status status;
  History history;
  Zone zone = *Zone::create("Asia/Baku");
};

TEST_F(StatusTest, AGoodEdgeHasNoWorries) {
  EXPECT_THAT(seen(), testing::IsEmpty());
  EXPECT_THAT(page(), HasSubstr("All is well"));
}

TEST_F(StatusTest, EachWorryIsSeenAndSaid) {
  using enum Worry::What;
  status.disk = Journal::Health::full;
  status.replica = {};
  status.feed_connected = false;
  status.feed_heard = status.at - 2min;
  status.settlement->waiting = 3;
  status.settlement->waiting_since = status.at - 2h;
  status.siblings = {{.name = "ganja-1", .number = 2}};
  status.diameter->peers.clear();
  status.resources_refused = 1;
  status.resources_trouble = "resources.older";
  EXPECT_THAT(seen(), testing::UnorderedElementsAre(disk_full, no_grants, centre_away, settlement,
                                                    sibling_away, peers_away, resources));
  const std::string text = page();
  for (const auto* part :
       {"The disk is full", "Nothing has come", "away for more than a minute", "waited for more than an hour",
        "Edge ganja-1 is silent", "No Diameter peer", "list of free resources was refused"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST_F(StatusTest, ThePageIsSmallEscapedAndInThreeLanguages) {
  for (int i = 0; i < 601; ++i) {
    status.at += 1s;
    status.engine.granted += std::uint64_t(100 + i % 37);
    status.engine.used[0] += 20;
    status.engine.used[2] += 5'000'000;
    status.engine.used[3] += 7;
    status.feed_lag = std::chrono::milliseconds(3 + i % 5);
    history.add(status);
  }
  for (const Language language : languages) {
    const std::string text = page(language);
    EXPECT_LT(text.size(), 50'000u);
    EXPECT_THAT(text, HasSubstr("&lt;pgw&gt;"));
    EXPECT_THAT(text, Not(HasSubstr("<pgw>")));
    EXPECT_THAT(text, Not(HasSubstr("<script")));
    EXPECT_THAT(text, HasSubstr(std::string("<html lang=\"") + std::string(to_string(language)) + "\""));
  }
  EXPECT_EQ(history.points(Series::questions).size(), 120u);
  EXPECT_NEAR(history.recent(Series::calls), 20, 0.01);
  EXPECT_NEAR(history.recent(Series::data), 5e6, 1);
}

TEST_F(StatusTest, AHistoryWithoutTimeIsEmptyAndSurvivesAClockThatIsSetBack) {
  EXPECT_EQ(history.recent(Series::questions), 0);
  EXPECT_TRUE(history.points(Series::lag).empty());
  history.add(status);
  status.at -= 1h;
  history.add(status);
  EXPECT_TRUE(history.points(Series::lag).empty());
}

TEST_F(StatusTest, EveryMetricIsExposedWithItsPrefix) {
  http::Metrics metrics;
  status.siblings = {{.name = "ganja-1", .number = 2}, {.name = "ganja-2", .number = 3}};
  add_metrics(metrics, std::make_shared<StatusBoard>([this] { return status; }));
  const std::string text = metrics.expose();
  EXPECT_THAT(text, HasSubstr("dayaq_edge_replica_subscriptions 1234567"));
  EXPECT_THAT(text, HasSubstr("dayaq_edge_sibling_heard{sibling=\"ganja-2\"} 0"));
  EXPECT_THAT(text, HasSubstr("dayaq_edge_diameter_peers_open 1"));
  EXPECT_THAT(text, HasSubstr("dayaq_edge_resources_version 17"));
}

TEST(StatusTexts, NoWordIsMissingInAnyLanguage) {
  for (std::size_t i = 0; i < std::size_t(Word::count_); ++i) {
    for (const Language language : languages) EXPECT_FALSE(text(Word(i), language).empty()) << i;
  }
}

}  // namespace
}  // namespace dayaq::edge::web
