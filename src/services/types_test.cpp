#include "services/types.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace dayaq::services {
namespace {

constexpr std::uint64_t id_max = (std::uint64_t{1} << 55) - 1;
constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

rc::Gen<std::uint64_t> ids() {
  return rc::gen::inRange<std::uint64_t>(1, id_max + 1);
}

TEST(CaseNumber, IsThreeGroupsOfFour) {
  EXPECT_EQ(case_number(CaseId(1)), "0000-0000-0012") << "1 times the generator x, which is 2";
  const std::string number = case_number(CaseId(id_max));
  ASSERT_EQ(number.size(), 14u);
  EXPECT_EQ(number.substr(0, 9), "ZZZZ-ZZZZ");
  EXPECT_EQ(parse_case_number(number), CaseId(id_max));
  EXPECT_EQ(parse_case_number("0000-0000-0000"), std::nullopt) << "no case has the id 0";
}

TEST(CaseNumber, IsReadAsPeopleWriteIt) {
  const CaseId id(0x1'0203'0405'0607);
  const std::string number = case_number(id);
  std::string plain, lower, spaced;
  for (const char c : number) {
    if (c != '-') {
      plain += c;
      lower += static_cast<char>(c >= 'A' ? c + 32 : c);
      spaced += c;
      spaced += ' ';
    }
  }
  EXPECT_EQ(parse_case_number(plain), id);
  EXPECT_EQ(parse_case_number(lower), id);
  EXPECT_EQ(parse_case_number("  " + spaced), id);
  std::string typed_over;
  for (const char c : plain) typed_over += c == '0' ? 'O' : c == '1' ? 'l' : c;
  EXPECT_EQ(parse_case_number(typed_over), id);
  EXPECT_EQ(parse_case_number(plain.substr(1)), std::nullopt);
  EXPECT_EQ(parse_case_number(plain + "0"), std::nullopt);
  EXPECT_EQ(parse_case_number(""), std::nullopt);
  EXPECT_EQ(parse_case_number("no number at all"), std::nullopt);
}

TEST(CaseNumber, TakesCyrillicLettersThatLookTheSame) {
  // The id whose number begins with A, B, E, K, M, H, P, C, T, X.
  std::uint64_t id = 0;
  for (const char c : std::string_view("ABEKMHPCTX0")) id = id << 5 | alphabet.find(c);
  const std::string number = case_number(CaseId(id));
  const char check = number.back();
  EXPECT_EQ(parse_case_number(std::string("АВЕК МНРС ТХО") + check), CaseId(id));
  EXPECT_EQ(parse_case_number(std::string("авек мнрс тхо") + check), CaseId(id));
  EXPECT_EQ(parse_case_number(std::string("АВЕК МНРС ТХ\xd0") + check), std::nullopt)
      << "a letter cut in two";
}

RC_GTEST_PROP(CaseNumber, IsReadBackForEveryId, ()) {
  const CaseId id(*ids());
  RC_ASSERT(parse_case_number(case_number(id)) == id);
}

RC_GTEST_PROP(CaseNumber, OneWrongLetterIsFound, ()) {
  std::string number = case_number(CaseId(*ids()));
  const auto at = *rc::gen::suchThat(rc::gen::inRange<std::size_t>(0, number.size()),
                                     [&](std::size_t i) { return number[i] != '-'; });
  const char other =
      *rc::gen::suchThat(rc::gen::elementOf(std::string(alphabet)), [&](char c) { return c != number[at]; });
  number[at] = other;
  RC_ASSERT(parse_case_number(number) == std::nullopt);
}

RC_GTEST_PROP(CaseNumber, TwoLettersInEachOthersPlaceAreFound, ()) {
  std::string number = case_number(CaseId(*ids()));
  std::erase(number, '-');
  const auto i = *rc::gen::inRange<std::size_t>(0, number.size());
  const auto j = *rc::gen::inRange<std::size_t>(0, number.size());
  RC_PRE(number[i] != number[j]);
  std::swap(number[i], number[j]);
  RC_ASSERT(parse_case_number(number) == std::nullopt);
}

TEST(ServiceTypes, WordsAreReadAsTheyAreWritten) {
  for (const Channel channel : {Channel::web, Channel::sms, Channel::counter, Channel::bulk})
    EXPECT_EQ(parse_channel(to_string(channel)), channel);
  for (int i = 0; i <= static_cast<int>(CaseState::expired); ++i) {
    const auto state = static_cast<CaseState>(i);
    EXPECT_EQ(parse_case_state(to_string(state)), state);
    EXPECT_EQ(is_open(state), i < 4);
  }
  for (int i = 0; i <= static_cast<int>(FieldKind::document); ++i) {
    const auto kind = static_cast<FieldKind>(i);
    EXPECT_EQ(parse_field_kind(to_string(kind)), kind);
  }
  EXPECT_EQ(parse_channel("fax"), std::nullopt);
  EXPECT_EQ(parse_case_state(""), std::nullopt);
  EXPECT_EQ(to_string(Per::ever), "ever");
}

}  // namespace
}  // namespace dayaq::services
