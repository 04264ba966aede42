// The routes of the operators' edges: enrol one, list them with how far each has come, change the key of its
// client, end one.
#include <fmt/format.h>

#include <algorithm>

#include "feed/edge_client.hpp"
#include "http/encoding.hpp"
#include "regime/edges_json.hpp"
#include "regime/grants_api.hpp"
#include "registry/api.hpp"
#include "registry/json_body.hpp"

namespace dayaq::regime {
namespace {

using http::Method;
using http::Request;
using http::Response;
using http::Scope;

constexpr const char* body_schema = R"({"type": "object", "additionalProperties": false,
  "required": ["name", "public_key"], "properties": {
    "operator": {"type": "string", "description": "Its code; the caller's own if left out."},
    "name": {"type": "string", "description": "A code that this operator never used for an edge before."},
    "public_key": {"type": "string", "description": "The edge's Ed25519 public key, base64 or hexadecimal."},
    "client_key": {"type": "string", "description": "Of its OAuth client, likewise; an API key is made if left out."},
    "number": {"type": "integer", "minimum": 1, "maximum": 16, "description": "The lowest free one if left out."},
    "url": {"type": "string", "description": "Where its siblings reach it."}}})";
constexpr const char* end_schema = R"({"type": "object", "additionalProperties": false,
  "properties": {"operator": {"type": "string", "description": "Its code; the caller's own if left out."}}})";
constexpr const char* client_key_schema = R"({"type": "object", "additionalProperties": false,
  "required": ["client_key"], "properties": {
    "operator": {"type": "string", "description": "Its code; the caller's own if left out."},
    "client_key": {"type": "string", "description": "An Ed25519 public key, base64 or hexadecimal."}}})";
constexpr const char* edge_schema = R"({"type": "object",
  "required": ["operator", "name", "number", "public_key", "enrolled", "ended"], "properties": {
    "operator": {"type": "string"}, "name": {"type": "string"}, "number": {"type": "integer"},
    "public_key": {"type": "string"},
    "key": {"type": ["integer", "null"], "description": "Its API key's number, if it has one."},
    "client_id": {"type": ["string", "null"], "description": "Its OAuth client, if it has one."},
    "url": {"type": ["string", "null"]}, "enrolled": {"type": "string", "format": "date-time"},
    "ended": {"type": ["string", "null"], "format": "date-time"},
    "applied": {"type": "integer", "description": "The last number that it has confirmed."},
    "heard": {"type": ["string", "null"], "format": "date-time"},
    "lines_behind": {"type": "integer"}, "seconds_behind": {"type": "number"},
    "silent": {"type": "boolean", "description": "Not heard for a minute."}}})";
constexpr const char* enrolled_schema = R"({"type": "object",
  "required": ["operator", "name", "number", "feed_key", "centre_key", "zone", "siblings"], "properties": {
    "operator": {"type": "string"}, "name": {"type": "string"}, "number": {"type": "integer"},
    "client_id": {"type": "string", "description": "Its OAuth client, if it brought a key for one."},
    "key": {"type": "integer"}, "token": {"type": "string", "description": "Its API key, shown once, if not."},
    "feed_key": {"type": "string", "description": "Makes the pseudonyms of the operator's subscriptions; base64."},
    "centre_key": {"type": "string", "description": "Verifies the feed: Ed25519, base64."},
    "zone": {"type": "string", "description": "Quota periods are civil days, weeks and months here."},
    "siblings": {"type": "array", "items": {"type": "object", "properties": {
      "name": {"type": "string"}, "number": {"type": "integer"}, "url": {"type": ["string", "null"]}}}}}})";

class EdgeHandlers {
 public:
  explicit EdgeHandlers(const GrantsApi& api) : api_(api) {}

