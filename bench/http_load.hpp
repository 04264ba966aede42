// A load generator that costs little: many keep-alive connections on one epoll thread, closed loop, any
// requests.
//
// For POSTs with different bodies, which wrk does only through a script. Each connection sends its next
// request as soon as its answer has come, so the latency measured includes the server's queue and not the
// generator's.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace dayaq::bench {

struct LoadOptions {
  std::string address = "127.0.0.1";  ///< IPv4
  std::uint16_t port = 8080;
  int connections = 64;
  std::chrono::milliseconds warm_up{0};  ///< answers in this time are not counted
  std::chrono::milliseconds duration{5'000};
  std::uint64_t requests_max = UINT64_MAX;  ///< ends earlier once so many are counted
  /// Sees each answer's head before OnAnswer sees its body: for cookies.
  std::function<void(int connection, std::string_view head)> on_head = {};
};

/// Appends one whole HTTP/1.1 request to `out`, which is empty. `number` counts from 0 over all connections.
using NextRequest = std::function<void(int connection, std::uint64_t number, std::string& out)>;
/// Sees each answer as it comes, warm-up too; empty when nobody needs to.
using OnAnswer = std::function<void(int connection, std::uint64_t number, int status, std::string_view body)>;

struct LoadReport {
  std::uint64_t answered = 0;  ///< with any status
  std::map<int, std::uint64_t> by_status;
  std::uint64_t broken = 0;  ///< connections lost within a request; each is opened again
  double seconds = 0;
  double per_second = 0;  ///< answers with status 2xx
  double p50_us = 0;      ///< of answers with status 2xx; the next four too
  double p90_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  double max_us = 0;
  [[nodiscard]] bool all_succeeded() const;  ///< something was answered, all of it 2xx, and nothing broke
};

/// Runs on the calling thread; pin it with taskset. Answers must have a Content-Length, or status 204 or 304.
/// @return the report, or
///   - unavailable "load.connect"   the server can't be reached
///   - internal    "load.malformed" an answer isn't HTTP/1.1 with a Content-Length
[[nodiscard]] Result<LoadReport> run_load(const LoadOptions& options, const NextRequest& next_request,
                                          const OnAnswer& on_answer = {});

}  // namespace dayaq::bench
