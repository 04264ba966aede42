#include "edge/centre_keys.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "edge/replica_test_support.hpp"

namespace dayaq::edge {
namespace {

struct CentreKeysTest : testing::Test {
  TestFolder folder;
  const std::filesystem::path file = folder.path() / "centre.keys";
  const crypto::SigningKey first = test_key(1), second = test_key(2), third = test_key(3);

  CentreKeys open(CentreKeys::Keys configured) const {
    return *CentreKeys::open(file, std::move(configured));
  }
};

TEST_F(CentreKeysTest, KeepWhatTheyLearn) {
  CentreKeys keys = open({first.public_key()});
  const std::string said = feed::announce(first, second.public_key(), test_now()) +
                           feed::announce(second, third.public_key(), test_now());
  EXPECT_TRUE(*keys.learn(said));
  EXPECT_FALSE(*keys.learn(said)) << "nothing new";
  for (const CentreKeys& now : {keys, open({first.public_key()})}) {
    EXPECT_TRUE(now.changing());
    EXPECT_EQ(now.of_disk(), (CentreKeys::Keys{first.public_key(), third.public_key()}));
    EXPECT_EQ(now.of_news(), CentreKeys::Keys{third.public_key()});
  }
  ASSERT_TRUE(keys.settle());
  EXPECT_FALSE(keys.changing());
  EXPECT_EQ(open({first.public_key()}).of_disk(), CentreKeys::Keys{third.public_key()});
}

TEST_F(CentreKeysTest, GoByTheFileWhenItNamesOthers) {
  CentreKeys keys = open({first.public_key()});
  ASSERT_TRUE(*keys.learn(feed::announce(first, second.public_key(), test_now())));
  EXPECT_EQ(open({third.public_key()}).of_news(), CentreKeys::Keys{third.public_key()});
}

TEST_F(CentreKeysTest, RefuseWhatNoKnownKeyHasSigned) {
  CentreKeys keys = open({first.public_key()});
  EXPECT_FALSE(*keys.learn(feed::announce(second, third.public_key(), test_now())));
  std::string forged = feed::announce(first, second.public_key(), test_now());
  forged[40] = forged[40] == 'a' ? 'b' : 'a';
  EXPECT_FALSE(keys.learn(forged));
  EXPECT_EQ(keys.of_news(), CentreKeys::Keys{first.public_key()});
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(CentreKeysTest, SayWhenTheirFileIsDamaged) {
  for (const char* text : {"", "configured\n", "configured 00\ndisk 00\nnews 00\n", "?"}) {
    std::ofstream(file) << text;
    EXPECT_EQ(CentreKeys::open(file, {first.public_key()}).error().code, "centre_keys.file") << text;
  }
}

}  // namespace
}  // namespace dayaq::edge
