#include "http/server.hpp"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "http/test_support.ipp"

namespace dayaq::http {
namespace {

struct ServerBasics : ServerFixture {};

TEST_F(ServerBasics, AnswersWithDateLengthAndSafeDefaults) {
  add_hello();
  start();
  const auto answer = client().get("/hello");
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "hello");
  EXPECT_EQ(answer->header("content-length"), "5");
  EXPECT_EQ(answer->header("cache-control"), "no-store");
  EXPECT_EQ(answer->header("x-content-type-options"), "nosniff");
  EXPECT_EQ(answer->header("date").size(), 29u);
  EXPECT_EQ(answer->header("content-security-policy"), "");
}

TEST_F(ServerBasics, GivesPagesAContentSecurityPolicyThatAHandlerMayReplace) {
  router.add({.pattern = "/page", .operation = "page", .tag = "pages"},
             [](const Request&) { return Response::html("<p>salam</p>"); });
  router.add({.pattern = "/own", .operation = "own", .tag = "pages"}, [](const Request&) {
    Response response = Response::html("");
    response.headers.emplace_back("content-security-policy", "default-src 'none'");
    response.headers.emplace_back("Cache-Control", "max-age=60");
    return response;
  });
  start();
  Client http = client();
  const auto page = http.get("/page");
  ASSERT_TRUE(page);
  EXPECT_TRUE(
      page->header("content-security-policy").starts_with("default-src 'self'; style-src 'self'; img-src"));
  EXPECT_EQ(page->header("referrer-policy"), "same-origin");
  const auto own = http.get("/own");
  ASSERT_TRUE(own);
  EXPECT_EQ(own->header("content-security-policy"), "default-src 'none'");
  EXPECT_EQ(own->header("cache-control"), "max-age=60");
}

TEST_F(ServerBasics, SetsEveryCookieOnALineOfItsOwn) {
  router.add({.pattern = "/cookies", .operation = "cookies"}, [](const Request&) {
    Response response = Response::redirect("/");
    response.headers.emplace_back("Set-Cookie", "session=a; HttpOnly");
    response.headers.emplace_back("Set-Cookie", "attempt=; Max-Age=0");
    return response;
  });
  start();
  const std::string answer = exchange("GET /cookies HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_NE(answer.find("\r\nSet-Cookie: session=a; HttpOnly\r\nSet-Cookie: attempt=; Max-Age=0\r\n"),
            std::string::npos)
      << answer;
}

TEST_F(ServerBasics, KeepsTheConnectionAndAnswersPipelinedRequestsInOrder) {
  router.add({.pattern = "/slow/{n}", .run = Run::worker, .operation = "slow"}, [](const Request& request) {
    std::this_thread::sleep_for(20ms);
    return Response::text("slow" + request.parameter("n"));
  });
  router.add({.pattern = "/fast/{n}", .run = Run::inline_, .operation = "fast"},
             [](const Request& request) { return Response::text("fast" + request.parameter("n")); });
  start();
  RawConnection connection = connect();
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += "GET /" + std::string(i % 10 == 3 ? "slow" : "fast") + "/" + std::to_string(i) +
           " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  ASSERT_TRUE(connection.send(all));
  const std::string answers = connection.read_past("fast49");
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = answers.find((i % 10 == 3 ? "slow" : "fast") + std::to_string(i), at);
    ASSERT_NE(at, std::string::npos) << i;
  }
  EXPECT_FALSE(connection.closed_by_server());
}

