#include "feed/edge_client.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/file.hpp"
#include "crypto/jws.hpp"

namespace dayaq::feed {
namespace {

struct EdgeClientFile : testing::Test {
  EdgeClientFile() { std::filesystem::create_directories(folder); }
  ~EdgeClientFile() override { std::filesystem::remove_all(folder); }
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("dayaq-client-" + std::to_string(::getpid()));
  std::filesystem::path file = folder / "client.jwk";
};

TEST(EdgeClient, AnotherKeyIsAnotherClient) {
  const EdgeClient one = EdgeClient::make("azercell", "baku-1"),
                   other = EdgeClient::make("azercell", "baku-1");
  EXPECT_NE(one.id, other.id);
  EXPECT_EQ(one.id, edge_client_id("azercell", "baku-1", one.public_key()));
  const auto name = parse_edge_client_id(one.id);
  ASSERT_TRUE(name);
  EXPECT_EQ(name->operator_code, "azercell");
  EXPECT_EQ(name->edge, "baku-1");
  EXPECT_EQ(edge_client_id("a", "b", crypto::PublicKey{}), "edge:a:b:66687aadf862bd77");
}

TEST(EdgeClient, WhatIsNoEdgesIdSaysNothing) {
  for (const char* id :
       {"", "edge", "edge:", "edge:a", "edge:a:b", "edge:a:b:", "edge:a:b:0123456789abcde",
        "edge::b:0123456789abcdef", "edge:a::0123456789abcdef", "edge:a:b:c:0123456789abcdef",
        "edge:A:b:0123456789abcdef", "key-7", "lab-sync", "Edge:a:b:0123456789abcdef"}) {
    EXPECT_FALSE(parse_edge_client_id(id)) << id;
  }
}

TEST_F(EdgeClientFile, IsReadAsItWasWrittenAndSignsWithTheSameKey) {
  const EdgeClient made = EdgeClient::make("azercell", "baku-1");
  ASSERT_TRUE(made.write(file));
  EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0600));
  const auto read = EdgeClient::read(file);
  ASSERT_TRUE(read) << read.error().public_text;
  EXPECT_EQ(read->id, made.id);
  EXPECT_EQ(read->public_key(), made.public_key());
  const auto jwk = edge_client_jwk(made.public_key());
  ASSERT_TRUE(jwk);
  const std::string token = crypto::sign_compact(read->key, R"({"alg":"EdDSA"})", "{}");
  EXPECT_TRUE(
      crypto::verify_compact(token, crypto::JwkSet({*jwk}), {.algorithms = {crypto::JwsAlgorithm::eddsa}}));
}

TEST_F(EdgeClientFile, AnythingElseIsRefusedAndTheFileIsNamed) {
  EXPECT_EQ(EdgeClient::read(file).error().code, "file.missing");
  const EdgeClient made = EdgeClient::make("azercell", "baku-1");
  const std::string jwk(as_text(made.key.to_json().view()));
  const std::string es256(
      as_text(crypto::JwkPrivate::generate(crypto::JwsAlgorithm::es256).to_json().view()));
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("dyq_1_x"), jwk, R"({"client_id":7,)" + jwk.substr(1),
        R"({"client_id":"",)" + jwk.substr(1), R"({"client_id":"edge:a:b:c",)" + es256.substr(1)}) {
    ASSERT_TRUE(write_file_atomically(file, as_bytes(text)));
    const auto read = EdgeClient::read(file);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, "edge.client");
    EXPECT_NE(read.error().public_text.find("client.jwk"), std::string::npos);
  }
}

}  // namespace
}  // namespace dayaq::feed
