#include "edge/resource_list.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "base/file.hpp"
#include "base/log.hpp"
#include "edge/replica_test_support.hpp"
#include "http/server.hpp"

namespace dayaq::edge {
namespace {

using namespace std::chrono_literals;

/// The centre's route, with what a test puts behind it.
struct ResourceListTest : testing::Test {
  ResourceListTest() {
    EXPECT_TRUE(log::set_level("off"));
    router.add({.pattern = "/v1/feed/resources", .operation = "get_resources", .summary = "."},
               [this](const http::Request& request) {
                 const std::lock_guard guard(mutex);
                 ++asked;
                 http::Response response;
                 if (note.empty()) {
                   response.status = 404;
                   return response;
                 }
                 const std::string etag = '"' + std::to_string(std::hash<std::string>()(note)) + '"';
                 response.headers.emplace_back("ETag", etag);
                 if (request.header("if-none-match") == etag) {
                   response.status = 304;
                   ++unchanged;
                 } else {
                   response.body = note;
                 }
                 return response;
               });
    server = std::move(*http::Server::start({.port = 0, .shutdown_timeout = 100ms}, router, nullptr));
  }
  void give(std::uint32_t version, std::vector<std::string> rules = {"GOV-EDU"},
            const crypto::SigningKey* by = nullptr) {
    const std::lock_guard guard(mutex);
    note = feed::encode({.version = version,
                         .classes = {{.traffic_class = "education",
                                      .rules = std::move(rules),
                                      .bases = {},
                                      .domains = {},
                                      .prefixes = {}}}},
                        by ? *by : key);
  }
  std::unique_ptr<ResourceList> open() {
    auto list = ResourceList::open({.file = file,
                                    .centre_keys = {key.public_key()},
                                    .url = "http://127.0.0.1:" + std::to_string(server->port()),
                                    .token = {},
                                    .tls_authority = {},
                                    .every = 20ms,
                                    .retry_first = 5ms},
                                   random, clock);
    EXPECT_TRUE(list);
    return std::move(*list);
  }

  TestFolder folder;
  std::filesystem::path file = folder.path() / "resources.note";
  SeededRandom random{1};
  FixedClock clock{Instant(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21))};
  crypto::SigningKey key = crypto::SigningKey::generate(random), other = crypto::SigningKey::generate(random);
  std::mutex mutex;  // of what follows
  std::string note;
  int asked = 0, unchanged = 0;
  http::Router router;
  std::unique_ptr<http::Server> server;
};

TEST_F(ResourceListTest, IsFetchedKeptAndKnownAfterARestartWithoutTheCentre) {
  give(17);
  {
    const auto list = open();
    EXPECT_EQ(list->list().version, 0u);
    EXPECT_TRUE(list->ask());
    EXPECT_EQ(list->list().version, 17u);
    EXPECT_EQ(list->list().classes.at(0).rules, std::vector<std::string>{"GOV-EDU"});
    EXPECT_EQ(list->state().last_heard, clock.now());
    EXPECT_TRUE(list->ask());
    EXPECT_EQ(unchanged, 1) << "asked again with the ETag";
  }
  server->stop();
  const auto again = open();
  EXPECT_EQ(again->list().version, 17u);
  EXPECT_FALSE(again->ask());
  EXPECT_EQ(again->state().trouble, "client.connect");
  EXPECT_EQ(again->state().version, 17u);
}

TEST_F(ResourceListTest, WhatIsOlderWronglySignedOrContradictsItselfIsRefused) {
  give(17);
  const auto list = open();
  ASSERT_TRUE(list->ask());
  const std::string kept = *read_file(file);
  const auto refused = [&] {
    EXPECT_FALSE(list->ask());
    EXPECT_EQ(list->list().version, 17u);
    EXPECT_EQ(*read_file(file), kept);
    return list->state().trouble;
  };
  give(16);
  EXPECT_EQ(refused(), "resources.older");
  give(17, {"GOV-OTHER"});
  EXPECT_EQ(refused(), "resources.other");
  give(18, {"GOV-EDU"}, &other);
  EXPECT_EQ(refused(), "resources.signature");
  EXPECT_EQ(list->state().refused, 3u);
  note.clear();
  EXPECT_EQ(refused(), "resources.status");
  give(18, {"GOV-OTHER"});
  EXPECT_TRUE(list->ask());
  EXPECT_EQ(list->list().version, 18u);
  EXPECT_EQ(list->state().trouble, "");
}

TEST_F(ResourceListTest, ADamagedFileIsFetchedAgain) {
  give(17);
  ASSERT_TRUE(open()->ask());
  std::ofstream(file, std::ios::app) << "x";
  const auto list = open();
  EXPECT_EQ(list->list().version, 0u);
  EXPECT_TRUE(list->ask());
  EXPECT_EQ(open()->list().version, 17u);
}

TEST_F(ResourceListTest, AListThatCannotBeKeptIsUsedAndComesAgain) {
  give(17);
  file = folder.path() / "gone" / "resources.note";
  const auto list = open();
  EXPECT_FALSE(list->ask());
  EXPECT_EQ(list->list().version, 17u);
  EXPECT_NE(list->state().trouble, "");
  std::filesystem::create_directories(folder.path() / "gone");
  EXPECT_TRUE(list->ask());
  EXPECT_EQ(open()->list().version, 17u);
}

TEST_F(ResourceListTest, ItsThreadHandsOnEachNewerListOnce) {
  give(17);
  std::atomic<std::uint32_t> used{0};
  std::atomic<int> times{0};
  const auto list = open();
  list->start([&](const feed::Resources& newer) {
    used = newer.version;
    ++times;
  });
  const auto reaches = [&](std::uint32_t version) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (used != version && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
    return used == version;
  };
  EXPECT_TRUE(reaches(17));
  give(18);
  EXPECT_TRUE(reaches(18));
  list->stop();
  EXPECT_EQ(times, 2);
}

}  // namespace
}  // namespace dayaq::edge
