#include "http/message.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>

#include "http/wire.hpp"

namespace dayaq::http {
namespace {

TEST(Problem, ShowsWhatIsSafeAndKeepsTheDetailForTheLog) {
  const Error error{.kind = ErrorKind::invalid_input,
                    .code = "regime.quota",
                    .public_text = "A quota is \"negative\".",
                    .detail = "secret",
                    .field = "measures[2].quota",
                    .line = 12,
                    .column = 3};
  const Response response = problem(error);
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(response.body.find("secret"), std::string::npos);
  const auto body = boost::json::parse(response.body);
  EXPECT_EQ(body.at("type").as_string(), "https://dayaq.example/problems/regime.quota");
  EXPECT_EQ(body.at("code").as_string(), "regime.quota");
  EXPECT_EQ(body.at("detail").as_string(), "A quota is \"negative\".");
  EXPECT_EQ(body.at("status").as_int64(), 400);
  EXPECT_EQ(body.at("field").as_string(), "measures[2].quota");
  EXPECT_EQ(body.at("line").as_int64(), 12);
  EXPECT_EQ(body.at("column").as_int64(), 3);
}

TEST(Problem, ListsAllFindings) {
  Errors errors;
  for (const char* field : {"a", "b"}) errors.push_back(fail_field("x.y", field, "Correct it.").error());
  const auto body = boost::json::parse(problem(errors).body);
  ASSERT_EQ(body.at("errors").as_array().size(), 2u);
  EXPECT_EQ(body.at("errors").at(1).at("field").as_string(), "b");
}

TEST(Problem, GivesEachKindItsStatus) {
  const auto status = [](ErrorKind kind) { return problem(fail(kind, "x", "y").error()).status; };
  EXPECT_EQ(status(ErrorKind::unauthenticated), 401);
  EXPECT_EQ(status(ErrorKind::forbidden), 403);
  EXPECT_EQ(status(ErrorKind::not_found), 404);
  EXPECT_EQ(status(ErrorKind::conflict), 409);
  EXPECT_EQ(status(ErrorKind::limit), 429);
  EXPECT_EQ(status(ErrorKind::internal), 500);
  EXPECT_EQ(status(ErrorKind::unavailable), 503);
}

TEST(ResponderTest, AnswersOnceAndForADroppedOne500) {
  std::vector<int> statuses;
  const auto send = [&](const Response& response) { statuses.push_back(response.status); };
  {
    Responder used{send};
    used(Response::no_content());
    Responder dropped{send};
    Responder moved = std::move(dropped);
    Responder replaced{send};
    replaced = std::move(moved);  // what it held is dropped
  }
  EXPECT_EQ(statuses, (std::vector<int>{204, 500, 500}));
}

TEST(Wire, WritesDatesAsHttpWantsThem) {
  EXPECT_EQ(format_http_date(std::chrono::sys_seconds(std::chrono::seconds(784111777))),
            "Sun, 06 Nov 1994 08:49:37 GMT");  // RFC 9110's example
}

TEST(Wire, SendsNoBodyWhereThereIsNone) {
  std::string out;
  Response gone = Response::no_content();
  gone.body = "never sent";
  EXPECT_FALSE(append_head(out, gone, {.date = "D"}));
  EXPECT_EQ(out.find("Content-Length"), std::string::npos);
  Response odd{.status = 299, .content_type = "text/plain", .body = "x", .headers = {}};
  out.clear();
  EXPECT_TRUE(append_head(out, odd, {.date = "D"}));
  EXPECT_TRUE(out.starts_with("HTTP/1.1 299 \r\nDate: D\r\n"));
  EXPECT_FALSE(append_head(out, odd, {.head_only = true, .date = "D"}));
}

}  // namespace
}  // namespace dayaq::http
