#include "feed/resources.hpp"

#include <gtest/gtest.h>

#include "crypto/note.hpp"

namespace dayaq::feed {
namespace {

struct ResourceList : testing::Test {
  SeededRandom random{1};
  crypto::SigningKey key = crypto::SigningKey::generate(random), other = crypto::SigningKey::generate(random);
  std::vector<crypto::PublicKey> keys{key.public_key()};
  const Resources list{.version = 17,
                       .classes = {{.traffic_class = "education",
                                    .rules = {"GOV-EDU-ZR"},
                                    .bases = {"GOV-EDU"},
                                    .domains = {"edu.az", "wikipedia.org"},
                                    .prefixes = {"192.0.2.0/24"}},
                                   {.traffic_class = "communication",
                                    .rules = {"GOV-COM"},
                                    .bases = {},
                                    .domains = {},
                                    .prefixes = {}}}};

  std::string code_of(std::string_view text) {
    const auto decoded = decode_resources(crypto::sign_note(text, "dayaq/resources", key), keys);
    return decoded ? "accepted" : std::string(decoded.error().code);
  }
};

TEST_F(ResourceList, ReadsAsItWasWritten) {
  const std::string note = encode(list, key);
  EXPECT_TRUE(
      note.starts_with("dayaq-resources 1\nversion 17\nclass education\nrule GOV-EDU-ZR\nbase GOV-EDU\n"
                       "domain edu.az\n"));
  const auto decoded = decode_resources(note, keys);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, list);
}

TEST_F(ResourceList, AChangedByteOrAnotherKeyIsRefused) {
  const std::string note = encode(list, key);
  std::string changed = note;
  changed[changed.find("edu.az")] = 'x';
  for (const std::string& bad : {changed, encode(list, other), std::string(), std::string("version 1\n")}) {
    const auto decoded = decode_resources(bad, keys);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, "resources.signature");
  }
  keys.push_back(other.public_key());  // while the centre changes its key
  EXPECT_TRUE(decode_resources(encode(list, other), keys));
}

TEST_F(ResourceList, SignedNonsenseNamesItsLine) {
  EXPECT_EQ(code_of("dayaq-resources 1\nversion 3\n"), "accepted");
  for (const std::string_view text :
       {"dayaq-resources 2\nversion 3\n", "dayaq-resources 1\n", "dayaq-resources 1\nversion 0\n",
        "dayaq-resources 1\nversion 03\n", "dayaq-resources 1\nversion 99999999999\n",
        "dayaq-resources 1\nversion 3\nrule X\n", "dayaq-resources 1\nversion 3\nclass a\nclass a\n",
        "dayaq-resources 1\nversion 3\nclass a\nrule\n", "dayaq-resources 1\nversion 3\nclass a\nrule a b\n",
        "dayaq-resources 1\nversion 3\nclass a\nport 80\n", "dayaq-resources 1\nversion 3\n\n"}) {
    EXPECT_EQ(code_of(text), "resources.syntax") << text;
  }
  std::string many = "dayaq-resources 1\nversion 3\n";
  for (int i = 0; i < 65; ++i) many += "class c" + std::to_string(i) + "\n";
  EXPECT_EQ(code_of(many), "resources.limit");
  const auto bad = decode_resources(
      crypto::sign_note("dayaq-resources 1\nversion 3\nclass a\nport 80\n", "dayaq/resources", key), keys);
  EXPECT_EQ(bad.error().line, 4u);
}

}  // namespace
}  // namespace dayaq::feed
