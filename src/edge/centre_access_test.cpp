#include "edge/centre_access.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "base/file.hpp"
#include "crypto/jwt.hpp"
#include "http/encoding.hpp"
#include "http/server.hpp"

namespace dayaq::edge {
namespace {

using namespace std::chrono_literals;
using http::Request;
using http::Response;

const std::string the_issuer = "https://centre.example";

/// The centre as far as tokens go: checks assertions as RFC 7523 asks, and serves /v1/thing to who has one.
class TokenCentre {
 public:
  TokenCentre() {
    router_.add(
        {.pattern = "/.well-known/oauth-authorization-server", .operation = "metadata", .summary = "."},
        [this](const Request&) {
          const std::lock_guard guard(mutex);
          return metadata.empty() ? Response::json(R"({"issuer":")" + the_issuer + "\"}") : metadata.front();
        });
    router_.add(
        {.method = http::Method::post, .pattern = "/oauth/token", .operation = "token", .summary = "."},
        [this](const Request& request) { return token(std::string(request.body)); });
    router_.add({.pattern = "/v1/thing", .operation = "thing", .summary = "."},
                [this](const Request& request) { return thing(request); });
    router_.add({.method = http::Method::post,
                 .pattern = "/v1/edges/{edge}/client-key",
                 .operation = "key",
                 .summary = "."},
                [this](const Request& request) { return take_key(request); });
    start(0);
  }
  ~TokenCentre() { server_->stop(); }
  TokenCentre(const TokenCentre&) = delete;
  TokenCentre& operator=(const TokenCentre&) = delete;

