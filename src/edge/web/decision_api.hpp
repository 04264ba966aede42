// The decision API over HTTP, for whatever else an operator runs: look, reserve, commit, release, and usage
// in one shot; each of one question or of a list. docs/edge/decision-api.md.
#pragma once

#include <memory>

#include "base/siphash.hpp"
#include "edge/engine.hpp"
#include "edge/web/durable_answers.hpp"
#include "http/router.hpp"

namespace dayaq::edge::web {

/// Must outlive the server.
struct DecisionApi {
  Engine& engine;
  DurableAnswers& answers;
  const ServiceTable& services;
  SipKey feed_key;
  const Clock& clock;
};

/// POST /v1/decide, /v1/leases/reserve, /v1/leases/commit, /v1/leases/release, /v1/usage.
void add_decision_routes(http::Router& router, std::shared_ptr<const DecisionApi> api);

/// The word of an outcome: "granted", "not_covered", ...
[[nodiscard]] std::string_view to_string(Outcome outcome);

}  // namespace dayaq::edge::web
