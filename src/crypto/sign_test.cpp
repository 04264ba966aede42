#include "crypto/sign.hpp"

#include <gtest/gtest.h>

#include <type_traits>

#include "crypto/digest.hpp"
#include "crypto/secret.hpp"

namespace dayaq::crypto {
namespace {

// FIPS 180-4's examples (NIST, "SHA256.pdf") and the empty message.
TEST(Sha256, GivesTheVectorsOfTheStandard) {
  EXPECT_EQ(to_hex(sha256(as_bytes(""))), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(to_hex(sha256(as_bytes(std::string(1'000'000, 'a')))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, OfPiecesIsThatOfTheWhole) {
  Sha256Stream stream;
  std::string all;
  for (std::size_t size = 0; size < 300; size += 7) {
    const std::string piece(size, static_cast<char>('a' + size % 26));
    stream.add(as_bytes(piece));
    all += piece;
  }
  EXPECT_EQ(to_hex(stream.finish()), to_hex(sha256(as_bytes(all))));
}

TEST(Sha256, OfTwoPartsIsThatOfTheWhole) {
  const std::string whole(200, 'x');
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    const std::string_view text = whole;
    EXPECT_EQ(sha256(as_bytes(text.substr(0, cut)), as_bytes(text.substr(cut))), sha256(as_bytes(text)));
  }
}

struct Vector {
  const char* seed;
  const char* public_key;
  const char* message;
  const char* signature;
};

// RFC 8032 section 7.1, tests 1, 2, 3 and SHA(abc).
constexpr Vector vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
     "d25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
     "387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
     "4a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
     "454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
     "3dca179c138ac17ad9bef1177331a704"},
};

TEST(SigningKey, GivesTheVectorsOfRfc8032) {
  for (const Vector& v : vectors) {
    const auto key = SigningKey::from_seed(*from_hex(v.seed));
    ASSERT_TRUE(key);
    EXPECT_EQ(to_hex(key->public_key()), v.public_key);
    const Bytes message = *from_hex(v.message);
    EXPECT_EQ(to_hex(key->sign(message)), v.signature);
    EXPECT_TRUE(verify(key->public_key(), message, *from_hex(v.signature)));
  }
}

TEST(Verify, RefusesEveryOtherBitOfMessageSignatureAndKey) {
  SeededRandom random(7);
  const SigningKey key = SigningKey::generate(random);
  Bytes message(5, std::byte{0x5a});
  Signature signature = key.sign(message);
  PublicKey public_key = key.public_key();
  const auto each_bit = [&](std::span<std::byte> bytes, std::size_t step) {
    for (std::size_t bit = 0; bit < bytes.size() * 8; bit += step) {
      bytes[bit / 8] ^= std::byte(1 << bit % 8);
      EXPECT_FALSE(verify(public_key, message, signature)) << bit;
      bytes[bit / 8] ^= std::byte(1 << bit % 8);
    }
  };
  each_bit(message, 1);
  each_bit(signature, 1);
  each_bit(public_key, 1);
  EXPECT_TRUE(verify(public_key, message, signature));
}

TEST(Verify, RefusesSignaturesOfAnotherLength) {
  SeededRandom random(7);
  const SigningKey key = SigningKey::generate(random);
  const Signature signature = key.sign(as_bytes("x"));
  for (std::size_t size = 0; size < signature.size(); ++size) {
    EXPECT_FALSE(verify(key.public_key(), as_bytes("x"), std::span(signature).first(size)));
  }
}

TEST(SigningKey, ReadsBackThePemItWrote) {
  SeededRandom random(1);
  const SigningKey key = SigningKey::generate(random);
  const std::string pem = key.to_pem();
  EXPECT_TRUE(pem.starts_with("-----BEGIN PRIVATE KEY-----\n")) << pem;
  const auto back = SigningKey::from_pem(pem);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->public_key(), key.public_key());
  EXPECT_EQ(back->sign(as_bytes("m")), key.sign(as_bytes("m")));
}

TEST(SigningKey, ReadsThePemThatRfc8410Shows) {
  // RFC 8410 section 10.3, the first example; its public key is section 10.1's.
  const auto key = SigningKey::from_pem(
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
      "-----END PRIVATE KEY-----\n");
  ASSERT_TRUE(key);
  EXPECT_EQ(to_hex(key->public_key()), "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
}

TEST(SigningKey, RefusesWhatIsNotAnEd25519Key) {
  // An X25519 key has the same length and another purpose.
  constexpr std::string_view x25519 =
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
      "-----END PRIVATE KEY-----\n";
  for (const std::string_view pem :
       {std::string_view(), std::string_view("-----BEGIN PRIVATE KEY-----\n"), x25519}) {
    const auto key = SigningKey::from_pem(pem);
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, "crypto.key");
  }
  EXPECT_EQ(SigningKey::from_seed(Bytes(31)).error().code, "crypto.key");
  EXPECT_EQ(SigningKey::from_seed(Bytes(33)).error().code, "crypto.key");
}

TEST(EqualConstantTime, ComparesContentAndLength) {
  EXPECT_TRUE(equal_constant_time(as_bytes(""), as_bytes("")));
  EXPECT_TRUE(equal_constant_time(as_bytes("abc"), as_bytes("abc")));
  EXPECT_FALSE(equal_constant_time(as_bytes("abc"), as_bytes("abd")));
  EXPECT_FALSE(equal_constant_time(as_bytes("abc"), as_bytes("ab")));
}

static_assert(!std::is_copy_constructible_v<SecretBytes> && !std::is_copy_assignable_v<SecretBytes>);
static_assert(!std::is_copy_constructible_v<SigningKey> && !std::is_copy_assignable_v<SigningKey>);

TEST(SecretBytes, TakesTheOnlyCopy) {
  Bytes source(16, std::byte{0xa5});
  SecretBytes secret = SecretBytes::take(source);
  EXPECT_EQ(source, Bytes(16));
  EXPECT_EQ(secret.view()[15], std::byte{0xa5});
  SecretBytes moved = std::move(secret);
  EXPECT_TRUE(secret.empty());  // NOLINT(bugprone-use-after-move): that nothing stays is the promise
  EXPECT_EQ(moved.size(), 16u);
}

}  // namespace
}  // namespace dayaq::crypto
