#include "services/cases/book.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "regime/law_test_support.hpp"
#include "services/cases/cases.hpp"
#include "support/audit_log.hpp"

namespace dayaq::services {
namespace {

using regime::test::azerbaijan;

constexpr const char* ada = "org:digital-agency/key:1";
constexpr const char* ben = "org:digital-agency/key:2";

/// A small service; `form` and `more` are parts of its file.
std::string text_of(const std::string& form, const std::string& more = "", const char* code = "exercise") {
  return fmt::format(R"(format: 1
code: {}
title: {{az: Sınaq}}
summary: {{az: Sınaq xidməti}}
legal_basis: {{az: Qərar}}
provider: digital-agency
who: {{everyone: true}}
channels: web
promised: 1 h
{}form:
{}steps:
  - {{step: check, kind: decide}}
)",
                     code, more, form);
}
const std::string old_form = "  - {field: reason, kind: text, title: {az: Səbəb}}\n";
const std::string new_form =
    "  - {field: purpose, kind: text, title: {az: Məqsəd}}\n"
    "  - {field: days, kind: number, title: {az: Gün}}\n";

struct Offices {
  explicit Offices(store::Engine engine) : audit(engine, migrations()) { open(); }
  void open() {
    book = std::make_unique<ServiceBook>(files, *audit.log);
    ASSERT_TRUE(audit.db().read([&](store::Session& session) { return book->load(session); }));
    audit.db().add_hook(*book);
  }
  Service parse(const std::string& text) const {
    auto service = parse_service(text, files);
    if (!service) throw std::runtime_error(regime::format_errors(service.error(), "file", text));
    return std::move(*service);
  }
  Result<ServiceHandle> submit(const std::string& text, const std::string& by = ada) {
    const Service service = parse(text);
    return audit.db().write([&](store::Session& s) { return book->submit(s, service, by, now); });
  }
  Result<ServiceHandle> publish(int version, const std::string& by = ben, const char* code = "exercise") {
    return audit.db().write(
        [&](store::Session& s) { return book->publish(s, ServiceCode(code), version, by, now); });
  }
  Result<ServiceHandle> suspend(const LocalizedText& because, const std::string& by = ada) {
    return audit.db().write(
        [&](store::Session& s) { return book->suspend(s, ServiceCode("exercise"), because, by, now); });
  }
  Result<ServiceHandle> resume(const std::string& by = ada) {
    return audit.db().write(
        [&](store::Session& s) { return book->resume(s, ServiceCode("exercise"), by, now); });
  }
  /// "1 superseded, 2 published".
  [[nodiscard]] std::string standing() const {
    std::string out;
    for (const ServiceHandle& version : book->versions_of(ServiceCode("exercise"))) {
      out += fmt::format("{}{} {}", out.empty() ? "" : ", ", version->service.version,
                         to_string(version->state));
    }
    return out;
  }

  dayaq::test::AuditLog audit;
  regime::FileContext files = azerbaijan().file_context();
  std::unique_ptr<ServiceBook> book;
  Instant now = azerbaijan().moment("2026-11-21");
};

std::string code_of(const Result<ServiceHandle>& done) {
  return done ? "" : std::string(done.error().code);
}

struct Book : testing::TestWithParam<store::Engine> {};
INSTANTIATE_TEST_SUITE_P(Engines, Book, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& each) { return dayaq::test::name_of(each.param); });

TEST_P(Book, PublishesNothingThatNamesWhatIsNotThere) {
  Offices offices(GetParam());
  std::vector<std::string> regimes{"heat"};
  offices.book->know({.regimes = [&] { return regimes; }, .calendars = {}});
  const std::string text = text_of(old_form) + "ends_with: heat\n";
  const auto read = offices.book->read_file(text);
  ASSERT_TRUE(read) << regime::format_errors(read.error(), "file", text);
  ASSERT_TRUE(offices.submit(text));
  regimes = {"cold"};
  EXPECT_EQ(offices.book->read_file(text).error().front().code, "service.unknown_regime");
  const auto refused = offices.publish(1);
  EXPECT_EQ(code_of(refused), "service.unknown_regime");
  EXPECT_GT(refused.error().line, 0u);
  EXPECT_EQ(refused.error().field, "ends_with");
  EXPECT_EQ(offices.standing(), "1 submitted");
  regimes = {"heat"};
  EXPECT_TRUE(offices.publish(1));
}