  [[nodiscard]] Response enrol(const Request& request) const {
    const auto wanted = parse_enrol(request);
    if (!wanted) return registry::refuse(wanted.error());
    const registry::KeySecret secret = registry::draw_key_secret(api_.random);
    const auto enrolled = api_.db.write([&](store::Session& session) {
      return enrol_edge(session, api_.registry, api_.keys, api_.edges, *wanted, secret,
                        request.principal.actor());
    });
    if (!enrolled) return registry::refuse(enrolled.error());
    const Edge& edge = enrolled->edge;
    const SipKey feed_key = *api_.keeper.feed_key(edge.provider);
    Bytes feed_bytes;
    put_le(feed_bytes, feed_key.k0);
    put_le(feed_bytes, feed_key.k1);
    const std::string credential =
        enrolled->api_key ? fmt::format(R"("key":{},"token":"{}")", edge.api_key, enrolled->api_key->token)
                          : fmt::format(R"("client_id":"{}")", client_id_of(edge));
    Response response = Response::json(
        fmt::format(R"({{"operator":"{}","name":"{}","number":{},{},"feed_key":"{}","centre_key":"{}",)"
                    R"("zone":{},"siblings":[{}]}})",
                    code_of(edge.provider), edge.name, edge.number, credential, to_base64(feed_bytes),
                    to_base64(api_.keeper.signer().public_key()),
                    http::json_string(api_.registry.country.zone().name()), siblings_json(edge)),
        201);
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
  }

  [[nodiscard]] Response list(const Request& request) const {
    const auto caller = registry::caller_of(request, api_.registry);
    if (!caller) return registry::refuse(caller.error());
    // An operator sees its own; an agency that may read feeds at all sees everybody's.
    const bool is_operator = api_.keeper.feed_key(*caller).has_value();
    std::string out = R"({"edges":[)";
    for (const EdgeState& state : is_operator ? api_.edges.of(*caller) : api_.edges.all()) {
      const auto lag =
          lag_of(api_.keeper.hub(), api_.db, state.edge.provider, state.progress.applied, api_.clock.now());
      if (!lag) return registry::refuse(lag.error());
      if (out.back() != '[') out += ',';
      out += fmt::format(R"({{"operator":"{}",{},{}}})", code_of(state.edge.provider), json_of(state.edge),
                         progress_json(state, *lag, api_.clock.now()));
    }
    return Response::json(out + "]}");
  }

  [[nodiscard]] Response change_key(const Request& request) const {
    const auto done = [&]() -> Result<Edge> {
      DAYAQ_TRY(const auto body, registry::JsonBody::parse(request.body, {"operator", "client_key"}));
      DAYAQ_TRY(const auto text, body.required("client_key"));
      DAYAQ_TRY(const crypto::PublicKey key, parse_key("client_key", text));
      const std::string name(request.parameter("edge"));
      DAYAQ_TRY(const OrganisationIndex provider, owner_of(request, body, name));
      return api_.db.write([&](store::Session& session) {
        return change_client_key(session, api_.registry, api_.edges, provider, name, key,
                                 request.principal.actor());
      });
    }();
    if (!done) return registry::refuse(done.error());
    return Response::json(fmt::format(R"({{"operator":"{}",{}}})", code_of(done->provider), json_of(*done)));
  }

  [[nodiscard]] Response end(const Request& request) const {
    const auto provider = parse_end(request);
    if (!provider) return registry::refuse(provider.error());
    const auto ended = api_.db.write([&](store::Session& session) {
      return end_edge(session, api_.registry, api_.keys, api_.edges, *provider, request.parameter("edge"),
                      request.principal.actor());
    });
    if (!ended) return registry::refuse(ended.error());
    return Response::json(fmt::format(R"({{"operator":"{}",{}}})", code_of(*provider), json_of(*ended)));
  }

 private:
  [[nodiscard]] const std::string& code_of(OrganisationIndex provider) const {
    return api_.registry.organisations.at(provider)->code.value();
  }

  [[nodiscard]] std::string client_id_of(const Edge& edge) const {
    return edge.client_key ? feed::edge_client_id(code_of(edge.provider), edge.name, *edge.client_key) : "";
  }
  [[nodiscard]] std::string json_of(const Edge& edge) const { return edge_json(edge, client_id_of(edge)); }

  [[nodiscard]] std::string siblings_json(const Edge& edge) const {
    std::string out;
    for (const EdgeState& state : api_.edges.of(edge.provider)) {
      if (!state.edge.live() || state.edge.name == edge.name) continue;
      out +=
          fmt::format(R"({}{{"name":"{}","number":{},"url":{}}})", out.empty() ? "" : ",", state.edge.name,
                      state.edge.number, state.edge.url.empty() ? "null" : http::json_string(state.edge.url));
    }
    return out;
  }

