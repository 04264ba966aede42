#include "crypto/cose.hpp"

#include <gtest/gtest.h>

#include <string>

namespace dayaq::crypto {
namespace {

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

// The key "11" and the message of RFC 9052 appendices C.2.1 and C.7.1.
constexpr std::string_view x_11 = "bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff";
constexpr std::string_view y_11 = "20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e";
constexpr std::string_view sign1_11 =
    "d28443a10126a10442313154546869732069732074686520636f6e74656e742e58408eb33e4ca31d1c465ab05aac34cc6b23d58f"
    "ef5c08"
    "3106c4d25a91aef0b0117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36";

std::string p256_key(std::string_view x = x_11, std::string_view y = y_11) {
  return "a5010203262001215820" + std::string(x) + "225820" + std::string(y);
}

std::string_view refusal(const std::string& key) {
  const auto read = CoseKey::parse(hex(key));
  return read ? std::string_view("accepted") : read.error().code;
}

TEST(CoseKey, ReadsTheKeysOfItsThreeAlgorithmsAndWritesThemBack) {
  const std::string rsa =
      "a401030339010020590100" + std::string("c1") + std::string(508, '5') + "57" + "2143010001";
  for (const std::string& key :
       {p256_key(),
        "a4010103272006215820" +
            std::string("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
        rsa}) {
    const auto read = CoseKey::parse(hex(key));
    ASSERT_TRUE(read) << key << ' ' << read.error().code << read.error().detail;
    EXPECT_EQ(to_hex(read->encode()), key);
  }
}

TEST(CoseKey, RefusesWhatIsNoKeyOfOurs) {
  const std::string good = p256_key();
  const auto with = [&](std::size_t at, std::string_view text) {
    std::string changed = good;
    return changed.replace(at, text.size(), text);
  };
  EXPECT_EQ(refusal(good), "accepted");
  EXPECT_EQ(refusal(good + "00"), "cbor.malformed");
  EXPECT_EQ(refusal(with(good.size() - 2, "7f")), "cose.key");  // off the curve
  EXPECT_EQ(refusal(with(8, "27")), "cose.algorithm");          // an EC2 key with alg EdDSA
  EXPECT_EQ(refusal(with(12, "02")), "cose.algorithm");         // P-384
  EXPECT_EQ(refusal(with(4, "01")), "cose.algorithm");          // OKP with alg ES256
  EXPECT_EQ(refusal("a40102200121582000" + std::string(x_11.substr(2)) + "2240"), "cose.key");  // no alg
  EXPECT_EQ(refusal("a5010203262001215820" + std::string(x_11) + "22f5"), "cose.key");  // a compressed point
  EXPECT_EQ(refusal("a601020326200121582" + std::string("0") + std::string(x_11) + "225820" +
                    std::string(y_11) + "2341aa"),
            "cose.key");  // the private part
  EXPECT_EQ(refusal("a4010103272006215820" + std::string(64, '0') + "2241aa"), "cbor.malformed");
  EXPECT_EQ(refusal("a401030339010020581f" + std::string(62, 'f') + "2143010001"),
            "cose.key");  // 248 bits of RSA
  EXPECT_EQ(refusal("80"), "cose.key");
  EXPECT_EQ(refusal("a20102033825"), "cose.algorithm");
}

TEST(CoseSign1, VerifiesTheExampleOfTheRfc) {
  const auto key = CoseKey::from_p256(hex(x_11), hex(y_11));
  ASSERT_TRUE(key);
  const Bytes raw = hex(sign1_11);
  const auto message = parse_cose_sign1(raw);
  ASSERT_TRUE(message) << message.error().detail;
  EXPECT_EQ(as_text(message->key_id), "11");
  const auto payload = verify_cose_sign1(*message, *key);
  ASSERT_TRUE(payload);
  EXPECT_EQ(as_text(*payload), "This is the content.");
  EXPECT_EQ(verify_cose_sign1(*message, *key, as_bytes("other")).error().code, "cose.signature");
  EXPECT_EQ(verify_cose_sign1(*message, *key, {}, as_bytes("twice")).error().code, "cose.payload");
}

TEST(CoseSign1, WhatEitherAlgorithmSignsVerifiesAndNoChangedByteDoes) {
  for (const auto algorithm : {CoseAlgorithm::es256, CoseAlgorithm::eddsa}) {
    const CoseSigner signer = CoseSigner::generate(algorithm);
    const CoseKey key = signer.public_key();
    const Bytes made = cose_sign1(as_bytes("a permit"), signer, as_bytes("k1"), as_bytes("context"));
    const auto message = parse_cose_sign1(made);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->algorithm, algorithm);
    EXPECT_TRUE(verify_cose_sign1(*message, key, as_bytes("context")));
    EXPECT_FALSE(verify_cose_sign1(*message, key));
    const CoseKey other = CoseSigner::generate(algorithm).public_key();
    EXPECT_FALSE(verify_cose_sign1(*message, other, as_bytes("context")));
    for (std::size_t i = 0; i < made.size(); ++i) {
      Bytes changed = made;
      changed[i] ^= std::byte(1);
      const auto read = parse_cose_sign1(changed);
      if (!read) continue;
      const auto good = verify_cose_sign1(*read, key, as_bytes("context"));
      // Only what isn't signed may change: the key id in the open header, and its label (4 to 5).
      EXPECT_TRUE(!good || as_text(read->key_id) != "k1") << i;
      if (good) {
        EXPECT_EQ(as_text(*good), "a permit");
      }
    }
  }
}

TEST(CoseSign1, ADetachedPayloadIsHandedOver) {
  const CoseSigner signer = CoseSigner::generate(CoseAlgorithm::eddsa);
  const Bytes made = cose_sign1(as_bytes("elsewhere"), signer, {}, {}, Payload::detached);
  const auto message = parse_cose_sign1(made);
  ASSERT_TRUE(message);
  EXPECT_TRUE(message->key_id.empty());
  EXPECT_TRUE(verify_cose_sign1(*message, signer.public_key(), {}, as_bytes("elsewhere")));
  EXPECT_EQ(verify_cose_sign1(*message, signer.public_key()).error().code, "cose.payload");
}

TEST(CoseSign1, RefusesWhatItMustNotTrust) {
  const auto refused = [](std::string_view message) {
    const Bytes raw = hex(message);
    const auto read = parse_cose_sign1(raw);
    return read ? std::string_view("accepted") : read.error().code;
  };
  EXPECT_EQ(refused("8443a10126a04161"
                    "4162"),
            "accepted");                                         // untagged
  EXPECT_EQ(refused("d18443a10126a041614162"), "cose.sign1");    // tag 17 is COSE_Mac0
  EXPECT_EQ(refused("8440a1012641614162"), "cose.algorithm");    // alg in the open header alone
  EXPECT_EQ(refused("8443a10126a1012641614162"), "cose.sign1");  // in both
  EXPECT_EQ(refused("8446a201260281"
                    "04a041614162"),
            "cose.sign1");                                       // crit
  EXPECT_EQ(refused("8443a10105a041614162"), "cose.algorithm");  // HMAC 256
  EXPECT_EQ(refused("8343a10126a04161"), "cose.sign1");
  EXPECT_EQ(refused("8443a10126a0f54162"), "cose.sign1");
}

TEST(CoseSigner, ReadsPemAndRefusesOtherKeys) {
  SystemRandom random;
  const SigningKey ed25519 = SigningKey::generate(random);
  const auto signer = CoseSigner::from_pem(ed25519.to_pem());
  ASSERT_TRUE(signer);
  EXPECT_EQ(signer->public_key().encode(), CoseKey::from_ed25519(ed25519.public_key())->encode());
  EXPECT_EQ(CoseSigner::from_pem("nonsense").error().code, "cose.key");
}

}  // namespace
}  // namespace dayaq::crypto
