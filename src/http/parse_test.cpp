#include "http/parse.hpp"

#include <gtest/gtest.h>

namespace dayaq::http {
namespace {

TEST(Parse, FindsEverythingInOneRequest) {
  std::string storage;
  const std::string bytes =
      "POST /v1/persons/5ABC123?at=now HTTP/1.1\r\nHost: dayaq.example\r\nX-Empty:\r\ncontent-type:  a/b \r\n"
      "Content-Length: 5\r\n\r\nsalam and what follows";
  const auto request = parse_request(bytes, 100, storage);
  ASSERT_TRUE(request) << request.error().public_text;
  EXPECT_EQ(request->method, Method::post);
  EXPECT_EQ(request->path, "/v1/persons/5ABC123");
  EXPECT_EQ(request->query, "at=now");
  EXPECT_EQ(request->header("CONTENT-TYPE"), "a/b");
  EXPECT_EQ(request->header("x-empty"), "");
  EXPECT_EQ(request->query_value("at"), "now");
  EXPECT_EQ(request->body, "salam");
  EXPECT_EQ(request->headers.size(), 4u);
}

TEST(Parse, GivesTheSameForEverySplitOfAChunkedBody) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n";
  const std::string body = "4\r\nWiki\r\n5;x=\"y\"\r\npedia\r\nE\r\n in\r\n\r\nchunks.\r\n0\r\nA: b\r\n\r\n";
  for (std::size_t split = 0; split <= body.size(); ++split) {
    ChunkedBody chunked(head);
    std::string out;
    std::string left = body.substr(0, split);
    auto progress = chunked.feed(left, out, 100);
    left.erase(0, progress.taken);
    if (progress.status == ChunkedBody::Status::incomplete) {
      left += body.substr(split) + "NEXT";
      progress = chunked.feed(left, out, 100);
      left.erase(0, progress.taken);
      EXPECT_EQ(left, "NEXT");
    }
    EXPECT_EQ(progress.status, ChunkedBody::Status::complete) << split;
    EXPECT_EQ(out, "Wikipedia in\r\n\r\nchunks.") << split;
  }
}

TEST(Parse, BoundsAChunkedBodyAndItsOverhead) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string out;
  EXPECT_EQ(ChunkedBody(head).feed("5\r\nsalam\r\n", out, 4).status, ChunkedBody::Status::too_long);
  out.clear();
  EXPECT_EQ(ChunkedBody(head).feed("5;" + std::string(9000, 'x'), out, 10).status,
            ChunkedBody::Status::malformed);
  out.clear();
  EXPECT_EQ(ChunkedBody(head).feed("0\r\n" + std::string(9000, 'x'), out, 10).status,
            ChunkedBody::Status::malformed);
}

TEST(Parse, SaysWhenMoreIsNeeded) {
  std::string storage;
  const std::string whole = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nsalam";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto request = parse_request(std::string_view(whole).substr(0, size), 100, storage);
    ASSERT_FALSE(request) << size;
    EXPECT_EQ(request.error().code, "http.incomplete") << size;
  }
  EXPECT_TRUE(parse_request(whole, 100, storage));
}

}  // namespace
}  // namespace dayaq::http
