// Logging out: at a client's request, and every other client told.
#include "identity/oidc/logout.hpp"

#include <fmt/format.h>

#include <future>

#include "crypto/jwt.hpp"
#include "http/server.hpp"
#include "identity/oidc/authorize_test_support.ipp"
#include "identity/oidc/logout_sender.hpp"

namespace dayaq::identity::oidc::authorize_test {
namespace {

const std::string bye = "https://shop.example/bye";

struct Logout : Authorizing {
  Session session = world.sign_in();

  LogoutNext ask(const std::string& query, const std::optional<Session>& by) {
    http::Request request;
    request.method = http::Method::get;
    request.query = query;
    return logout(world.provider, request, by, world.now());
  }
  static std::string word(const LogoutNext& next) {
    if (const auto* refused = std::get_if<LogoutRefused>(&next)) return std::string(refused->error.code);
    if (const auto* done = std::get_if<LoggedOut>(&next)) return "out " + done->location;
    return "confirm";
  }
  bool live(const Session& of) {
    return must(world.db().read([&](store::Session& db) {
             return world.sessions.get(db, of.person, of.id, world.now());
           }))
        .has_value();
  }
  std::string hint(const std::string& sid = "", const std::string& audience = "shop") {
    const auto key = must(world.keys.current(crypto::JwsAlgorithm::es256, world.now()));
    return crypto::sign_compact(*key, R"({"alg":"ES256","kid":")" + key->kid() + "\"}",
                                R"({"iss":")" + issuer + R"(","aud":")" + audience + R"(","sub":")" +
                                    subject(world.provider, world.client(audience), world.person) +
                                    R"(","exp":1)" + (sid.empty() ? "" : R"(,"sid":")" + sid + "\"") + "}");
  }
  static std::string uri(const std::string& where = bye) {
    return "&post_logout_redirect_uri=" + http::percent_encode(where);
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Logout, testing::ValuesIn(test::engines),
                         [](auto& i) { return test::name_of(i.param); });

TEST_P(Logout, WithAFittingIdTokenEndsTheSessionAndGoesBack) {
  const std::string sid = sid_of(world.provider, world.client(), session.id);
  EXPECT_EQ(word(ask("id_token_hint=" + hint(sid) + uri() + "&state=a%26b", session)),
            "out https://shop.example/bye?state=a%26b");
  EXPECT_FALSE(live(session));
}

TEST_P(Logout, WithoutAHintIsAskedFirst) {
  const LogoutNext next = ask("client_id=shop" + uri(), session);
  ASSERT_EQ(word(next), "confirm");
  EXPECT_TRUE(live(session)) << "no other site logs anybody out";
  const std::string sealed = std::get<ConfirmLogout>(next).request;
  const Session other = world.sign_in();
  EXPECT_EQ(word(decide_logout(world.provider, sealed, other, true, world.now())), "authorize.request");
  EXPECT_EQ(word(decide_logout(world.provider, sealed, session, false, world.now())), "logout.kept");
  EXPECT_TRUE(live(session));
  EXPECT_EQ(word(decide_logout(world.provider, sealed, session, true, world.now())), "out " + bye);
  EXPECT_FALSE(live(session));
  EXPECT_TRUE(live(other));
}

TEST_P(Logout, WithAHintOfAnotherSessionOrPersonIsAskedFirst) {
  const Session other = world.sign_in();
  EXPECT_EQ(word(ask("id_token_hint=" + hint(sid_of(world.provider, world.client(), other.id)), session)),
            "confirm");
  const Session stranger = world.sign_in(world.add_person("6XYZ123"));
  EXPECT_EQ(word(ask("id_token_hint=" + hint(), stranger)), "confirm");
}

TEST_P(Logout, GoesNowhereThatIsntRegistered) {
  for (const std::string where :
       {"https://evil.example/", "https://shop.example/bye/", "https://shop.example/bye?x=1",
        "//shop.example/bye", "https://shop.example/cb"}) {
    EXPECT_EQ(word(ask("id_token_hint=" + hint() + uri(where), session)), "logout.redirect_uri") << where;
  }
  EXPECT_EQ(word(ask(uri().substr(1), session)), "logout.redirect_uri") << "nobody said whose it is";
  EXPECT_TRUE(live(session));
  EXPECT_EQ(word(ask("client_id=shop" + uri(), std::nullopt)), "out " + bye) << "nobody is signed in";
}

TEST_P(Logout, BelievesNoHintThatIsntOursOrIsAnothersThanTheClients) {
  world.add(make_client("other"));
  EXPECT_EQ(word(ask("id_token_hint=a.b.c", session)), "logout.hint");
  EXPECT_EQ(word(ask("client_id=other&id_token_hint=" + hint(), session)), "logout.hint");
  EXPECT_EQ(word(ask("client_id=shop&client_id=other", session)), "logout.request");
  EXPECT_TRUE(live(session));
}