TEST_F(ServerBasics, AnswersHeadWithoutABodyAndOptionsWithTheMethods) {
  add_hello();
  start();
  const std::string head = exchange("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(status_in(head), 200);
  EXPECT_NE(head.find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  const std::string options_answer =
      exchange("OPTIONS /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(status_in(options_answer), 204);
  EXPECT_NE(options_answer.find("Allow: GET, HEAD, OPTIONS\r\n"), std::string::npos);
  EXPECT_EQ(status_in(exchange("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")), 204);
}

TEST_F(ServerBasics, NamesTheMethodsInA405AndSays404ForUnknownPaths) {
  add_hello();
  start();
  Client http = client();
  const auto wrong = http.request(Method::put, "/hello", "{}");
  ASSERT_TRUE(wrong) << wrong.error().detail;
  EXPECT_EQ(wrong->status, 405);
  EXPECT_EQ(wrong->header("allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(wrong->header("content-type"), "application/problem+json");
  const auto unknown = http.get("/nothing");
  ASSERT_TRUE(unknown);
  EXPECT_EQ(unknown->status, 404);
  const auto dots = http.get("/a/../hello");
  ASSERT_TRUE(dots);
  EXPECT_EQ(dots->status, 400);
}

TEST_F(ServerBasics, ReadsBodiesByLengthAndInChunks) {
  add_echo(1 << 20);
  start();
  Client http = client();
  for (const std::size_t size : {0u, 1u, 100u, 4096u, 5000u, 70'000u, 1u << 20}) {
    const std::string body(size, 'b');
    const auto answer = http.post("/echo", body);
    ASSERT_TRUE(answer) << size << " " << answer.error().detail;
    EXPECT_EQ(answer->status, 200);
    EXPECT_TRUE(answer->body == body) << size;
  }
  RawConnection connection = connect();
  connection.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nsalam\r\n");
  std::this_thread::sleep_for(20ms);
  connection.send("6\r\n dunya\r\n0\r\nTrailer: x\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answers = connection.read_past("405");
  EXPECT_NE(answers.find("salam dunya"), std::string::npos);
  EXPECT_NE(answers.find("HTTP/1.1 405"), std::string::npos);  // the request behind the chunks was not lost
}

TEST_F(ServerBasics, AsksForABodyThatTheCallerHoldsBack) {
  add_echo(10);
  start();
  RawConnection patient = connect();
  patient.send("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(patient.read_past("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  patient.send("salam");
  EXPECT_EQ(status_in(patient.read_past("salam")), 200);
  RawConnection refused = connect();
  refused.send("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 50\r\n\r\n");
  EXPECT_EQ(status_in(refused.read_past("}")), 413);
}

TEST_F(ServerBasics, ClosesAfterConnectionCloseAndForHttp10) {
  add_hello();
  start();
  const std::string closed = exchange("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_NE(closed.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(closed.ends_with("hello"));
  EXPECT_TRUE(exchange("GET /hello HTTP/1.0\r\n\r\n").ends_with("hello"));
  RawConnection old = connect();
  old.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(old.read_all(3s).ends_with("hello"));
  EXPECT_TRUE(old.closed_by_server());
}

TEST_F(ServerBasics, UnderstandsAbsoluteTargets) {
  router.add({.pattern = "/q", .run = Run::inline_, .operation = "q"}, [](const Request& request) {
    return Response::text(request.query_value("name").value_or("none"));
  });
  start();
  const std::string answer =
      exchange("GET http://dayaq.example/q?name=%C9%99li HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("\u0259li")) << answer;
}

TEST_F(ServerBasics, ShowsProblemsAsPagesToPeopleAndAsDetailsToPrograms) {
  add_hello();
  router.add({.pattern = "/v1/x", .operation = "x"}, [](const Request&) {
    return problem(fail(ErrorKind::not_found, "x.missing", "There is no x.").error());
  });
  router.set_error_page([](const Request& request, const ProblemText& text) {
    if (request.path == "/unlucky") throw std::runtime_error("no page");
    return Response::html("<h1>" + std::to_string(text.status) + " " + text.code + "</h1>" + text.detail);
  });
  start();
  Client http = client();
  const Client::Headers person{{"Accept", "text/html,*/*;q=0.8"}};
  const auto page = http.get("/nothing", person);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->status, 404);
  EXPECT_TRUE(page->body.starts_with("<h1>404 http.path_unknown</h1>Nothing is served")) << page->body;
  EXPECT_NE(page->header("content-security-policy"), "");
  const auto wrong = http.request(Method::put, "/hello", "", person);
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->header("allow"), "GET, HEAD, OPTIONS");
  for (const char* target : {"/v1/x", "/unlucky"}) {
    EXPECT_EQ(http.get(target, person)->header("content-type"), "application/problem+json") << target;
  }
  EXPECT_EQ(http.get("/nothing")->header("content-type"), "application/problem+json");
}

TEST_F(ServerBasics, RefusesAHandlersHeaderThatWouldInjectAnother) {
  for (const std::string_view bad : {"a\r\nSet-Cookie: x=y", "a\nb", "a\rb"}) {
    router.add({.pattern = "/bad" + std::to_string(router.routes().size()), .operation = "bad"},
               [bad](const Request&) { return Response::redirect(std::string(bad)); });
  }
  router.add({.pattern = "/nul", .operation = "bad"},
             [](const Request&) { return Response::redirect(std::string("a\0b", 3)); });
  router.add({.pattern = "/name", .operation = "bad"}, [](const Request&) {
    Response response = Response::text("");
    response.headers.emplace_back("X: y\r\nZ", "1");
    return response;
  });
  start();
  Client http = client();
  for (const std::string path : {"/bad0", "/bad1", "/bad2", "/nul", "/name"}) {
    const auto answer = http.get(path);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 500) << path;
    EXPECT_EQ(answer->header("location"), "") << path;
    EXPECT_EQ(answer->header("set-cookie"), "") << path;
  }
}

TEST_F(ServerBasics, LeavesFramingToItselfWhateverAHandlerSays) {
  router.add({.pattern = "/liar", .operation = "liar"}, [](const Request&) {
    Response response = Response::text("four");
    response.headers.emplace_back("Content-Length", "999");
    response.headers.emplace_back("transfer-encoding", "chunked");
    return response;
  });
  start();
  Client http = client();
  for (int i = 0; i < 2; ++i) {
    const auto answer = http.get("/liar");
    ASSERT_TRUE(answer) << answer.error().detail;
    EXPECT_EQ(answer->body, "four");
  }
}

TEST_F(ServerBasics, ChoosesTheLanguageByQueryThenCookieThenHeader) {
  router.add({.pattern = "/", .run = Run::inline_, .operation = "home"},
             [](const Request& request) { return Response::text(std::string(to_string(request.language))); });
  start();
  Client http = client();
  const auto body_of = [&](std::string_view target, const Client::Headers& headers) {
    const auto answer = http.get(target, headers);
    return answer ? answer->body : answer.error().detail;
  };
  EXPECT_EQ(body_of("/", {}), "az");
  EXPECT_EQ(body_of("/", {{"Accept-Language", "de, en-GB;q=0.5, ru;q=0.7"}}), "ru");
  EXPECT_EQ(body_of("/", {{"Accept-Language", "ru"}, {"Cookie", "a=b; lang=en"}}), "en");
  EXPECT_EQ(body_of("/?lang=ru", {{"Cookie", "lang=en"}}), "ru");
}

TEST_F(ServerBasics, LetsNobodyPastARouteThatAsksAScope) {
  router.add({.pattern = "/grants", .scope = Scope::grants_read, .run = Run::inline_, .operation = "grants"},
             [](const Request& request) { return Response::text(request.principal.actor()); });
  start();
  const auto ask = [&](const Client::Headers& headers) { return client().get("/grants", headers); };
  const auto nobody = ask({});
  ASSERT_TRUE(nobody);
  EXPECT_EQ(nobody->status, 401);
  EXPECT_EQ(nobody->header("www-authenticate"), R"(Bearer realm="dayaq")");
  const auto wrong = ask({{"Authorization", "Bearer guess"}});
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->status, 401);
  EXPECT_NE(wrong->header("www-authenticate").find("invalid_token"), std::string::npos);
  const auto basic = ask({{"Authorization", "Basic cmVhZGVy"}});
  ASSERT_TRUE(basic);
  EXPECT_EQ(basic->status, 401);
  const auto poor = ask({{"Authorization", "Bearer nothing"}});
  ASSERT_TRUE(poor);
  EXPECT_EQ(poor->status, 403);
  EXPECT_NE(poor->header("www-authenticate").find(R"(scope="grants:read")"), std::string::npos);
  const auto down = ask({{"Authorization", "Bearer broken"}});
  ASSERT_TRUE(down);
  EXPECT_EQ(down->status, 503);  // not knowing is no refusal
  const auto good = ask({{"Authorization", "bearer reader"}});
  ASSERT_TRUE(good);
  EXPECT_EQ(good->status, 200);
  EXPECT_EQ(good->body, "org:azercell/key:7");
}

TEST_F(ServerBasics, ForgetsTheCallerBetweenRequestsOfOneConnection) {
  router.add({.pattern = "/who", .run = Run::inline_, .operation = "who"},
             [](const Request& request) { return Response::text(request.principal.actor()); });
  router.add({.pattern = "/grants", .scope = Scope::grants_read, .run = Run::inline_, .operation = "grants"},
             [](const Request& request) { return Response::text(request.principal.actor()); });
  start();
  Client http = client();
  EXPECT_EQ(http.get("/grants", {{"Authorization", "Bearer reader"}})->body, "org:azercell/key:7");
  EXPECT_EQ(http.get("/who")->body, "anonymous");
  EXPECT_EQ(http.get("/grants")->status, 401);
}

TEST_F(ServerBasics, SurvivesHandlersThatThrowOrDropTheirResponder) {
  router.add({.pattern = "/throws", .run = Run::inline_, .operation = "throws"},
             [](const Request&) -> Response { throw std::runtime_error("broken"); });
  router.add({.pattern = "/throws-an-int", .run = Run::worker, .operation = "throws_int"},
             [](const Request&) -> Response { throw 1; });
  router.add_async({.pattern = "/drops", .run = Run::worker, .operation = "drops"},
                   [](const std::shared_ptr<const Request>&, Responder) {});
  add_hello();
  start();
  Client http = client();
  for (const std::string path : {"/throws", "/throws-an-int", "/drops"}) {
    const auto answer = http.get(path);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 500) << path;
    EXPECT_NE(answer->body.find("http.no_answer"), std::string::npos);
    EXPECT_EQ(answer->body.find("broken"), std::string::npos);  // the cause is for the log alone
  }
  EXPECT_EQ(http.get("/hello")->status, 200);
}

TEST_F(ServerBasics, TakesAnswersFromOtherThreadsTogether) {
  std::mutex mutex;
  std::vector<Responder> waiting;
  router.add_async({.pattern = "/later", .run = Run::inline_, .operation = "later"},
                   [&](const std::shared_ptr<const Request>&, Responder respond) {
                     const std::scoped_lock lock(mutex);
                     waiting.push_back(std::move(respond));
                   });
  start();
  constexpr std::size_t callers = 64;
  std::vector<RawConnection> connections;
  for (std::size_t i = 0; i < callers; ++i) {
    connections.push_back(connect());
    connections.back().send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  for (bool all = false; !all; std::this_thread::sleep_for(1ms)) {
    const std::scoped_lock lock(mutex);
    all = waiting.size() == callers;
  }
  for (Responder& respond : waiting) respond(Response::text("at last"));
  for (RawConnection& connection : connections) EXPECT_EQ(status_in(connection.read_past("at last")), 200);
}

TEST_F(ServerBasics, SpreadsConnectionsOverItsIoThreads) {
  options.io_threads = 3;
  std::mutex mutex;
  std::set<std::thread::id> threads;
  router.add({.pattern = "/thread", .run = Run::inline_, .operation = "thread"}, [&](const Request& request) {
    const std::scoped_lock lock(mutex);
    threads.insert(std::this_thread::get_id());
    return Response::text(request.remote_address);
  });
  start();
  for (int i = 0; i < 9; ++i) {
    const auto answer = client().get("/thread");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "127.0.0.1");
  }
  EXPECT_EQ(threads.size(), 3u);
}

TEST_F(ServerBasics, SaysWhichPortItCannotHave) {
  start();
  const ServerOptions taken{.port = server->port()};
  const auto second = Server::start(taken, router, nullptr);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "http.bind");
  EXPECT_NE(second.error().public_text.find(std::to_string(server->port())), std::string::npos);
}

TEST_F(ServerBasics, CountsRequestsByOperationAndStatus) {
  add_hello();
  start();
  Client http = client();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(http.get("/hello"));
  ASSERT_TRUE(http.get("/nothing"));
  const std::string text = metrics.expose();
  EXPECT_NE(text.find(R"(dayaq_http_requests_total{operation="hello",status="200"} 3)"), std::string::npos)
      << text;
  EXPECT_NE(text.find(R"(dayaq_http_requests_total{operation="unmatched",status="404"} 1)"),
            std::string::npos);
  EXPECT_NE(text.find(R"(dayaq_http_request_duration_seconds_count{operation="hello"} 3)"),
            std::string::npos);
  EXPECT_NE(text.find("dayaq_http_connections 1"), std::string::npos);
}

TEST_F(ServerBasics, HandsItsListeningSocketToTheNextWithoutRefusingAnybody) {
  add_hello();
  start();
  const std::uint16_t port = server->port();
  const int listener = server->duplicate_listener();
  ASSERT_GE(listener, 0);
  server->stop();
  RawConnection between(port);  // nobody accepts it now, and it isn't refused
  between.send("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const ServerOptions next_options{.port = 0, .io_threads = 1, .inherited_listener = listener};
  const auto next = Server::start(next_options, router, nullptr);
  ASSERT_TRUE(next);
  EXPECT_EQ((*next)->port(), port);
  EXPECT_EQ(status_in(between.read_all(3s)), 200);
}

}  // namespace
}  // namespace dayaq::http
