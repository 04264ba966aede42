// The routes of grants, previews and the feed: parse, ask, render.
//
//   GET  /v1/grants?subscription=mobile:994501234567       an operator, of its own lines; from memory, at
//   once GET  /v1/grants/history?subscription=&at=              the same for a past moment; from the database
//   GET  /v1/subscriptions/{subscription}/grants           an agency, of any operator's line
//   GET  /v1/persons/{national_id}/grants?reason=&at=&lang= an official, with the reasons; the person can see
//   it POST /v1/previews?territory=&at=                       a draft (YAML) beside what is in force GET
//   /v1/regimes/{code}/preview?territory=&at=         what is in force GET /v1/feed?after=&wait=&limit=&edge=
//   an operator's feed from a number on; waits for the next GET  /v1/feed/snapshot?page= all grants of an
//   operator's lines, in pages GET  /v1/feed/status, /v1/feed/key                     where the feed stands;
//   what makes the pseudonyms POST /v1/edges, GET /v1/edges, POST /v1/edges/{edge}/end   an operator's edges:
//   enrol, list, end
#pragma once

#include "http/router.hpp"
#include "regime/edges.hpp"
#include "regime/explain.hpp"
#include "regime/keeper.hpp"
#include "regime/resources.hpp"
#include "registry/record.hpp"

namespace dayaq::regime {

/// What the routes work with; all of it outlives the server.
struct GrantsApi {
  store::Database& db;
  const registry::Registry& registry;
  GrantKeeper& keeper;
  EdgeBook& edges;
  registry::KeyRing& keys;
  Random& random;  ///< thread-safe: API keys of edges
  const FileContext& files;
  const StatusWording& wording;
  const Clock& clock;
  const ResourceList* resources = nullptr;  ///< null: there is none, and 404 says so
  std::function<std::string()> feed_keys;   ///< feed::announce() of each change of the feed's key, in order
};

/// Adds all of them.
void add_grant_routes(http::Router& router, const GrantsApi& api);

// Its parts.
void add_decision_routes(http::Router& router, const GrantsApi& api);
void add_person_grant_routes(http::Router& router, const GrantsApi& api);
void add_preview_routes(http::Router& router, const GrantsApi& api);
void add_feed_routes(http::Router& router, const GrantsApi& api);
void add_edge_routes(http::Router& router, const GrantsApi& api);

/// "mobile:994501234567". invalid_input "grants.subscription".
struct SubscriptionName {
  SubscriptionKind kind = SubscriptionKind::mobile;
  std::string_view number;  ///< into the text that was parsed
};
[[nodiscard]] Result<SubscriptionName> parse_subscription_name(std::string_view text);

/// ["mobile","tv"]: the kinds of a bit set.
[[nodiscard]] std::string kinds_json(std::uint8_t kinds);

/// One measure for a caller: what it gives and under which law. For operators without the measure's own name,
/// which may tell why somebody is granted it.
[[nodiscard]] std::string measure_json(const LawfulMeasure& measure, MeasureNumber number, bool with_name);

}  // namespace dayaq::regime
