// Who may pass the gate: tokens for programs, sessions for pages, and what the others are told.
#include <atomic>

#include "http/test_support.ipp"

namespace dayaq::http {
namespace {

/// Tokens "program", "person" (me:read, low), "bound" (wants a proof "proof"); sessions by their cookie:
/// "low", "high", and "stored-high", which isn't in memory.
class Callers final : public Authenticator {
 public:
  mutable std::atomic<int> on_worker{0};

  [[nodiscard]] Result<Principal> authenticate(const Credentials& credentials) const override {
    ++on_worker;
    return answer(credentials);
  }
  [[nodiscard]] std::optional<Result<Principal>> at_once(const Credentials& credentials) const override {
    if (credentials.cookies.find("stored-") != std::string_view::npos) return std::nullopt;
    return answer(credentials);
  }

 private:
  static Result<Principal> answer(const Credentials& credentials) {
    Principal principal;
    if (credentials.scheme == Credentials::Scheme::session) {
      EXPECT_TRUE(credentials.token.empty());
      const bool high = credentials.cookies.find("high") != std::string_view::npos;
      if (!high && credentials.cookies.find("low") == std::string_view::npos)
        return fail(ErrorKind::unauthenticated, "auth.session", "Nobody is signed in.");
      principal.person = PersonId(7);
      principal.assurance = high ? Assurance::high : Assurance::low;
      return principal;
    }
    EXPECT_TRUE(credentials.cookies.empty());
    principal.organisation = OrganisationCode("shop");
    principal.client = "shop-web";
    if (credentials.token == "program") {
      principal.scopes = scope_bit(Scope::persons_read);
    } else if (credentials.token == "person") {
      principal.scopes = scope_bit(Scope::me_read);
      principal.person = PersonId(7);
      principal.assurance = Assurance::low;
    } else if (credentials.token == "bound") {
      principal.scopes = scope_bit(Scope::persons_read);
      if (credentials.scheme != Credentials::Scheme::dpop)
        return fail(ErrorKind::unauthenticated, "dpop.required", "Send a proof.");
      if (credentials.proof != "proof" || credentials.proofs_many || credentials.path != "/v1/persons" ||
          credentials.method != "GET")
        return fail(ErrorKind::unauthenticated, "dpop.proof", "The proof is wrong.");
    } else {
      return fail(ErrorKind::unauthenticated, "auth.token", "Unknown.");
    }
    return principal;
  }
};

struct Gate : testing::Test {
  Router router;
  Callers callers;
  std::unique_ptr<Server> server;

  void SetUp() override {
    const auto say = [](const Request& request) {
      return Response::text(request.principal.actor() + std::string(request.body));
    };
    router.add({.pattern = "/v1/persons", .scope = Scope::persons_read, .operation = "persons"}, say);
    router.add({.pattern = "/v1/me", .scope = Scope::me_read, .run = Run::inline_, .operation = "me"}, say);
    router.add({.pattern = "/v1/me/sure",
                .scope = Scope::me_read,
                .signed_in = Assurance::substantial,
                .operation = "sure"},
               say);
    router.add({.pattern = "/my", .signed_in = Assurance::low, .run = Run::inline_, .operation = "my"}, say);
    router.add({.pattern = "/my/keys", .signed_in = Assurance::high, .operation = "keys"}, say);
    router.add({.method = Method::post, .pattern = "/my", .signed_in = Assurance::low, .operation = "form"},
               say);
    router.add({.pattern = "/law", .open = "the law is public", .operation = "law"}, say);
    auto started = Server::start({.port = 0, .workers = 2}, router, &callers);
    ASSERT_TRUE(started);
    server = std::move(*started);
  }

