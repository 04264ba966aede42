#include "services/sms/script.hpp"

#include <gtest/gtest.h>

namespace dayaq::services::sms {
namespace {

TEST(SmsScript, TakesSpellingsOfOneWordTogether) {
  for (const char* spelling : {"həkim", "HƏKİM", "hekim", "Hekim", "hekım", "хеким", "hәkim", "xekim"}) {
    EXPECT_EQ(sound_of(spelling), "hekim") << spelling;
  }
  EXPECT_EQ(sound_of("xəstəxana"), sound_of("khestekhana"));
  EXPECT_EQ(sound_of("mağaza"), sound_of("maghaza"));
  EXPECT_EQ(sound_of("поликлиника"), sound_of("poliklinika"));
  EXPECT_EQ(sound_of("qız"), sound_of("giz"));
  EXPECT_EQ(sound_of("salammm"), "salam");
  EXPECT_EQ(sound_of("11"), "11") << "digits aren't taken together";
}

TEST(SmsScript, SplitsWhatStandsTogether) {
  const auto tokens = tokens_of("1, 5ABC-123\nsalam");
  ASSERT_EQ(tokens.size(), 4u);
  EXPECT_EQ(tokens[1].before, Gap::mark);
  EXPECT_EQ(tokens[2].before, Gap::joint);
  EXPECT_FALSE(tokens[2].spaced);
  EXPECT_EQ(tokens[3].before, Gap::line);
  EXPECT_TRUE(tokens_of("").empty());
  EXPECT_TRUE(tokens_of("🙏 !! …").empty());
  EXPECT_EQ(tokens_of("1\xff\xfe\x80").size(), 1u) << "bytes that aren't UTF-8 separate";
  EXPECT_EQ(tokens_of("5ABC\xd0").size(), 1u) << "a character that is cut off";
}

TEST(SmsScript, ResolvesLookAlikesOfAnId) {
  EXPECT_EQ(tokens_of("5ABCO23")[0].id, "5ABC023");
  EXPECT_EQ(tokens_of("5abci23")[0].id, "5ABC123");
  EXPECT_EQ(tokens_of("5АВС123")[0].id, "5ABC123") << "Cyrillic";
  EXPECT_EQ(tokens_of("５ＡＢＣ１２３")[0].id, "5ABC123") << "full width";
  EXPECT_EQ(tokens_of("٥ABC123")[0].id, "5ABC123") << "Arabic digits";
  EXPECT_EQ(tokens_of("1\xef\xb8\x8f\xe2\x83\xa3 5ABC123").size(), 2u) << "the picture of a 1";
  EXPECT_FALSE(tokens_of("5АВС123")[0].doubtful);
  EXPECT_TRUE(tokens_of("5ДВС123")[0].doubtful) << "by sound V, by look B";
  EXPECT_TRUE(tokens_of("5ABCl23")[0].doubtful) << "an l among capitals";
  EXPECT_FALSE(tokens_of("5abcl23")[0].doubtful);
  EXPECT_EQ(tokens_of("5ЯABC12")[0].id, "");
}

TEST(SmsScript, CountsWhatANetworkCounts) {
  EXPECT_TRUE(is_gsm7("Permit for 5ABC123 until 18:00, DP1.a_b-c"));
  EXPECT_FALSE(is_gsm7("İcazə"));
  EXPECT_EQ(to_gsm7("İcazə verildi: mağazaya, şəhərdə"), "Icaze verildi: magazaya, seherde");
  EXPECT_EQ(segments_of(std::string(160, 'a')), 1);
  EXPECT_EQ(segments_of(std::string(161, 'a')), 2);
  std::string russian;
  for (int i = 0; i < 70; ++i) russian += "ж";
  EXPECT_EQ(segments_of(russian), 1);
  EXPECT_EQ(segments_of(russian + "ж"), 2);
}

}  // namespace
}  // namespace dayaq::services::sms
