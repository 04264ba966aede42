#include "audit/verify.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "audit/log.hpp"
#include "base/text.hpp"
#include "support/audit_log.hpp"

namespace dayaq::audit {
namespace {

// Flips the lowest bit of one byte of a text: "a" becomes "`", a digit another digit.
std::string flipped(std::string text, std::size_t at) {
  text[at] = static_cast<char>(text[at] ^ 1);
  return text;
}

struct VerifyOn : testing::TestWithParam<store::Engine> {
  // One full tile and a tail; some entries with a person, some with personal data, some with both or neither.
  static constexpr std::uint64_t size = 270;
  static constexpr std::uint64_t looked_at[]{0, 101, 254, 255, 256, 269};

  VerifyOn() {
    t.grow(size, [n = 0u](EntryDraft& draft) mutable {
      if (n % 2 != 0) draft.subject = PersonId(n + 300);
      if (n % 3 == 0) draft.personal = "{\"secret\":\"" + std::to_string(n) + "\"}";
      ++n;
    });
  }
  [[nodiscard]] VerifyOptions options() const { return {t.log->verifier_key(), {}, {}}; }
  VerifyReport check(const VerifyOptions& options) {
    auto report = t.db().read([&](store::Session& session) { return verify(session, options); });
    if (!report) throw std::runtime_error(report.error().public_text + report.error().detail);
    return std::move(*report);
  }
  /// The finding after a change that is then undone.
  std::optional<Fault> after(const std::function<Result<void>(store::Session&)>& change,
                             const std::optional<VerifyOptions>& with = {}) {
    std::optional<Fault> fault;
    const auto undone = t.db().write([&](store::Session& session) -> Result<void> {
      DAYAQ_TRY_OK(change(session));
      DAYAQ_TRY(const VerifyReport report, verify(session, with.value_or(options())));
      fault = report.fault;
      return fail(ErrorKind::conflict, "test.undo", "Undone.");
    });
    EXPECT_EQ(undone.error().code, "test.undo") << undone.error().detail;
    return fault;
  }
  std::optional<Fault> after(std::string_view script) {
    return after([&](store::Session& session) { return session.script(script); });
  }
  static void expect(const std::optional<Fault>& fault, FaultKind kind, std::uint64_t index) {
    ASSERT_TRUE(fault);
    EXPECT_EQ(to_string(fault->kind), to_string(kind)) << fault->what;
    EXPECT_EQ(fault->index, index) << fault->what;
    EXPECT_TRUE(fault->what.ends_with('.')) << fault->what;
  }
  test::AuditLog t{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Engines, VerifyOn, testing::ValuesIn(test::engines),
                         [](const auto& engine) { return test::name_of(engine.param); });

TEST_P(VerifyOn, AnUntouchedLogIsGood) {
  const VerifyReport report = check(options());
  EXPECT_TRUE(report.good()) << report.fault->what;
  EXPECT_EQ(report.head, crypto::open_checkpoint(t.log->checkpoint(), t.log->verifier_key())->head);
  EXPECT_EQ(report.personal, size / 2 + size / 6);
  EXPECT_EQ(report.erased, 0u);
}

TEST_P(VerifyOn, AnEmptyLogIsGood) {
  const test::AuditLog empty{GetParam()};
  const auto report = empty.db().read([&](store::Session& session) { return verify(session, options()); });
  EXPECT_TRUE(report->good());
  EXPECT_EQ(report->head.size, 0u);
}

TEST_P(VerifyOn, AnErasedPersonLeavesItGood) {
  const PersonId person(101 + 300);
  ASSERT_TRUE(t.db().write([&](store::Session& session) { return t.log->erase_personal(session, person); }));
  const VerifyReport report = check(options());
  EXPECT_TRUE(report.good()) << report.fault->what;
  EXPECT_EQ(report.erased, 1u);
}

TEST_P(VerifyOn, AnyByteOfAnyColumnOfAnEntryNamesThatEntry) {
  for (const std::uint64_t index : looked_at) {
    const Entry entry = *t.log->entry(index);
    const auto key = static_cast<std::int64_t>(index);
    for (std::size_t i = 0; i < entry.leaf.size(); ++i) {
      const std::string changed = flipped(entry.leaf, i);
      expect(after([&](store::Session& session) {
               return session.exec("UPDATE audit_entry SET leaf = $1 WHERE idx = $2", {changed, key});
             }),
             FaultKind::changed_entry, index);
    }
    for (std::size_t i = 0; i < entry.salt.size(); ++i) {
      const std::string changed = flipped(entry.salt, i);
      expect(after([&](store::Session& session) {
               return session.exec("UPDATE audit_entry SET salt = $1 WHERE idx = $2",
                                   {as_bytes(changed), key});
             }),
             FaultKind::wrong_personal, index);
    }
    for (std::size_t i = 0; i < entry.personal.size(); ++i) {
      const std::string changed = flipped(entry.personal, i);
      expect(after([&](store::Session& session) {
               return session.exec("UPDATE audit_entry SET personal = $1 WHERE idx = $2", {changed, key});
             }),
             FaultKind::wrong_personal, index);
    }
    for (int bit = 0; entry.subject && bit < 63; ++bit) {
      const auto changed = static_cast<std::int64_t>(entry.subject->value() ^ (std::uint64_t{1} << bit));
      expect(after([&](store::Session& session) {
               return session.exec("UPDATE audit_entry SET person_id = $1 WHERE idx = $2", {changed, key});
             }),
             FaultKind::wrong_personal, index);
    }
  }
}

TEST_P(VerifyOn, AColumnEmptiedOrFilledNamesTheEntry) {
  // 101 has a person and nothing else; 102 has personal data and no person; 103 + 2 = 105 has both; 104 has
  // neither.
  for (const char* change : {"UPDATE audit_entry SET salt = NULL WHERE idx = 101",
                             "UPDATE audit_entry SET bucket = NULL WHERE idx = 101",
                             "UPDATE audit_entry SET bucket = bucket + 1 WHERE idx = 101",
                             "UPDATE audit_entry SET person_id = NULL WHERE idx = 101",
                             "UPDATE audit_entry SET person_id = NULL, bucket = NULL WHERE idx = 101",
                             "UPDATE audit_entry SET personal = '' WHERE idx = 101",
                             "UPDATE audit_entry SET personal = '{}' WHERE idx = 101"}) {
    expect(after(change), FaultKind::wrong_personal, 101);
  }
  for (const char* change : {"UPDATE audit_entry SET personal = NULL WHERE idx = 102",
                             "UPDATE audit_entry SET bucket = 0 WHERE idx = 102",
                             "UPDATE audit_entry SET person_id = 0, bucket = 0 WHERE idx = 102"}) {
    expect(after(change), FaultKind::wrong_personal, 102);
  }
  for (const char* change : {"UPDATE audit_entry SET personal = NULL WHERE idx = 105",
                             "UPDATE audit_entry SET salt = NULL WHERE idx = 105"}) {
    expect(after(change), FaultKind::wrong_personal, 105);
  }
  for (const char* change : {"UPDATE audit_entry SET personal = '{}' WHERE idx = 104",
                             "UPDATE audit_entry SET bucket = 1 WHERE idx = 104"}) {
    expect(after(change), FaultKind::wrong_personal, 104);
  }
}

TEST_P(VerifyOn, ARemovedEntryIsNamed) {
  for (const std::int64_t index : {0, 101, 255, 256, 269}) {
    expect(after([&](store::Session& session) {
             return session.exec("DELETE FROM audit_entry WHERE idx = $1", {index});
           }),
           FaultKind::missing_entry, static_cast<std::uint64_t>(index));
  }
  expect(after("DELETE FROM audit_entry"), FaultKind::missing_entry, 0);
  expect(after("DELETE FROM audit_entry WHERE idx >= 200"), FaultKind::missing_entry, 200);
}

TEST_P(VerifyOn, EntriesInAnotherOrderNameTheFirstOfThem) {
  const auto swapped = [&](std::int64_t a, std::int64_t b) {
    return after([a, b](store::Session& session) -> Result<void> {
      DAYAQ_TRY_OK(session.exec("UPDATE audit_entry SET idx = 9999 WHERE idx = $1", {a}));
      DAYAQ_TRY_OK(session.exec("UPDATE audit_entry SET idx = $1 WHERE idx = $2", {a, b}));
      return session.exec("UPDATE audit_entry SET idx = $1 WHERE idx = 9999", {b});
    });
  };
  expect(swapped(10, 11), FaultKind::changed_entry, 10);
  expect(swapped(3, 268), FaultKind::changed_entry, 3);
  expect(swapped(258, 259), FaultKind::changed_entry, 258);
  expect(after("UPDATE audit_entry SET idx = 270 WHERE idx = 7"), FaultKind::missing_entry, 7);
}

TEST_P(VerifyOn, AnyHashOfATileOrTheTailIsNamedAsChangedTile) {
  const auto stored = [&](store::Sql sql) {
    return *t.db().read([&](store::Session& session) {
      return session.one(sql, {}, [](const store::Row& row) { return std::string(as_text(row.blob(0))); });
    });
  };
  const std::string tile = stored("SELECT hashes FROM audit_tile").value();
  ASSERT_EQ(tile.size(), 8192u);
  for (std::size_t i = 0; i < tile.size(); i += i < 64 ? 1 : 29) {
    const std::string changed = flipped(tile, i);
    expect(after([&](store::Session& session) {
             return session.exec("UPDATE audit_tile SET hashes = $1", {as_bytes(changed)});
           }),
           FaultKind::changed_tile, i / 32);
  }
  const std::string tail = stored("SELECT tail FROM audit_head").value();
  ASSERT_EQ(tail.size(), (size - 256) * 32);
  for (std::size_t i = 0; i < tail.size(); ++i) {
    const std::string changed = flipped(tail, i);
    expect(after([&](store::Session& session) {
             return session.exec("UPDATE audit_head SET tail = $1", {as_bytes(changed)});
           }),
           FaultKind::changed_tile, 256 + i / 32);
  }
  for (const std::size_t cut : {0u, 1u, 32u, 447u}) {
    const auto fault = after([&](store::Session& session) {
      return session.exec("UPDATE audit_head SET tail = $1", {as_bytes(tail).first(cut)});
    });
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->kind, FaultKind::changed_tile);
  }
}

TEST_P(VerifyOn, AnyByteOfTheCheckpointIsNoticed) {
  const std::string note = t.log->checkpoint();
  for (std::size_t i = 0; i < note.size(); ++i) {
    const std::string changed = flipped(note, i);
    const auto fault = after([&](store::Session& session) {
      // A byte that makes the text no UTF-8 can't even be stored in PostgreSQL.
      return session.exec("UPDATE audit_head SET note = $1", {is_utf8(changed) ? changed : std::string()});
    });
    expect(fault, FaultKind::bad_checkpoint, size);
  }
  expect(after("DELETE FROM audit_head"), FaultKind::bad_checkpoint, size);
}

TEST_P(VerifyOn, RowsThatNoLogHasAreNamed) {
  const std::string copy = "INSERT INTO audit_entry (idx, leaf) SELECT ";
  expect(after(copy + "-1, leaf FROM audit_entry WHERE idx = 104"), FaultKind::stray_row, 0);
  expect(after(copy + "270, leaf FROM audit_entry WHERE idx = 104"), FaultKind::stray_row, 270);
  expect(after(copy + "1000000000000, leaf FROM audit_entry WHERE idx = 104"), FaultKind::stray_row, 270);
  const std::string tile = "INSERT INTO audit_tile (level, idx, hashes) SELECT ";
  expect(after(tile + "0, 1, hashes FROM audit_tile"), FaultKind::stray_row, 270);
  expect(after(tile + "1, 0, hashes FROM audit_tile"), FaultKind::stray_row, 270);
  expect(after(tile + "0, -1, hashes FROM audit_tile"), FaultKind::stray_row, 0);
  expect(after(tile + "9, 0, hashes FROM audit_tile"), FaultKind::stray_row, 0);
  expect(after("DELETE FROM audit_tile"), FaultKind::missing_tile, 0);
}

TEST_P(VerifyOn, AForgedLogNeedsTheKey) {
  // Cut to 100 entries, with a checkpoint that fits but for the key.
  test::AuditLog forged{GetParam()};
  forged.grow(100);
  SeededRandom random(77);
  const auto other = crypto::SigningKey::generate(random);
  const auto checkpoint = crypto::parse_checkpoint(crypto::parse_note(forged.log->checkpoint())->text);
  const std::string note =
      crypto::sign_note(crypto::format_checkpoint(*checkpoint), checkpoint->origin, other);
  ASSERT_TRUE(forged.db().write(
      [&](store::Session& session) { return session.exec("UPDATE audit_head SET note = $1", {note}); }));
  const auto report = forged.db().read([&](store::Session& session) { return verify(session, options()); });
  expect(report->fault, FaultKind::bad_checkpoint, 100);
}

TEST_P(VerifyOn, AHeldCheckpointShowsWhatTheKeysOwnerHid) {
  const VerifyOptions held{t.log->verifier_key(), t.log->checkpoint(), {}};
  t.grow(30);
  EXPECT_TRUE(check(held).good()) << "the log went on";
  // The same key signs a shorter log, and one with another entry in the middle.
  test::AuditLog other{GetParam()};
  other.grow(100);
  const auto shorter = other.db().read([&](store::Session& session) { return verify(session, held); });
  expect(shorter->fault, FaultKind::missing_entry, 100);
  other.grow(200);
  const auto rewritten = other.db().read([&](store::Session& session) { return verify(session, held); });
  expect(rewritten->fault, FaultKind::other_history, size);
  EXPECT_TRUE(other.db().read([&](store::Session& session) { return verify(session, options()); })->good());
}

TEST_P(VerifyOn, AHeldNoteThatIsNoneIsAnError) {
  const auto code = [&](std::string note) {
    const VerifyOptions with{t.log->verifier_key(), std::move(note), {}};
    return t.db().read([&](store::Session& session) { return verify(session, with); }).error().code;
  };
  EXPECT_EQ(code("no note"), "note.malformed");
  EXPECT_EQ(code("x" + t.log->checkpoint()), "note.signature");
}

TEST_P(VerifyOn, TheEntryIsNamedEvenIfMuchElseIsWrong) {
  const auto fault = after([&](store::Session& session) -> Result<void> {
    DAYAQ_TRY_OK(session.script("UPDATE audit_entry SET leaf = leaf || ' ' WHERE idx IN (150, 200, 260)"));
    DAYAQ_TRY_OK(session.script("UPDATE audit_entry SET salt = NULL WHERE idx = 151"));
    return session.script("DELETE FROM audit_head");
  });
  expect(fault, FaultKind::changed_entry, 150);
}

TEST_P(VerifyOn, ReportsItsProgressToTheEnd) {
  std::uint64_t last = 0;
  VerifyOptions with = options();
  with.progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_EQ(total, size);
    EXPECT_GT(done, last);
    last = done;
  };
  EXPECT_TRUE(check(with).good());
  EXPECT_EQ(last, size);
}

// Two levels of full tiles take 65,536 entries.
TEST(VerifyLarge, UpperTilesAreHeldToLowerOnes) {
  test::AuditLog t{store::Engine::sqlite};
  t.grow(66'000);
  const VerifyOptions options{t.log->verifier_key(), {}, {}};
  const auto after = [&](std::string_view change, std::string_view undo) {
    t.script(change);
    const auto report = t.db().read([&](store::Session& session) { return verify(session, options); });
    t.script(undo);
    return report->fault;
  };
  EXPECT_FALSE(after("SELECT 1", "SELECT 1"));
  t.script("CREATE TABLE kept AS SELECT * FROM audit_tile WHERE level = 1");
  // Hash 3 of the tile of level 1: entries 768 to 1,023.
  auto fault = after(
      "UPDATE audit_tile SET hashes = CAST(substr(hashes, 1, 96) || x'00' || substr(hashes, 98) AS BLOB) "
      "WHERE level = 1",
      "UPDATE audit_tile SET hashes = (SELECT hashes FROM kept) WHERE level = 1");
  VerifyOn::expect(fault, FaultKind::changed_tile, 768);
  fault = after("UPDATE audit_tile SET level = 2 WHERE level = 1",
                "UPDATE audit_tile SET level = 1 WHERE level = 2");
  VerifyOn::expect(fault, FaultKind::missing_tile, 0);
  // A changed entry is named itself, not the first entry under the hashes above it.
  fault = after("UPDATE audit_entry SET leaf = replace(leaf, '\"n\":1000}', '\"n\":1001}') WHERE idx = 1000",
                "UPDATE audit_entry SET leaf = replace(leaf, '\"n\":1001}', '\"n\":1000}') WHERE idx = 1000");
  VerifyOn::expect(fault, FaultKind::changed_entry, 1000);
  fault = after("UPDATE audit_entry SET leaf = replace(leaf, '65990', '65991') WHERE idx = 65990",
                "UPDATE audit_entry SET leaf = replace(leaf, '65991', '65990') WHERE idx = 65990");
  VerifyOn::expect(fault, FaultKind::changed_entry, 65'990);
  EXPECT_FALSE(after("SELECT 1", "SELECT 1"));
  t.log.reset();
  t.opened.database.reset();
}

}  // namespace
}  // namespace dayaq::audit
