#include "regime/api.hpp"

#include <fmt/format.h>

#include <charconv>

#include "regime_file_schema.hpp"

namespace dayaq::regime {
namespace {

using http::Method;
using http::Request;
using http::Response;
using http::Scope;

constexpr std::size_t file_max = 256 << 10;
constexpr int unprocessable = 422;

constexpr const char* version_schema = R"({
  "type": "object", "required": ["code", "version", "standing", "title", "period", "in_force"],
  "description": "One version of a regime.",
  "properties": {
    "code": {"type": "string"}, "version": {"type": "integer", "minimum": 1},
    "standing": {"enum": ["in_force", "coming", "over", "submitted", "withdrawn", "draft"]},
    "title": {"$ref": "#/components/schemas/LocalizedText"},
    "summary": {"$ref": "#/components/schemas/LocalizedText"},
    "period": {"$ref": "#/components/schemas/LawPeriod"},
    "in_force": {"anyOf": [{"$ref": "#/components/schemas/LawPeriod"}, {"type": "null"}]},
    "submitted": {"$ref": "#/components/schemas/OfficialAct"},
    "approved": {"$ref": "#/components/schemas/OfficialAct"},
    "ended": {"$ref": "#/components/schemas/OfficialAct"},
    "territory": {"type": "array", "items": {"type": "string"},
                  "description": "Place codes; empty: the whole country."},
    "measures": {"type": "array", "items": {"type": "object"}}, "source": {"type": "string"}}})";
constexpr const char* text_schema = R"({
  "type": "object", "required": ["az"],
  "properties": {"az": {"type": "string"}, "en": {"type": "string"}, "ru": {"type": "string"}}})";
constexpr const char* period_schema = R"({
  "type": "object", "description": "Half-open; null is without end.",
  "properties": {"from": {"type": ["string", "null"], "format": "date-time"},
                 "until": {"type": ["string", "null"], "format": "date-time"}}})";
constexpr const char* act_schema = R"({
  "type": "object",
  "properties": {"by": {"type": "string"}, "at": {"type": "string", "format": "date-time"}}})";
constexpr const char* list_schema = R"({
  "type": "object", "required": ["regimes"],
  "properties": {"regimes": {"type": "array", "items": {"$ref": "#/components/schemas/RegimeVersion"}}}})";
constexpr const char* checked_schema = R"({
  "type": "object", "required": ["regime", "notices"],
  "properties": {"regime": {"$ref": "#/components/schemas/RegimeVersion"},
                 "notices": {"type": "array", "items": {"type": "string"}}}})";
constexpr const char* approval_schema = R"({
  "type": "object", "required": ["version"], "additionalProperties": false,
  "properties": {"version": {"type": "integer", "minimum": 1}}})";
constexpr const char* ending_schema = R"({
  "type": "object", "additionalProperties": false,
  "properties": {"at": {"type": "string", "format": "date-time"}}})";

constexpr const char* file_schema = R"({
  "type": "object", "description": "A regime file in YAML. Its JSON Schema is served at /schemas/regime.json."})";
constexpr const char* traffic_schema = R"({
  "type": "object", "required": ["traffic_classes"],
  "properties": {"traffic_classes": {"type": "array", "items": {
    "type": "object", "required": ["code", "name"],
    "properties": {
      "code": {"type": "string"}, "name": {"$ref": "#/components/schemas/LocalizedText"},
      "everything": {"type": "boolean"}, "domains": {"type": "array", "items": {"type": "string"}},
      "prefixes": {"type": "array", "items": {"type": "string"}},
      "channels": {"type": "array", "items": {"type": "string"}}}}}}})";

Response no_regime() {
  return http::problem(Error{.kind = ErrorKind::not_found,
                             .code = "regime.unknown",
                             .public_text = "There is no regime of this code. Look at the list of regimes."});
}

class Handlers {
 public:
  explicit Handlers(const LawApi& api) : api_(api) {}

  Response list(const Request& request) const {
    const auto at = moment_of(request);
    if (!at) return http::problem(at.error());
    std::vector<VersionHandle> lawful;
    for (const VersionHandle& version : api_.book.versions()) {
      if (version->approved == instant_max || version->in_force().empty()) continue;
      if (!*at || version->in_force().contains(**at)) lawful.push_back(version);
    }
    return Response::json(regime_list_json(lawful, now(), LawView::everybody));
  }

