// The routes of settlements: parse, call, render.
//
//   POST /v1/settlements                          an edge's batch, signed; the same bytes again are no error
//   GET  /v1/settlements?from=&until=&operator=&by=   sums, and what is owed
//   POST /v1/settlements/reconcile?from=&until=&operator=   an operator's own records (CSV) against them
//
// All ask for the scope feed:read. An operator sees its own, and measures by number; an agency sees all, by
// name.
#pragma once

#include "http/router.hpp"
#include "registry/record.hpp"
#include "settlement/price.hpp"
#include "settlement/recent.hpp"
#include "settlement/settle.hpp"

namespace dayaq::settlement {

/// What the routes work with; all of it outlives the server.
struct SettlementApi {
  store::Database& db;
  const registry::Registry& registry;
  const EdgeKeys& edges;
  LawNow law;
  const Clock& clock;
  Recent* recent = nullptr;  ///< is told of each batch that is stored; may be null
};

void add_routes(http::Router& router, const SettlementApi& api);

}  // namespace dayaq::settlement
