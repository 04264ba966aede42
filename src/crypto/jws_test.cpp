#include "crypto/jws.hpp"

#include <gtest/gtest.h>

#include "crypto/jwk_vectors.ipp"
#include "crypto/jws_base64.hpp"

namespace dayaq::crypto {
namespace {

std::string base64(std::string_view text) {
  return to_base64url(as_bytes(text));
}

struct Jws : testing::Test {
  std::shared_ptr<const JwkPrivate> key =
      std::make_shared<const JwkPrivate>(JwkPrivate::generate(JwsAlgorithm::es256));
  JwkSet keys{{key->public_key()}};
  JwsPolicy policy{.algorithms = {JwsAlgorithm::es256}};

  std::string with_header(std::string_view header) const { return sign_compact(*key, header, "{}"); }
  std::string code(std::string_view token) const {
    const auto parts = verify_compact(token, keys, policy);
    return parts ? "" : std::string(parts.error().code);
  }
};

TEST(JwsBase64, IsTheSameAsTheSlowOne) {
  Bytes bytes;
  for (int i = 0; i < 300; ++i) {
    std::string out = "x";
    append_base64url(out, bytes);
    EXPECT_EQ(out, "x" + to_base64url(bytes));
    bytes.push_back(std::byte(i * 73));
  }
}

TEST(JwsVectors, Rfc7515A3AndRfc7520Section41AndRfc8037A4) {
  const JwsPolicy any{.algorithms = all_jws_algorithms};
  const auto ec = JwkPublic::parse(vectors::p256_public);
  const auto es256 = verify_compact(vectors::es256_token, JwkSet({*ec}), any);
  ASSERT_TRUE(es256);
  EXPECT_TRUE(es256->payload.starts_with("{\"iss\":\"joe\",\r\n"));

  const auto rsa = JwkPrivate::parse(vectors::rsa_private);
  ASSERT_TRUE(rsa) << rsa.error().detail;
  const auto rs256 = verify_compact(vectors::rs256_token, JwkSet({rsa->public_key()}), any);
  ASSERT_TRUE(rs256);
  EXPECT_EQ(sign_compact(*rsa, vectors::rsa_header, rs256->payload), vectors::rs256_token);

  const auto ed = JwkPrivate::parse(vectors::ed25519_private);
  ASSERT_TRUE(ed);
  EXPECT_EQ(sign_compact(*ed, R"({"alg":"EdDSA"})", "Example of Ed25519 signing"), vectors::eddsa_token);
  EXPECT_TRUE(verify_compact(vectors::eddsa_token, JwkSet({ed->public_key()}), any));
}

TEST_F(Jws, WhatIsSignedIsVerifiedAndCarriesKidAndTyp) {
  const JwsSigner signer(key, "at+jwt");
  const auto parts = verify_compact(signer.sign(R"({"sub":"1"})"), keys, policy);
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->payload, R"({"sub":"1"})");
  EXPECT_EQ(parts->header.text("kid"), key->kid());
  EXPECT_EQ(parts->header.text("typ"), "at+jwt");
}

TEST_F(Jws, AlgorithmConfusionIsRefused) {
  EXPECT_EQ(code(base64(R"({"alg":"none"})") + ".e30."), "jws.algorithm");
  EXPECT_EQ(code(base64(R"({"alg":"None"})") + ".e30.AAAA"), "jws.algorithm");
  EXPECT_EQ(code(with_header(R"({"alg":"HS256"})")), "jws.algorithm");
  EXPECT_EQ(code(with_header(R"({"alg":"RS256"})")), "jws.algorithm");  // known, but not allowed here
  EXPECT_EQ(code(with_header(R"({"alg":["ES256"]})")), "jws.algorithm");
  EXPECT_EQ(code(with_header("{}")), "jws.algorithm");
  policy.algorithms = all_jws_algorithms;
  EXPECT_EQ(code(with_header(R"({"alg":"RS256"})")), "jws.key");  // no key of that kind
  EXPECT_EQ(code(with_header(R"({"alg":"ES256"})")), "");
}

TEST_F(Jws, AChangedTokenIsRefused) {
  const std::string token = JwsSigner(key, "JWT").sign(R"({"sub":"1"})");
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string bent = token;
    bent[i] = bent[i] == 'A' ? 'B' : 'A';
    EXPECT_NE(code(bent), "") << i;
  }
  for (std::size_t i = 0; i < token.size(); ++i) EXPECT_NE(code(token.substr(0, i)), "") << i;
}

TEST_F(Jws, ANullSignatureIsRefused) {
  const std::string token = with_header(R"({"alg":"ES256"})");
  const std::string input = token.substr(0, token.rfind('.') + 1);
  EXPECT_EQ(code(input + to_base64url(Bytes(64))), "jws.signature");  // CVE-2022-21449
  EXPECT_EQ(code(input), "jws.format");
}

TEST_F(Jws, StrictAboutItsForm) {
  const std::string token = with_header(R"({"alg":"ES256"})");
  EXPECT_EQ(code(token), "");
  EXPECT_EQ(code(token + "="), "jws.format");
  EXPECT_EQ(code(token + "\n"), "jws.format");
  EXPECT_EQ(code(" " + token), "jws.format");
  EXPECT_EQ(code(token + "."), "jws.format");
  EXPECT_EQ(code("." + token), "jws.format");
  EXPECT_EQ(code("a.b"), "jws.format");
  EXPECT_EQ(code(""), "jws.format");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","alg":"ES256"})")), "jws.format");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","a":{"b":1,"\u0062":2}})")), "jws.format");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256"} x)")), "jws.format");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","kid":1})")), "jws.format");
  EXPECT_EQ(code(with_header("{\"alg\":\"ES256\",\"x\":\"\xff\"}")), "jws.format");
  EXPECT_EQ(code(std::string(20000, 'a')), "jws.size");
}

TEST_F(Jws, UnknownCriticalExtensionsAreRefused) {
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","crit":["b64"],"b64":false})")), "jws.critical");
  constexpr std::array<std::string_view, 2> known{"urn:x", "alg"};
  policy.critical = known;
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","crit":["urn:x"],"urn:x":1})")), "");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","crit":["urn:x"]})")), "jws.critical");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","crit":["urn:x","urn:x"],"urn:x":1})")), "jws.critical");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","crit":["alg"]})")), "jws.critical");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","crit":[]})")), "jws.critical");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","crit":"urn:x","urn:x":1})")), "jws.critical");
}

TEST_F(Jws, TypIsComparedAsMediaTypesAre) {
  policy.typ = "at+jwt";
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","typ":"at+jwt"})")), "");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","typ":"AT+JWT"})")), "");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","typ":"application/at+jwt"})")), "");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","typ":"application/at+jwt/x"})")), "jws.typ");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","typ":"JWT"})")), "jws.typ");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256"})")), "jws.typ");
}

TEST_F(Jws, TheKeyIsTheOneNamedByKid) {
  const JwkPrivate other = JwkPrivate::generate(JwsAlgorithm::es256);
  keys = JwkSet({other.public_key(), key->public_key()});
  EXPECT_EQ(code(JwsSigner(key, "").sign("{}")), "");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","kid":")" + other.kid() + "\"}")), "jws.signature");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","kid":"x"})")), "jws.key");
  EXPECT_EQ(code(with_header(R"({"alg":"ES256"})")), "jws.key");
  // A key the token brings along counts for nothing.
  EXPECT_EQ(code(with_header(R"({"alg":"ES256","jwk":)" + key->public_key().bare_json() + "}")), "jws.key");
}

}  // namespace
}  // namespace dayaq::crypto
