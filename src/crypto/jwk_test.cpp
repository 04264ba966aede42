#include "crypto/jwk.hpp"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>

#include "crypto/jwk_vectors.ipp"

namespace dayaq::crypto {
namespace {

std::string code_of(std::string_view json) {
  const auto key = JwkPublic::parse(json);
  return key ? "" : std::string(key.error().code);
}
std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string out(text);
  const auto at = out.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return out.replace(at, what.size(), by);
}
Bytes signature_of(const JwkPrivate& key, std::string_view message) {
  Bytes out(key.signature_size());
  key.sign(as_bytes(message), out);
  return out;
}

static_assert(!std::is_copy_constructible_v<JwkPrivate> && !std::is_copy_assignable_v<JwkPrivate>);

TEST(Jwk, ThumbprintsAreThoseOfTheRfcs) {
  EXPECT_EQ(JwkPublic::parse(vectors::thumbprint_key)->thumbprint(), vectors::thumbprint_value);
  EXPECT_EQ(JwkPublic::parse(vectors::thumbprint_key)->kid(), "2011-04-29");
  const auto ed = JwkPrivate::parse(vectors::ed25519_private);
  ASSERT_TRUE(ed);
  EXPECT_EQ(ed->public_key().thumbprint(), vectors::ed25519_thumbprint);
  EXPECT_EQ(ed->kid(), vectors::ed25519_thumbprint);
}

TEST(Jwk, EveryAlgorithmSignsAndComesBackFromPemDerAndJwk) {
  for (const auto algorithm :
       {JwsAlgorithm::es256, JwsAlgorithm::eddsa, JwsAlgorithm::rs256, JwsAlgorithm::ps256}) {
    SCOPED_TRACE(to_string(algorithm));
    const JwkPrivate key = JwkPrivate::generate(algorithm);
    EXPECT_EQ(key.kid(), key.public_key().thumbprint());
    const auto from_pem = JwkPrivate::from_pem(as_text(key.to_pem().view()), algorithm);
    const auto from_der = JwkPrivate::from_der(key.to_der().view(), algorithm);
    const auto from_json = JwkPrivate::parse(as_text(key.to_json().view()));
    ASSERT_TRUE(from_pem && from_der && from_json);
    EXPECT_TRUE(as_text(key.to_pem().view()).starts_with("-----BEGIN PRIVATE KEY-----"));
    EXPECT_EQ(from_json->algorithm(), algorithm);
    const auto published = JwkPublic::parse(key.public_key().to_json());
    ASSERT_TRUE(published);
    for (const JwkPrivate* each : {&key, &*from_pem, &*from_der, &*from_json}) {
      EXPECT_EQ(each->kid(), key.kid());
      const Bytes signature = signature_of(*each, "text");
      EXPECT_TRUE(published->verify(algorithm, as_bytes("text"), signature));
      EXPECT_FALSE(published->verify(algorithm, as_bytes("Text"), signature));
      for (const auto other :
           {JwsAlgorithm::es256, JwsAlgorithm::eddsa, JwsAlgorithm::rs256, JwsAlgorithm::ps256}) {
        if (other != algorithm) {
          EXPECT_FALSE(published->verify(other, as_bytes("text"), signature));
        }
      }
      Bytes bent = signature;
      bent[40] ^= std::byte{1};
      EXPECT_FALSE(published->verify(algorithm, as_bytes("text"), bent));
      EXPECT_FALSE(published->verify(algorithm, as_bytes("text"), BytesView(signature).first(63)));
      EXPECT_FALSE(published->verify(algorithm, as_bytes("text"), {}));
    }
  }
}

TEST(Jwk, ManySignaturesOfTheSameKeyAllVerify) {
  const JwkPrivate key = JwkPrivate::generate(JwsAlgorithm::es256);
  for (int i = 0; i < 600; ++i) {  // short R or S come up once in 256 or so
    const std::string message = std::to_string(i);
    EXPECT_TRUE(key.public_key().verify(JwsAlgorithm::es256, as_bytes(message), signature_of(key, message)));
  }
}

TEST(Jwk, APrivateKeyWhosePublicPartIsAnothersIsRefused) {
  const JwkPrivate other = JwkPrivate::generate(JwsAlgorithm::es256);
  const auto x = JsonObject::parse(other.public_key().bare_json());
  const std::string swapped =
      replaced(replaced(vectors::p256_private, "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", *x->text("x")),
               "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", *x->text("y"));
  EXPECT_EQ(JwkPrivate::parse(swapped).error().code, "jwk.format");
  EXPECT_EQ(JwkPrivate::parse(replaced(vectors::ed25519_private, "11qYAYK", "11qYAYL")).error().code,
            "jwk.format");
  EXPECT_EQ(JwkPrivate::parse(replaced(vectors::rsa_private, "\"B8PVvX", "\"B8PVvY")).error().code,
            "jwk.format");
  EXPECT_EQ(JwkPrivate::parse(vectors::p256_public).error().code, "jwk.format");
}

TEST(Jwk, RefusesWhatIsNoKey) {
  EXPECT_EQ(code_of(vectors::p256_public), "");
  EXPECT_EQ(code_of(vectors::p256_private), "jwk.private");
  EXPECT_EQ(code_of(R"({"kty":"oct","k":"AAAA"})"), "jwk.private");
  EXPECT_EQ(code_of(replaced(vectors::p256_public, "f83", "f84")), "jwk.format");  // off the curve
  EXPECT_EQ(code_of(replaced(vectors::p256_public, "5a0\"", "5a0=\"")), "jwk.format");
  EXPECT_EQ(code_of(replaced(vectors::p256_public, "\"f83", "\"AAf83")), "jwk.format");
  EXPECT_EQ(code_of(replaced(vectors::p256_public, "P-256", "P-521")), "jwk.unsupported");
  EXPECT_EQ(code_of(replaced(vectors::p256_public, "{", R"({"alg":"RS256",)")), "jwk.unsupported");
  EXPECT_EQ(code_of(replaced(vectors::p256_public, "{", R"({"alg":"none",)")), "jwk.unsupported");
  EXPECT_EQ(code_of(replaced(vectors::p256_public, "{", R"({"use":"enc",)")), "jwk.unsupported");
  EXPECT_EQ(code_of(replaced(vectors::p256_public, "{", R"({"key_ops":["sign"],)")), "jwk.unsupported");
  EXPECT_EQ(code_of(replaced(vectors::p256_public, "{", R"({"key_ops":["verify"],)")), "");
  EXPECT_EQ(code_of(replaced(vectors::p256_public, "{", R"({"kid":"",)")), "jwk.format");
  EXPECT_EQ(code_of(replaced(vectors::p256_public, "{", R"({"kty":"EC",)")), "jwk.format");  // twice
  EXPECT_EQ(code_of(R"({"kty":"RSA","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZ","e":"AQAB"})"), "jwk.format");
  EXPECT_EQ(code_of(replaced(vectors::thumbprint_key, "AQAB", "AQ")), "jwk.format");    // 1
  EXPECT_EQ(code_of(replaced(vectors::thumbprint_key, "AQAB", "AQAA")), "jwk.format");  // even
  EXPECT_EQ(code_of("[]"), "jwk.format");
  EXPECT_EQ(code_of(std::string(20000, ' ')), "jwk.format");
  EXPECT_EQ(JwkPrivate::from_pem("-----BEGIN PRIVATE KEY-----\n", JwsAlgorithm::es256).error().code,
            "jwk.format");
  const JwkPrivate key = JwkPrivate::generate(JwsAlgorithm::es256);
  EXPECT_EQ(JwkPrivate::from_pem(as_text(key.to_pem().view()), JwsAlgorithm::eddsa).error().code,
            "jwk.unsupported");
}

TEST(JwkSet, PassesOverOtherKindsAndFindsByKidAndAlgorithm) {
  const JwkPrivate a = JwkPrivate::generate(JwsAlgorithm::es256);
  const JwkPrivate b = JwkPrivate::generate(JwsAlgorithm::eddsa);
  const JwkPrivate c = JwkPrivate::generate(JwsAlgorithm::es256);
  const JwkSet ours({a.public_key(), b.public_key(), c.public_key()});
  const auto set =
      JwkSet::parse(replaced(ours.to_json(), "[", R"([{"kty":"EC","crv":"P-521","x":"AA","y":"AA"},)"));
  ASSERT_TRUE(set);
  ASSERT_EQ(set->keys().size(), 3u);
  EXPECT_EQ(set->to_json(), ours.to_json());
  EXPECT_EQ(set->find(c.kid(), JwsAlgorithm::es256)->thumbprint(), c.public_key().thumbprint());
  EXPECT_EQ(set->find(c.kid(), JwsAlgorithm::eddsa), nullptr);
  EXPECT_EQ(set->find(std::nullopt, JwsAlgorithm::eddsa)->kid(), b.kid());
  EXPECT_EQ(set->find(std::nullopt, JwsAlgorithm::es256), nullptr);  // two could be meant
  EXPECT_EQ(set->find("unknown", JwsAlgorithm::es256), nullptr);
}

TEST(JwkSet, RefusesPrivateKeysAndTooMany) {
  EXPECT_EQ(JwkSet::parse(R"({"keys":[)" + std::string(vectors::p256_private) + "]}").error().code,
            "jwk.private");
  EXPECT_EQ(JwkSet::parse(R"({"keys":{}})").error().code, "jwk.set");
  EXPECT_EQ(JwkSet::parse("{}").error().code, "jwk.set");
  EXPECT_TRUE(JwkSet::parse(R"({"keys":[]})"));
  std::string many = R"({"keys":[{})";
  for (int i = 0; i < 64; ++i) many += ",{}";
  EXPECT_EQ(JwkSet::parse(many + "]}").error().code, "jwk.set");
}

}  // namespace
}  // namespace dayaq::crypto
