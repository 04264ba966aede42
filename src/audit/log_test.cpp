#include "audit/log.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <thread>

#include "audit/leaf.hpp"
#include "crypto/merkle.hpp"
#include "support/audit_log.hpp"

namespace dayaq::audit {
namespace {

struct LogOn : testing::TestWithParam<store::Engine> {
  test::AuditLog t{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Engines, LogOn, testing::ValuesIn(test::engines),
                         [](const auto& engine) { return test::name_of(engine.param); });

std::vector<Hash> leaf_hashes(const Log& log) {
  std::vector<Hash> hashes;
  EXPECT_TRUE(log.each(0, log.size(), [&](const Entry& entry) -> Result<bool> {
    hashes.push_back(crypto::leaf_hash(as_bytes(entry.leaf)));
    return true;
  }));
  return hashes;
}

Hash root_of(std::span<const Hash> leaves) {
  crypto::TreeEdge edge;
  for (const Hash& leaf : leaves) edge.push(leaf);
  return edge.root();
}

TEST_P(LogOn, BeginsEmptyWithASignedCheckpoint) {
  EXPECT_EQ(t.log->size(), 0u);
  const auto checkpoint = crypto::open_checkpoint(t.log->checkpoint(), t.log->verifier_key());
  ASSERT_TRUE(checkpoint);
  EXPECT_EQ(checkpoint->head, (crypto::TreeHead{0, crypto::empty_root()}));
  EXPECT_EQ(t.log->entry(0).error().code, "audit.entry");
  EXPECT_EQ(t.log->inclusion_proof(0, 0).error().code, "audit.range");
  EXPECT_EQ(t.log->consistency_proof(0, 0).error().code, "audit.range");
}

TEST_P(LogOn, GivesBackAnEntryAsItWasRecorded) {
  const EntryDraft draft{.action = "attestation.record",
                         .actor = "org:baku-city-hospital/key:17",
                         .subject = PersonId(42),
                         .data = R"({"status":"health_worker"})",
                         .personal = R"({"number":"A-17"})"};
  const auto index = t.append(draft);
  ASSERT_TRUE(index) << index.error().detail;
  EXPECT_EQ(*index, 0u);
  const auto entry = t.log->entry(0);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->subject, PersonId(42));
  EXPECT_EQ(entry->personal, draft.personal);
  ASSERT_EQ(entry->salt.size(), 16u);
  const auto leaf = parse_leaf(entry->leaf);
  ASSERT_TRUE(leaf);
  EXPECT_EQ(leaf->action, draft.action);
  EXPECT_EQ(leaf->actor, draft.actor);
  EXPECT_EQ(leaf->data, draft.data);
  EXPECT_EQ(leaf->at, format_instant(t.clock.now()));
  Salt salt;
  std::ranges::copy(as_bytes(entry->salt), salt.begin());
  EXPECT_EQ(leaf->commitment, to_base64(commitment(salt, 42, draft.personal)));
  EXPECT_FALSE(entry->leaf.contains("42")) << "the leaf must not name the person";
}

TEST_P(LogOn, CommitsToNothingWhereNothingIsPersonal) {
  ASSERT_TRUE(
      t.append({.action = "regime.approve", .actor = "cli", .subject = {}, .data = "", .personal = ""}));
  const auto entry = t.log->entry(0);
  EXPECT_FALSE(entry->subject);
  EXPECT_EQ(entry->salt, "");
  EXPECT_EQ(parse_leaf(entry->leaf)->commitment, "");
}

TEST_P(LogOn, SaltsEqualDataDifferently) {
  t.grow(2, [](EntryDraft& draft) {
    draft.subject = PersonId(7);
    draft.personal = R"({"a":1})";
  });
  const auto first = t.log->entry(0);
  const auto second = t.log->entry(1);
  EXPECT_NE(first->salt, second->salt);
  EXPECT_NE(parse_leaf(first->leaf)->commitment, parse_leaf(second->leaf)->commitment);
}

TEST_P(LogOn, SignsTheRootOfWhatIsCommitted) {
  for (int i = 0; i < 5; ++i) {
    t.grow(1);
    const auto checkpoint = crypto::open_checkpoint(t.log->checkpoint(), t.log->verifier_key());
    ASSERT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->origin, test::AuditLog::origin);
    const auto leaves = leaf_hashes(*t.log);
    EXPECT_EQ(checkpoint->head, (crypto::TreeHead{leaves.size(), root_of(leaves)}));
  }
}

TEST_P(LogOn, ServesProofsThatVerifyFromMemoryAndFromTiles) {
  t.grow(700);
  const auto leaves = leaf_hashes(*t.log);
  ASSERT_EQ(leaves.size(), 700u);
  for (const std::uint64_t size : {1u, 2u, 255u, 256u, 257u, 600u, 699u, 700u}) {
    const Hash root = root_of(std::span(leaves).first(size));
    for (std::uint64_t index = 0; index < size; index += 31) {
      const auto proof = t.log->inclusion_proof(index, size);
      ASSERT_TRUE(proof) << proof.error().detail;
      EXPECT_TRUE(crypto::verify_inclusion(leaves[index], index, size, *proof, root))
          << index << " in " << size;
    }
    for (const std::uint64_t from : {1u, 200u, 256u, 511u}) {
      if (from > size) continue;
      const auto proof = t.log->consistency_proof(from, size);
      ASSERT_TRUE(proof) << proof.error().detail;
      EXPECT_TRUE(
          crypto::verify_consistency({from, root_of(std::span(leaves).first(from))}, {size, root}, *proof));
    }
  }
  EXPECT_EQ(t.log->inclusion_proof(700, 700).error().code, "audit.range");
  EXPECT_EQ(t.log->inclusion_proof(0, 701).error().code, "audit.range");
  EXPECT_EQ(t.log->consistency_proof(0, 700).error().code, "audit.range");
  EXPECT_EQ(t.log->consistency_proof(9, 8).error().code, "audit.range");
  EXPECT_EQ(t.log->consistency_proof(9, 701).error().code, "audit.range");
}

TEST_P(LogOn, AFailedTransactionLeavesNoEntryAndNoGap) {
  t.grow(3);
  const std::string before = t.log->checkpoint();
  const auto failed = t.db().write([&](store::Session& session) -> Result<std::uint64_t> {
    DAYAQ_TRY_OK(t.log->append(session, t.draft(1)));
    return fail(ErrorKind::conflict, "test.refused", "No.");
  });
  EXPECT_EQ(failed.error().code, "test.refused");
  EXPECT_EQ(t.log->checkpoint(), before);
  EXPECT_EQ(*t.append(t.draft(2)), 3u);
  EXPECT_EQ(leaf_hashes(*t.log).size(), 4u);
}

TEST_P(LogOn, AGroupWithFailuresLeavesNoGap) {
  // Every third function appends twice and then fails; its neighbours are committed with consecutive indexes.
  int answered = 0;  // by the writer thread alone
  std::promise<void> all;
  std::map<int, bool> ok;
  constexpr int functions = 300;
  for (int i = 0; i < functions; ++i) {
    t.db().submit(
        [&, i](store::Session& session) -> Result<void> {
          DAYAQ_TRY_OK(t.log->append(session, t.draft(i)));
          if (i % 3 != 0) return {};
          DAYAQ_TRY_OK(t.log->append(session, t.draft(i)));
          return fail(ErrorKind::conflict, "test.refused", "No.");
        },
        [&, i](Result<void> result) {
          ok[i] = result.has_value();
          if (++answered == functions) all.set_value();
        });
  }
  all.get_future().wait();
  for (int i = 0; i < functions; ++i) EXPECT_EQ(ok[i], i % 3 != 0) << i;
  const auto leaves = leaf_hashes(*t.log);
  ASSERT_EQ(leaves.size(), 200u);
  EXPECT_EQ(crypto::open_checkpoint(t.log->checkpoint(), t.log->verifier_key())->head.root, root_of(leaves));
  t.reopen();
  EXPECT_EQ(t.log->size(), 200u);
}

TEST_P(LogOn, GoesOnAfterReopeningAtAnySize) {
  std::size_t size = 0;
  for (const std::size_t grown : {0u, 1u, 254u, 1u, 1u, 255u, 300u}) {
    t.grow(grown);
    size += grown;
    const std::string checkpoint = t.log->checkpoint();
    t.reopen();
    EXPECT_EQ(t.log->size(), size);
    EXPECT_EQ(t.log->checkpoint(), checkpoint);
  }
  const auto leaves = leaf_hashes(*t.log);
  EXPECT_EQ(crypto::open_checkpoint(t.log->checkpoint(), t.log->verifier_key())->head.root, root_of(leaves));
}

TEST_P(LogOn, ListsEntriesAboutAPersonNewestFirst) {
  t.grow(40, [n = 0u](EntryDraft& draft) mutable { draft.subject = PersonId(n++ % 4 + 1); });
  const auto indexes = [&](PersonId person, std::uint64_t before, int limit) {
    std::vector<std::uint64_t> found;
    const auto entries = t.log->entries_about(person, before, limit);
    for (const Entry& entry : *entries) {
      EXPECT_EQ(entry.subject, person);
      found.push_back(entry.index);
    }
    return found;
  };
  constexpr auto beyond_all = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(indexes(PersonId(1), beyond_all, 3), (std::vector<std::uint64_t>{36, 32, 28}));
  EXPECT_EQ(indexes(PersonId(1), 28, 2), (std::vector<std::uint64_t>{24, 20}));
  EXPECT_EQ(indexes(PersonId(4), 4, 10), (std::vector<std::uint64_t>{3}));
  EXPECT_EQ(indexes(PersonId(257), beyond_all, 10), (std::vector<std::uint64_t>{}))
      << "the same bucket, another person";
}

TEST_P(LogOn, ErasesWhatTheSameTransactionHasJustEntered) {
  const EntryDraft draft{
      .action = "test.note", .actor = "test", .subject = PersonId(1), .data = "{}", .personal = R"({"a":1})"};
  const auto erase_between = [&](bool fails) {
    return t.db().write([&, fails](store::Session& session) -> Result<void> {
      DAYAQ_TRY_OK(t.log->append(session, draft));
      DAYAQ_TRY_OK(t.log->erase_personal(session, PersonId(1)));
      DAYAQ_TRY_OK(t.log->append(session, draft));
      if (fails) return fail(ErrorKind::conflict, "test.refused", "No.");
      return {};
    });
  };
  ASSERT_TRUE(t.db().write([&](store::Session& session) -> Result<void> {
    DAYAQ_TRY_OK(t.log->append(session, draft));
    return {};
  }));
  ASSERT_FALSE(erase_between(true));
  EXPECT_EQ(t.log->size(), 1u);
  EXPECT_EQ(t.log->entry(0)->personal, draft.personal) << "what failed has erased nothing";
  ASSERT_TRUE(erase_between(false));
  EXPECT_FALSE(t.log->entry(0)->subject);
  EXPECT_FALSE(t.log->entry(1)->subject);
  EXPECT_EQ(t.log->entry(2)->personal, draft.personal);
  EXPECT_EQ(t.log->entries_about(PersonId(1), 1000, 10)->size(), 1u);
}

TEST_P(LogOn, ErasesWhatIsPersonalAndKeepsTheTree) {
  t.grow(300, [n = 0u](EntryDraft& draft) mutable {
    draft.subject = PersonId(n++ % 2 + 1);
    draft.personal = R"({"reason":"treatment"})";
  });
  const std::string checkpoint = t.log->checkpoint();
  ASSERT_TRUE(
      t.db().write([&](store::Session& session) { return t.log->erase_personal(session, PersonId(1)); }));
  EXPECT_TRUE(t.log->entries_about(PersonId(1), 1000, 10)->empty());
  const auto erased = t.log->entry(0);
  EXPECT_FALSE(erased->subject);
  EXPECT_EQ(erased->salt + erased->personal, "");
  EXPECT_NE(parse_leaf(erased->leaf)->commitment, "");
  EXPECT_EQ(t.log->entry(1)->subject, PersonId(2));
  EXPECT_EQ(t.log->entry(1)->personal, R"({"reason":"treatment"})");
  EXPECT_EQ(t.log->checkpoint(), checkpoint);
  t.reopen();
  EXPECT_EQ(t.log->checkpoint(), checkpoint);
}

TEST_P(LogOn, RefusesDraftsThatAreNoneAndTheirTransactions) {
  for (const EntryDraft& draft :
       {EntryDraft{.action = "Bad Action", .actor = "cli", .subject = {}, .data = "", .personal = ""},
        EntryDraft{.action = "a", .actor = "cli", .subject = {}, .data = "{ }", .personal = ""},
        EntryDraft{.action = "a", .actor = "cli", .subject = {}, .data = "", .personal = "{\n}"},
        EntryDraft{.action = "a",
                   .actor = "cli",
                   .subject = {},
                   .data = "",
                   .personal = std::string(70'000, ' ')}}) {
    EXPECT_EQ(t.append(draft).error().code, "audit.draft");
  }
  EXPECT_EQ(t.log->size(), 0u);
}

TEST_P(LogOn, ReadersSeeWholeCommitsWhileItGrows) {
  std::atomic<bool> done = false;
  std::atomic<int> checked = 0;
  std::thread reader([&] {
    while (!done) {
      const auto checkpoint = crypto::open_checkpoint(t.log->checkpoint(), t.log->verifier_key());
      if (!checkpoint || checkpoint->head.size == 0) continue;
      const std::uint64_t size = checkpoint->head.size;
      const std::uint64_t index = size * 7 / 11;
      const auto entry = t.log->entry(index);
      const auto proof = t.log->inclusion_proof(index, size);
      ASSERT_TRUE(entry && proof);
      const Hash leaf = crypto::leaf_hash(as_bytes(entry->leaf));
      ASSERT_TRUE(crypto::verify_inclusion(leaf, index, size, *proof, checkpoint->head.root));
      ++checked;
    }
  });
  for (int i = 0; i < 60 || checked < 20; ++i) t.grow(17);
  done = true;
  reader.join();
}

TEST_P(LogOn, IsNotOpenedWithAnotherKeyOrName) {
  t.grow(2);
  SeededRandom random(99);
  t.log.reset();
  t.opened.reopen();
  auto other_key = crypto::SigningKey::generate(random);
  EXPECT_EQ(Log::open(t.db(), std::move(other_key), test::AuditLog::origin, t.clock, random).error().code,
            "audit.key");
  EXPECT_EQ(Log::open(t.db(), t.key(), "other.example/log", t.clock, random).error().code, "audit.key");
  EXPECT_EQ(Log::open(t.db(), t.key(), "not a name", t.clock, random).error().code, "audit.origin");
}

TEST_P(LogOn, IsNotOpenedWhereItsRightEdgeDoesNotFit) {
  t.grow(300);
  const auto code_after = [&](std::string_view change, std::string_view undo) -> std::string_view {
    t.script(change);
    t.log.reset();
    t.opened.reopen();
    SeededRandom random(1);
    const auto log = Log::open(t.db(), t.key(), test::AuditLog::origin, t.clock, random);
    t.script(undo);
    return log ? "" : log.error().code;
  };
  EXPECT_EQ(code_after("UPDATE audit_entry SET leaf = leaf || ' ' WHERE idx = 299",
                       "UPDATE audit_entry SET leaf = substr(leaf, 1, length(leaf) - 1) WHERE idx = 299"),
            "audit.corrupt");
  EXPECT_EQ(code_after("UPDATE audit_entry SET idx = 300 WHERE idx = 280",
                       "UPDATE audit_entry SET idx = 280 WHERE idx = 300"),
            "audit.corrupt");
  EXPECT_EQ(code_after("UPDATE audit_tile SET idx = 1", "UPDATE audit_tile SET idx = 0"), "audit.corrupt");
  EXPECT_EQ(code_after("UPDATE audit_head SET id = 1", "UPDATE audit_head SET id = 0"), "audit.corrupt");
  EXPECT_EQ(code_after("UPDATE audit_head SET note = replace(note, '300', '301')",
                       "UPDATE audit_head SET note = replace(note, '301', '300')"),
            "audit.corrupt");
  EXPECT_EQ(code_after("SELECT 1", "SELECT 1"), "");
}

}  // namespace
}  // namespace dayaq::audit
