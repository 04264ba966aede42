// Visitors who aren't signed in, in a real server: the gate first, then signing in, then what they came for.
#include "services/surge/door.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "http/client.hpp"
#include "http/encoding.hpp"
#include "http/server.hpp"
#include "services/surge/surge_test_support.hpp"

namespace dayaq::services::surge {
namespace {

using namespace std::chrono_literals;
using http::Client;
using http::Request;
using http::Response;
using testing::HasSubstr;
using testing::StartsWith;

/// "session=7" is person 7. Those from 100 on are only known to whoever asks the database.
class Sessions final : public http::Authenticator {
 public:
  [[nodiscard]] Result<http::Principal> authenticate(const http::Credentials& credentials) const override {
    const std::string_view token = http::cookie_value(credentials.cookies, "session");
    if (token.empty()) return fail(ErrorKind::unauthenticated, "auth.session", "Nobody.");
    return http::Principal{.person = PersonId(std::stoull(std::string(token))),
                           .assurance = http::Assurance::low};
  }
  [[nodiscard]] std::optional<Result<http::Principal>> at_once(
      const http::Credentials& credentials) const override {
    if (http::cookie_value(credentials.cookies, "session").size() >= 3) return std::nullopt;
    return authenticate(credentials);
  }
};

struct Doors : testing::Test {
  SystemClock clock;
  Options few{.rate_max = 8, .rate_min = 2, .begin = 1};
  Options others{.rate_max = 1000, .begin = 1, .lane = 1};
  Admission admission{key(), few}, clients{key(), others};
  Guard guard{admission, clock, "place", false}, clients_guard{clients, clock, "other", false};
  Door sign_in{guard, clients_guard, Door::Of::sign_in};
  Door authorize{clients_guard, guard, Door::Of::clients};
  Sessions sessions;
  http::Router router;
  std::unique_ptr<http::Server> server;

  void SetUp() override {
    const auto text = [](const char* words) {
      return [words](const Request& request) {
        return Response::text(std::string(words) + std::to_string(request.principal.person.value()));
      };
    };
    router.add(guard.guarded({.pattern = "/apply", .signed_in = http::Assurance::low, .operation = "apply"}),
               text("form of "));
    router.add(guard.guarded({.method = http::Method::post,
                              .pattern = "/apply",
                              .signed_in = http::Assurance::low,
                              .operation = "send"}),
               text("receipt of "));
    const WaitingPage page("<p>@ahead@ before you, @wait@.</p>", {"soon", {"1 min"}, {"1 h"}});
    clients_guard.set_pages({page, page, page});
    router.add({.pattern = "/sign-in", .open = "test", .gate = &sign_in, .operation = "sign_in"},
               text("who? "));
    router.add({.pattern = "/authorize", .open = "test", .gate = &authorize, .operation = "authorize"},
               text("who? "));
    http::ServerOptions options;
    options.port = 0;
    auto started = http::Server::start(options, router, &sessions);
    ASSERT_TRUE(started) << started.error().public_text;
    server = std::move(*started);
  }