  ClientResponse get(std::string_view target, const Client::Headers& headers = {}) {
    return ask(Method::get, target, headers);
  }
  ClientResponse ask(Method method, std::string_view target, const Client::Headers& headers,
                     std::string_view body = {}) {
    auto client = Client::create("http://127.0.0.1:" + std::to_string(server->port()));
    EXPECT_TRUE(client);
    auto answer = client->request(method, target, body, headers);
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().detail);
    return answer ? *std::move(answer) : ClientResponse();
  }
  static Client::Headers bearer(const std::string& token) { return {{"Authorization", "Bearer " + token}}; }
  static Client::Headers browser(const std::string& cookie) {
    return {{"Accept", "text/html,*/*"}, {"Cookie", "session=" + cookie}};
  }
};

TEST_F(Gate, TokensOpenTheirScopesAndNothingElse) {
  EXPECT_EQ(get("/v1/persons", bearer("program")).body, "org:shop/client:shop-web");
  EXPECT_EQ(get("/v1/me", bearer("person")).status, 200);
  const auto wrong = get("/v1/me", bearer("program"));
  EXPECT_EQ(wrong.status, 403);
  EXPECT_EQ(wrong.header("www-authenticate"),
            R"(Bearer realm="dayaq", error="insufficient_scope", scope="me:read")");
  EXPECT_EQ(get("/v1/persons", bearer("person")).status, 403);
  const auto none = get("/v1/persons");
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(none.header("www-authenticate"), R"(Bearer realm="dayaq")");
  EXPECT_EQ(get("/v1/persons", {{"Authorization", "Basic eDp5"}}).status, 401);
  EXPECT_EQ(get("/v1/persons", bearer("unknown")).header("www-authenticate"),
            R"(Bearer realm="dayaq", error="invalid_token")");
}

TEST_F(Gate, ASessionOpensNoRouteOfTheApiAndATokenNoPage) {
  EXPECT_EQ(get("/v1/me", browser("high")).status, 401);
  EXPECT_EQ(get("/my", bearer("person")).status, 401);
}

TEST_F(Gate, ATokenOfASignInThatIsNotSureEnoughIsToldWhatToAskFor) {
  const auto answer = get("/v1/me/sure", bearer("person"));
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.header("www-authenticate"),
            R"(Bearer realm="dayaq", error="insufficient_user_authentication", )"
            R"(acr_values="http://eidas.europa.eu/LoA/substantial")");
}

TEST_F(Gate, ABoundTokenNeedsItsProof) {
  const auto plain = get("/v1/persons", bearer("bound"));
  EXPECT_EQ(plain.status, 401);
  EXPECT_EQ(plain.header("www-authenticate"),
            R"(DPoP realm="dayaq", error="invalid_token", algs="ES256 EdDSA PS256")");
  Client::Headers headers{{"Authorization", "DPoP bound"}, {"DPoP", "proof"}};
  EXPECT_EQ(get("/v1/persons?limit=1", headers).status, 200);
  headers.emplace_back("DPoP", "proof");
  const auto two = get("/v1/persons", headers);
  EXPECT_EQ(two.status, 401);
  EXPECT_EQ(two.header("www-authenticate"),
            R"(DPoP realm="dayaq", error="invalid_dpop_proof", algs="ES256 EdDSA PS256")");
}

TEST_F(Gate, ABrowserWithoutASessionGoesToSignInAndComesBack) {
  const auto sent = get("/my?page=2&lang=en", browser("gone"));
  EXPECT_EQ(sent.status, 303);
  EXPECT_EQ(sent.header("location"), "/sign-in?then=%2Fmy%3Fpage%3D2%26lang%3Den&lang=en")
      << "in the language that was asked for";
  EXPECT_EQ(get("/my", browser("low")).body, "self");
  EXPECT_EQ(get("/my", {{"Cookie", "session=gone"}}).status, 401) << "a program";
  EXPECT_EQ(ask(Method::post, "/my", browser("gone"), "a=b").status, 401) << "a form isn't sent again";
  EXPECT_EQ(ask(Method::post, "/my", browser("low"), "a=b").body, "selfa=b");
}

TEST_F(Gate, ASessionThatIsNotSureEnoughGoesToSignInAtThatLevel) {
  EXPECT_EQ(get("/my/keys", browser("low")).header("location"), "/sign-in?then=%2Fmy%2Fkeys&level=high");
  EXPECT_EQ(get("/my/keys", browser("high")).status, 200);
}

TEST_F(Gate, WhatIsNotInMemoryIsAskedForOnAWorkerOnceAndNeverOnTheIoThread) {
  EXPECT_EQ(get("/my", browser("high")).status, 200);
  EXPECT_EQ(callers.on_worker, 0);
  EXPECT_EQ(get("/my", browser("stored-high")).body, "self");
  EXPECT_EQ(callers.on_worker, 1);
  EXPECT_EQ(get("/my/keys", browser("stored-gone")).status, 303);
  EXPECT_EQ(ask(Method::post, "/my", browser("stored-low"), "c=d").body, "selfc=d");
  EXPECT_EQ(callers.on_worker, 3);
  EXPECT_EQ(get("/law", browser("stored-high")).body, "anonymous") << "public routes ask for nobody";
}

TEST_F(Gate, DeclarationsListEveryRouteWithWhatItNeeds) {
  const std::string list = router.declarations();
  EXPECT_NE(list.find(R"({"method":"GET","pattern":"/my/keys","operation":"keys","tag":"","scope":"none",)"
                      R"("signed_in":"high","open":""})"),
            std::string::npos);
  EXPECT_NE(list.find(R"("open":"the law is public")"), std::string::npos);
}

}  // namespace
}  // namespace dayaq::http
