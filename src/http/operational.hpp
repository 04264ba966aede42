// The routes by which a server is operated: health, metrics, and its own description.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "http/metrics.hpp"
#include "http/router.hpp"

namespace dayaq::http {

/// What keeps the program from serving, one sentence each; empty when it is ready. Called on an I/O thread:
/// it reads memory and returns.
using Readiness = std::function<std::vector<std::string>()>;

/// Adds, for anybody, on the I/O thread so that they answer when every worker is busy:
///   GET /health/live      200 as long as the process serves
///   GET /health/ready     200 {"ready":true,"reasons":[]}, or 503 with the reasons
///   GET /metrics          Prometheus's text format 0.0.4
///   GET /v1/openapi.json  the OpenAPI 3.1 document of all routes of `router`, those added later too
/// `router` and `metrics` must outlive the server.
void add_operational_routes(Router& router, Metrics& metrics, Readiness readiness,
                            std::string version = "0.1.0");

}  // namespace dayaq::http