  Response one(const Request& request) const {
    const auto at = moment_of(request);
    if (!at) return http::problem(at.error());
    if (*at) {
      const VersionHandle then = api_.book.law()->version_at(code_of(request), **at);
      return then ? Response::json(regime_json(*then, now(), LawView::everybody, api_.names)) : no_regime();
    }
    VersionHandle best;
    for (const VersionHandle& version : api_.book.versions_of(code_of(request))) {
      if (version->approved == instant_max || version->in_force().empty()) continue;
      if (!best || version->in_force().contains(now()) || !best->in_force().contains(now())) best = version;
    }
    if (!best) return no_regime();
    return Response::json(regime_json(*best, now(), LawView::everybody, api_.names));
  }

  Response traffic(const Request&) const { return Response::json(traffic_json(api_.files.traffic)); }

  Response versions(const Request& request) const {
    const auto found = api_.book.versions_of(code_of(request));
    if (found.empty()) return no_regime();
    return Response::json(regime_list_json(found, now(), LawView::officials));
  }

  Response version(const Request& request) const {
    const auto found = api_.book.versions_of(code_of(request));
    if (found.empty()) return no_regime();
    const std::string& number = request.parameter("version");
    for (const VersionHandle& version : found) {
      if (std::to_string(version->regime.version) != number) continue;
      return Response::json(regime_json(*version, now(), LawView::officials, api_.names));
    }
    return http::problem(
        Error{.kind = ErrorKind::not_found,
              .code = "regime.version",
              .public_text = "There is no such version of this regime. Look at its versions."});
  }

  Response check(const Request& request) const {
    auto regime = parse_regime(request.body, api_.files);
    if (!regime) return http::problem(regime.error(), unprocessable);
    const auto notices = check_conflicts(*regime, *api_.book.law(), now());
    const RegimeVersion draft{.regime = std::move(*regime), .submitted = now()};
    return Response::json(regime_checked_json(draft, notices, now(), api_.names));
  }

  Response submit(const Request& request) const {
    return add(request,
               [this, at = now()](store::Session& session, const Regime& regime, const std::string& actor) {
                 return api_.book.submit(session, regime, actor, at);
               });
  }

  Response amend(const Request& request) const {
    return add(request,
               [this, at = now()](store::Session& session, const Regime& regime, const std::string& actor) {
                 return api_.book.amend(session, regime, actor, at);
               });
  }

  Response approve(const Request& request) const {
    const auto version = read_approval(request.body);
    if (!version) return http::problem(version.error());
    return answer(api_.db.write([&, at = now()](store::Session& session) {
      return api_.book.approve(session, code_of(request), *version, request.principal.actor(), at);
    }));
  }

  Response end(const Request& request) const {
    const auto wanted = read_ending(request.body);
    if (!wanted) return http::problem(wanted.error());
    return answer(api_.db.write([&, at = now()](store::Session& session) {
      return api_.book.end(session, code_of(request), wanted->value_or(at), request.principal.actor(), at);
    }));
  }

 private:
  [[nodiscard]] Instant now() const { return api_.clock.now(); }
  [[nodiscard]] static RegimeCode code_of(const Request& request) {
    return RegimeCode(request.parameter("regime"));
  }

  /// `?at=`: nullopt if it isn't given.
  [[nodiscard]] static Result<std::optional<Instant>> moment_of(const Request& request) {
    const auto words = request.query_value("at");
    if (!words) return std::nullopt;
    auto at = parse_instant(*words);
    if (at) return *at;
    at.error().field = "at";
    return std::unexpected(std::move(at).error());
  }

  [[nodiscard]] Response answer(const Result<VersionHandle>& done) const {
    if (!done) return http::problem(done.error());
    return Response::json(regime_json(**done, now(), LawView::officials, api_.names));
  }

  /// Submits the file in the body by `step`; 201 with the version and what to look at.
  template <class Step>
  Response add(const Request& request, Step step) const {
    auto regime = parse_regime(request.body, api_.files);
    if (!regime) return http::problem(regime.error(), unprocessable);
    const std::string& wanted = request.parameter("regime");
    if (!wanted.empty() && regime->code.value() != wanted) {
      Errors errors{{ErrorKind::invalid_input,
                     "regime.other_code",
                     "The file is of another regime. Amend that one, or correct `code`.",
                     {},
                     "code",
                     0,
                     0}};
      return http::problem(errors, unprocessable);
    }
    const auto notices = check_conflicts(*regime, *api_.book.law(), now());
    const auto done = api_.db.write(
        [&](store::Session& session) { return step(session, *regime, request.principal.actor()); });
    if (!done) return http::problem(done.error());
    Response response = Response::json(regime_checked_json(**done, notices, now(), api_.names), 201);
    response.headers.emplace_back(
        "Location",
        fmt::format("/v1/regimes/{}/versions/{}", (*done)->regime.code.value(), (*done)->regime.version));
    return response;
  }

  LawApi api_;
};

