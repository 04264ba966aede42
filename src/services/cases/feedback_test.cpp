#include "services/cases/feedback.hpp"

#include <gtest/gtest.h>

#include "services/cases/cases_test_support.hpp"

namespace dayaq::services {
namespace {

using namespace test;

struct Feedback : testing::TestWithParam<store::Engine> {
  CasesNode node{GetParam()};
  Case one = must(node.submit(CasesNode::help(node.person("5ABC123"), 5))).stands;
};
INSTANTIATE_TEST_SUITE_P(Engines, Feedback, testing::ValuesIn(dayaq::test::engines),
                         [](auto& i) { return dayaq::test::name_of(i.param); });

TEST_P(Feedback, NotesAreKeptInOrderAndOnRecord) {
  const auto note = [&](const std::string& words) {
    return node.write(
        [&](store::Session& s) { return add_note(s, *node.node.log, one, words, official, node.now()); });
  };
  EXPECT_EQ(code_of(note("")), "case.note");
  EXPECT_EQ(code_of(note(std::string(note_max + 1, 'x'))), "case.note");
  const auto before = node.node.log->size();
  must(note("first"));
  node.node.clock.advance(1s);
  must(note("second"));
  const auto notes = must(node.read([&](store::Session& s) { return notes_of(s, one.person, one.id); }));
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_EQ(notes[0].words, "first");
  EXPECT_EQ(notes[1].actor, official);
  EXPECT_EQ(node.node.log->size(), before + 2);
}

TEST_P(Feedback, TheLastMarkOfACaseCounts) {
  const auto give = [&](const Case& of, int score, const std::string& words) {
    return node.write([&](store::Session& s) { return rate(s, of, score, words, node.now()); });
  };
  EXPECT_EQ(code_of(give(one, 0, "")), "case.rating");
  EXPECT_EQ(code_of(give(one, 6, "")), "case.rating");
  must(give(one, 2, "slow"));
  must(give(one, 4, ""));
  const Case two = must(node.submit(CasesNode::help(node.person("6ABC123"), 6))).stands;
  must(give(two, 5, "fast"));
  const auto seen = must(node.read(
      [&](store::Session& s) { return ratings(s, one.service, node.now() - 1h, node.now() + 1h, 10); }));
  EXPECT_EQ(seen.total(), 2);
  EXPECT_DOUBLE_EQ(seen.mean(), 4.5);
  ASSERT_EQ(seen.said.size(), 1u);
  EXPECT_EQ(seen.said[0].words, "fast");
  EXPECT_EQ(must(node.read([&](store::Session& s) { return rating_of(s, one.person, one.id); })), 4);
  EXPECT_EQ(must(node.read([&](store::Session& s) {
              return ratings(s, one.service, node.now() + 1h, node.now() + 2h, 10);
            })).total(),
            0);
  EXPECT_DOUBLE_EQ(Ratings{}.mean(), 0);
}

}  // namespace
}  // namespace dayaq::services
