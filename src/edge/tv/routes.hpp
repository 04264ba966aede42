// TV over HTTP: nginx's question, and tokens for players. docs/edge/tv.md.
#pragma once

#include <memory>

#include "base/time.hpp"
#include "edge/tv/authorizer.hpp"
#include "http/router.hpp"

namespace dayaq::edge::tv {

/// GET /tv/authorize: 204 allowed, 403 denied, 401 nobody, 403 for what is no channel; with X-Dayaq-Outcome,
/// X-Dayaq-Measure, X-Dayaq-Channel, Cache-Control and, with Options::passes, X-Dayaq-Pass. POST
/// /v1/tv/tokens. Both for Scope::grants_decide.
void add_routes(http::Router& router, std::shared_ptr<Authorizer> authorizer, const Clock& clock);

}  // namespace dayaq::edge::tv
