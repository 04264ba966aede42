#include "services/permit/token.hpp"

#include <gtest/gtest.h>

#include "services/permit/base45.hpp"

namespace dayaq::services::permit {
namespace {

using crypto::cbor::Value;

// The key of RFC 8032 section 7.1, test 1, as PKCS#8.
constexpr std::string_view key_pem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

struct Permits : testing::Test {
  Issuer issuer{crypto::CoseSigner::from_pem(key_pem).value()};
  Claims claims{
      .subject = "5ABC123",
      .id = 0x0123456789abcdef,
      .valid = {Instant(std::chrono::seconds(1'790'000'000)), Instant(std::chrono::seconds(1'790'010'800))},
      .kind = 3,
      .detail = "bazar"};
  Keys keys = [this] {
    Keys trusted;
    trusted.add(issuer.public_key());
    return trusted;
  }();
  std::string_view refusal(BytesView token) const {
    const auto read = verify(token, keys);
    return read ? std::string_view("accepted") : read.error().code;
  }
  // Signed by the issuer, but with another payload.
  Bytes with(std::vector<std::pair<Value, Value>> entries) const {
    return issuer.sign(crypto::cbor::encode(Value::map(std::move(entries))), {});
  }
};

TEST(Base45, IsTheRfcs) {
  for (const auto& [plain, text] :
       std::initializer_list<std::pair<std::string_view, std::string_view>>{{"AB", "BB8"},
                                                                            {"Hello!!", "%69 VD92EX0"},
                                                                            {"base-45", "UJCLQE7W581"},
                                                                            {"ietf!", "QED8WEX0"},
                                                                            {"", ""}}) {
    EXPECT_EQ(to_base45(as_bytes(plain)), text);
    const auto back = from_base45(text);
    ASSERT_TRUE(back);
    EXPECT_EQ(as_text(*back), plain);
  }
  for (const std::string_view bad : {"A", "GGW", ":::", "AB#", "ab8", "AB8A", "::"}) {
    EXPECT_FALSE(from_base45(bad)) << bad;
  }
}

TEST_F(Permits, AreByteForByteTheTokenThatTheDocumentShows) {
  const Bytes token = issuer.issue(claims);
  EXPECT_EQ(to_hex(issuer.key_id()), "21fe31df");
  EXPECT_EQ(to_hex(token),
            "d28443a10127a1044421fe31df582da5026735414243313233041a6ab165b0051a6ab13b8007480123456789ab"
            "cdef3a0001117082036562617a6172584081e8a4a2d3350921390aaf957c748539f545a9cd9c653bd24f779138"
            "e5241afcc0c50a42b3043d13ec19abe07996f43865ad360ac942087642c98c3274de060c");
  EXPECT_EQ(to_hex(issuer.issue(claims)), to_hex(token));  // a retry draws the same
}

TEST_F(Permits, ComeBackFromBothTexts) {
  const Bytes token = issuer.issue(claims);
  const std::string for_qr = qr_text(token), for_sms = sms_text(token);
  EXPECT_TRUE(for_qr.starts_with("DP1:"));
  EXPECT_TRUE(for_sms.starts_with("DP1."));
  EXPECT_LE(for_sms.size(), 160u);
  for (const std::string& text :
       {for_qr, for_sms, "  \n" + for_qr + "\n",
        "\t" + for_sms.substr(0, 50) + " \r\n " + for_sms.substr(50) + " ",
        for_qr.substr(0, 60) + "\r\n" + for_qr.substr(60) + "  ", "dp1." + for_sms.substr(4)}) {
    const auto bytes = parse_text(text);
    ASSERT_TRUE(bytes) << text;
    const auto read = verify(*bytes, keys);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, claims);
  }
  for (const std::string& text :
       {std::string(), std::string("DP1"), std::string("DP1."), std::string("DP2") + for_qr.substr(3),
        for_sms.substr(0, 80), for_sms + "*", std::string(2'000, 'A'), "DP1." + std::string(1'000, 'A')}) {
    const auto bytes = parse_text(text);
    const bool accepted = bytes && verify(*bytes, keys);
    EXPECT_FALSE(accepted) << text;
  }
}

TEST_F(Permits, WithAnyBitChangedAreRefused) {
  const Bytes token = issuer.issue(claims);
  for (std::size_t bit = 0; bit < token.size() * 8; ++bit) {
    Bytes changed = token;
    changed[bit / 8] ^= std::byte(1u << bit % 8);
    const auto read = verify(changed, keys);
    // The tag may be left out: no bit of it turns it into nothing.
    EXPECT_FALSE(read) << "bit " << bit;
  }
  for (std::size_t size = 0; size < token.size(); ++size) {
    EXPECT_FALSE(verify(BytesView(token).first(size), keys)) << size;
  }
}

TEST_F(Permits, SayWhyTheyAreRefused) {
  const Bytes token = issuer.issue(claims);
  EXPECT_EQ(refusal(token), "accepted");
  EXPECT_EQ(refusal(as_bytes("hello")), "permit.token");
  const Issuer other(crypto::CoseSigner::generate(crypto::CoseAlgorithm::eddsa));
  EXPECT_EQ(refusal(other.issue(claims)), "permit.key");
  Bytes forged = token;
  forged.back() ^= std::byte(1);
  EXPECT_EQ(refusal(forged), "permit.signature");
  // What is signed for another purpose is no permit.
  EXPECT_EQ(refusal(issuer.sign(as_bytes("x"), as_bytes("list"))), "permit.signature");
}

TEST_F(Permits, OfAForeignShapeAreRefusedThoughTheyAreSigned) {
  const Bytes id = hex("0123456789abcdef");
  const auto entries = [&] {
    return std::vector<std::pair<Value, Value>>{
        {Value::integer(2), Value::text("5ABC123")},
        {Value::integer(4), Value::integer(1'790'010'800)},
        {Value::integer(5), Value::integer(1'790'000'000)},
        {Value::integer(7), Value::bytes(id)},
        {Value::integer(-70001), Value::array({Value::integer(3), Value::text("bazar")})}};
  };
  EXPECT_EQ(refusal(with(entries())), "accepted");
  for (std::size_t missing = 0; missing < entries().size(); ++missing) {
    auto fewer = entries();
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(missing));
    EXPECT_EQ(refusal(with(fewer)), "permit.token") << missing;
  }
  const std::vector<std::pair<std::size_t, Value>> changes{
      {0, Value::text("")},
      {0, Value::integer(5)},
      {0, Value::text("a national id that is too long")},
      {1, Value::integer(1'790'000'000)},
      {1, Value::integer(-1)},
      {1, Value::integer(INT64_MAX)},
      {1, Value::floating(1.79e9)},
      {3, Value::bytes(BytesView(id).first(7))},
      {4, Value::integer(3)},
      {4, Value::array({Value::integer(70'000), Value::text("")})},
      {4, Value::array({Value::integer(-1), Value::text("")})},
      {4, Value::array({Value::integer(1), Value::text("a detail that goes on longer than forty bytes")})},
      {4, Value::array({Value::integer(1)})}};
  for (const auto& [which, value] : changes) {
    auto changed = entries();
    changed[which].second = value;
    EXPECT_EQ(refusal(with(changed)), "permit.token") << which;
  }
  auto more = entries();  // a later version may say more
  more.emplace_back(Value::integer(1), Value::text("issuer"));
  EXPECT_EQ(refusal(with(more)), "accepted");
}

TEST_F(Permits, CutWhatIsTooLongAtAWholeCharacter) {
  claims.detail.clear();
  for (int i = 0; i < 25; ++i) claims.detail += "\u0259";
  claims.subject = std::string(19, 'A') + "\u0259";
  const auto read = verify(issuer.issue(claims), keys);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->detail.size(), 40u);
  EXPECT_EQ(read->subject, std::string(19, 'A'));
}

TEST_F(Permits, WithoutEndEndWithTheYear9999) {
  claims.valid = {instant_min, instant_max};
  const auto read = verify(issuer.issue(claims), keys);
  ASSERT_TRUE(read);
  EXPECT_EQ(format_instant(read->valid.until), "9999-12-31T23:59:59Z");
  EXPECT_EQ(format_instant(read->valid.from), "1970-01-01T00:00:00Z");
  claims.valid = {instant_max, instant_max};
  EXPECT_TRUE(verify(issuer.issue(claims), keys));
}

TEST_F(Permits, AreJudgedByTheClock) {
  using std::chrono::seconds;
  EXPECT_EQ(judge(claims, claims.valid.from - seconds(1)), Verdict::not_yet);
  EXPECT_EQ(judge(claims, claims.valid.from), Verdict::valid);
  EXPECT_EQ(judge(claims, claims.valid.until - seconds(1)), Verdict::valid);
  EXPECT_EQ(judge(claims, claims.valid.until), Verdict::ended);
  EXPECT_EQ(to_string(Verdict::not_yet), "not_yet");
}

// RFC 8392 appendix A.3: a signed CWT, and A.2.3 its key. It is a CWT, but no permit.
TEST(Cwt, OfTheRfcVerifiesAsCoseAndIsNoPermit) {
  const Bytes token =
      hex("d28443a10126a104524173796d6d657472696345434453413235365850a70175636f61703a2f2f61732e6578616d706c65"
          "2e636f6d02"
          "656572696b77037818636f61703a2f2f6c696768742e6578616d706c652e636f6d041a5612aeb0051a5610d9f0061a5610"
          "d9f0074"
          "20b7158405427c1ff28d23fbad1f29c4c7c6a555e601d6fa29f9179bc3d7438bacaca5acd08c8d4d4f96131680c429a01f"
          "85951ec"
          "ee743a52b9b63632c57209120e1c9e30");
  const auto message = crypto::parse_cose_sign1(token);
  ASSERT_TRUE(message);
  const auto key =
      crypto::CoseKey::from_p256(hex("143329cce7868e416927599cf65a34f3ce2ffda55a7eca69ed8919a394d42f0f"),
                                 hex("60f7f1a780d8a783bfb7a2dd6b2796e8128dbbcef9d3d168db9529971a36e7b9"));
  ASSERT_TRUE(key);
  EXPECT_TRUE(crypto::verify_cose_sign1(*message, *key));
  EXPECT_EQ(verify(token, Keys()).error().code, "permit.key");
}

}  // namespace
}  // namespace dayaq::services::permit
