// Keys in SoftHSM2: made there, signing there, found again, rotated with the ring's files, deleted.
#include "crypto/pkcs11.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "crypto/jws.hpp"

namespace dayaq::crypto {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr const char* module_file = "/usr/lib/softhsm/libsofthsm2.so";

struct Pkcs11Keys : testing::Test {
  fs::path root = fs::path(testing::TempDir()) / ("pkcs11_" + std::to_string(::getpid()));
  Instant now = from_micros(1'800'000'000'000'000);
  SystemRandom random;

  void SetUp() override {
    fs::remove_all(root);
    fs::create_directories(root / "tokens");
    std::ofstream(root / "softhsm2.conf") << "directories.tokendir = " << (root / "tokens").string() << "\n";
    ::setenv("SOFTHSM2_CONF", (root / "softhsm2.conf").c_str(), 1);
    ASSERT_EQ(
        std::system("softhsm2-util --init-token --free --label provider --pin 1234 --so-pin 5678 >/dev/null"),
        0)
        << "softhsm2 is in packages/test.txt";
    ASSERT_TRUE(MasterKey::create(root / "master", random));
  }
  void TearDown() override { fs::remove_all(root); }

  static SecretBytes secret(std::string_view text) {
    Bytes copy(as_bytes(text).begin(), as_bytes(text).end());
    return SecretBytes::take(copy);
  }
  static Result<std::shared_ptr<KeyToken>> open(std::string_view pin = "1234",
                                                const std::string& label = "provider") {
    return open_pkcs11({.module = module_file, .token = label, .pin = secret(pin)});
  }
  Result<KeyRing> ring(std::shared_ptr<KeyToken> token) const {
    DAYAQ_TRY(MasterKey master, MasterKey::load(root / "master"));
    return KeyRing::open(root / "keys", std::move(master),
                         {.algorithms = {JwsAlgorithm::es256, JwsAlgorithm::eddsa},
                          .lead = 1h,
                          .life = 24h,
                          .keep = 2h,
                          .token = std::move(token)});
  }
};

TEST_F(Pkcs11Keys, AKeyIsMadeAndSignsThereAndItsJwksVerifies) {
  const auto token = open();
  ASSERT_TRUE(token) << token.error().detail;
  auto made = (*token)->generate(JwsAlgorithm::es256);
  ASSERT_TRUE(made) << made.error().detail;
  EXPECT_TRUE(made->is_held());
  const auto key = std::make_shared<const JwkPrivate>(std::move(*made));
  const JwsSigner signer(key, "at+jwt");
  const auto published = JwkSet::parse(JwkSet({key->public_key()}).to_json());
  ASSERT_TRUE(published);
  const JwsPolicy policy{.algorithms = {JwsAlgorithm::es256}, .typ = "at+jwt"};
  EXPECT_TRUE(verify_compact(signer.sign(R"({"a":1})"), *published, policy));
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 20; ++n)
        if (verify_compact(signer.sign(R"({"a":1})"), *published, policy)) ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 80);
}

TEST_F(Pkcs11Keys, AWrongPinLabelOrModuleIsToldAndNothingElse) {
  EXPECT_EQ(open("9999").error().code, "keys.token");
  EXPECT_EQ(open("1234", "another").error().code, "keys.token");
  EXPECT_EQ(
      open_pkcs11({.module = root / "none.so", .token = "provider", .pin = secret("1234")}).error().code,
      "keys.token");
}

TEST_F(Pkcs11Keys, TheRingRotatesKeysOfTheTokenAndFindsThemAgain) {
  std::string first;
  {
    auto token = open();
    ASSERT_TRUE(token);
    auto keys = ring(*token);
    ASSERT_TRUE(keys) << keys.error().detail;
    ASSERT_TRUE(keys->rotate(now, random));
    const auto current = keys->current(JwsAlgorithm::es256, now);
    ASSERT_TRUE(current);
    EXPECT_TRUE((*current)->is_held());
    EXPECT_FALSE((*keys->current(JwsAlgorithm::eddsa, now))->is_held()) << "the token takes ES256 alone";
    first = (*current)->kid();
  }
  {
    auto token = open();
    ASSERT_TRUE(token);
    auto keys = ring(*token);
    ASSERT_TRUE(keys) << keys.error().detail;
    const auto again = keys->current(JwsAlgorithm::es256, now);
    ASSERT_TRUE(again);
    EXPECT_EQ((*again)->kid(), first);
    std::array<std::byte, 64> signature{};
    (*again)->sign(as_bytes("text"), signature);
    EXPECT_TRUE((*again)->public_key().verify(JwsAlgorithm::es256, as_bytes("text"), signature));
    ASSERT_TRUE(keys->rotate(now + 23h + 1min, random));  // the next one is made
    const auto next = keys->current(JwsAlgorithm::es256, now + 25h);
    ASSERT_TRUE(next);
    EXPECT_NE((*next)->kid(), first);
    EXPECT_TRUE((*next)->is_held());
    EXPECT_NE(keys->public_keys(now + 25h).find(first, JwsAlgorithm::es256), nullptr) << "still published";
    ASSERT_TRUE(keys->rotate(now + 28h, random));  // past keep: deleted in the token too
    EXPECT_EQ((*token)->load(first).error().code, "keys.token_key");
  }
  EXPECT_EQ(ring(nullptr).error().code, "keys.token") << "its files say that the keys are in a token";
}

}  // namespace
}  // namespace dayaq::crypto
