#include "services/permit/list.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace dayaq::services::permit {
namespace {

using crypto::cbor::Value;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const Instant noon(seconds(1'790'000'000));

std::vector<std::uint64_t> random_ids(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> ids(count);
  for (auto& id : ids) id = random() >> 1;
  std::ranges::sort(ids);
  return ids;
}

struct Lists : testing::Test {
  Issuer issuer{crypto::CoseSigner::generate(crypto::CoseAlgorithm::eddsa)};
  Keys keys() const {
    Keys all;
    all.add(issuer.public_key());
    return all;
  }
  List list_of(std::vector<RevokedPermit> revoked, std::vector<KindInput> kinds = {}) const {
    return make_list(std::move(revoked), kinds, keys(), noon, hours(1));
  }
  Bytes encode(const List& list) const { return encode_list(list, issuer).value(); }
  static Claims claims(std::uint64_t id, std::uint16_t kind, Instant from) {
    return {.subject = "5ABC123", .id = id, .valid = {from, from + hours(24)}, .kind = kind, .detail = ""};
  }
};

TEST(Rice, BringsBackAnyIds) {
  const std::vector<std::vector<std::uint64_t>> cases{{},
                                                      {0},
                                                      {UINT64_MAX},
                                                      {0, 1, 2, 3},
                                                      {5, UINT64_MAX - 1, UINT64_MAX},
                                                      {0, UINT64_MAX},
                                                      random_ids(1, 7),
                                                      random_ids(1'000, 8)};
  for (const auto& ids : cases) {
    const RiceCoded coded = rice_encode(ids);
    const auto back = rice_decode(coded.count, coded.k, coded.bits);
    ASSERT_TRUE(back) << ids.size() << ' ' << coded.k << ' ' << back.error().detail;
    EXPECT_EQ(*back, ids);
  }
  // Ids in one heap and one far off: the code stays in proportion.
  std::vector<std::uint64_t> heap(10'000);
  for (std::size_t i = 0; i < heap.size(); ++i) heap[i] = i;
  heap.push_back(UINT64_MAX);
  EXPECT_LT(rice_encode(heap).bits.size(), heap.size() * 9);
}

TEST(Rice, RefusesWhatIsCutOffOrTooMuch) {
  const RiceCoded coded = rice_encode(random_ids(100, 9));
  for (std::size_t size = 0; size < coded.bits.size(); ++size) {
    EXPECT_FALSE(rice_decode(coded.count, coded.k, BytesView(coded.bits).first(size))) << size;
  }
  Bytes longer = coded.bits;
  longer.push_back(std::byte(0));
  EXPECT_FALSE(rice_decode(coded.count, coded.k, longer));
  EXPECT_FALSE(rice_decode(coded.count, 64, coded.bits));
  EXPECT_FALSE(rice_decode(UINT64_MAX, 1, coded.bits));
  EXPECT_FALSE(rice_decode(1, 63, from_hex("e00000000000000000").value()));  // 3 << 63
  EXPECT_FALSE(rice_decode(1, 0, from_hex("ff").value()));
  EXPECT_FALSE(rice_decode(2, 63, from_hex("bffffffffffffffffe00000000000000").value()));
}

// 1,000,000 live permits, of which 2 % were revoked one by one: people sent into quarantine (0.6 % of the
// country at the worst of 2020), permits handed back, employees who left.
TEST_F(Lists, OfTwoPercentOfAMillionPermitsStayUnder200Kilobytes) {
  std::vector<RevokedPermit> revoked;
  for (const std::uint64_t id : random_ids(20'000, 1)) revoked.push_back({.id = id, .kind = 1, .from = noon});
  std::vector<KindInput> kinds;
  for (std::uint16_t number = 1; number <= 40; ++number) {
    kinds.push_back({.number = number,
                     .name = {.az = "Evdən çıxmaq üçün icazə",
                              .en = "Permit to leave home",
                              .ru = "Разрешение выйти из дома"},
                     .first_unrevoked = noon - hours(2)});
  }
  const Bytes bytes = encode(list_of(revoked, kinds));
  EXPECT_LT(bytes.size(), 135'000u);
  RecordProperty("bytes_of_20000", static_cast<int>(bytes.size()));
  const auto read = parse_list(bytes, keys());
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->revoked.size(), 20'000u);
  // The largest that fits.
  revoked.clear();
  for (const std::uint64_t id : random_ids(31'000, 2)) revoked.push_back({.id = id, .kind = 1, .from = noon});
  EXPECT_LT(encode(list_of(revoked, kinds)).size(), 200'000u);
}

TEST_F(Lists, SayExactlyWhatWasRevoked) {
  std::vector<RevokedPermit> revoked;
  const auto ids = random_ids(5'000, 3);
  for (const std::uint64_t id : ids) revoked.push_back({.id = id, .kind = 2, .from = noon - hours(1)});
  std::ranges::reverse(revoked);
  revoked.push_back(revoked.front());  // told twice
  const List made =
      list_of(revoked, {{.number = 2, .name = {.az = "İcazə", .en = "", .ru = ""}, .first_unrevoked = {}}});
  const auto read = parse_list(encode(made), keys());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->revoked, ids);
  EXPECT_EQ(read->made, noon);
  EXPECT_EQ(read->next, noon + hours(1));
  ASSERT_NE(read->kind(2), nullptr);
  EXPECT_EQ(read->kind(2)->name.ru, "İcazə");  // what isn't translated is said in Azerbaijani
  EXPECT_EQ(read->kind(3), nullptr);
  for (const std::uint64_t id : ids) {
    EXPECT_EQ(read->judge(claims(id, 2, noon - hours(1)), noon), Verdict::revoked);
    const bool neighbour = std::ranges::binary_search(ids, id + 1);
    EXPECT_EQ(read->judge(claims(id + 1, 2, noon - hours(1)), noon),
              neighbour ? Verdict::revoked : Verdict::valid);
  }
  // A permit of the list that has ended has ended; one that has not begun is revoked already.
  EXPECT_EQ(read->judge(claims(ids[0], 2, noon - hours(30)), noon), Verdict::ended);
  EXPECT_EQ(read->judge(claims(ids[0], 2, noon + hours(30)), noon), Verdict::revoked);
  EXPECT_EQ(read->judge(claims(ids[0] + 1, 2, noon + hours(30)), noon), Verdict::not_yet);
  // A clock that was set back doesn't bring a permit back.
  EXPECT_EQ(read->judge(claims(7, 2, noon - hours(25)), noon - hours(3)), Verdict::ended);
}

TEST_F(Lists, OfAKindThatEndsAsAWholeNeedOneTimeForIt) {
  std::vector<RevokedPermit> revoked;
  for (const std::uint64_t id : random_ids(200'000, 4)) {
    revoked.push_back({.id = id, .kind = 7, .from = noon - hours(id % 700 + 1)});
  }
  revoked.push_back({.id = 1, .kind = 7, .from = noon - minutes(1)});  // may have company that isn't seen yet
  revoked.push_back({.id = 2, .kind = 8, .from = noon - hours(100)});  // another kind
  // Since the change one employer has renewed its own.
  const Instant renewed = noon - minutes(20);
  const List list = list_of(revoked, {{.number = 8, .name = {}, .first_unrevoked = noon - hours(200)},
                                      {.number = 7, .name = {}, .first_unrevoked = renewed}});
  const Bytes bytes = encode(list);
  EXPECT_LT(bytes.size(), 400u);
  const auto read = parse_list(bytes, keys());
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->revoked, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(read->kind(7)->void_before, renewed);
  EXPECT_EQ(read->kind(8)->void_before, instant_min);
  EXPECT_EQ(read->judge(claims(99, 7, noon - hours(3)), noon), Verdict::revoked);
  EXPECT_EQ(read->judge(claims(99, 7, renewed), noon), Verdict::valid);
  EXPECT_EQ(read->judge(claims(99, 7, noon), noon), Verdict::valid);
  EXPECT_EQ(read->judge(claims(1, 7, noon - minutes(1)), noon), Verdict::revoked);
  EXPECT_EQ(read->judge(claims(2, 8, noon - hours(3)), noon), Verdict::revoked);
  EXPECT_EQ(read->judge(claims(3, 8, noon - hours(3)), noon), Verdict::valid);
}

// No live permit is ever taken for revoked, and no revoked one passes, whatever was revoked and in which
// order.
TEST_F(Lists, AgreeWithTheWholeTruthWhateverWasRevoked) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 60; ++round) {
    struct Live {
      Claims claims;
      bool revoked;
    };
    std::vector<Live> live;
    std::vector<RevokedPermit> revoked;
    std::vector<KindInput> kinds;
    for (std::uint16_t kind = 1; kind <= 4; ++kind) {
      std::optional<Instant> first = instant_max;
      const unsigned share = unsigned(random() % 5) * 25;  // percent revoked: 0 ... 100
      const Instant change = noon - minutes(random() % 600);
      for (int i = 0; i < 300; ++i) {
        const Instant from = noon + minutes(60) - minutes(random() % 700);
        const bool gone = share == 50 ? from < change : random() % 100 < share;
        live.push_back({claims(random(), kind, from), gone});
        if (gone)
          revoked.push_back({.id = live.back().claims.id, .kind = kind, .from = from});
        else
          first = std::min(*first, from);
      }
      if (random() % 4 == 0) first.reset();
      kinds.push_back({.number = kind, .name = {}, .first_unrevoked = first});
    }
    const auto read = parse_list(encode(list_of(revoked, kinds)), keys());
    ASSERT_TRUE(read);
    for (const Live& one : live) EXPECT_EQ(read->is_revoked(one.claims), one.revoked);
    // What is asked for from now on, whatever its kind.
    for (std::uint16_t kind = 1; kind <= 4; ++kind) {
      EXPECT_FALSE(read->is_revoked(claims(random(), kind, noon)));
      EXPECT_FALSE(read->is_revoked(claims(random(), kind, noon - settled_after)));
    }
  }
}

TEST_F(Lists, AreTakenOnlyFromKeysThatAreTrusted) {
  const Bytes bytes = encode(list_of({{.id = 5, .kind = 1, .from = noon}}));
  EXPECT_TRUE(parse_list(bytes, keys()));
  EXPECT_TRUE(parse_list(bytes, Keys()));  // by its own key: trusted as the connection is
  Keys others;
  others.add(crypto::CoseSigner::generate(crypto::CoseAlgorithm::eddsa).public_key());
  EXPECT_EQ(parse_list(bytes, others).error().code, "permit.key");
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    Bytes changed = bytes;
    changed[at] ^= std::byte(4);
    EXPECT_FALSE(parse_list(changed, keys())) << at;
    EXPECT_FALSE(parse_list(changed, Keys())) << at;
    EXPECT_FALSE(parse_list(BytesView(bytes).first(at), keys())) << at;
  }
  // A permit is no list, and a list no permit.
  EXPECT_FALSE(parse_list(issuer.issue(claims(5, 1, noon)), keys()));
  EXPECT_EQ(verify(bytes, keys()).error().code, "permit.signature");
}

}  // namespace
}  // namespace dayaq::services::permit