http::Route route(Method method, std::string pattern, Scope scope, std::string operation, std::string summary,
                  std::string request_schema, std::string response_schema) {
  return {.method = method,
          .pattern = std::move(pattern),
          .scope = scope,
          .open = scope == Scope::none ? "the law is public" : "",
          .operation = std::move(operation),
          .summary = std::move(summary),
          .request_schema = std::move(request_schema),
          .response_schema = std::move(response_schema),
          .tag = "regime"};
}

/// A route whose body is a regime file.
http::Route file_route(std::string pattern, Scope scope, std::string operation, std::string summary) {
  http::Route out = route(Method::post, std::move(pattern), scope, std::move(operation), std::move(summary),
                          "", "RegimeChecked");
  out.request_schema = "RegimeFile";
  out.request_media = "application/yaml";
  out.body_max = file_max;
  return out;
}

void add_schemas(http::Router& router) {
  router.add_schema("LocalizedText", text_schema);
  router.add_schema("LawPeriod", period_schema);
  router.add_schema("OfficialAct", act_schema);
  router.add_schema("RegimeVersion", version_schema);
  router.add_schema("RegimeList", list_schema);
  router.add_schema("RegimeChecked", checked_schema);
  router.add_schema("RegimeApproval", approval_schema);
  router.add_schema("RegimeEnding", ending_schema);
  router.add_schema("RegimeFile", file_schema);
  router.add_schema("TrafficClasses", traffic_schema);
}

}  // namespace

std::string_view regime_file_schema() {
  return regime_file_schema_json;
}

void add_law_routes(http::Router& router, const LawApi& api) {
  add_schemas(router);
  const Handlers handlers(api);
  const auto add = [&](http::Route added, Response (Handlers::*handle)(const Request&) const) {
    router.add(std::move(added),
               [handlers, handle](const Request& request) { return (handlers.*handle)(request); });
  };
  const std::vector<std::pair<std::string, std::string>> at{
      {"at", "What was or will be law at this moment (RFC 3339)."}};
  http::Route list = route(Method::get, "/v1/regimes", Scope::none, "list_regimes",
                           "All regimes that are or were law, or will be.", "", "RegimeList");
  list.query_parameters = at;
  add(std::move(list), &Handlers::list);
  http::Route one =
      route(Method::get, "/v1/regimes/{regime}", Scope::none, "get_regime",
            "The version of a regime that is in force, else its newest approved one.", "", "RegimeVersion");
  one.query_parameters = at;
  add(std::move(one), &Handlers::one);
  add(route(Method::get, "/v1/traffic-classes", Scope::none, "list_traffic_classes",
            "The traffic classes and TV packages that benefits refer to, with their domains and prefixes.",
            "", "TrafficClasses"),
      &Handlers::traffic);
  add(route(Method::get, "/v1/regimes/{regime}/versions", Scope::regimes_read, "list_regime_versions",
            "All versions of a regime, those that wait for approval too.", "", "RegimeList"),
      &Handlers::versions);
  add(route(Method::get, "/v1/regimes/{regime}/versions/{version}", Scope::regimes_read, "get_regime_version",
            "One version of a regime, with the file as it was uploaded.", "", "RegimeVersion"),
      &Handlers::version);
  add(file_route("/v1/regimes/check", Scope::regimes_read, "check_regime",
                 "Checks a regime file (YAML) and stores nothing; 422 lists every error with line, column "
                 "and field."),
      &Handlers::check);
  add(file_route("/v1/regimes", Scope::regimes_write, "submit_regime",
                 "Submits a regime file (YAML) for approval by a second official."),
      &Handlers::submit);
  add(file_route("/v1/regimes/{regime}/amend", Scope::regimes_write, "amend_regime",
                 "Submits a new version of a regime (YAML) for approval by a second official."),
      &Handlers::amend);
  add(route(Method::post, "/v1/regimes/{regime}/approve", Scope::regimes_approve, "approve_regime",
            "Approves a version that another official submitted.", "RegimeApproval", "RegimeVersion"),
      &Handlers::approve);
  add(route(Method::post, "/v1/regimes/{regime}/end", Scope::regimes_write, "end_regime",
            "Ends a regime at once or at an hour to come.", "RegimeEnding", "RegimeVersion"),
      &Handlers::end);
  http::Route schema = route(Method::get, "/schemas/regime.json", Scope::none, "get_regime_schema",
                             "The JSON Schema of the regime file.", "", "");
  schema.run = http::Run::inline_;
  router.add(std::move(schema), [](const Request&) {
    Response response = Response::json(std::string(regime_file_schema()));
    response.content_type = "application/schema+json";
    return response;
  });
}

}  // namespace dayaq::regime
