#include "http/server.hpp"

#include <gtest/gtest.h>

namespace dayaq::http {
namespace {

TEST(Server, ServesOnThePortThatTheKernelChose) {
  Router router;
  router.add({.pattern = "/hello", .run = Run::inline_, .operation = "hello"},
             [](const Request&) { return Response::text("hello"); });
  auto server = Server::start({.port = 0}, router, nullptr);
  ASSERT_TRUE(server);
  EXPECT_NE((*server)->port(), 0);
}

}  // namespace
}  // namespace dayaq::http