TEST_P(Book, TakesAFileToPeopleByTwoOfficials) {
  Offices offices(GetParam());
  const auto submitted = offices.submit(text_of(old_form));
  ASSERT_TRUE(submitted) << submitted.error().public_text;
  EXPECT_EQ((*submitted)->service.version, 1);
  EXPECT_TRUE(offices.book->published()->services.empty()) << "nobody sees what waits";
  EXPECT_EQ(offices.book->find(ServiceCode("exercise"), 1), nullptr);

  EXPECT_EQ(code_of(offices.publish(1, ada)), "service.same_official");
  EXPECT_EQ(code_of(offices.publish(2)), "service.version");
  EXPECT_EQ(code_of(offices.publish(1, ben, "another")), "service.unknown");
  ASSERT_TRUE(offices.publish(1));
  EXPECT_EQ(code_of(offices.publish(1)), "service.decided");
  const ServiceHandle found = offices.book->published()->find("exercise");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->published_by, ben);
  EXPECT_EQ(found->published, offices.now);
  EXPECT_EQ(offices.book->find(ServiceCode("exercise"), 1), found);
  EXPECT_EQ(offices.audit.log->size(), 2u) << "one entry a step, none for what was refused";
}

TEST_P(Book, LetsNobodyTouchAnotherOrganisationsService) {
  Offices offices(GetParam());
  for (const char* other :
       {"org:tabib/key:1", "org:nobody/key:1", "self", "system", "org:digital-agenc/key:1"}) {
    EXPECT_EQ(code_of(offices.submit(text_of(old_form), other)), "service.provider") << other;
  }
  ASSERT_TRUE(offices.submit(text_of(old_form)));
  EXPECT_EQ(code_of(offices.publish(1, "org:tabib/key:2")), "service.provider");
  ASSERT_TRUE(offices.publish(1));
  EXPECT_EQ(code_of(offices.suspend({.az = "Təmir", .en = "", .ru = ""}, "org:tabib/key:2")),
            "service.provider");
  EXPECT_EQ(code_of(offices.resume("org:tabib/key:2")), "service.provider");
  std::string taken_over = text_of(old_form);
  taken_over.replace(taken_over.find("digital-agency"), 14, "tabib");
  EXPECT_EQ(code_of(offices.submit(taken_over, "org:tabib/key:1")), "service.provider")
      << "a code stays its first provider's";
}

TEST_P(Book, SupersedesWhatWasPublishedAndWithdrawsWhatWaited) {
  Offices offices(GetParam());
  ASSERT_TRUE(offices.submit(text_of(old_form)));
  ASSERT_TRUE(offices.publish(1));
  const std::uint64_t edition = offices.book->published()->edition;
  ASSERT_TRUE(offices.submit(text_of(new_form)));
  ASSERT_TRUE(offices.submit(text_of(new_form)));
  EXPECT_EQ(offices.standing(), "1 published, 2 withdrawn, 3 submitted");
  EXPECT_EQ(code_of(offices.publish(2)), "service.decided");
  ASSERT_TRUE(offices.publish(3));
  EXPECT_EQ(offices.standing(), "1 superseded, 2 withdrawn, 3 published");
  EXPECT_GT(offices.book->published()->edition, edition);
  EXPECT_EQ(offices.book->published()->services.size(), 1u);
  // Cases of version 1 run on under what they were begun with.
  const ServiceHandle first = offices.book->find(ServiceCode("exercise"), 1);
  ASSERT_NE(first, nullptr);
  EXPECT_NE(first->service.find("reason"), nullptr);
  EXPECT_EQ(offices.book->find(ServiceCode("exercise"), 2), nullptr) << "never was anybody's";
}

TEST_P(Book, HoldsAMoveToTheVersionsThatThereWere) {
  Offices offices(GetParam());
  ASSERT_TRUE(offices.submit(text_of(old_form)));
  EXPECT_EQ(code_of(offices.submit(text_of(new_form, "moves: {1: {reason: purpose}}\n"))), "service.move")
      << "version 1 isn't published yet";
  ASSERT_TRUE(offices.publish(1));
  EXPECT_EQ(code_of(offices.submit(text_of(new_form, "moves: {7: {reason: purpose}}\n"))), "service.move");
  EXPECT_EQ(code_of(offices.submit(text_of(new_form, "moves: {1: {reasons: purpose}}\n"))), "service.move")
      << "version 1 had no such field";
  EXPECT_EQ(code_of(offices.submit(text_of(new_form, "moves: {1: {reason: days}}\n"))), "service.move")
      << "a text doesn't become a number";
  EXPECT_EQ(offices.standing(), "1 published") << "what is refused leaves nothing";
  ASSERT_TRUE(offices.submit(text_of(new_form, "moves: {1: {reason: purpose}}\n")));
  ASSERT_TRUE(offices.publish(2));
  const ServiceHandle now = offices.book->published()->find("exercise");
  ASSERT_EQ(now->service.moves.size(), 1u);
  EXPECT_EQ(now->service.moves.at(1).at("reason"), "purpose");
  ASSERT_TRUE(offices.submit(text_of(old_form, "moves: {2: {purpose: reason, days: ~}}\n"))) << "dropped";
}