  /// The edge that calls, by its client or by the API key that was made for it; its name, "" for others.
  [[nodiscard]] std::string calling_edge(const Request& request, OrganisationIndex caller) const {
    for (const EdgeState& state : api_.edges.of(caller)) {
      const Edge& edge = state.edge;
      if (!edge.live()) continue;
      if (!request.principal.client.empty() && request.principal.client == client_id_of(edge))
        return edge.name;
      if (request.principal.key != 0 && is_key_of(edge, request.principal.key)) return edge.name;
    }
    return {};
  }
  /// Also one that took its place since: it kept its name.
  [[nodiscard]] bool is_key_of(const Edge& edge, std::uint64_t id) const {
    if (edge.api_key == id) return true;
    const auto key = api_.keys.live(id);
    return key && key->organisation == edge.provider && key->name == edge_key_name(edge.name);
  }

  /// Whose edge's client is changed: an edge changes its own alone.
  [[nodiscard]] Result<OrganisationIndex> owner_of(const Request& request, const registry::JsonBody& body,
                                                   std::string_view edge) const {
    DAYAQ_TRY(const OrganisationIndex caller, registry::caller_of(request, api_.registry));
    if (const std::string self = calling_edge(request, caller); !self.empty() && self == edge) return caller;
    return provider_of(request, body);
  }

  /// The operator whose edge is meant: the caller itself, or, for an administrator, the one that is named.
  [[nodiscard]] Result<OrganisationIndex> provider_of(const Request& request,
                                                      const registry::JsonBody& body) const {
    DAYAQ_TRY(const OrganisationIndex caller, registry::caller_of(request, api_.registry));
    DAYAQ_TRY(const auto code, body.text("operator"));
    // Who has stolen an edge's key gets no second edge by it, and takes none of the others away.
    if (!calling_edge(request, caller).empty()) {
      return fail(ErrorKind::forbidden, "edges.by_edge",
                  "An edge enrols and ends no edges. Call with a key of the operator's own.");
    }
    const bool is_operator = api_.keeper.feed_key(caller).has_value();
    const auto named = code ? api_.registry.organisations.find(*code) : std::optional(caller);
    if (is_operator && named == caller) return caller;
    if (!request.principal.may(Scope::admin)) {
      return fail(ErrorKind::forbidden, "edges.not_yours",
                  "An operator enrols and ends its own edges; anybody's need the scope `admin`.");
    }
    if (!named || !api_.keeper.feed_key(*named)) {
      return fail_field("edges.operator", "operator", "Name an operator that has lines, by its code.");
    }
    return *named;
  }

  [[nodiscard]] static Result<crypto::PublicKey> parse_key(std::string_view field, std::string_view text) {
    const auto bytes = text.size() == 64 ? from_hex(text) : from_base64(text);
    if (!bytes || bytes->size() != 32) {
      return fail_field("edges.public_key", std::string(field),
                        "An Ed25519 public key is 32 bytes, in base64 or hexadecimal.");
    }
    crypto::PublicKey key;
    std::ranges::copy(*bytes, key.begin());
    return key;
  }

  [[nodiscard]] Result<EnrolEdge> parse_enrol(const Request& request) const {
    DAYAQ_TRY(const auto body, registry::JsonBody::parse(request.body, {"operator", "name", "public_key",
                                                                        "client_key", "number", "url"}));
    EnrolEdge out;
    DAYAQ_TRY(out.provider, provider_of(request, body));
    DAYAQ_TRY(out.name, body.required("name"));
    DAYAQ_TRY(const auto key, body.required("public_key"));
    DAYAQ_TRY(out.key, parse_key("public_key", key));
    DAYAQ_TRY(const auto client_key, body.text("client_key"));
    if (client_key) {
      DAYAQ_TRY(out.client_key, parse_key("client_key", *client_key));
    }
    DAYAQ_TRY(const auto number, body.number("number"));
    if (number) {
      if (*number < 1 || *number > edges_max) {
        return fail_field("edges.number", "number", fmt::format("An edge's number is 1 to {}.", edges_max));
      }
      out.number = static_cast<int>(*number);
    }
    DAYAQ_TRY(const auto url, body.text("url"));
    if (url) out.url = *url;
    return out;
  }