  void start(std::uint16_t port) {
    auto started = http::Server::start({.port = port, .shutdown_timeout = 100ms}, router_, nullptr);
    ASSERT_TRUE(started) << started.error().public_text;
    server_ = std::move(*started);
    port_ = server_->port();
  }
  void stop() { server_->stop(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  void knows(const feed::EdgeClient& client) {
    const std::lock_guard guard(mutex);
    known = client.public_key();
    tokens.clear();
  }

  std::mutex mutex;  // of what follows
  std::optional<crypto::PublicKey> known;
  std::set<std::string> tokens;  ///< that are good
  std::vector<Response> instead, metadata;
  int asked = 0, given = 0;
  std::set<std::string> used;  ///< jti
  bool forget_after_key = false;

 private:
  static std::string field(std::string_view body, std::string_view name) {
    const std::string start = std::string(name) + "=";
    std::size_t at = body.starts_with(start) ? 0 : body.find("&" + start);
    if (at == std::string_view::npos) return {};
    at = body.find('=', at) + 1;
    return http::percent_decode(body.substr(at, body.find('&', at) - at)).value_or("");
  }
  static Response refuse() {
    Response out =
        Response::json(R"({"error":"invalid_client","error_description":"The client isn't known."})", 401);
    return out;
  }

  Response token(const std::string& body) {
    const std::lock_guard guard(mutex);
    ++asked;
    if (!instead.empty()) {
      Response out = std::move(instead.back());
      instead.pop_back();
      return out;
    }
    if (field(body, "grant_type") != "client_credentials") return refuse();
    if (field(body, "client_id") == "key-7" && field(body, "client_secret") == "dyq_7_secret") return give();
    if (field(body, "client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" ||
        !known)
      return refuse();
    const std::string id = feed::edge_client_id("azercell", "baku-1", *known);
    const std::vector<std::string> audiences{the_issuer};
    const auto jwt = crypto::verify_jwt(
        field(body, "client_assertion"), crypto::JwkSet({*feed::edge_client_jwk(*known)}),
        {.algorithms = {crypto::JwsAlgorithm::eddsa}},
        {.issuer = id, .audiences = audiences, .only_audience = true, .life_max = 300s}, SystemClock().now());
    if (!jwt || jwt->subject != id || jwt->id.size() < 16 || !used.insert(jwt->id).second) return refuse();
    return give();
  }
  Response give() {
    const std::string text = "token-" + std::to_string(++given);
    tokens.insert(text);
    return Response::json(R"({"access_token":")" + text + R"(","token_type":"Bearer","expires_in":300})");
  }
  bool good(const Request& request) {
    const std::string_view shown = request.header("authorization");
    return shown.starts_with("Bearer ") && tokens.contains(std::string(shown.substr(7)));
  }
  Response thing(const Request& request) {
    const std::lock_guard guard(mutex);
    return Response::text(good(request) ? std::string(request.header("authorization")) : "no",
                          good(request) ? 200 : 401);
  }
  Response take_key(const Request& request) {
    const std::lock_guard guard(mutex);
    if (!good(request)) return Response::text("no", 401);
    const auto body = crypto::JsonObject::parse(std::string(request.body));
    const auto bytes = from_base64(body->text("client_key").value_or(""));
    crypto::PublicKey key{};
    std::ranges::copy(*bytes, key.begin());
    known = key;
    tokens.clear();
    if (forget_after_key) return Response::text("the answer is lost", 502);
    return Response::json("{}");
  }

  http::Router router_;
  std::unique_ptr<http::Server> server_;
  std::uint16_t port_ = 0;
};

struct CentreAccessTest : testing::Test {
  CentreAccessTest() {
    std::filesystem::create_directories(folder);
    EXPECT_TRUE(client.write(file));
    centre.knows(client);
  }
  ~CentreAccessTest() override { std::filesystem::remove_all(folder); }
  [[nodiscard]] http::Client plain() const {
    return std::move(*http::Client::create("http://127.0.0.1:" + std::to_string(centre.port()),
                                           {.connect_timeout = 2s, .answer_timeout = 10s}));
  }
  /// "" if it isn't served; the token that was shown.
  std::string thing(CentreClient& from) {
    const auto answer = from.get("/v1/thing");
    return answer && answer->status == 200 ? answer->body : answer ? "" : std::string(answer.error().code);
  }
  Result<void> rotate() {
    http::Client to = plain();
    return change_client_key(to, {.client_file = file, .token = {}}, file, "azercell", "baku-1", random,
                             clock);
  }

  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("dayaq-access-" + std::to_string(::getpid()));
  std::filesystem::path file = folder / "client.jwk";
  feed::EdgeClient client = feed::EdgeClient::make("azercell", "baku-1");
  TokenCentre centre;
  SystemRandom random;
  SystemClock clock;
  std::chrono::steady_clock::time_point now{1h};
  CentreAccess access{{.client_file = file, .token = {}, .steady = [this] { return now; }}, random, clock};
};

TEST_F(CentreAccessTest, OneTokenServesAllWhoCallUntilItIsNearlyOver) {
  CentreClient one(plain(), &access), other(plain(), &access);
  EXPECT_EQ(thing(one), "Bearer token-1");
  EXPECT_EQ(thing(other), "Bearer token-1");
  EXPECT_EQ(centre.asked, 1);
  now += 239s;
  EXPECT_EQ(thing(one), "Bearer token-1");
  now += 1s;
  EXPECT_EQ(thing(one), "Bearer token-2");
  EXPECT_EQ(thing(other), "Bearer token-2");
}

TEST_F(CentreAccessTest, ARefusedTokenIsForgottenAndTheCallMadeOnceMore) {
  CentreClient one(plain(), &access);
  EXPECT_EQ(thing(one), "Bearer token-1");
  centre.knows(client);  // and has forgotten its tokens
  EXPECT_EQ(thing(one), "Bearer token-2");
  access.refused("token-1");  // by somebody who is late
  EXPECT_EQ(thing(one), "Bearer token-2");
}

TEST_F(CentreAccessTest, AnotherKeyInTheFileIsUsedWithoutAStart) {
  CentreClient one(plain(), &access);
  const auto next = feed::EdgeClient::make("azercell", "baku-1");
  centre.knows(next);
  EXPECT_EQ(thing(one), "centre.refused");
  ASSERT_TRUE(next.write(file));
  EXPECT_EQ(thing(one), "Bearer token-1");
  std::filesystem::remove(file);
  EXPECT_EQ(thing(one), "Bearer token-1");  // while it lasts
  access.refused("token-1");
  EXPECT_EQ(thing(one), "file.missing");
}

TEST_F(CentreAccessTest, WhileTheCentreIsAwayTheTokenIsUsedForAsLongAsItLasts) {
  http::Client over = plain();
  ASSERT_EQ(access.token(over).value(), "token-1");
  centre.stop();
  now += 299s;
  EXPECT_EQ(access.token(over).value(), "token-1");
  now += 1s;
  EXPECT_EQ(access.token(over).error().kind, ErrorKind::unavailable);
  centre.start(centre.port());
  EXPECT_EQ(access.token(over).value(), "token-2");
}

TEST_F(CentreAccessTest, AnswersThatAreNoTokenAreSaidAndNotUsed) {
  http::Client over = plain();
  for (const char* text : {"", "{}", "[]", R"({"access_token":7})", R"({"access_token":""})",
                           R"({"access_token":"a\nb"})", "<html>"}) {
    centre.instead.push_back(Response::json(text));
    EXPECT_EQ(access.token(over).error().code, "centre.answer") << text;
  }
  centre.instead.push_back(Response::json(R"({"access_token":"t"})", 503));
  EXPECT_EQ(access.token(over).error().code, "centre.answer");
  centre.metadata.push_back(Response::json(R"({"issuer":""})"));
  CentreAccess fresh({.client_file = file, .token = {}}, random, clock);
  EXPECT_EQ(fresh.token(over).error().code, "centre.answer");
  centre.metadata.clear();
  EXPECT_EQ(fresh.token(over).value(), "token-1");
}

TEST_F(CentreAccessTest, AnApiKeyIsShownForATokenAloneAndAnyOtherTokenAsItIs) {
  CentreAccess by_key({.client_file = {}, .token = "dyq_7_secret"}, random, clock),
      by_other({.client_file = {}, .token = "dyq_8_secret"}, random, clock),
      as_it_is({.client_file = {}, .token = "some-token"}, random, clock);
  http::Client over = plain();
  EXPECT_EQ(by_key.token(over).value(), "token-1");
  EXPECT_EQ(by_other.token(over).error().code, "centre.refused");
  EXPECT_EQ(as_it_is.token(over).value(), "some-token");
}

TEST_F(CentreAccessTest, ANewKeyIsMadeKnownAndPutInPlaceWhereverACallWasInterrupted) {
  CentreClient running(plain(), &access);
  EXPECT_EQ(thing(running), "Bearer token-1");
  ASSERT_TRUE(rotate());
  const auto second = feed::EdgeClient::read(file);
  EXPECT_NE(second->public_key(), client.public_key());
  EXPECT_EQ(centre.known, second->public_key());
  EXPECT_EQ(thing(running).substr(0, 13), "Bearer token-");

  // The centre knew, and its answer was lost: the edge goes on, and the same call finishes it.
  centre.forget_after_key = true;
  EXPECT_EQ(rotate().error().code, "centre.answer");
  EXPECT_EQ(feed::EdgeClient::read(file)->id, second->id);
  EXPECT_EQ(thing(running).substr(0, 13), "Bearer token-");
  const auto third = feed::EdgeClient::read(next_client_file(file));
  ASSERT_TRUE(third);
  centre.forget_after_key = false;
  ASSERT_TRUE(rotate());
  EXPECT_EQ(feed::EdgeClient::read(file)->id, third->id);
  EXPECT_FALSE(std::filesystem::exists(next_client_file(file)));

  // It was interrupted before the centre knew.
  const auto fourth = feed::EdgeClient::make("azercell", "baku-1");
  ASSERT_TRUE(fourth.write(next_client_file(file)));
  ASSERT_TRUE(rotate());
  EXPECT_EQ(centre.known, fourth.public_key());
  EXPECT_EQ(feed::EdgeClient::read(file)->id, fourth.id);
  EXPECT_EQ(thing(running).substr(0, 13), "Bearer token-");

  // Who is refused changes nothing.
  centre.knows(client);
  EXPECT_EQ(rotate().error().code, "centre.refused");
  EXPECT_EQ(feed::EdgeClient::read(file)->id, fourth.id);
}

TEST_F(CentreAccessTest, AnEdgeOfAnOlderEnrolmentGetsAClientByItsApiKey) {
  std::filesystem::remove(file);
  http::Client to = plain();
  ASSERT_TRUE(change_client_key(to, {.client_file = {}, .token = "dyq_7_secret"}, file, "azercell", "baku-1",
                                random, clock));
  EXPECT_EQ(centre.known, feed::EdgeClient::read(file)->public_key());
}

}  // namespace
}  // namespace dayaq::edge
