// The device flow: one decision, one grant, and no guessing.
#include "identity/oidc/device.hpp"

#include "identity/oidc/authorize_test_support.ipp"

namespace dayaq::identity::oidc::authorize_test {
namespace {

struct Devices : Authorizing {
  Session session = world.sign_in();
  Caller home{.attempt = "", .network = "192.0.2.1", .client = ""};

  DeviceAuthorization begin(const std::string& scope = "openid+profile") {
    return must(begin_device(world.provider, world.client(), "scope=" + scope, world.now()));
  }
  Poll poll(std::string_view device_code, std::string_view client = "shop") {
    return must(world.db().write([&](store::Session& db) {
      return poll_device(db, world.provider, world.client(client), device_code, world.now());
    }));
  }
  std::string poll_error(std::string_view device_code, std::string_view client = "shop") {
    const auto polled = world.db().write([&](store::Session& db) {
      return poll_device(db, world.provider, world.client(client), device_code, world.now());
    });
    if (!polled) return std::string(polled.error().code);
    return polled->state == Poll::State::granted ? "granted" : std::string(error_of(polled->state).code);
  }
  std::string look(std::string_view user_code) {
    const auto found = device_request(world.provider, user_code, home, world.now());
    return found ? "found" : std::string(found.error().code);
  }
  std::string answer(std::string_view user_code, bool granted = true) {
    const auto done = decide_device(world.provider, user_code, session, granted, world.now());
    return done ? "done" : std::string(done.error().code);
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Devices, testing::ValuesIn(test::engines),
                         [](auto& i) { return test::name_of(i.param); });

TEST_P(Devices, AreLetInByTheirOwnerOnce) {
  const DeviceAuthorization begun = begin();
  EXPECT_EQ(begun.device_code.size(), 43u);
  EXPECT_EQ(begun.expires_in, 600s);
  EXPECT_EQ(begun.interval, 5s);
  EXPECT_EQ(poll_error(begun.device_code), "oauth.authorization_pending");
  const auto request = must(device_request(world.provider, begun.user_code, home, world.now()));
  EXPECT_EQ(request.client->id, "shop");
  EXPECT_EQ(request.scopes, (std::vector<std::string>{"openid", "profile"}));
  EXPECT_EQ(answer(begun.user_code), "done");
  world.node.clock.advance(5s);
  const Poll poll_once = poll(begun.device_code);
  ASSERT_EQ(poll_once.state, Poll::State::granted);
  EXPECT_EQ(poll_once.grant.person, world.person);
  EXPECT_EQ(poll_once.grant.client, "shop");
  EXPECT_EQ(poll_once.grant.scopes, request.scopes);
  EXPECT_EQ(poll_once.grant.session, SessionId()) << "signing out in the browser doesn't switch the TV off";
  EXPECT_EQ(poll_once.grant.authenticated, session.authenticated);
  EXPECT_EQ(poll_once.grant.assurance, session.assurance);
  EXPECT_EQ(poll_once.grant.methods, session.methods);
  EXPECT_NE(poll_once.grant.id, GrantId());
  world.node.clock.advance(5s);
  EXPECT_EQ(poll_error(begun.device_code), "oauth.invalid_grant");
  EXPECT_EQ(world.audit_entries("identity.consent"), 1);
}

TEST_P(Devices, ShowACodeOfUnambiguousLettersThatMayBeTypedAnyhow) {
  const std::string code = begin().user_code;
  ASSERT_EQ(code.size(), 9u);
  EXPECT_EQ(code[4], '-');
  for (const char c : code)
    EXPECT_NE(std::string_view("BCDFGHJKLMNPQRSTVWXZ-").find(c), std::string_view::npos);
  std::string typed = code;
  for (char& c : typed) c = c == '-' ? ' ' : static_cast<char>(c - 'A' + 'a');
  EXPECT_EQ(look(typed), "found");
  EXPECT_EQ(look(code.substr(0, 4) + code.substr(5)), "found");
}

TEST_P(Devices, AreDecidedOnce) {
  const DeviceAuthorization begun = begin();
  EXPECT_EQ(answer(begun.user_code, false), "done");
  EXPECT_EQ(answer(begun.user_code, true), "oauth.user_code");
  EXPECT_EQ(look(begun.user_code), "oauth.user_code");
  EXPECT_EQ(poll_error(begun.device_code), "oauth.access_denied");
  EXPECT_EQ(world.audit_entries("identity.consent"), 0);
}

TEST_P(Devices, ThatAskTooOftenAreSlowedDown) {
  const std::string code = begin().device_code;
  EXPECT_EQ(poll_error(code), "oauth.authorization_pending");
  world.node.clock.advance(2s);
  EXPECT_EQ(poll_error(code), "oauth.slow_down");
  world.node.clock.advance(5s);
  EXPECT_EQ(poll_error(code), "oauth.slow_down") << "ten seconds now";
  world.node.clock.advance(15s);
  EXPECT_EQ(poll_error(code), "oauth.authorization_pending");
}

TEST_P(Devices, WaitTenMinutes) {
  const DeviceAuthorization begun = begin();
  world.node.clock.advance(600s);
  EXPECT_EQ(poll_error(begun.device_code), "oauth.expired_token");
  EXPECT_EQ(look(begun.user_code), "oauth.user_code");
  EXPECT_EQ(answer(begun.user_code), "oauth.user_code");
}

TEST_P(Devices, FetchADecisionThatCameAtTheLastMoment) {
  const DeviceAuthorization begun = begin();
  world.node.clock.advance(599s);
  EXPECT_EQ(answer(begun.user_code), "done");
  world.node.clock.advance(5s);
  EXPECT_EQ(
      must(world.db().write([&](store::Session& db) { return sweep_authorization(db, world.now(), 100); })),
      0);
  EXPECT_EQ(poll_error(begun.device_code), "granted");
}

TEST_P(Devices, OfAnotherClientArentFetched) {
  world.add(make_client("other"));
  const DeviceAuthorization begun = begin();
  EXPECT_EQ(answer(begun.user_code), "done");
  EXPECT_EQ(poll_error(begun.device_code, "other"), "oauth.invalid_grant");
  EXPECT_EQ(poll_error(begun.device_code), "granted");
}

TEST_P(Devices, CodesArentGuessedFromOneNetwork) {
  const std::string code = begin().user_code;
  int tries = 0;
  std::string said;
  while (tries < 1000 && (said = look("BBBB-BBBB")) == "oauth.user_code") ++tries;
  EXPECT_EQ(said, "signin.limit");
  EXPECT_LE(tries, 100);
  EXPECT_EQ(look(code), "signin.limit") << "a right one too, for this network";
  home.network = "198.51.100.7";
  EXPECT_EQ(look(code), "found") << "others aren't kept out";
}

TEST_P(Devices, ThatNeedASurerPersonArentLetInByALessSureOne) {
  Client client = make_client();
  client.least = Assurance::high;
  world.add(client);
  const DeviceAuthorization begun = begin();
  EXPECT_EQ(answer(begun.user_code), "oauth.assurance");
  EXPECT_EQ(poll_error(begun.device_code), "oauth.authorization_pending") << "it can still be decided";
  session = world.sign_in(world.person, Assurance::high);
  EXPECT_EQ(answer(begun.user_code), "done");
}

TEST_P(Devices, AreForClientsThatAreRegisteredForThem) {
  Client client = make_client();
  client.grants = 1u << unsigned(GrantType::authorization_code);
  EXPECT_EQ(begin_device(world.provider, client, "scope=openid", world.now()).error().code,
            "oauth.unauthorized_client");
  EXPECT_EQ(begin_device(world.provider, world.client(), "scope=email", world.now()).error().code,
            "oauth.invalid_scope");
  EXPECT_EQ(
      begin_device(world.provider, world.client(), "scope=openid&scope=openid", world.now()).error().code,
      "oauth.invalid_request");
}

TEST_P(Devices, WhoseConsentWasWithdrawnGetNothing) {
  const DeviceAuthorization begun = begin();
  EXPECT_EQ(answer(begun.user_code), "done");
  must(world.db().write(
      [&](store::Session& db) { return withdraw(db, world.provider, world.person, "shop", world.now()); }));
  EXPECT_EQ(poll_error(begun.device_code), "oauth.access_denied");
}

}  // namespace
}  // namespace dayaq::identity::oidc::authorize_test
