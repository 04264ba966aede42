#include "registry/api_key.hpp"

#include <gtest/gtest.h>

#include "support/registry.hpp"

namespace dayaq::registry {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t bit(http::Scope scope) {
  return 1u << static_cast<unsigned>(scope);
}

struct Keys : testing::TestWithParam<store::Engine> {
  test::RegistryNode node{GetParam()};
  SeededRandom random{5};
  std::unique_ptr<KeyRing> ring = std::make_unique<KeyRing>(*node.organisations, node.clock);

  Keys() { node.db().add_hook(*ring); }
  ~Keys() override { node.opened.database.reset(); }  // its writer thread calls the ring

  Result<IssuedKey> create(std::uint32_t scopes = bit(http::Scope::attestations_write),
                           Instant expires = instant_max) {
    const KeySecret secret = draw_key_secret(random);
    return node.write([&](auto& session, auto& registry) {
      return create_key(session, registry, *ring, {node.organisation("tabib"), "laboratory", scopes, expires},
                        secret, "cli");
    });
  }
  Result<IssuedKey> rotate(std::uint64_t id, std::chrono::seconds grace) {
    const KeySecret secret = draw_key_secret(random);
    return node.write([&](auto& session, auto& registry) {
      return rotate_key(session, registry, *ring, id, grace, secret, "cli");
    });
  }
  Result<ApiKey> revoke(std::uint64_t id) {
    return node.write(
        [&](auto& session, auto& registry) { return revoke_key(session, registry, *ring, id, "cli"); });
  }
  bool opens(const std::string& token) { return ring->authenticate(token).has_value(); }
};

INSTANTIATE_TEST_SUITE_P(Engines, Keys, testing::ValuesIn(test::engines),
                         [](const auto& engine) { return test::name_of(engine.param); });

TEST_P(Keys, ANewKeySaysWhoseItIsAndWhatItMay) {
  const auto issued = create();
  ASSERT_TRUE(issued);
  EXPECT_TRUE(issued->token.starts_with("dyq_1_"));
  EXPECT_EQ(issued->token.size(), 6u + 43u);
  const auto principal = ring->authenticate(issued->token);
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->organisation.value(), "tabib");
  EXPECT_EQ(principal->key, 1u);
  EXPECT_TRUE(principal->may(http::Scope::attestations_write));
  EXPECT_FALSE(principal->may(http::Scope::admin));
  EXPECT_NE(test::must(node.log->entry(node.log->size() - 1)).leaf.find("key.create"), std::string::npos);
}

TEST_P(Keys, WhatIsNotExactlyTheKeyOpensNothing) {
  const std::string token = create()->token;
  std::string other = token;
  other.back() = other.back() == 'A' ? 'B' : 'A';
  for (const std::string& wrong :
       {other, token + "x", token.substr(0, token.size() - 1), std::string(), std::string("dyq_"),
        "dyq_2" + token.substr(5), "dyq_-1" + token.substr(5), "DYQ" + token.substr(3),
        "dyq_99999999999999999999999_" + token.substr(6), "Bearer " + token}) {
    const auto result = ring->authenticate(wrong);
    ASSERT_FALSE(result) << wrong;
    EXPECT_EQ(result.error().code, "auth.token");
    EXPECT_EQ(result.error().kind, ErrorKind::unauthenticated);
  }
}

TEST_P(Keys, ARotatedKeyAndItsSuccessorOverlapForTheGrace) {
  const std::string old = create()->token;
  const auto issued = rotate(1, 1h);
  ASSERT_TRUE(issued);
  EXPECT_EQ(issued->key.id, 2u);
  EXPECT_TRUE(opens(old));
  EXPECT_TRUE(opens(issued->token));
  node.clock.advance(1h);
  EXPECT_FALSE(opens(old));
  EXPECT_TRUE(opens(issued->token));
  EXPECT_EQ(rotate(1, 1h).error().code, "key.ended");
  EXPECT_EQ(rotate(9, 1h).error().code, "key.unknown");
}

TEST_P(Keys, ARevokedKeyOpensNothingFromThenOn) {
  const std::string token = create()->token;
  ASSERT_TRUE(revoke(1));
  EXPECT_FALSE(opens(token));
  const Instant revoked = ring->all().at(0).revoked;
  node.clock.advance(1h);
  EXPECT_EQ(revoke(1)->revoked, revoked) << "once";
  EXPECT_EQ(revoke(2).error().code, "key.unknown");
}

TEST_P(Keys, AnExpiredKeyOpensNothing) {
  const std::string token = create(1u << 1, node.clock.now() + 1h)->token;
  EXPECT_TRUE(opens(token));
  node.clock.advance(1h);
  EXPECT_FALSE(opens(token));
}

TEST_P(Keys, RefusesKeysWithoutScopesOrFuture) {
  EXPECT_EQ(create(0).error().code, "key.scopes");
  EXPECT_EQ(create(1u << http::scope_count).error().code, "key.scopes");
  EXPECT_EQ(create(http::scope_bit(http::Scope::me_read)).error().code, "key.scopes") << "a key is nobody";
  EXPECT_EQ(create(2, node.clock.now()).error().code, "key.expires");
}

TEST_P(Keys, AreThereAfterARestartAndOnlyTheirHashesAreStored) {
  const std::string token = create()->token;
  const std::string ended = create()->token;
  ASSERT_TRUE(revoke(2));
  node.restart();
  ring = std::make_unique<KeyRing>(*node.organisations, node.clock);
  test::must(node.db().read([&](store::Session& session) { return ring->load(session); }));
  node.db().add_hook(*ring);
  EXPECT_TRUE(opens(token));
  EXPECT_FALSE(opens(ended));
  EXPECT_EQ(create()->key.id, 3u);
  const auto stored = test::must(node.db().read([&](store::Session& session) {
    return session.one("SELECT hash FROM api_key WHERE key_id = 1", {},
                       [](const store::Row& row) { return std::string(as_text(row.blob(0))); });
  }));
  EXPECT_EQ(stored->size(), 32u);
}

TEST_P(Keys, AFailedTransactionIssuesNoKey) {
  const KeySecret secret = draw_key_secret(random);
  std::string token;
  const auto result = node.write([&](auto& session, auto& registry) -> Result<void> {
    DAYAQ_TRY(const auto issued,
              create_key(session, registry, *ring, {node.organisation("tabib"), "x", 2}, secret, "cli"));
    token = issued.token;
    return fail(ErrorKind::conflict, "test.stop", "stop");
  });
  EXPECT_FALSE(result);
  EXPECT_FALSE(opens(token));
}

}  // namespace
}  // namespace dayaq::registry