  http::ClientResponse ask(const std::string& path, const std::string& cookies,
                           http::Method method = http::Method::get) {
    auto client = *Client::create("http://127.0.0.1:" + std::to_string(server->port()));
    Client::Headers headers{{"Accept", "text/html"}};
    if (!cookies.empty()) headers.emplace_back("Cookie", cookies);
    auto answer = client.request(method, path, method == http::Method::post ? "a=b" : "", headers);
    EXPECT_TRUE(answer);
    return answer ? *answer : http::ClientResponse{};
  }
  static std::string cookie_of(const http::ClientResponse& answer) {
    const std::string_view set = answer.header("set-cookie");
    return std::string(set.substr(0, set.find(';')));
  }
  /// The cookie of the first visitor of the flood who has to wait.
  std::string flood(const std::string& path) {
    for (int i = 0; i < 1000; ++i) {
      const auto answer = ask(path, "");
      if (answer.status == 503) return cookie_of(answer);
    }
    ADD_FAILURE() << "nobody had to wait";
    return {};
  }
  /// Asks as told until it is let in; the last answer.
  http::ClientResponse wait_with(const std::string& path, const std::string& cookies) {
    auto answer = ask(path, cookies);
    const auto until = std::chrono::steady_clock::now() + 60s;
    while (answer.status == 503 && std::chrono::steady_clock::now() < until) {
      EXPECT_EQ(cookie_of(answer), "");  // neither lost nor improved
      std::this_thread::sleep_for(50ms);
      answer = ask(path, cookies);
    }
    return answer;
  }
};

TEST_F(Doors, WhoIsNotSignedInMeetsTheGateFirstAndIsNotStoppedAgain) {
  const auto at_first = ask("/apply", "");
  EXPECT_EQ(at_first.status, 303);  // a quiet day
  EXPECT_THAT(cookie_of(at_first), StartsWith("place="));
  const std::string place = flood("/apply");
  ASSERT_THAT(place, StartsWith("place="));
  const auto in = wait_with("/apply", place);
  ASSERT_EQ(in.status, 303);
  EXPECT_THAT(std::string(in.header("location")), StartsWith("/sign-in?then="));
  const std::string pass = cookie_of(in);
  ASSERT_THAT(pass, StartsWith("place="));
  flood("/sign-in");  // the flood goes on, at both doors
  EXPECT_EQ(ask("/sign-in?then=%2Fapply", pass).body, "who? 0");
  const auto form = ask("/apply", pass + "; session=7");
  EXPECT_EQ(form.body, "form of 7");
  const std::string theirs = cookie_of(form);
  EXPECT_THAT(theirs, StartsWith("place="));
  EXPECT_NE(theirs, pass);
  EXPECT_EQ(ask("/apply", theirs + "; session=7", http::Method::post).body, "receipt of 7");
  EXPECT_EQ(ask("/apply", pass + "; session=8", http::Method::post).status, 503);  // a copy
  EXPECT_EQ(ask("/apply", theirs, http::Method::post).status, 401);  // signed out meanwhile, not thrown back
}

TEST_F(Doors, WhoOnlyTheDatabaseKnowsTakesNoWorkerBeforeTheyAreAdmitted) {
  const std::string place = flood("/apply");
  const auto refused = ask("/apply", "session=123");
  EXPECT_EQ(refused.status, 503);
  const auto form = wait_with("/apply", place + "; session=123");
  EXPECT_EQ(form.body, "form of 123");
  EXPECT_EQ(ask("/apply", cookie_of(form) + "; session=124").status, 503);
  EXPECT_EQ(ask("/apply", cookie_of(form) + "; session=123").body, "form of 123");
}

TEST_F(Doors, VisitorsOfClientsDoNotWaitBehindTheQueueOfServices) {
  flood("/apply");
  const auto asked = ask("/authorize?client_id=bank", "");
  EXPECT_EQ(asked.status, 200);
  const std::string pass = cookie_of(asked);
  EXPECT_THAT(pass, StartsWith("other="));
  EXPECT_EQ(ask("/sign-in", "").status, 503);
  EXPECT_EQ(ask("/sign-in?fresh=1", pass).status, 200);  // began there, begins again
  EXPECT_EQ(ask("/apply", pass).status, 503);            // but is nobody's place before others
}

TEST_F(Doors, ARequestThatMayNotWaitDoesNot) {
  const std::string place = [&] {
    std::string out;
    while (clients.waiting() == 0) out = clients.enter({}, clock.now()).ticket;
    for (int i = 0; i < 20000; ++i) (void)clients.enter({}, clock.now());
    return out;
  }();
  const auto waits = ask("/authorize?client_id=bank&state=x", "");
  EXPECT_EQ(waits.status, 503);
  EXPECT_THAT(std::string(waits.header("refresh")), HasSubstr("; url=/authorize?client_id=bank&state=x"));
  EXPECT_EQ(ask("/authorize?client_id=bank&request_uri=urn%3Ax", "").status, 200);
  EXPECT_EQ(ask("/authorize?client_id=bank&prompt=none", "").status, 200);
  EXPECT_EQ(ask("/authorize?client_id=bank&prompt=login", "").status, 503);
}

}  // namespace
}  // namespace dayaq::services::surge