TEST_P(Book, SuspendsWithAReasonAndTakesUpAgain) {
  Offices offices(GetParam());
  EXPECT_EQ(code_of(offices.suspend({.az = "Təmir", .en = "", .ru = ""})), "service.unknown");
  ASSERT_TRUE(offices.submit(text_of(old_form)));
  EXPECT_EQ(code_of(offices.suspend({.az = "Təmir", .en = "", .ru = ""})), "service.unknown")
      << "what waits isn't published";
  ASSERT_TRUE(offices.publish(1));
  EXPECT_EQ(code_of(offices.resume()), "service.decided");
  EXPECT_EQ(code_of(offices.suspend({})), "service.reason");
  const LocalizedText because{.az = "Təmir gedir", .en = "Works", .ru = "Ремонт"};
  ASSERT_TRUE(offices.suspend(because));
  EXPECT_EQ(code_of(offices.suspend(because)), "service.decided");
  const ServiceHandle suspended = offices.book->published()->find("exercise");
  ASSERT_NE(suspended, nullptr) << "people find it, with the reason";
  EXPECT_EQ(suspended->state, ServiceState::suspended);
  EXPECT_EQ(suspended->suspended_because, because);
  ASSERT_TRUE(offices.resume(ben));
  EXPECT_EQ(offices.standing(), "1 published");
  EXPECT_EQ(offices.book->published()->find("exercise")->suspended_because, LocalizedText{});
}

TEST_P(Book, IsTheSameAfterARestart) {
  Offices offices(GetParam());
  ASSERT_TRUE(offices.submit(text_of(old_form)));
  ASSERT_TRUE(offices.publish(1));
  ASSERT_TRUE(offices.submit(text_of(new_form)));
  ASSERT_TRUE(offices.publish(2));
  ASSERT_TRUE(offices.submit(text_of(old_form, "", "a-b")));
  ASSERT_TRUE(offices.publish(1, ben, "a-b"));
  ASSERT_TRUE(offices.submit(text_of(old_form, "", "a_b")));
  ASSERT_TRUE(offices.suspend({.az = "Təmir", .en = "Works", .ru = ""}));
  const auto before = offices.book->versions();
  const std::uint64_t edition = offices.book->published()->edition;
  offices.audit.reopen();
  offices.open();
  const auto after = offices.book->versions();
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i]->service.code, before[i]->service.code);
    EXPECT_EQ(after[i]->service.version, before[i]->service.version);
    EXPECT_EQ(after[i]->service.source, before[i]->service.source);
    EXPECT_EQ(after[i]->state, before[i]->state);
    EXPECT_EQ(after[i]->submitted_by, before[i]->submitted_by);
    EXPECT_EQ(after[i]->published, before[i]->published);
    EXPECT_EQ(after[i]->suspended_because, before[i]->suspended_because);
  }
  EXPECT_EQ(offices.book->published()->edition, edition) << "caches outlive a restart";
  EXPECT_EQ(offices.book->published()->find("a_b"), nullptr);
  EXPECT_NE(offices.book->published()->find("a-b"), nullptr);
}

TEST_P(Book, KeepsNothingOfATransactionThatFails) {
  Offices offices(GetParam());
  ASSERT_TRUE(offices.submit(text_of(old_form)));
  const auto failed = offices.audit.db().write([&](store::Session& session) -> Result<ServiceHandle> {
    DAYAQ_TRY_OK(offices.book->publish(session, ServiceCode("exercise"), 1, ben, offices.now));
    return fail(ErrorKind::conflict, "test.failed", "The test fails it.");
  });
  EXPECT_EQ(code_of(failed), "test.failed");
  EXPECT_EQ(offices.standing(), "1 submitted");
  EXPECT_TRUE(offices.book->published()->services.empty());
  ASSERT_TRUE(offices.publish(1));
  EXPECT_EQ(offices.audit.log->size(), 2u);
}

TEST_P(Book, SaysThatAStoredFileCannotBeReadAnyMore) {
  Offices offices(GetParam());
  ASSERT_TRUE(offices.submit(text_of(old_form)));
  regime::FileContext poorer = offices.files;
  poorer.providers.find = [](std::string_view) { return std::nullopt; };
  ServiceBook book(poorer, *offices.audit.log);
  const auto loaded = offices.audit.db().read([&](store::Session& session) { return book.load(session); });
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, "service.stored");
}

}  // namespace
}  // namespace dayaq::services
