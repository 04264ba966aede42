// Thousands of messages with the right answer beside each. 98 % must be right, and none granted wrongly.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "services/sms/test_service.ipp"

namespace dayaq::services::sms {
namespace {

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) out.push_back(part);
  return out;
}

std::string unescape(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char next = text[++i];
    out += next == 'n' ? '\n' : next == 'r' ? '\r' : next == 't' ? '\t' : next;
  }
  return out;
}

/// The questions that are the right one for what is wrong.
bool right_question(const std::string& wanted, const std::string& said) {
  static const std::set<std::string> person{"ask person",       "ask person_length", "ask person_unclear",
                                            "ask person_which", "ask separate",      "ask empty"};
  static const std::set<std::string> answer{"ask answer", "ask answer_unknown", "ask answer_several",
                                            "ask pairing", "ask separate"};
  if (wanted == "ask") return said.starts_with("ask ");
  if (wanted == "ask person") return person.contains(said);
  if (wanted == "ask answer") return answer.contains(said);
  return wanted == said;
}

struct Figures {
  int messages = 0, right = 0, granted_wrongly = 0, granted = 0;
  std::map<std::string, std::pair<int, int>> by_kind;  ///< messages, right
};

void check(const std::string& file, const Grammar& grammar, Figures& figures) {
  const std::string text = regime::test::repository_file("tests/data/sms/" + file);
  int line_number = 0, shown = 0;
  for (const std::string& line : split(text, '\n')) {
    ++line_number;
    if (line.empty() || line.starts_with("# ")) continue;
    const auto columns = split(line, '\t');
    ASSERT_GE(columns.size(), 2u) << file << ":" << line_number;
    std::string wanted = columns[1];
    const bool careful = wanted.starts_with("ok-or-ask");
    if (careful) wanted = "ok" + wanted.substr(9);
    if (wanted.starts_with("ok ")) {
      auto pairs = split(wanted.substr(3), ' ');
      std::ranges::sort(pairs);
      pairs.erase(std::ranges::unique(pairs).begin(), pairs.end());
      wanted = "ok";
      for (const std::string& pair : pairs) wanted += " " + pair;
    }
    const std::string said = test::said(grammar.parse(unescape(columns[0])));
    const bool grants = said.starts_with("ok ");
    const bool right = said == wanted || right_question(wanted, said) || (careful && !grants);
    ++figures.messages;
    figures.right += right ? 1 : 0;
    figures.granted += grants ? 1 : 0;
    auto& [of_kind, right_of_kind] = figures.by_kind[columns.size() > 2 ? columns[2] : file];
    ++of_kind;
    right_of_kind += right ? 1 : 0;
    // Wrong is a permit for somebody or something that wasn't asked for.
    bool wrongly = grants && !wanted.starts_with("ok ");
    if (grants && !wrongly) {
      const auto meant = split(wanted, ' ');
      for (const std::string& one : split(said, ' ')) wrongly |= std::ranges::find(meant, one) == meant.end();
    }
    figures.granted_wrongly += wrongly ? 1 : 0;
    if (wrongly)
      ADD_FAILURE() << file << ":" << line_number << " granted wrongly"
                    << (file == "held_out_b.tsv" ? std::string() : ": " + line + "\n  " + said);
    if (!right && file != "held_out_b.tsv" && ++shown <= 40)
      fmt::print("{}:{}: {}  => {}\n", file, line_number, line, said);
  }
}

TEST(SmsCorpus, IsAnsweredRightlyAndGrantsNothingWrongly) {
  const Grammar grammar = test::grammar();
  Figures figures;
  check("generated.tsv", grammar, figures);
  const int generated = figures.messages;
  check("by_hand.tsv", grammar, figures);
  const int by_hand = figures.messages - generated;
  for (const auto& [kind, counts] : figures.by_kind) {
    if (counts.first != counts.second) fmt::print("  {:<36} {} of {}\n", kind, counts.second, counts.first);
  }
  fmt::print("{} messages ({} by hand): {} right ({:.2f} %), {} granted wrongly\n", figures.messages, by_hand,
             figures.right, 100.0 * figures.right / figures.messages, figures.granted_wrongly);
  EXPECT_GE(figures.messages, 3'000);
  EXPECT_GE(by_hand, 300);
  EXPECT_GE(figures.right * 100, figures.messages * 98);
  EXPECT_EQ(figures.granted_wrongly, 0);
}

/// Messages that the grammar wasn't written by (tests/data/sms/held_out.py). Its rules may be tuned on half
/// A; half B is never looked at for that.
TEST(SmsCorpus, AnswersPeopleItHasNotMet) {
  const Grammar grammar = test::grammar();
  Figures all;
  for (const char* half : {"held_out_a.tsv", "held_out_b.tsv"}) {
    Figures figures;
    check(half, grammar, figures);
    fmt::print("{}: {} messages: {} right ({:.2f} %), {} granted wrongly, {} answered with a permit\n", half,
               figures.messages, figures.right, 100.0 * figures.right / figures.messages,
               figures.granted_wrongly, figures.granted);
    EXPECT_GE(figures.right * 100, figures.messages * 98) << half;
    EXPECT_EQ(figures.granted_wrongly, 0) << half;
    all.messages += figures.messages;
  }
  EXPECT_GE(all.messages, 300);
}

}  // namespace
}  // namespace dayaq::services::sms
