// TOTP, codes by SMS and activation codes: every state, every edge, every expiry.
#include <gtest/gtest.h>

#include <set>

#include "identity/activation.hpp"
#include "identity/one_time_code.hpp"
#include "identity/totp.hpp"

namespace dayaq::identity {
namespace {

using namespace std::chrono_literals;
using crypto::HmacHash;

const Bytes key(32, std::byte(9));

Instant at(std::int64_t seconds) {
  return Instant(std::chrono::seconds(seconds));
}

Bytes repeated(std::size_t size) {
  Bytes out;
  for (std::size_t i = 0; i < size; ++i) out.push_back(std::byte('0' + (i + 1) % 10));
  return out;
}

TEST(Hotp, GivesTheValuesOfRfc4226AppendixD) {
  const char* codes[] = {"755224", "287082", "359152", "969429", "338314",
                         "254676", "287922", "162583", "399871", "520489"};
  for (std::uint64_t i = 0; i < 10; ++i) EXPECT_EQ(hotp(repeated(20), i, 6, HmacHash::sha1), codes[i]);
}

TEST(Totp, GivesTheValuesOfRfc6238AppendixB) {
  struct Row {
    std::int64_t time;
    const char *sha1, *sha256, *sha512;
  };
  for (const Row& row :
       {Row{59, "94287082", "46119246", "90693936"}, Row{1111111109, "07081804", "68084774", "25091201"},
        Row{1111111111, "14050471", "67062674", "99943326"},
        Row{1234567890, "89005924", "91819424", "93441116"},
        Row{2000000000, "69279037", "90698825", "38618901"},
        Row{20000000000, "65353130", "77737706", "47863826"}}) {
    EXPECT_EQ(totp(repeated(20), at(row.time), {.hash = HmacHash::sha1, .digits = 8}), row.sha1);
    EXPECT_EQ(totp(repeated(32), at(row.time), {.hash = HmacHash::sha256, .digits = 8}), row.sha256);
    EXPECT_EQ(totp(repeated(64), at(row.time), {.hash = HmacHash::sha512, .digits = 8}), row.sha512);
  }
}

TEST(Totp, PassesWithinItsWindowAndNowhereElse) {
  const Bytes secret = repeated(20);
  const Instant now = at(1'800'000'000);
  for (int steps = -3; steps <= 3; ++steps) {
    const auto check = check_totp(secret, {}, totp(secret, now + steps * 30s), now);
    EXPECT_EQ(check.verdict, steps >= -1 && steps <= 1 ? CodeVerdict::accepted : CodeVerdict::wrong) << steps;
  }
  EXPECT_EQ(check_totp(secret, {}, "", now).verdict, CodeVerdict::wrong);
  EXPECT_EQ(check_totp(secret, {}, totp(secret, now) + "0", now).verdict, CodeVerdict::wrong);
}

TEST(Totp, ACodePassesOnceAndNoEarlierOnePassesAfterIt) {
  const Bytes secret = repeated(20);
  const Instant now = at(1'800'000'000);
  const auto first = check_totp(secret, {}, totp(secret, now), now);
  ASSERT_EQ(first.verdict, CodeVerdict::accepted);
  EXPECT_EQ(check_totp(secret, first.next, totp(secret, now), now).verdict, CodeVerdict::replayed);
  EXPECT_EQ(check_totp(secret, first.next, totp(secret, now - 30s), now).verdict, CodeVerdict::replayed);
  EXPECT_EQ(check_totp(secret, first.next, totp(secret, now + 30s), now).verdict, CodeVerdict::accepted);
}

TEST(Totp, GuessingBringsAPauseThatEnds) {
  const Bytes secret = repeated(20);
  const Instant now = at(1'800'000'000);
  TotpState state;
  for (int i = 0; i < 5; ++i) {
    const auto check = check_totp(secret, state, "12345x", now);
    EXPECT_EQ(check.verdict, CodeVerdict::wrong);
    state = check.next;
  }
  EXPECT_EQ(check_totp(secret, state, totp(secret, now), now).verdict, CodeVerdict::paused);
  const Instant later = now + 5min;
  EXPECT_EQ(check_totp(secret, state, totp(secret, later - 1s), later - 1s).verdict, CodeVerdict::paused);
  const auto after = check_totp(secret, state, totp(secret, later), later);
  EXPECT_EQ(after.verdict, CodeVerdict::accepted);
  EXPECT_EQ(after.next.failures, 0u);
}

TEST(Totp, WritesWhatAppsScan) {
  EXPECT_EQ(to_base32(as_bytes("foobar")), "MZXW6YTBOI");  // RFC 4648 section 10
  EXPECT_EQ(to_base32(as_bytes("f")), "MY");
  EXPECT_EQ(totp_uri(as_bytes("foobar"), "Digital ID", "a@b"),
            "otpauth://totp/"
            "Digital%20ID:a%40b?secret=MZXW6YTBOI&issuer=Digital%20ID&algorithm=SHA1&digits=6&period=30");
}

struct Sms : testing::Test {
  SeededRandom random{1};
  Instant now = at(1'800'000'000);
  Bytes session{std::byte(1)}, other{std::byte(2)};
  IssuedCode issued = issue_code(key, session, random, now);
  std::string wrong = issued.code == "000000" ? "000001" : "000000";
  CodeCheck<OneTimeCode> check(const OneTimeCode& state, std::string_view code) {
    return check_code(key, state, session, code, now);
  }
};

TEST_F(Sms, WaitingToUsed) {
  ASSERT_EQ(issued.code.size(), 6u);
  const auto first = check(issued.state, issued.code);
  EXPECT_EQ(first.verdict, CodeVerdict::accepted);
  EXPECT_EQ(first.next.stage, CodeStage::used);
  const auto second = check(first.next, issued.code);
  EXPECT_EQ(second.verdict, CodeVerdict::replayed);
  EXPECT_EQ(second.next, first.next);
}

TEST_F(Sms, WaitingToUsedUp) {
  OneTimeCode state = issued.state;
  for (const unsigned left : {2u, 1u, 0u}) {
    const auto guess = check(state, wrong);
    EXPECT_EQ(guess.verdict, CodeVerdict::wrong);
    state = guess.next;
    EXPECT_EQ(state.attempts_left, left);
    EXPECT_EQ(state.stage, left == 0 ? CodeStage::used_up : CodeStage::waiting);
  }
  EXPECT_EQ(check(state, issued.code).verdict, CodeVerdict::used_up);
}

TEST_F(Sms, EveryStateExpires) {
  const OneTimeCode used = check(issued.state, issued.code).next;
  OneTimeCode used_up = issued.state;
  while (used_up.stage == CodeStage::waiting) used_up = check(used_up, wrong).next;
  now += 5min - 1us;
  EXPECT_EQ(check(issued.state, issued.code).verdict, CodeVerdict::accepted);
  now += 1us;
  for (const OneTimeCode& state : {issued.state, used, used_up}) {
    const auto late = check(state, issued.code);
    EXPECT_EQ(late.verdict, CodeVerdict::expired);
    EXPECT_EQ(late.next, state);
  }
}

TEST_F(Sms, AnotherSessionNeitherPassesNorUsesUpAttempts) {
  const auto check = check_code(key, issued.state, other, issued.code, now);
  EXPECT_EQ(check.verdict, CodeVerdict::other_session);
  EXPECT_EQ(check.next, issued.state);
  EXPECT_NE(issue_code(key, other, random, now).state.mac, issued.state.mac);
}

TEST_F(Sms, CodesAreSpreadOverAllSixDigits) {
  std::array<int, 10> first{};
  for (int i = 0; i < 10'000; ++i)
    ++first[static_cast<std::size_t>(issue_code(key, session, random, now).code[0] - '0')];
  for (const int count : first) EXPECT_NEAR(count, 1000, 150);
}

struct ActivationCode : testing::Test {
  SeededRandom random{2};
  Instant now = at(1'800'000'000);
  IssuedActivation issued = issue_activation(key, random, now);
};

TEST_F(ActivationCode, IsReadAsPeopleTypeIt) {
  ASSERT_EQ(issued.code.size(), 16u) << issued.code;
  std::string small;
  for (const char c : issued.code) small += c == '-' ? ' ' : static_cast<char>(std::tolower(c));
  EXPECT_EQ(check_activation(key, issued.state, small, now).verdict, CodeVerdict::accepted);
  for (const char c : std::string_view("01OIL")) EXPECT_EQ(issued.code.find(c), std::string::npos);
}

TEST_F(ActivationCode, EverySingleSlipIsSeenAndCostsNoAttempt) {
  const std::string code = *normal_activation_code(issued.code);
  for (std::size_t i = 0; i < code.size(); ++i) {
    for (const char c : std::string_view("23456789ABCDEFGHJKMNPQRSTUVWXYZ")) {
      std::string slip = code;
      slip[i] = c;
      EXPECT_EQ(normal_activation_code(slip).has_value(), c == code[i]);
    }
    if (i + 1 < code.size() && code[i] != code[i + 1]) {
      std::string swapped = code;
      std::swap(swapped[i], swapped[i + 1]);
      EXPECT_FALSE(normal_activation_code(swapped));
      EXPECT_EQ(check_activation(key, issued.state, swapped, now).next, issued.state);
    }
  }
}

TEST_F(ActivationCode, WalksItsStates) {
  const auto used = check_activation(key, issued.state, issued.code, now);
  EXPECT_EQ(used.verdict, CodeVerdict::accepted);
  EXPECT_EQ(check_activation(key, used.next, issued.code, now).verdict, CodeVerdict::replayed);
  const std::string another = issue_activation(key, random, now).code;
  Activation state = issued.state;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(state.stage, CodeStage::waiting);
    const auto wrong = check_activation(key, state, another, now);
    EXPECT_EQ(wrong.verdict, CodeVerdict::wrong);
    state = wrong.next;
  }
  EXPECT_EQ(state.stage, CodeStage::used_up);
  EXPECT_EQ(check_activation(key, state, issued.code, now).verdict, CodeVerdict::used_up);
  now += std::chrono::days(14);
  for (const Activation& any : {issued.state, used.next, state}) {
    EXPECT_EQ(check_activation(key, any, issued.code, now).verdict, CodeVerdict::expired);
  }
}

TEST_F(ActivationCode, NothingOfTheCodeIsKept) {
  const Bytes other_key(32, std::byte(1));
  EXPECT_NE(activation_mac(other_key, *normal_activation_code(issued.code)), issued.state.mac);
  EXPECT_EQ(activation_mac(key, *normal_activation_code(issued.code)), issued.state.mac);
}

}  // namespace
}  // namespace dayaq::identity
