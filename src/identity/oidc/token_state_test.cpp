// What is kept in memory: one-time ids, nonces, revocations, verified tokens, and the texts that say where a
// grant is.
#include "identity/oidc/token_state.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace dayaq::identity::oidc {
namespace {

using namespace std::chrono_literals;
constexpr Instant start = from_micros(1'795'248'000'000'000);

TEST(ReplayMemory, KnowsAnIdUntilItsEndAndForgetsItAfterwards) {
  ReplayMemory memory;
  EXPECT_TRUE(memory.first_use("a", start + 60s, start).value());
  EXPECT_FALSE(memory.first_use("a", start + 60s, start + 59s).value());
  EXPECT_FALSE(
      memory.first_use("a", start + 300s, start + 60s).value());  // with another end it is the same id
  EXPECT_TRUE(memory.first_use("b", start + 60s, start).value());
  EXPECT_EQ(memory.size(), 2u);
  EXPECT_TRUE(memory.first_use("a", start + 300s, start + 75s).value());
}

TEST(ReplayMemory, RefusesWhatItCantRememberAndComesBackByItself) {
  ReplayMemory memory(64);
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto first = memory.first_use(std::to_string(i), start + 60s, start);
    if (!first) {
      ++refused;
      EXPECT_EQ(first.error().kind, ErrorKind::unavailable);
    }
  }
  EXPECT_EQ(memory.size(), 64u);
  EXPECT_EQ(refused, 1000 - 64);
  EXPECT_TRUE(memory.first_use("later", start + 200s, start + 100s));
}

TEST(ReplayMemory, AnyOrderOfEndsIsTheSameAsAListOfAllIds) {
  SeededRandom random(7);
  for (int round = 0; round < 50; ++round) {
    ReplayMemory memory;
    std::map<std::uint64_t, Instant> model;
    Instant now = start;
    for (int i = 0; i < 300; ++i) {
      now += std::chrono::milliseconds(random.below(3000));
      const std::uint64_t id = random.below(40);
      const Instant until = now + std::chrono::seconds(random.below(90) + 1);
      const auto known = model.find(id);
      const bool must_refuse = known != model.end() && now < known->second;
      // Slots of ten seconds: an id may be known up to ten seconds longer than it must.
      const bool may_take = known == model.end() || now >= known->second;
      const bool first = memory.first_use(std::to_string(id), until, now).value();
      if (must_refuse) {
        EXPECT_FALSE(first);
      }
      if (first) {
        EXPECT_TRUE(may_take);
        model[id] = until;
      }
    }
  }
}

TEST(TokenState, ANonceIsGoodForItsMinuteAndTheNextInOneProcess) {
  const TokenState state;
  const TokenState other;
  const std::string nonce = state.nonce(start);
  const auto good = [&](const TokenState& of, Instant t) {
    const auto nonces = of.good_nonces(t);
    return nonces[0] == nonce || nonces[1] == nonce;
  };
  EXPECT_TRUE(good(state, start));
  EXPECT_TRUE(good(state, start + 60s));
  EXPECT_FALSE(good(state, start + 121s));
  EXPECT_FALSE(good(other, start));
}

TEST(TokenState, WhatWasMadeBeforeTheStartIsDoubtful) {
  TokenState state;
  EXPECT_FALSE(state.made_before_start(start - 3600s));  // not started: a test, or a tool
  state.start(start + 500ms);
  EXPECT_TRUE(state.made_before_start(start - 1s));
  EXPECT_FALSE(state.made_before_start(start));  // whole seconds: it may be from after the start
  EXPECT_FALSE(state.made_before_start(start + 1s));
}

TEST(TokenState, ARevocationCountsFromItsCommitAndNotOfWhatFailed) {
  TokenState state;
  state.begin_transaction();
  state.stage_revoked(1, start + 60s);
  EXPECT_FALSE(state.revoked(1));
  state.begin_transaction();
  state.stage_revoked(2, start + 60s);
  state.discard_transaction();
  state.after_commit();
  EXPECT_TRUE(state.revoked(1));
  EXPECT_FALSE(state.revoked(2));
  state.stage_revoked(3, start + 60s);
  state.after_rollback();
  state.after_commit();
  EXPECT_FALSE(state.revoked(3));
  state.forget_revoked(start + 60s);
  EXPECT_FALSE(state.revoked(1));
}

TEST(TokenCache, IsBoundedAndEndsWithItsTokens) {
  TokenCache cache(64);
  const auto token = [](Instant expires) {
    auto out = std::make_shared<AccessToken>();
    out->expires = expires;
    return out;
  };
  for (int i = 0; i < 1000; ++i) {
    cache.put(crypto::sha256(as_bytes(std::to_string(i))), token(start + 60s), start);
  }
  EXPECT_LE(cache.size(), 64u);
  const crypto::Sha256 one = crypto::sha256(as_bytes("one"));
  cache.put(one, token(start + 60s), start);
  EXPECT_NE(cache.find(one, start + 59s), nullptr);
  EXPECT_EQ(cache.find(one, start + 60s), nullptr);
  EXPECT_EQ(cache.find(one, start + 59s), nullptr);
}

HandleKeys keys_of(int seed) {
  SeededRandom random(static_cast<std::uint64_t>(seed));
  HandleKeys keys{.mac = crypto::SecretBytes(32), .mask = crypto::SecretBytes(32)};
  random.fill(keys.mac.writable());
  random.fill(keys.mask.writable());
  return keys;
}

TEST(Handles, AreReadByTheirKeysAloneUnchangedAndInTheirKind) {
  const HandleKeys keys = keys_of(1), others = keys_of(2);
  SeededRandom random(3);
  std::set<std::string> seen;
  for (int i = 0; i < 500; ++i) {
    const Handle handle{HandleKind::refresh, PersonId(random.next()), GrantId(random.next()),
                        random.below(5)};
    const std::string text = write_handle(keys, handle);
    ASSERT_EQ(text.size(), handle_text_size);
    EXPECT_TRUE(seen.insert(text).second);
    EXPECT_EQ(write_handle(keys, handle), text);
    EXPECT_EQ(read_handle(keys, HandleKind::refresh, text), handle);
    EXPECT_FALSE(read_handle(keys, HandleKind::code, text));
    EXPECT_FALSE(read_handle(others, HandleKind::refresh, text));
    std::string bent = text;
    char& c = bent[random.below(bent.size() - 1)];
    c = c == 'A' ? 'B' : 'A';
    EXPECT_FALSE(read_handle(keys, HandleKind::refresh, bent));
    EXPECT_FALSE(read_handle(keys, HandleKind::refresh, text.substr(1)));
    EXPECT_FALSE(read_handle(keys, HandleKind::refresh, text + "A"));
  }
}

TEST(Handles, OfOnePersonHaveNothingInCommon) {
  const HandleKeys keys = keys_of(1);
  const std::string a = write_handle(keys, {HandleKind::access, PersonId(7), GrantId(9), 1});
  const std::string b = write_handle(keys, {HandleKind::access, PersonId(7), GrantId(9), 2});
  int same = 0;
  for (std::size_t i = 0; i < a.size(); ++i) same += a[i] == b[i] ? 1 : 0;
  EXPECT_LT(same, 12);
}

}  // namespace
}  // namespace dayaq::identity::oidc
