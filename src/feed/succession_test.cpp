#include "feed/succession.hpp"

#include <gtest/gtest.h>

#include "base/random.hpp"

namespace dayaq::feed {
namespace {

struct Successions : testing::Test {
  SeededRandom random{5};
  crypto::SigningKey first = crypto::SigningKey::generate(random),
                     second = crypto::SigningKey::generate(random),
                     third = crypto::SigningKey::generate(random);
  Instant since = *parse_instant("2026-11-22T08:00:00Z");

  static std::string code_of(const std::string& text) {
    const auto parsed = parse_successions(text);
    return parsed ? std::string() : std::string(parsed.error().code);
  }
};

TEST_F(Successions, LeadFromAnyTrustedKeyToTheLast) {
  const std::string text =
      announce(first, second.public_key(), since) + announce(second, third.public_key(), since);
  const auto all = parse_successions(text);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ(all->front(),
            (Succession{.from = first.public_key(), .to = second.public_key(), .since = since}));
  EXPECT_EQ(last_successor(first.public_key(), *all), third.public_key());
  EXPECT_EQ(last_successor(second.public_key(), *all), third.public_key());
  EXPECT_EQ(last_successor(third.public_key(), *all), third.public_key());
  const auto stranger = crypto::SigningKey::generate(random).public_key();
  EXPECT_EQ(last_successor(stranger, *all), stranger);
  EXPECT_TRUE(parse_successions("")->empty());
}

TEST_F(Successions, ACircleEnds) {
  const auto all = parse_successions(announce(first, second.public_key(), since) +
                                     announce(second, first.public_key(), since));
  ASSERT_TRUE(all);
  EXPECT_EQ(last_successor(first.public_key(), *all), first.public_key());
}

TEST_F(Successions, AreRefusedUnlessTheKeyBeforeSignedThemAsTheyStand) {
  const std::string good = announce(first, second.public_key(), since);
  EXPECT_EQ(code_of(good), "");
  std::string other = good;  // another new key under the same signature
  const std::size_t key = good.find(to_hex(second.public_key()));
  other.replace(key, 64, to_hex(third.public_key()));
  EXPECT_EQ(code_of(other), "succession.signature");
  EXPECT_EQ(code_of(good.substr(0, good.size() - 1)), "succession.line");
  EXPECT_EQ(code_of(good + "\n"), "succession.line");
  EXPECT_EQ(code_of("dayaq-feed-key 2" + good.substr(16)), "succession.line");
  for (std::size_t i = 0; i < good.size(); ++i)
    EXPECT_NE(code_of(good.substr(0, i) + good.substr(i + 1)), "") << i;
  std::string many;
  for (std::size_t i = 0; i <= successions_max; ++i) many += good;
  EXPECT_EQ(code_of(many), "succession.limit");
}

}  // namespace
}  // namespace dayaq::feed
