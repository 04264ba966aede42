#include "http/metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "http/operational.hpp"
#include "http/test_support.ipp"

namespace dayaq::http {
namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(MetricsTest, ExposesCountersGaugesAndHistograms) {
  Metrics metrics;
  metrics.counter("dayaq_imports_total", "Imports.", {{"kind", "persons"}}).add();
  metrics.counter("dayaq_imports_total", "Imports.", {{"kind", "persons"}}).add(2);
  metrics.counter("dayaq_imports_total", "Imports.", {{"kind", "lines"}}).add();
  metrics.gauge("dayaq_depth", "Depth.", [] { return 7.0; });
  metrics.counter_from("dayaq_rows_total", "Rows.", [] { return 9.0; });
  metrics.gauge("dayaq_peers", "Peers.", [] { return 2.0; }, {{"state", "open"}});
  metrics.gauge("dayaq_peers", "Peers.", [] { return 1.0; }, {{"state", "closed"}});
  auto& histogram = metrics.histogram("dayaq_commit_seconds", "Commits.");
  EXPECT_EQ(&histogram, &metrics.histogram("dayaq_commit_seconds", "Commits."));
  for (const double seconds : {0.0001, 0.003, 99.0, -1.0, std::nan("")}) histogram.observe_seconds(seconds);
  const std::string text = metrics.expose();
  EXPECT_TRUE(has_line(text, "# TYPE dayaq_imports_total counter")) << text;
  EXPECT_TRUE(has_line(text, R"(dayaq_imports_total{kind="persons"} 3)"));
  EXPECT_TRUE(has_line(text, R"(dayaq_imports_total{kind="lines"} 1)"));
  EXPECT_TRUE(has_line(text, "dayaq_depth 7"));
  EXPECT_TRUE(has_line(text, "# TYPE dayaq_rows_total counter"));
  EXPECT_TRUE(has_line(text, "dayaq_rows_total 9"));
  EXPECT_TRUE(has_line(text, R"(dayaq_peers{state="open"} 2)"));
  EXPECT_TRUE(has_line(text, R"(dayaq_peers{state="closed"} 1)"));
  EXPECT_EQ(text.find("# TYPE dayaq_peers"), text.rfind("# TYPE dayaq_peers")) << "one family";
  EXPECT_TRUE(has_line(text, R"(dayaq_commit_seconds_bucket{le="0.0001"} 3)"));
  EXPECT_TRUE(has_line(text, R"(dayaq_commit_seconds_bucket{le="0.005"} 4)"));
  EXPECT_TRUE(has_line(text, R"(dayaq_commit_seconds_bucket{le="+Inf"} 5)"));
  EXPECT_TRUE(has_line(text, "dayaq_commit_seconds_count 5"));
}

TEST(MetricsTest, AddsUpTheShardsAndRoutesOfOneName) {
  Metrics metrics;
  const auto meter = metrics.request_meter({"get_grants", "get_static", "get_static"}, 2);
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) meter->record(1, 0, 200, std::chrono::microseconds(70));
  });
  for (int i = 0; i < 1000; ++i) meter->record(0, 0, 200, std::chrono::microseconds(40));
  other.join();
  meter->record(0, 1, 304, std::chrono::seconds(0));
  meter->record(0, 2, 304, std::chrono::seconds(0));
  meter->record(0, static_cast<std::size_t>(-1), 404, std::chrono::seconds(100));
  meter->record(0, 0, 7,
                std::chrono::seconds(-1));  // not a status, and before its time: counted at the edges
  const std::string text = metrics.expose();
  EXPECT_TRUE(has_line(text, R"(dayaq_http_requests_total{operation="get_grants",status="200"} 2000)"))
      << text;
  EXPECT_TRUE(has_line(text, R"(dayaq_http_requests_total{operation="get_grants",status="100"} 1)"));
  EXPECT_TRUE(has_line(text, R"(dayaq_http_requests_total{operation="get_static",status="304"} 2)"));
  EXPECT_TRUE(has_line(text, R"(dayaq_http_requests_total{operation="unmatched",status="404"} 1)"));
  EXPECT_TRUE(has_line(
      text, R"(dayaq_http_request_duration_seconds_bucket{operation="get_grants",le="5e-05"} 1001)"));
  EXPECT_TRUE(has_line(text, R"(dayaq_http_request_duration_seconds_count{operation="get_grants"} 2001)"));
}

struct Operational : ServerFixture {
  std::mutex mutex;
  std::vector<std::string> reasons;
  void SetUp() override {
    add_operational_routes(router, metrics, [this] {
      const std::scoped_lock lock(mutex);
      return reasons;
    });
    add_hello();
    start();
  }
};

TEST_F(Operational, SaysWhetherItIsReadyAndWhyNot) {
  Client http = client();
  EXPECT_EQ(http.get("/health/live")->status, 200);
  EXPECT_EQ(http.get("/health/ready")->body, R"({"ready":true,"reasons":[]})");
  {
    const std::scoped_lock lock(mutex);
    reasons = {"The store is being opened.", "The \"index\" is loading."};
  }
  const auto answer = http.get("/health/ready");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->body,
            R"({"ready":false,"reasons":["The store is being opened.","The \"index\" is loading."]})");
  EXPECT_EQ(http.get("/health/live")->status, 200);
}

TEST_F(Operational, ServesMetricsAndItsOwnDescription) {
  Client http = client();
  const auto text = http.get("/metrics");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_TRUE(has_line(text->body, "dayaq_http_connections 1"));
  const auto description = http.get("/v1/openapi.json");
  ASSERT_TRUE(description);
  EXPECT_NE(description->body.find(R"("operationId":"hello")"), std::string::npos);  // added after it
}

}  // namespace
}  // namespace dayaq::http
