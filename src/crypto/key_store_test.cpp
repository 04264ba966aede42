#include "crypto/key_store.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.hpp"

namespace dayaq::crypto {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

struct KeyStore : testing::Test {
  fs::path root = fs::path(testing::TempDir()) / ("key_store_" + std::to_string(::getpid()));
  Instant now = from_micros(1'800'000'000'000'000);
  SystemRandom random;
  KeyRingPolicy policy{
      .algorithms = {JwsAlgorithm::es256, JwsAlgorithm::eddsa}, .lead = 1h, .life = 24h, .keep = 2h};

  void SetUp() override {
    fs::remove_all(root);
    fs::create_directories(root);
    ASSERT_TRUE(MasterKey::create(root / "master", random));
  }
  void TearDown() override { fs::remove_all(root); }
  Result<KeyRing> open() const {
    DAYAQ_TRY(MasterKey master, MasterKey::load(root / "master"));
    return KeyRing::open(root / "keys", std::move(master), policy);
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    for (const auto& file : fs::directory_iterator(root / "keys")) out.push_back(file.path());
    return out;
  }
  static std::string kid(const KeyRing& ring, Instant at) {
    return (*ring.current(JwsAlgorithm::es256, at))->kid();
  }
};

TEST_F(KeyStore, TheMasterKeyIsOnlyItsOwners) {
  struct stat state{};
  ASSERT_EQ(::stat((root / "master").c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 0777, 0600u);
  EXPECT_EQ(MasterKey::create(root / "master", random).error().code, "keys.master_exists");
  const auto code = [&](const char* name) { return MasterKey::load(root / name).error().code; };
  EXPECT_EQ(code("missing"), "keys.master");
  fs::create_symlink(root / "master", root / "link");
  EXPECT_EQ(code("link"), "keys.master");
  ASSERT_TRUE(write_file_atomically(root / "short", as_bytes("abcd\n"), fs::perms(0600)));
  EXPECT_EQ(code("short"), "keys.master");
  ::chmod((root / "master").c_str(), 0640);
  EXPECT_EQ(code("master"), "keys.master");
}

TEST_F(KeyStore, SealedBytesOpenOnlyUnchangedAndInTheirPlace) {
  const auto master = MasterKey::load(root / "master");
  ASSERT_TRUE(master);
  const Bytes sealed = master->seal(as_bytes("secret"), as_bytes("a"), random);
  EXPECT_EQ(as_text(master->open(sealed, as_bytes("a"))->view()), "secret");
  EXPECT_FALSE(master->open(sealed, as_bytes("b")));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes bent = sealed;
    bent[i] ^= std::byte{1};
    EXPECT_FALSE(master->open(bent, as_bytes("a"))) << i;
    EXPECT_FALSE(master->open(BytesView(sealed).first(i), as_bytes("a"))) << i;
  }
  EXPECT_NE(master->seal(as_bytes("secret"), as_bytes("a"), random), sealed);
}

TEST_F(KeyStore, APurposesKeyIsTheSameAfterARestartAndNoOthers) {
  const auto derived = [&](const char* purpose) {
    return to_hex(MasterKey::load(root / "master")->derive(purpose).view());
  };
  EXPECT_EQ(derived("codes").size(), 64u);
  EXPECT_EQ(derived("codes"), derived("codes"));
  EXPECT_NE(derived("codes"), derived("cookies"));
  ASSERT_TRUE(MasterKey::create(root / "other", random));
  EXPECT_NE(to_hex(MasterKey::load(root / "other")->derive("codes").view()), derived("codes"));
}

TEST_F(KeyStore, KeysSurviveARestartAndNobodyElseCanReadThem) {
  std::string first;
  {
    auto ring = open();
    ASSERT_TRUE(ring);
    EXPECT_EQ(ring->current(JwsAlgorithm::es256, now).error().code, "keys.none");
    EXPECT_EQ(*ring->rotate(now, random), true);
    EXPECT_EQ(*ring->rotate(now, random), false);
    first = ring->public_keys(now).to_json();
  }
  for (const auto& file : files()) {
    struct stat state{};
    ASSERT_EQ(::stat(file.c_str(), &state), 0);
    EXPECT_EQ(state.st_mode & 0777, 0600u);
    EXPECT_EQ(read_file(file)->find("PRIVATE"), std::string::npos);
  }
  const auto again = open();
  ASSERT_TRUE(again);
  EXPECT_EQ(JwkSet::parse(again->public_keys(now).to_json())->keys().size(), 2u);
  EXPECT_EQ(again->public_keys(now).to_json().size(), first.size());
  const auto key = *again->current(JwsAlgorithm::es256, now);
  Bytes signature(key->signature_size());
  key->sign(as_bytes("x"), signature);
  const JwkSet before = *JwkSet::parse(first);
  EXPECT_TRUE(
      before.find(key->kid(), JwsAlgorithm::es256)->verify(JwsAlgorithm::es256, as_bytes("x"), signature));
}

TEST_F(KeyStore, AKeyIsPublishedBeforeItSignsAndAfterItSignedLast) {
  policy.algorithms = {JwsAlgorithm::es256};
  auto ring = open();
  ASSERT_TRUE(ring && ring->rotate(now, random));
  const std::string old = kid(*ring, now);
  EXPECT_FALSE(*ring->rotate(now + 23h - 1s, random));
  ASSERT_TRUE(*ring->rotate(now + 23h, random));
  EXPECT_EQ(kid(*ring, now + 24h - 1us), old);
  EXPECT_EQ(ring->public_keys(now + 23h).keys().size(), 2u);
  const std::string fresh = kid(*ring, now + 24h);
  EXPECT_NE(fresh, old);
  const auto list = ring->list(now + 24h);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].state, KeyState::retired);
  EXPECT_EQ(list[1].state, KeyState::current);
  EXPECT_EQ(ring->list(now + 23h)[1].state, KeyState::next);
  EXPECT_FALSE(*ring->rotate(now + 26h - 1s, random));
  EXPECT_EQ(ring->public_keys(now + 26h).keys().size(), 1u);
  ASSERT_TRUE(*ring->rotate(now + 26h, random));
  EXPECT_EQ(files().size(), 1u);
  EXPECT_EQ(open()->list(now + 26h)[0].kid, fresh);
}

