#include "edge/radius/changes.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace dayaq::edge::radius {
namespace {

struct RadiusChanges : testing::Test {
  Changes changes{100};
  Steady now{std::chrono::hours(1)};
  std::vector<std::pair<Endpoint, Bytes>> sent;
  int given_up = 0;
  const Endpoint first{.address = {}, .port = 1}, second{.address = {}, .port = 2};

  void tick(std::chrono::milliseconds later) {
    now += later;
    changes.tick(
        now,
        [](const Changes::Item& item, std::uint32_t client, std::uint8_t id) {
          return Changes::Sent{.item = item, .client = client, .packet = {std::byte(43), std::byte(id)}};
        },
        [&](const Endpoint& to, const Bytes& packet) { sent.emplace_back(to, packet); },
        [&](const Changes::Item&) { ++given_up; });
  }
};

TEST_F(RadiusChanges, ArePacedForEachServerByItself) {
  for (std::uint32_t i = 0; i < 500; ++i) {
    changes.add(first, 1, {.slot = i, .lease = {}});
    changes.add(second, 2, {.slot = i, .lease = {}});
  }
  for (int i = 0; i < 50; ++i) tick(std::chrono::milliseconds(20));  // one second
  const auto to = [&](const Endpoint& server) {
    return std::ranges::count_if(sent, [&](const auto& message) { return message.first == server; });
  };
  EXPECT_NEAR(double(to(first)), 110, 5);  // and a burst of a tenth
  EXPECT_NEAR(double(to(second)), 110, 5);
}

TEST_F(RadiusChanges, AreRepeatedUnderTheSameIdentifierThenGivenUp) {
  changes.add(first, 1, {.slot = 1, .lease = {}});
  tick(std::chrono::milliseconds(0));
  ASSERT_EQ(sent.size(), 1u);
  for (int second_of = 0; second_of < 60; ++second_of) tick(std::chrono::seconds(1));
  EXPECT_EQ(sent.size(), std::size_t(Changes::sends_max));
  for (const auto& [to, packet] : sent) EXPECT_EQ(packet, sent[0].second);
  EXPECT_EQ(given_up, 1);
  EXPECT_EQ(changes.under_way(), 0u);
}

TEST_F(RadiusChanges, OnAStreamAreSentOnceAndGivenUpAtItsEnd) {
  const Endpoint stream{.address = {}, .port = 3, .stream = 7};
  changes.add(stream, 0, {.slot = 1, .lease = {}});
  for (int second_of = 0; second_of < 29; ++second_of) tick(std::chrono::seconds(1));
  EXPECT_EQ(sent.size(), 1u);
  EXPECT_EQ(given_up, 0);
  for (int second_of = 0; second_of < 5; ++second_of) tick(std::chrono::seconds(1));
  EXPECT_EQ(given_up, 1);
  for (std::uint32_t i = 0; i < 100; ++i) changes.add(stream, 0, {.slot = i, .lease = {}});
  changes.add(first, 1, {.slot = 1, .lease = {}});
  tick(std::chrono::milliseconds(100));
  changes.close(stream, [&](const Changes::Item&) { ++given_up; });
  EXPECT_EQ(given_up, 101);
  EXPECT_EQ(changes.waiting(), 0u);
  EXPECT_EQ(changes.under_way(), 1u) << "the other's";
  for (int second_of = 0; second_of < 60; ++second_of) tick(std::chrono::seconds(1));
  EXPECT_EQ(changes.under_way(), 0u) << "timers of what has gone do no harm";
}

TEST_F(RadiusChanges, AnAnswerEndsTheRepeating) {
  changes.add(first, 1, {.slot = 1, .lease = {}});
  tick(std::chrono::milliseconds(0));
  const std::uint8_t id = std::uint8_t(sent[0].second[1]);
  EXPECT_EQ(changes.find(second, id), nullptr);
  ASSERT_NE(changes.find(first, id), nullptr);
  EXPECT_EQ(changes.take(first, id).item.slot, 1u);
  EXPECT_EQ(changes.find(first, id), nullptr);
  for (int i = 0; i < 60; ++i) tick(std::chrono::seconds(1));
  EXPECT_EQ(sent.size(), 1u);
  EXPECT_EQ(given_up, 0);
}

TEST_F(RadiusChanges, WaitForAnIdentifierWhenAServerIsSilent) {
  for (std::uint32_t i = 0; i < 1000; ++i) changes.add(first, 1, {.slot = i, .lease = {}});
  for (int i = 0; i < 140; ++i) tick(std::chrono::milliseconds(100));
  EXPECT_EQ(changes.under_way(), 256u);
  EXPECT_EQ(changes.waiting(), 1000u - 256u);
}

}  // namespace
}  // namespace dayaq::edge::radius
