#include "audit/export.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "audit/log.hpp"
#include "base/text.hpp"
#include "support/audit_log.hpp"

namespace dayaq::audit {
namespace {

struct Exported : testing::Test {
  static constexpr std::uint64_t size = 30;
  Exported() {
    t.grow(size, [n = 0u](EntryDraft& draft) mutable {
      if (n % 2 != 0) draft.subject = PersonId(n + 300);
      if (n % 3 == 0) draft.personal = "{\"name\":\"\\\"Əli\\\" " + std::to_string(n) + "\"}";
      ++n;
    });
  }
  [[nodiscard]] VerifyOptions options() const { return {t.log->verifier_key(), {}, {}}; }
  [[nodiscard]] std::string text(Personal personal = Personal::included) const {
    std::string out;
    const auto written = t.db().read([&](store::Session& session) {
      return export_log(session, personal, [&](std::string_view line) -> Result<void> {
        out += line;
        return {};
      });
    });
    EXPECT_EQ(written.value_or(0), t.log->size());
    return out;
  }
  [[nodiscard]] Result<VerifyReport> check(const std::string& text, const VerifyOptions& with) const {
    std::istringstream in(text);
    return verify_export(in, with);
  }
  [[nodiscard]] VerifyReport check(const std::string& text) const {
    const auto report = check(text, options());
    EXPECT_TRUE(report);
    return report.value_or(VerifyReport{});
  }
  /// Where the line of an entry begins in the text.
  static std::size_t line_at(const std::string& text, std::uint64_t line) {
    std::size_t at = 0;
    for (; line > 0; --line) at = text.find('\n', at) + 1;
    return at;
  }
  test::AuditLog t{store::Engine::sqlite};
};

TEST_F(Exported, AWholeLogIsGood) {
  const VerifyReport report = check(text());
  EXPECT_TRUE(report.good()) << report.fault->what;
  EXPECT_EQ(report.head, crypto::open_checkpoint(t.log->checkpoint(), t.log->verifier_key())->head);
  EXPECT_EQ(report.personal, size / 2 + size / 6);
  EXPECT_TRUE(check(text(), {t.log->verifier_key(), t.log->checkpoint(), {}})->good());
}

TEST_F(Exported, AnEmptyLogIsGood) {
  test::AuditLog empty{store::Engine::sqlite};
  std::ostringstream out;
  ASSERT_TRUE(empty.db().read([&](store::Session& session) {
    return export_log(session, Personal::included, [&](std::string_view line) -> Result<void> {
      out << line;
      return {};
    });
  }));
  EXPECT_TRUE(check(out.str()).good());
}

TEST_F(Exported, WithoutPersonalDataItIsGoodAndNamesNobody) {
  const std::string out = text(Personal::left_out);
  EXPECT_FALSE(out.contains("Əli"));
  EXPECT_FALSE(out.contains("person"));
  const VerifyReport report = check(out);
  EXPECT_TRUE(report.good()) << report.fault->what;
  EXPECT_EQ(report.personal, 0u);
  EXPECT_EQ(report.erased, size / 2 + size / 6);
}

TEST_F(Exported, AnyByteOfAnEntryNamesThatEntry) {
  const std::string whole = text();
  const std::size_t first = line_at(whole, 1);
  std::uint64_t index = 0;
  for (std::size_t i = first; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const VerifyReport report = check(changed);
    ASSERT_FALSE(report.good()) << "byte " << i << " of entry " << index;
    EXPECT_EQ(report.fault->index, index) << report.fault->what;
    if (whole[i] == '\n') ++index;
  }
}

TEST_F(Exported, AnyByteOfTheFirstLineIsNoticed) {
  const std::string whole = text();
  for (std::size_t i = 0; i < line_at(whole, 1); ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const auto report = check(changed, options());
    EXPECT_TRUE(!report || !report->good()) << i;
    if (!report) {
      EXPECT_EQ(report.error().code, "audit.export");
    }
  }
}

TEST_F(Exported, LinesLeftOutDoubledOrSwappedAreNamed) {
  const std::string whole = text();
  const auto line = [&](std::uint64_t i) {
    return whole.substr(line_at(whole, i + 1), line_at(whole, i + 2) - line_at(whole, i + 1));
  };
  std::string changed = whole;
  changed.erase(line_at(whole, 8), line(7).size());
  EXPECT_EQ(check(changed).fault->kind, FaultKind::missing_entry);
  EXPECT_EQ(check(changed).fault->index, 7u);
  changed = whole;
  changed.insert(line_at(whole, 8), line(7));
  EXPECT_EQ(check(changed).fault->index, 8u);
  changed = whole.substr(0, line_at(whole, 10)) + line(10) + line(9) + whole.substr(line_at(whole, 12));
  EXPECT_EQ(check(changed).fault->index, 9u);
}

TEST_F(Exported, AFileCutAnywhereIsNoticed) {
  const std::string whole = text();
  for (std::size_t cut = 1; cut < whole.size(); cut += 17) {
    const auto report = check(whole.substr(0, whole.size() - cut), options());
    EXPECT_TRUE(!report || !report->good()) << cut;
  }
  EXPECT_EQ(check(whole + "x").fault->kind, FaultKind::stray_row);
  EXPECT_EQ(check(whole + "\n").fault->kind, FaultKind::stray_row);
}

TEST_F(Exported, EntriesBeyondTheCheckpointAreNotTrusted) {
  // An export of the log as it went on, under the older checkpoint's line.
  const std::string before = text();
  t.grow(5);
  const std::string now = text();
  std::string mixed = before.substr(0, line_at(before, 1)) + now.substr(line_at(now, 1));
  mixed.replace(mixed.find("\"entries\":30"), 12, "\"entries\":35");
  const VerifyReport report = check(mixed);
  ASSERT_FALSE(report.good());
  EXPECT_EQ(report.fault->kind, FaultKind::stray_row);
  EXPECT_EQ(report.fault->index, size);
}

TEST_F(Exported, OtherFilesAreRefused) {
  for (const std::string& other :
       {std::string(), std::string("\n"), std::string("{}\n"), std::string(3 << 20, 'x'),
        std::string("{\"checkpoint\":\"\",\"entries\":0,\"format\":\"dayaq-audit-log/2\"}\n")}) {
    const auto report = check(other, options());
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, "audit.export");
  }
}

TEST_F(Exported, ALineBeyondTheLimitIsRefusedNotRead) {
  std::string whole = text();
  whole.insert(line_at(whole, 5), std::string(2 << 20, ' '));
  EXPECT_EQ(check(whole).fault->index, 4u);
}

TEST_F(Exported, TheLongestEntryFitsALine) {
  EntryDraft draft = t.draft(0);
  draft.subject = PersonId(0x7fff'ffff'ffff'ffff);
  draft.personal =
      "{\"k\":\"" + std::string(65'500, '\\') + "\"}";  // as long as may be, and every byte escaped
  draft.data = "{\"k\":\"" + std::string(65'100, 'x') + "\"}";
  ASSERT_TRUE(t.append(draft));
  EXPECT_TRUE(check(text()).good());
}

}  // namespace
}  // namespace dayaq::audit