TEST_F(KeyStore, AServerThatSleptForAYearStillPublishesFirst) {
  policy.algorithms = {JwsAlgorithm::es256};
  auto ring = open();
  ASSERT_TRUE(ring && ring->rotate(now, random));
  const std::string old = kid(*ring, now);
  const Instant later = now + 24h * 365;
  ASSERT_TRUE(*ring->rotate(later, random));
  EXPECT_EQ(kid(*ring, later), old);
  EXPECT_EQ(ring->public_keys(later).keys().size(), 2u);
  EXPECT_NE(kid(*ring, later + 1h), old);
}

TEST_F(KeyStore, ALeakedKeyIsReplacedAndForgottenAtOnce) {
  policy.algorithms = {JwsAlgorithm::es256};
  auto ring = open();
  ASSERT_TRUE(ring && ring->rotate(now, random));
  const std::string leaked = kid(*ring, now);
  EXPECT_EQ(ring->forget(leaked, now).error().code, "keys.current");
  EXPECT_EQ(ring->forget("x", now).error().code, "keys.unknown");
  const auto held = *ring->current(JwsAlgorithm::es256, now);
  ASSERT_TRUE(ring->replace(JwsAlgorithm::es256, now + 1s, random));
  EXPECT_NE(kid(*ring, now + 1s), leaked);
  ASSERT_TRUE(ring->forget(leaked, now + 1s));
  EXPECT_EQ(ring->public_keys(now + 1s).keys().size(), 1u);
  EXPECT_EQ(held->kid(), leaked);  // who still holds it can finish
  EXPECT_EQ(open()->list(now + 1s).size(), 1u);
}

TEST_F(KeyStore, ChangedForeignAndRenamedFilesAreRefused) {
  {
    auto ring = open();
    ASSERT_TRUE(ring && ring->rotate(now, random));
  }
  const fs::path file = files()[0];
  const std::string content = *read_file(file);
  const auto refused = [&](std::string_view text, const fs::path& where) {
    EXPECT_TRUE(write_file_atomically(where, as_bytes(text), fs::perms(0600)));
    const auto ring = open();
    ASSERT_FALSE(ring);
    EXPECT_EQ(ring.error().code, "keys.tampered");
    EXPECT_NE(ring.error().public_text.find(where.filename().string()), std::string::npos);
  };
  for (const std::size_t at : {std::size_t{0}, std::size_t{13}, content.size() / 2, content.size() - 1}) {
    std::string bent = content;
    bent[at] = static_cast<char>(bent[at] ^ 1);
    refused(bent, file);
  }
  refused("", file);
  refused(content.substr(0, 20), file);
  refused(*read_file(files()[1] == file ? files()[0] : files()[1]), file);  // another key's content
  ASSERT_TRUE(write_file_atomically(file, as_bytes(content), fs::perms(0600)));
  ASSERT_TRUE(write_file_atomically(root / "keys" / "unfinished.key.new", as_bytes("x")));
  EXPECT_TRUE(open());
  fs::remove(root / "master");
  ASSERT_TRUE(MasterKey::create(root / "master", random));
  EXPECT_EQ(open().error().code, "keys.tampered");
}

}  // namespace
}  // namespace dayaq::crypto
