// kill -9 while tokens are fetched: no code works twice, no acknowledged refresh or revocation is lost.
#include <filesystem>
#include <map>
#include <set>

#include "identity/account/kill_test_support.hpp"
#include "identity/oidc/token_test_support.ipp"

namespace dayaq::identity::oidc::token_test {
namespace {

struct TokensKilled : testing::TestWithParam<store::Engine> {};
INSTANTIATE_TEST_SUITE_P(Engines, TokensKilled, testing::ValuesIn(test::engines),
                         [](const auto& engine) { return test::name_of(engine.param); });

/// Codes are issued, redeemed, refreshed and revoked, until the end comes from outside.
[[noreturn]] void work(const std::string& url, const std::filesystem::path& folder, int pipe) {
  Desk desk(url, folder);
  const Fields shop{{"Authorization", basic("shop", Desk::secret)}};
  for (int i = 0;; ++i) {
    const auto say = [&](const std::string& line) { kill_test::say(pipe, line); };
    const std::string code = desk.issue(desk.make_grant());
    say("issued " + code);
    if (i % 5 == 4) continue;
    say("redeeming " + code);
    const Answer first = desk.token(Desk::redeeming(code));
    if (first.status != 200) std::_Exit(5);
    const std::string start = first.text("refresh_token");
    say("redeemed " + code + " " + start);
    say("refreshing " + start);
    const Answer second = desk.token(Desk::refreshing(start));
    if (second.status != 200) std::_Exit(6);
    const std::string next = second.text("refresh_token");
    say("refreshed " + start + " " + next);
    if (i % 2 != 0) continue;
    say("revoking " + next);
    if (desk.post("/oauth/revoke", {{"token", next}}, shop).status != 200) std::_Exit(7);
    say("revoked " + next + " " + second.text("access_token"));
  }
}

/// What the killed process said.
struct Said {
  std::set<std::string> issued, redeeming, refreshing, revoking;
  std::map<std::string, std::string> redeemed, refreshed, revoked;
};

Said read(const std::vector<std::vector<std::string>>& lines) {
  Said out;
  for (const auto& words : lines) {
    if (words.size() < 2) continue;
    const std::string& what = words[0];
    if (what == "issued") out.issued.insert(words[1]);
    if (what == "redeeming") out.redeeming.insert(words[1]);
    if (what == "refreshing") out.refreshing.insert(words[1]);
    if (what == "revoking") out.revoking.insert(words[1]);
    if (words.size() < 3) continue;
    if (what == "redeemed") out.redeemed[words[1]] = words[2];
    if (what == "refreshed") out.refreshed[words[1]] = words[2];
    if (what == "revoked") out.revoked[words[1]] = words[2];
  }
  return out;
}

void check_refreshes(Desk& desk, const Said& said) {
  for (const auto& [code, start] : said.redeemed) {
    if (said.refreshing.contains(start)) continue;
    EXPECT_EQ(desk.token(Desk::refreshing(start)).status, 200) << "an acknowledged token is lost";
  }
  for (const std::string& start : said.refreshing) {
    const auto next = said.refreshed.find(start);
    const Answer again = desk.token(Desk::refreshing(start));
    if (next == said.refreshed.end()) {  // the answer was lost: whoever asks again goes on
      EXPECT_EQ(again.status, 200) << again.body;
      continue;
    }
    const bool ended = said.revoked.contains(next->second);
    if (ended) {
      EXPECT_EQ(again.error(), "invalid_grant") << "a revocation is lost";
    } else if (!said.revoking.contains(next->second)) {
      EXPECT_EQ(again.text("refresh_token"), next->second) << "another successor than was acknowledged";
      EXPECT_EQ(desk.token(Desk::refreshing(next->second)).status, 200);
    }
  }
  for (const auto& [refresh_token, access] : said.revoked) EXPECT_FALSE(desk.active(access));
}

void check_codes(Desk& desk, const Said& said) {
  for (const std::string& code : said.issued) {
    const bool first = desk.token(Desk::redeeming(code)).status == 200;
    if (said.redeemed.contains(code)) {
      EXPECT_FALSE(first) << "a code works twice";
    } else if (!said.redeeming.contains(code)) {
      EXPECT_TRUE(first) << "an acknowledged code is lost";
    }
    EXPECT_NE(desk.token(Desk::redeeming(code)).status, 200) << "a code works twice";
  }
}

TEST_P(TokensKilled, NoCodeWorksTwiceAndNoAcknowledgedRefreshOrRevocationIsLost) {
  test::OpenedDatabase opened(GetParam());
  opened.database.reset();
  const test::TemporaryFolder keys("keys");
  std::size_t redeemed = 0, refreshed = 0, revoked = 0;
  for (int round = 0; round < kill_test::rounds(); ++round) {
    const auto lines = kill_test::run_and_kill(std::chrono::milliseconds(5 + 17 * round),
                                               [&](int pipe) { work(opened.url, keys / "", pipe); });
    const Said said = read(lines);
    ASSERT_TRUE(kill_test::open_patiently(opened.url));
    Desk desk(opened.url, keys / "");
    check_refreshes(desk, said);  // before a second use of their codes ends them
    check_codes(desk, said);
    redeemed += said.redeemed.size();
    refreshed += said.refreshed.size();
    revoked += said.revoked.size();
  }
  EXPECT_GT(redeemed, 30u);
  EXPECT_GT(refreshed, 30u);
  EXPECT_GT(revoked, 15u);
}

}  // namespace
}  // namespace dayaq::identity::oidc::token_test
