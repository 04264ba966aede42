#include "identity/account/corrections.hpp"

#include <algorithm>

#include "identity/account/accounts_test_support.hpp"

namespace dayaq::identity {
namespace {

using test::code_of;
using test::must;
using namespace std::chrono_literals;
using State = Correction::State;

struct Corrections : testing::TestWithParam<store::Engine> {
  void SetUp() override {
    node.people();
    (void)node.enrol_with(node.aygun_id, Enrolment::counter, node.passkey("key-1"));
  }
  PersonId aygun() { return node.person(node.aygun_id); }
  Result<void> ask(std::uint64_t id, std::string_view words = "My surname is\nQuliyeva") {
    return node.write([&](auto& db, auto& a) {
      return ask_correction(db, a, aygun(), CorrectionId(id), words, node.now());
    });
  }
  Result<void> answer(std::uint64_t id, bool corrected = true, std::string_view words = "Done today") {
    return node.write([&](auto& db, auto& a) {
      return answer_correction(db, a, CorrectionId(id), corrected, words, "org:asan/official:3", node.now());
    });
  }
  std::vector<Correction> mine() {
    return must(node.write([&](auto& db, auto& a) { return corrections_of(db, a, aygun()); }));
  }
  std::vector<WaitingCorrection> queue() {
    return must(node.write([&](auto& db, auto&) { return waiting_corrections(db, 10); }));
  }

  test::AccountsNode node{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Engines, Corrections, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

TEST_P(Corrections, AreAskedQueuedAndAnsweredOnce) {
  must(ask(11));
  must(ask(12, "My birthday is the 15th"));
  EXPECT_EQ(queue().size(), 2u);
  ASSERT_EQ(mine().size(), 2u);
  EXPECT_EQ(must(node.write([&](auto& db, auto& a) { return correction(db, a, CorrectionId(11)); })).words,
            "My surname is Quliyeva")
      << "one line";
  EXPECT_EQ(code_of(answer(11, true, "ok")), "correction.answer") << "words are owed";
  must(answer(11));
  must(answer(12, false, "The birth certificate says the 14th"));
  EXPECT_TRUE(queue().empty());
  EXPECT_EQ(code_of(answer(11, false, "second thoughts")), "correction.answered");
  EXPECT_EQ(code_of(answer(99)), "correction.unknown");
  for (const Correction& one : mine()) {
    EXPECT_EQ(one.state, one.id == CorrectionId(11) ? State::corrected : State::declined);
    EXPECT_EQ(one.answer, one.id == CorrectionId(11) ? "Done today" : "The birth certificate says the 14th");
    EXPECT_EQ(one.answered, node.now());
  }
  const auto actions = node.actions(aygun());
  EXPECT_EQ(std::ranges::count(actions, "person.correction_asked"), 2);
  EXPECT_EQ(std::ranges::count(actions, "person.correction_answered"), 2);
}

TEST_P(Corrections, AreBoundedAndSealed) {
  for (std::uint64_t id = 1; id <= corrections_open_max; ++id) must(ask(id));
  EXPECT_EQ(code_of(ask(7)), "correction.many");
  must(answer(1));
  must(ask(7));
  EXPECT_EQ(code_of(ask(8, "ab")), "correction.words");
  EXPECT_EQ(code_of(ask(8, std::string(1001, 'a'))), "correction.words");
  const bool readable = must(node.write([&](auto& db, auto&) -> Result<bool> {
    bool found = false;
    DAYAQ_TRY_OK(
        db.query("SELECT words FROM identity_correction", {}, [&](const store::Row& row) -> Result<bool> {
          found = found || as_text(row.blob(0)).find("Quliyeva") != std::string_view::npos;
          return true;
        }));
    return found;
  }));
  EXPECT_FALSE(readable);
}

}  // namespace
}  // namespace dayaq::identity