  [[nodiscard]] Result<OrganisationIndex> parse_end(const Request& request) const {
    const std::string_view text = request.body.empty() ? std::string_view("{}") : request.body;
    DAYAQ_TRY(const auto body, registry::JsonBody::parse(text, {"operator"}));
    return provider_of(request, body);
  }

  GrantsApi api_;
};

}  // namespace

std::string edge_json(const Edge& edge, std::string_view client_id) {
  return fmt::format(
      R"("name":"{}","number":{},"public_key":"{}","key":{},"client_id":{},"url":{},"enrolled":"{}","ended":{})",
      edge.name, edge.number, to_base64(edge.key), edge.api_key == 0 ? "null" : std::to_string(edge.api_key),
      client_id.empty() ? "null" : http::json_string(client_id),
      edge.url.empty() ? "null" : http::json_string(edge.url), format_instant(edge.enrolled),
      edge.live() ? "null" : fmt::format("\"{}\"", format_instant(edge.ended)));
}

std::string progress_json(const EdgeState& state, const EdgeLag& lag, Instant now) {
  const EdgeProgress& progress = state.progress;
  const bool ever = progress.heard != instant_min;
  return fmt::format(R"("applied":{},"heard":{},"lines_behind":{},"seconds_behind":{:.3f},"silent":{})",
                     progress.applied, ever ? fmt::format("\"{}\"", format_instant(progress.heard)) : "null",
                     lag.lines, static_cast<double>(lag.age.count()) / 1000, is_silent(state, now));
}

void add_edge_routes(http::Router& router, const GrantsApi& api) {
  router.add_schema("EdgeBody", body_schema);
  router.add_schema("EdgeEnd", end_schema);
  router.add_schema("EdgeClientKey", client_key_schema);
  router.add_schema("Edge", edge_schema);
  router.add_schema("EnrolledEdge", enrolled_schema);
  router.add_schema("EdgeList",
                    R"({"type": "object", "required": ["edges"], "properties": {"edges": {"type": "array",
                       "items": {"$ref": "#/components/schemas/Edge"}}}})");
  // Shared by the routes, which live as long as the router.
  const auto handlers = std::make_shared<const EdgeHandlers>(api);
  router.add({.method = Method::post,
              .pattern = "/v1/edges",
              .scope = Scope::feed_read,
              .operation = "enrol_edge",
              .summary = "Enrols an edge of the calling operator, with its OAuth client or an API key; an "
                         "administrator names the operator.",
              .request_schema = "EdgeBody",
              .response_schema = "EnrolledEdge",
              .tag = "feed"},
             [handlers](const Request& request) { return handlers->enrol(request); });
  router.add({.method = Method::get,
              .pattern = "/v1/edges",
              .scope = Scope::feed_read,
              .operation = "list_edges",
              .summary = "The edges, ended ones too, with what each has applied and when it was heard.",
              .response_schema = "EdgeList",
              .tag = "feed"},
             [handlers](const Request& request) { return handlers->list(request); });
  router.add(
      {.method = Method::post,
       .pattern = "/v1/edges/{edge}/client-key",
       .scope = Scope::feed_read,
       .operation = "change_edge_client_key",
       .summary = "Gives an edge's OAuth client another key, from now on: an edge its own, an operator "
                  "any of its edges.",
       .request_schema = "EdgeClientKey",
       .response_schema = "Edge",
       .tag = "feed"},
      [handlers](const Request& request) { return handlers->change_key(request); });
  router.add({.method = Method::post,
              .pattern = "/v1/edges/{edge}/end",
              .scope = Scope::feed_read,
              .operation = "end_edge",
              .summary = "Ends an edge now, with its OAuth client and its API keys.",
              .request_schema = "EdgeEnd",
              .response_schema = "Edge",
              .tag = "feed"},
             [handlers](const Request& request) { return handlers->end(request); });
}

}  // namespace dayaq::regime
