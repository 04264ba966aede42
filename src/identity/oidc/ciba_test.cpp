// CIBA: a known person is asked on their own page; nobody learns from it who is known.
#include "identity/oidc/ciba.hpp"

#include "http/server.hpp"
#include "identity/oidc/authorize_test_support.ipp"

namespace dayaq::identity::oidc::authorize_test {
namespace {

struct Ciba : Authorizing {
  Session session = world.sign_in();

  Result<CibaAuthorization> ask(const std::string& more = "", const std::string& hint = "login_hint=5ABC123",
                                const std::string& client = "shop") {
    return begin_ciba(world.provider, world.client(client), "scope=openid+profile&" + hint + more,
                      world.now());
  }
  std::string word(const std::string& more, const std::string& hint = "login_hint=5ABC123") {
    const auto begun = ask(more, hint);
    return begun ? "fine" : std::string(begun.error().code);
  }
  std::string poll_word(std::string_view auth_req_id, std::string_view client = "shop") {
    const auto polled = world.db().write([&](store::Session& db) {
      return poll_ciba(db, world.provider, world.client(client), auth_req_id, world.now());
    });
    if (!polled) return std::string(polled.error().code);
    return polled->state == Poll::State::granted ? "granted" : std::string(error_of(polled->state).code);
  }
  std::vector<CibaRequest> waiting(PersonId person) {
    return must(ciba_requests_of(world.provider, person, world.now()));
  }
  std::string decide_word(const std::string& id, const Session& by, bool granted = true) {
    const auto done = decide_ciba(world.provider, id, by, granted, world.now());
    return done ? "done" : std::string(done.error().code);
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Ciba, testing::ValuesIn(test::engines),
                         [](auto& i) { return test::name_of(i.param); });

TEST_P(Ciba, IsConfirmedByThePersonOnce) {
  const CibaAuthorization begun = must(ask("&binding_message=W4SCT"));
  EXPECT_EQ(begun.auth_req_id.size(), 43u);
  EXPECT_EQ(begun.expires_in, 300s);
  EXPECT_EQ(begun.interval, 5s);
  EXPECT_EQ(poll_word(begun.auth_req_id), "oauth.authorization_pending");
  const auto shown = waiting(world.person);
  ASSERT_EQ(shown.size(), 1u);
  EXPECT_EQ(shown[0].binding_message, "W4SCT");
  EXPECT_EQ(shown[0].client->id, "shop");
  EXPECT_EQ(shown[0].id.find(begun.auth_req_id), std::string::npos) << "the page can't fetch the tokens";
  EXPECT_EQ(decide_word(shown[0].id, session), "done");
  EXPECT_EQ(decide_word(shown[0].id, session, false), "oauth.ciba_request");
  EXPECT_TRUE(waiting(world.person).empty());
  world.node.clock.advance(5s);
  const auto polled = must(world.db().write([&](store::Session& db) {
    return poll_ciba(db, world.provider, world.client(), begun.auth_req_id, world.now());
  }));
  ASSERT_EQ(polled.state, Poll::State::granted);
  EXPECT_EQ(polled.grant.person, world.person);
  EXPECT_EQ(polled.grant.authenticated, session.authenticated);
  EXPECT_EQ(poll_word(begun.auth_req_id), "oauth.invalid_grant");
}

TEST_P(Ciba, RefusedOrTooLateGivesNothing) {
  const std::string refused = must(ask()).auth_req_id;
  EXPECT_EQ(decide_word(waiting(world.person).at(0).id, session, false), "done");
  EXPECT_EQ(poll_word(refused), "oauth.access_denied");
  const std::string late = must(ask("&requested_expiry=60")).auth_req_id;
  const std::string id = waiting(world.person).at(0).id;
  world.node.clock.advance(60s);
  EXPECT_EQ(poll_word(late), "oauth.expired_token");
  EXPECT_TRUE(waiting(world.person).empty());
  EXPECT_EQ(decide_word(id, session), "oauth.ciba_request");
}

TEST_P(Ciba, IsDecidedByNobodyElse) {
  (void)must(ask());
  const Session other = world.sign_in(world.add_person("6XYZ123"));
  EXPECT_EQ(decide_word(waiting(world.person).at(0).id, other), "oauth.ciba_request");
  EXPECT_EQ(decide_word("zz", session), "oauth.ciba_request");
  EXPECT_TRUE(waiting(other.person).empty());
  EXPECT_TRUE(waiting(PersonId()).empty()) << "requests about nobody are shown to nobody";
}

TEST_P(Ciba, TellsNobodyWhetherThereIsSuchAPerson) {
  for (const std::string hint : {"login_hint=7NNN777", "login_hint=nonsense", "login_hint=+994501234567"}) {
    const auto begun = ask("", hint);
    ASSERT_TRUE(begun) << hint;
    EXPECT_EQ(poll_word(begun->auth_req_id), "oauth.authorization_pending") << hint;
    EXPECT_TRUE(waiting(PersonId()).empty());
    world.node.clock.advance(300s);
    EXPECT_EQ(poll_word(begun->auth_req_id), "oauth.expired_token") << hint;
  }
  // The limit is the same too.
  int mine = 0, nobodys = 0;
  while (mine < 100 && ask("", "login_hint=5ABC123")) ++mine;
  while (nobodys < 100 && ask("", "login_hint=7NNN777")) ++nobodys;
  EXPECT_EQ(mine, 10);
  EXPECT_EQ(nobodys, mine - 1) << "one was asked before";
  EXPECT_EQ(ask().error().kind, ErrorKind::limit);
}

TEST_P(Ciba, OfOneClientReplacesWhatWaits) {
  const std::string first = must(ask("&binding_message=one")).auth_req_id;
  const std::string second = must(ask("&binding_message=two")).auth_req_id;
  ASSERT_EQ(waiting(world.person).size(), 1u);
  EXPECT_EQ(waiting(world.person)[0].binding_message, "two");
  EXPECT_EQ(poll_word(first), "oauth.access_denied");
  EXPECT_EQ(poll_word(second), "oauth.authorization_pending");
}

TEST_P(Ciba, NeedsOneHintOpenidAndAPlainMessage) {
  EXPECT_EQ(word("", ""), "oauth.invalid_request");
  EXPECT_EQ(word("&id_token_hint=x"), "oauth.invalid_request") << "two hints";
  EXPECT_EQ(word("", "id_token_hint=x"), "oauth.invalid_request");
  EXPECT_EQ(word("&login_hint_token=x"), "oauth.invalid_request");
  EXPECT_EQ(word("&scope=profile"), "oauth.invalid_request") << "twice";
  EXPECT_EQ(begin_ciba(world.provider, world.client(), "scope=profile&login_hint=5ABC123", world.now())
                .error()
                .code,
            "oauth.invalid_scope");
  EXPECT_EQ(word("&binding_message=" + std::string(65, 'a')), "oauth.invalid_binding_message");
  EXPECT_EQ(word("&binding_message=a%0Ab"), "oauth.invalid_binding_message");
  EXPECT_EQ(word("&binding_message=%E2%80%AEabc"), "oauth.invalid_binding_message") << "turned around";
  EXPECT_EQ(word("&binding_message=%C9%99l%C9%99"), "fine");
  EXPECT_EQ(word("&requested_expiry=0"), "oauth.invalid_request");
  EXPECT_EQ(word("&request=a.b.c"), "oauth.invalid_request");
}

TEST_P(Ciba, IsForConfidentialClientsThatAreRegisteredForIt) {
  Client client = make_client();
  client.authentication = ClientAuthentication::none;
  world.add(client);
  EXPECT_EQ(word(""), "oauth.unauthorized_client");
}

TEST_P(Ciba, FindsThePersonByAnIdTokenOfOurs) {
  // The client knew the person before, so that its sub is one that is remembered.
  const Next asked = world.ask(Query(), session);
  ASSERT_TRUE(answer_field(
      decide(world.provider, std::get<NeedConsent>(asked).request, session, true, {}, world.now()), "code"));
  const auto key = must(world.keys.current(crypto::JwsAlgorithm::es256, world.now()));
  const auto token = [&](const std::string& audience, const std::string& sub, const std::string& typ) {
    return crypto::sign_compact(
        *key, R"({"alg":"ES256","typ":")" + typ + R"(","kid":")" + key->kid() + "\"}",
        R"({"iss":")" + issuer + R"(","aud":")" + audience + R"(","sub":")" + sub + R"(","exp":1})");
  };
  const std::string sub = subject(world.provider, world.client(), world.person);
  EXPECT_EQ(word("", "id_token_hint=" + token("shop", sub, "JWT")), "fine");
  EXPECT_EQ(waiting(world.person).size(), 1u);
  EXPECT_EQ(word("", "id_token_hint=" + token("other", sub, "JWT")), "oauth.invalid_request");
  EXPECT_EQ(word("", "id_token_hint=" + token("shop", sub, "at+jwt")), "oauth.invalid_request")
      << "an access token isn't an ID token";
}

TEST_P(Ciba, IsConfirmedAtTheLevelThatIsWanted) {
  const std::string id = must(ask("&acr_values=http%3A%2F%2Feidas.europa.eu%2FLoA%2Fhigh")).auth_req_id;
  const std::string shown = waiting(world.person).at(0).id;
  EXPECT_EQ(decide_word(shown, session), "oauth.assurance");
  EXPECT_EQ(decide_word(shown, world.sign_in(world.person, Assurance::high)), "done");
  EXPECT_EQ(poll_word(id), "granted");
}

TEST_P(Ciba, TellsThePersonWithTheClientsNameAndMessage) {
  must(world.node.write([&](store::Session& db, const registry::Registry& registry) {
    return registry::record_subscription(db, registry,
                                         {registry::SubscriptionKind::mobile,
                                          world.node.organisation("azercell"),
                                          "994501234567",
                                          world.person,
                                          {world.now(), instant_max}},
                                         "cli");
  }));
  must(world.outbox.start());
  (void)must(ask("&binding_message=W4SCT"));
  const auto sent = world.gateway.wait_for(1);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].to, "994501234567");
  EXPECT_NE(sent[0].text.find("The shop"), std::string::npos) << sent[0].text;
  EXPECT_NE(sent[0].text.find("W4SCT"), std::string::npos);
  EXPECT_EQ(sent[0].text.find("openid"), std::string::npos);
}