TEST_P(Logout, EndsTheGrantsOfTheSession) {
  const Next asked = world.ask(Query(), session);
  const Next done =
      decide(world.provider, std::get<NeedConsent>(asked).request, session, true, {}, world.now());
  const auto handle = read_handle(world.provider.tokens->keys(world.master).handles, HandleKind::code,
                                  answer_field(done, "code").value_or(""));
  ASSERT_TRUE(handle);
  EXPECT_EQ(word(ask("id_token_hint=" + hint(), session)), "out ");
  const auto grant =
      must(world.db().read([&](store::Session& db) { return grant_row(db, handle->person, handle->grant); }));
  EXPECT_FALSE(grant && grant->live_at(world.now()));
}

TEST_P(Logout, NamesASessionDifferentlyToEachClient) {
  world.add(make_client("other"));
  EXPECT_NE(sid_of(world.provider, world.client(), session.id),
            sid_of(world.provider, world.client("other"), session.id));
  EXPECT_EQ(sid_of(world.provider, world.client(), session.id),
            sid_of(world.provider, world.client(), session.id));
}

/// A client's own server that takes logout tokens; can be told to fail.
struct Listener {
  Listener() {
    http::Route route;
    route.method = http::Method::post;
    route.pattern = "/logout";
    route.open = "a test";
    route.operation = "logout";
    route.tag = "pages";
    router.add(route, [this](const http::Request& request) {
      const std::lock_guard lock(mutex);
      ++calls;
      if (failures > 0) {
        --failures;
        return http::Response::text("later", failing_status);
      }
      tokens.push_back(request.form_value("logout_token").value_or(""));
      return http::Response::text("", 200);
    });
    server = must(http::Server::start({.port = 0}, router, nullptr));
  }
  ~Listener() { server->stop(); }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(server->port()) + "/logout";
  }
  template <class F>
  bool wait(F&& until) {
    for (int i = 0; i < 1000; ++i) {
      {
        const std::lock_guard lock(mutex);
        if (until()) return true;
      }
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  http::Router router;
  std::unique_ptr<http::Server> server;
  std::mutex mutex;
  std::vector<std::string> tokens;
  int calls = 0;
  int failures = 0;
  int failing_status = 503;
};

struct BackChannelLogout : Logout {
  Listener listener;
  std::unique_ptr<BackChannel> back;

  void SetUp() override {
    Client client = make_client();
    client.backchannel_logout_uri = listener.url();
    world.add(client);
    back = std::make_unique<BackChannel>(world.provider, BackChannel::Options{.first_retry = 0ms});
    world.sessions.add_observer(*back);
    world.db().add_hook(*back);
  }
  void TearDown() override {
    back->stop();
    world.node.opened.database.reset();  // whose writer thread calls the hook
  }
  void log_in_at(const std::string& client, const Session& by) {
    const Next asked = world.ask(Query().with("client_id", client), by);
    if (std::holds_alternative<NeedConsent>(asked)) {
      ASSERT_TRUE(answer_field(
          decide(world.provider, std::get<NeedConsent>(asked).request, by, true, {}, world.now()), "code"));
    }
  }
  void end(const Session& of) {
    must(world.db().write(
        [&](store::Session& db) { return world.sessions.end(db, of.person, of.id, world.now()); }));
  }
  std::int64_t waiting() { return world.rows("SELECT COUNT(*) FROM identity_back_channel"); }
};
INSTANTIATE_TEST_SUITE_P(Engines, BackChannelLogout, testing::ValuesIn(test::engines),
                         [](auto& i) { return test::name_of(i.param); });

TEST_P(BackChannelLogout, SendsALogoutTokenAsTheStandardHasItToEachClientOfTheSession) {
  Client other = make_client("other");
  other.backchannel_logout_uri = listener.url();
  world.add(other);
  Client silent = make_client("silent");
  world.add(silent);
  for (const char* client : {"shop", "other", "silent", "shop"}) log_in_at(client, session);
  must(back->start());
  end(session);
  ASSERT_TRUE(listener.wait([&] { return listener.tokens.size() >= 2; }));
  std::set<std::string> audiences;
  for (const std::string& token : listener.tokens) {
    const auto parts =
        crypto::verify_compact(token, world.keys.public_keys(world.now()),
                               {.algorithms = {crypto::JwsAlgorithm::es256}, .typ = "logout+jwt"});
    ASSERT_TRUE(parts);
    const auto jwt = crypto::check_claims(parts->payload,
                                          {.issuer = issuer, .life_max = 120s, .required = {}}, world.now());
    ASSERT_TRUE(jwt) << parts->payload;
    const Client to = world.client(jwt->audience.at(0));
    audiences.insert(to.id);
    EXPECT_EQ(jwt->subject, subject(world.provider, to, world.person));
    EXPECT_EQ(jwt->claims.text("sid"), sid_of(world.provider, to, session.id));
    EXPECT_EQ(jwt->claims.raw("events"), R"({"http://schemas.openid.net/event/backchannel-logout":{}})");
    EXPECT_FALSE(jwt->claims.has("nonce"));
    EXPECT_FALSE(jwt->id.empty());
    EXPECT_TRUE(jwt->issued && jwt->expires);
  }
  EXPECT_EQ(audiences, (std::set<std::string>{"shop", "other"}));
  back->stop();
  EXPECT_EQ(waiting(), 0);
}

TEST_P(BackChannelLogout, TriesAgainWhileTheClientIsAway) {
  listener.failures = 3;
  log_in_at("shop", session);
  end(session);
  EXPECT_EQ(waiting(), 1);
  must(back->start());
  for (int i = 0; i < 5 && !listener.wait([&] { return !listener.tokens.empty(); }); ++i) {
  }
  EXPECT_EQ(listener.calls, 4);
  EXPECT_EQ(listener.tokens.size(), 1u);
  back->stop();
  EXPECT_EQ(waiting(), 0);
}

TEST_P(BackChannelLogout, DoesntRepeatWhatTheClientRefused) {
  listener.failures = 1;
  listener.failing_status = 400;
  log_in_at("shop", session);
  end(session);
  must(back->start());
  ASSERT_TRUE(listener.wait([&] { return listener.calls == 1; }));
  back->stop();
  EXPECT_EQ(waiting(), 0);
  EXPECT_TRUE(listener.tokens.empty());
}

TEST_P(BackChannelLogout, IsntLostByARestartBetweenTheCommitAndTheSending) {
  log_in_at("shop", session);
  end(session);
  // No thread was there to send it; the next start finds the row.
  must(back->start());
  EXPECT_TRUE(listener.wait([&] { return listener.tokens.size() == 1; }));
}

TEST_P(BackChannelLogout, AClientThatDoesNotAnswerHoldsUpNoOther) {
  // It takes connections and says nothing: each try lasts as long as the sender waits for an answer.
  http::ServerOptions deaf;
  deaf.port = 0;
  std::promise<void> over;
  const std::shared_future<void> ended = over.get_future().share();
  http::Router router;
  router.add({.method = http::Method::post, .pattern = "/back", .open = "a test", .operation = "deaf"},
             [ended](const http::Request&) {
               ended.wait();
               return http::Response::text("late");
             });
  const auto server = must(http::Server::start(deaf, router, nullptr));
  for (int i = 0; i < 3; ++i) {
    Client client = make_client(fmt::format("deaf{}", i));
    client.backchannel_logout_uri = fmt::format("http://127.0.0.1:{}/back", server->port());
    world.add(client);
    log_in_at(client.id, session);
  }
  log_in_at("shop", session);
  must(back->start());
  end(session);
  // Whichever is tried first: the one that listens is told while the others are still waited for.
  EXPECT_TRUE(listener.wait([&] { return listener.tokens.size() == 1; }));
  EXPECT_GE(waiting(), 3);
  over.set_value();
  for (int i = 0; i < 3000 && waiting() != 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(waiting(), 0);
  server->stop();
}

TEST_P(BackChannelLogout, GivesUpAfterAnHour) {
  listener.failures = 1'000'000;
  log_in_at("shop", session);
  end(session);
  world.node.clock.advance(1h + 1s);
  must(back->start());
  for (int i = 0; i < 500 && waiting() != 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(waiting(), 0);
  EXPECT_EQ(listener.calls, 0);
}

TEST_P(BackChannelLogout, OfOneSessionLeavesTheOthersAlone) {
  const Session other = world.sign_in();
  log_in_at("shop", session);
  log_in_at("shop", other);
  end(session);
  EXPECT_EQ(waiting(), 1);
  EXPECT_EQ(world.rows("SELECT COUNT(*) FROM identity_session_client"), 1);
}

TEST(BackChannelUrl, IsSplitIntoServerAndPath) {
  EXPECT_EQ(split_url("https://a.example:8443/x?y=1"),
            (std::pair<std::string, std::string>("https://a.example:8443", "/x?y=1")));
  EXPECT_EQ(split_url("https://a.example"), (std::pair<std::string, std::string>("https://a.example", "/")));
  EXPECT_EQ(split_url("https://a.example?q"),
            (std::pair<std::string, std::string>("https://a.example", "/?q")));
  for (const char* bad : {"ftp://a", "https://", "https://u@a/", "https://a/#f", "a", ""}) {
    EXPECT_FALSE(split_url(bad)) << bad;
  }
}

}  // namespace
}  // namespace dayaq::identity::oidc::authorize_test
