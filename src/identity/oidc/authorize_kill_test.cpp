// kill -9 at any moment: what was acknowledged is so, and what works once doesn't work twice.
#include <filesystem>
#include <map>
#include <set>

#include "identity/account/kill_test_support.hpp"
#include "identity/oidc/authorize_test_support.ipp"

namespace dayaq::identity::oidc::authorize_test {
namespace {

struct AuthorizeKilled : testing::TestWithParam<store::Engine> {};
INSTANTIATE_TEST_SUITE_P(Engines, AuthorizeKilled, testing::ValuesIn(test::engines),
                         [](auto& i) { return test::name_of(i.param); });

std::string by_uri(const std::string& client, const std::string& uri) {
  return "client_id=" + client + "&request_uri=" + http::percent_encode(uri);
}

/// People consent, withdraw, follow pushed requests and let devices in, until the end comes from outside.
[[noreturn]] void work(const std::string& url, const std::filesystem::path& folder, int pipe) {
  World world(url, folder);
  const Session session = world.sign_in();
  for (int i = 0;; ++i) {
    const Client client = make_client("c" + std::to_string(world.random.next_id()));
    world.add(client);
    const auto say = [&](const std::string& what, const std::string& which) {
      kill_test::say(pipe, what + " " + which);
    };
    const Pushed pushed =
        must(push(world.provider, client, Query().with("client_id", client.id).text(), {}, world.now()));
    say("pushed", client.id + " " + pushed.request_uri);
    say("following", pushed.request_uri);
    const Next asked = world.ask(by_uri(client.id, pushed.request_uri), session);
    if (!std::holds_alternative<NeedConsent>(asked)) std::_Exit(5);
    say("followed", pushed.request_uri);
    const Next done =
        decide(world.provider, std::get<NeedConsent>(asked).request, session, true, {}, world.now());
    if (!answer_field(done, "code")) std::_Exit(6);
    say("agreed", client.id);
    const DeviceAuthorization device =
        must(begin_device(world.provider, client, "scope=openid", world.now()));
    must(decide_device(world.provider, device.user_code, session, true, world.now()));
    say("granted", client.id + " " + device.device_code);
    if (i % 2 == 0) {
      say("fetching", device.device_code);
      const Poll poll = must(world.db().write([&](store::Session& db) {
        return poll_device(db, world.provider, client, device.device_code, world.now());
      }));
      if (poll.state != Poll::State::granted) std::_Exit(7);
      say("fetched", device.device_code);
    }
    if (i % 3 == 0) {
      say("withdrawing", client.id);
      must(world.db().write([&](store::Session& db) {
        return withdraw(db, world.provider, world.person, client.id, world.now());
      }));
      say("withdrawn", client.id);
    }
  }
}

/// What the killed process said, by word.
struct Said {
  std::map<std::string, std::string> pushed;   ///< request_uri to client
  std::map<std::string, std::string> granted;  ///< device_code to client
  std::set<std::string> following, followed, agreed, fetching, fetched, withdrawing, withdrawn;
};

void note(Said& said, const std::vector<std::string>& words) {
  if (words.size() == 3 && words[0] == "pushed") said.pushed[words[2]] = words[1];
  if (words.size() == 3 && words[0] == "granted") said.granted[words[2]] = words[1];
  if (words.size() != 2) return;
  for (auto& [word, list] : std::map<std::string, std::set<std::string>*>{{"following", &said.following},
                                                                          {"followed", &said.followed},
                                                                          {"agreed", &said.agreed},
                                                                          {"fetching", &said.fetching},
                                                                          {"fetched", &said.fetched},
                                                                          {"withdrawing", &said.withdrawing},
                                                                          {"withdrawn", &said.withdrawn}}) {
    if (words[0] == word) list->insert(words[1]);
  }
}

void check(World& world, const Said& said) {
  std::set<std::string> standing;
  for (const Consent& consent : must(
           world.db().read([&](store::Session& db) { return consents_of(db, world.person, world.now()); }))) {
    standing.insert(consent.client);
  }
  for (const std::string& client : said.agreed) {
    if (!said.withdrawing.contains(client)) {
      EXPECT_TRUE(standing.contains(client)) << client;
    }
    if (said.withdrawn.contains(client)) {
      EXPECT_FALSE(standing.contains(client)) << client;
    }
  }
  for (const auto& [uri, client] : said.pushed) {
    const auto first = take_pushed(world.provider, make_client(client), uri, world.now());
    if (said.followed.contains(uri)) {
      EXPECT_FALSE(first) << "it works twice: " << uri;
    }
    if (!said.following.contains(uri)) {
      EXPECT_TRUE(first) << "it was acknowledged and is lost: " << uri;
    }
    EXPECT_FALSE(take_pushed(world.provider, make_client(client), uri, world.now())) << uri;
  }
  for (const auto& [code, client] : said.granted) {
    const auto polled = world.db().write([&](store::Session& db) {
      return poll_device(db, world.provider, make_client(client), code, world.now());
    });
    if (said.fetched.contains(code)) {
      EXPECT_FALSE(polled) << "it works twice: " << code;
    }
    if (said.withdrawing.contains(client) || said.fetching.contains(code)) continue;
    EXPECT_TRUE(polled && polled->state == Poll::State::granted) << "a decision is lost: " << code;
  }
}

TEST_P(AuthorizeKilled, LosesNoConsentAndUsesNothingTwice) {
  test::OpenedDatabase opened(GetParam());
  opened.database.reset();
  const test::TemporaryFolder keys("keys");
  std::size_t agreed = 0, withdrawn = 0, followed = 0, fetched = 0;
  for (int round = 0; round < kill_test::rounds(); ++round) {
    const auto lines = kill_test::run_and_kill(std::chrono::milliseconds(5 + 17 * round),
                                               [&](int pipe) { work(opened.url, keys / "", pipe); });
    Said said;
    for (const auto& words : lines) note(said, words);
    ASSERT_TRUE(kill_test::open_patiently(opened.url));
    World world(opened.url, keys / "");
    check(world, said);
    EXPECT_GE(world.audit_entries("identity.consent"), int(agreed + said.agreed.size()));
    agreed += said.agreed.size();
    withdrawn += said.withdrawn.size();
    followed += said.followed.size();
    fetched += said.fetched.size();
  }
  EXPECT_GT(agreed, 20u);
  EXPECT_GT(withdrawn, 5u);
  EXPECT_GT(followed, 20u);
  EXPECT_GT(fetched, 5u);
}

}  // namespace
}  // namespace dayaq::identity::oidc::authorize_test