TEST_P(Ciba, PingsTheClientWithItsOwnToken) {
  std::mutex mutex;
  std::vector<std::pair<std::string, std::string>> pings;
  http::Router router;
  http::Route route;
  route.method = http::Method::post;
  route.pattern = "/ping";
  route.open = "a test";
  route.operation = "ping";
  route.tag = "pages";
  router.add(route, [&](const http::Request& request) {
    const std::lock_guard lock(mutex);
    pings.emplace_back(request.header("authorization"), request.body);
    return http::Response::no_content();
  });
  auto server = must(http::Server::start({.port = 0}, router, nullptr));
  Client client = make_client();
  client.backchannel_notification_uri = "http://127.0.0.1:" + std::to_string(server->port()) + "/ping";
  world.add(client);
  BackChannel back(world.provider, {});
  must(back.start());
  EXPECT_EQ(word(""), "oauth.invalid_request") << "ping needs a token";
  EXPECT_EQ(word("&client_notification_token=a%20b"), "oauth.invalid_request");
  const std::string id = must(ask("&client_notification_token=8d67dc78")).auth_req_id;
  EXPECT_EQ(decide_word(waiting(world.person).at(0).id, session), "done");
  for (int i = 0; i < 400 &&
                  [&] {
                    const std::lock_guard lock(mutex);
                    return pings.empty();
                  }();
       ++i) {
    std::this_thread::sleep_for(10ms);
  }
  back.stop();
  server->stop();
  ASSERT_EQ(pings.size(), 1u);
  EXPECT_EQ(pings[0].first, "Bearer 8d67dc78");
  EXPECT_EQ(pings[0].second, R"({"auth_req_id":")" + id + "\"}");
  EXPECT_EQ(world.rows("SELECT COUNT(*) FROM identity_back_channel"), 0);
}

}  // namespace
}  // namespace dayaq::identity::oidc::authorize_test
