#include "identity/account/cards.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "base/random.hpp"
#include "support/cards.hpp"
#include "support/folder.hpp"

namespace dayaq::identity {
namespace {

using namespace std::chrono_literals;
using crypto::Standing;
using Maker = dayaq::test::CardMaker;

struct Lists : testing::Test {
  const Instant now{1'800'000'000s};
  const Maker::Made root = Maker::authority("root");
  const Maker::Made issuer = Maker::make({.subject = {{"CN", "cards"}}, .authority = true}, &root);
  const Maker::Made good = card(5), stolen = card(6);
  const registry::NationalIdRule rule{"0123456789ABCDEFGHJKLMNPQRSTUVWXYZ", 7};
  test::TemporaryFolder folder;
  SystemRandom random;
  CardLists lists{{.authorities = {root.der, issuer.der}, .folder = folder.path(), .responder = {}}, random};
  CardPolicy policy{
      .anchors = {root.der}, .intermediates = {issuer.der}, .country = "AZ", .revocation = &lists};

  Maker::Made card(long serial) const {
    return Maker::make({.subject = {{"CN", "A"}, {"serialNumber", "PNOAZ-5ABC123"}},
                        .extended_usage = "clientAuth",
                        .serial = serial},
                       &issuer);
  }
  void put(const std::string& name, const Bytes& list) const {
    std::ofstream out(folder.path() / name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(list.data()), std::streamsize(list.size()));
  }
  std::string check(const Maker::Made& shown, Instant at) const {
    const auto checked = check_card(policy, rule, shown.der, {}, at);
    return checked ? "good" : std::string(checked.error().code);
  }
};

TEST_F(Lists, DecideWhileTheyHold) {
  EXPECT_EQ(check(good, now), "card.standing") << "no list says that it is good";
  put("cards.crl", Maker::list(issuer, {6}, now, now + 24h));
  put("root.crl", Maker::list(root, {}, now, now + 240h));
  EXPECT_EQ(check(good, now), "card.standing") << "not looked again yet";
  EXPECT_EQ(check(good, now + 30s), "good");
  EXPECT_EQ(check(stolen, now + 30s), "card.revoked");
  EXPECT_EQ(check(good, now + 24h), "card.standing") << "an old list says nothing";
  EXPECT_EQ(check(stolen, now + 24h), "card.standing");
}

TEST_F(Lists, ANewerOneTakesThePlaceAndAnOlderOneDoesNot) {
  put("root.crl", Maker::list(root, {}, now, now + 240h));
  put("a.crl", Maker::list(issuer, {6}, now, now + 24h));
  EXPECT_EQ(check(good, now), "good");
  put("b.crl", Maker::list(issuer, {5, 6}, now + 1h, now + 48h));
  EXPECT_EQ(check(good, now + 2h), "card.revoked");
  put("c.crl", Maker::list(issuer, {}, now - 1h, now + 480h));
  EXPECT_EQ(check(good, now + 3h), "card.revoked");
}

TEST_F(Lists, AnAuthorityThatWasTakenBackVouchesForNobody) {
  put("cards.crl", Maker::list(issuer, {}, now, now + 24h));
  put("root.crl", Maker::list(root, {7}, now, now + 24h));  // the issuer's number
  EXPECT_EQ(check(good, now), "card.revoked");
}

TEST_F(Lists, OfStrangersAndBrokenOnesAreNothing) {
  const auto stranger = Maker::make({.subject = {{"CN", "cards"}}, .authority = true}, nullptr);
  put("root.crl", Maker::list(root, {}, now, now + 24h));
  put("cards.crl", Maker::list(stranger, {}, now, now + 24h));
  put("broken.crl", Bytes(100, std::byte{0x30}));
  EXPECT_EQ(check(good, now), "card.standing");
}

TEST_F(Lists, AResponderThatIsAwayLeavesItToTheLists) {
  const CardLists both{{.authorities = {root.der, issuer.der},
                        .folder = folder.path(),
                        .responder = "http://127.0.0.1:1/",
                        .responder_timeout = 500ms},
                       random};
  policy.revocation = &both;
  put("root.crl", Maker::list(root, {}, now, now + 24h));
  put("cards.crl", Maker::list(issuer, {6}, now, now + 24h));
  EXPECT_EQ(check(good, now), "good");
  EXPECT_EQ(check(stolen, now), "card.revoked");
  const CardLists alone{{.authorities = {issuer.der}, .folder = {}, .responder = "http://127.0.0.1:1/"},
                        random};
  policy.revocation = &alone;
  EXPECT_EQ(check(good, now), "card.standing");
}

}  // namespace
}  // namespace dayaq::identity
