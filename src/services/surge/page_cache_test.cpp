#include "services/surge/page_cache.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace dayaq::services::surge {
namespace {

using http::Request;
using http::Response;

struct Pages : testing::Test {
  PageCache cache{4};
  int renders = 0;

  Response get(std::string_view path, std::uint64_t edition, Language language = Language::en,
               std::string_view etag = {}) {
    Request request;
    request.language = language;
    if (!etag.empty()) request.headers.emplace_back("If-None-Match", etag);
    const auto page = cache.get(request, path, edition, [&]() -> Result<Response> {
      ++renders;
      return Response::html("page " + std::string(path) + " of " + std::to_string(edition));
    });
    return page ? *page : Response{};
  }
  static std::string header(const Response& page, std::string_view name) {
    for (const auto& [key, value] : page.headers) {
      if (key == name) return value;
    }
    return {};
  }
};

TEST_F(Pages, AreRenderedOnceForEachAddressLanguageAndEdition) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get("/services", 1).body, "page /services of 1");
  EXPECT_EQ(renders, 1);
  get("/services", 1, Language::ru);
  get("/services/leaving-home", 1);
  EXPECT_EQ(renders, 3);
  EXPECT_EQ(get("/services", 2).body, "page /services of 2");  // somebody published
  EXPECT_EQ(renders, 4);
  EXPECT_EQ(cache.size(), 1u);
}

TEST_F(Pages, CostA304ToWhoHasThem) {
  const std::string etag = header(get("/services", 1), "ETag");
  ASSERT_FALSE(etag.empty());
  const Response again = get("/services", 1, Language::en, etag);
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(header(again, "Cache-Control"), "no-cache");
  EXPECT_EQ(get("/services", 2, Language::en, etag).status, 200);
}

TEST_F(Pages, AReaderOfTheEditionBeforeNeitherSeesNorKeepsAnotherOne) {
  get("/services", 2);
  EXPECT_EQ(get("/services", 1).body, "page /services of 1");
  EXPECT_EQ(get("/services", 2).body, "page /services of 2");
  EXPECT_EQ(renders, 2);
}

TEST_F(Pages, OfManyAddressesDontFillTheMemory) {
  for (int i = 0; i < 100; ++i) get("/services?q=" + std::to_string(i), 1);
  EXPECT_EQ(cache.size(), 4u);
}

TEST_F(Pages, ThatFailAreNotKept) {
  Request request;
  for (int i = 0; i < 2; ++i) {
    const auto page = cache.get(request, "/x", 1, []() -> Result<Response> {
      return fail(ErrorKind::unavailable, "test.busy", "Try again.");
    });
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().code, "test.busy");
  }
  const auto missing =
      cache.get(request, "/x", 1, []() -> Result<Response> { return Response::html("no", 404); });
  EXPECT_EQ(missing->status, 404);
  EXPECT_EQ(cache.get(request, "/x", 1, []() -> Result<Response> { return Response::html("now"); })->body,
            "now");
}

TEST_F(Pages, AreRenderedByOneWhileOthersWait) {
  std::atomic<int> rendering = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      Request request;
      const auto page = cache.get(request, "/services", 7, [&]() -> Result<Response> {
        ++rendering;
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        return Response::html("slow");
      });
      EXPECT_EQ(page->body, "slow");
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(rendering, 1);
}

}  // namespace
}  // namespace dayaq::services::surge
