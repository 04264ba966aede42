#include "services/cases/services_api.hpp"

#include <fmt/format.h>

#include <charconv>

#include "http/answers.hpp"
#include "http/encoding.hpp"
#include "registry/json_body.hpp"
#include "service_file_schema.hpp"

namespace dayaq::services {
namespace {

using http::Method;
using http::Request;
using http::Response;
using http::Scope;

constexpr std::size_t file_max = 256 << 10;
constexpr int unprocessable = 422;

constexpr const char* version_schema = R"({
  "type": "object", "required": ["code", "version", "state", "title", "channels", "promised_seconds"],
  "description": "One version of an e-service.",
  "properties": {
    "code": {"type": "string"}, "version": {"type": "integer", "minimum": 1},
    "state": {"enum": ["draft", "submitted", "published", "superseded", "suspended", "withdrawn"]},
    "title": {"$ref": "#/components/schemas/LocalizedText"},
    "summary": {"$ref": "#/components/schemas/LocalizedText"},
    "provider": {"type": "string", "description": "An organisation's code."},
    "channels": {"type": "array", "items": {"enum": ["web", "sms", "counter", "bulk"]}},
    "assurance": {"enum": ["low", "substantial", "high"]},
    "promised_seconds": {"type": "integer"}, "fee_qepik": {"type": "integer"},
    "for_employees": {"type": "boolean"}, "ends_with": {"type": ["string", "null"]},
    "suspended_because": {"$ref": "#/components/schemas/LocalizedText"},
    "submitted": {"$ref": "#/components/schemas/OfficialAct"},
    "published": {"$ref": "#/components/schemas/OfficialAct"},
    "form": {"type": "array", "items": {"type": "object"}},
    "steps": {"type": "array", "items": {"type": "object"}}, "source": {"type": "string"}}})";
constexpr const char* list_schema = R"({
  "type": "object", "required": ["services"],
  "properties": {"edition": {"type": "integer", "description": "Grows with each change."},
    "services": {"type": "array", "items": {"$ref": "#/components/schemas/ServiceVersion"}}}})";
constexpr const char* checked_schema = R"({
  "type": "object", "required": ["service", "notices"],
  "properties": {"service": {"$ref": "#/components/schemas/ServiceVersion"},
    "notices": {"type": "array", "description": "What a writer should look at though it isn't wrong.",
      "items": {"type": "object", "required": ["code", "text", "field", "line", "column"],
        "properties": {"code": {"type": "string"}, "text": {"type": "string"}, "field": {"type": "string"},
          "line": {"type": "integer"}, "column": {"type": "integer"}}}},
    "may_apply": {"type": "object", "description": "Of a preview.", "required": ["at", "persons", "living"],
      "properties": {"at": {"type": "string", "format": "date-time"}, "persons": {"type": "integer"},
        "living": {"type": "integer"}, "by_place": {"type": "array", "items": {"type": "object",
          "properties": {"code": {"type": "string"}, "persons": {"type": "integer"},
            "living": {"type": "integer"}}}}}}}})";
constexpr const char* file_schema = R"({
  "type": "object",
  "description": "A service file in YAML. Its JSON Schema is served at /schemas/service.json."})";
constexpr const char* suspension_schema = R"({
  "type": "object", "required": ["because"], "additionalProperties": false,
  "properties": {"because": {"$ref": "#/components/schemas/LocalizedText"}}})";
constexpr const char* nothing_schema = R"({"type": "object", "additionalProperties": false})";

Response refuse(ErrorKind kind, std::string_view code, std::string text) {
  return http::problem(Error{.kind = kind,
                             .code = code,
                             .public_text = std::move(text),
                             .detail = {},
                             .field = {},
                             .line = 0,
                             .column = 0});
}
Response no_service() {
  return refuse(ErrorKind::not_found, "service.unknown",
                "There is no service of this code. Look at the list of services.");
}
Response no_version() {
  return refuse(ErrorKind::not_found, "service.version",
                "There is no such version of this service. Look at its versions.");
}

class Handlers {
 public:
  explicit Handlers(const ServicesApi& api) : api_(api) {}

  Response list(const Request&) const {
    const auto published = api_.book.published();
    return Response::json(fmt::format(R"({{"edition":{},"services":{}}})", published->edition,
                                      heads_json(published->services, ServiceView::everybody)));
  }

  Response one(const Request& request) const {
    const ServiceHandle found = api_.book.published()->find(request.parameter("service"));
    return found ? Response::json(service_json(*found, ServiceView::everybody, api_)) : no_service();
  }

  Response versions(const Request& request) const {
    const auto found = api_.book.versions_of(code_of(request));
    if (found.empty()) return no_service();
    return Response::json(fmt::format(R"({{"services":{}}})", heads_json(found, ServiceView::officials)));
  }

  Response version(const Request& request) const {
    const auto found = api_.book.versions_of(code_of(request));
    if (found.empty()) return no_service();
    for (const ServiceHandle& version : found) {
      if (std::to_string(version->service.version) == request.parameter("version"))
        return Response::json(service_json(*version, ServiceView::with_source, api_));
    }
    return no_version();
  }

  Response check(const Request& request) const {
    const auto service = api_.book.read_file(request.body);
    if (!service) return http::problem(service.error(), unprocessable);
    return Response::json(checked_json(draft_of(*service), review_texts(request.body, *service), ""));
  }

  Response preview(const Request& request) const {
    const auto service = api_.book.read_file(request.body);
    if (!service) return http::problem(service.error(), unprocessable);
    regime::Measure measure;
    measure.code = MeasureCode("apply");
    measure.who = service->who;
    regime::Regime draft;
    draft.code = RegimeCode("service-preview");
    draft.measures.push_back(std::move(measure));
    return Response::json(checked_json(draft_of(*service), review_texts(request.body, *service),
                                       may_apply_json(api_.count(draft))));
  }

  Response submit(const Request& request) const {
    const auto service = api_.book.read_file(request.body);
    if (!service) return http::problem(service.error(), unprocessable);
    const auto done = api_.db.write([&, at = api_.clock.now()](store::Session& session) {
      return api_.book.submit(session, *service, request.principal.actor(), at);
    });
    if (!done) return http::problem(done.error());
    Response response = Response::json(checked_json(**done, review_texts(request.body, *service), ""), 201);
    response.headers.emplace_back(
        "Location",
        fmt::format("/v1/services/{}/versions/{}", (*done)->service.code.value(), (*done)->service.version));
    return response;
  }

  Response publish(const Request& request) const {
    const std::string& text = request.parameter("version");
    int version = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), version);
    if (failed != std::errc{} || end != text.data() + text.size()) return no_version();
    return answer(api_.db.write([&, at = api_.clock.now()](store::Session& session) {
      return api_.book.publish(session, code_of(request), version, request.principal.actor(), at);
    }));
  }

  Response suspend(const Request& request) const {
    const auto because = read_because(request.body);
    if (!because) return http::problem(because.error());
    return answer(api_.db.write([&, at = api_.clock.now()](store::Session& session) {
      return api_.book.suspend(session, code_of(request), *because, request.principal.actor(), at);
    }));
  }

  Response resume(const Request& request) const {
    return answer(api_.db.write([&, at = api_.clock.now()](store::Session& session) {
      return api_.book.resume(session, code_of(request), request.principal.actor(), at);
    }));
  }

 private:
  [[nodiscard]] static ServiceCode code_of(const Request& request) {
    return ServiceCode(request.parameter("service"));
  }

  [[nodiscard]] ServiceVersion draft_of(const Service& service) const {
    ServiceVersion draft;
    draft.service = service;
    draft.submitted = api_.clock.now();
    return draft;
  }

  [[nodiscard]] std::string heads_json(const std::vector<ServiceHandle>& versions, ServiceView view) const {
    std::string out = "[";
    for (const ServiceHandle& version : versions) {
      if (out.size() > 1) out += ',';
      out += service_head_json(*version, view, api_);
    }
    return out + "]";
  }

  [[nodiscard]] std::string checked_json(const ServiceVersion& version, const Errors& notices,
                                         const std::string& more) const {
    return fmt::format(R"({{"service":{},"notices":{}{}}})",
                       service_json(version, ServiceView::officials, api_), findings_json(notices), more);
  }

  [[nodiscard]] std::string may_apply_json(const regime::Preview& preview) const {
    std::uint64_t living = 0;
    std::string places;
    for (std::size_t i = 0; i < preview.places.size(); ++i) {
      living += preview.living[i];
      const auto& name = api_.files.country.place(preview.places[i]);
      places += fmt::format(R"({}{{"code":"{}","persons":{},"living":{}}})", i == 0 ? "" : ",",
                            name.code.value(), preview.any_by_place[i].persons, preview.living[i]);
    }
    return fmt::format(R"(,"may_apply":{{"at":"{}","persons":{},"living":{},"by_place":[{}]}})",
                       format_instant(preview.at), preview.any.persons, living, places);
  }

  [[nodiscard]] Response answer(const Result<ServiceHandle>& done) const {
    if (!done) return http::problem(done.error());
    return Response::json(service_json(**done, ServiceView::officials, api_));
  }

  [[nodiscard]] static Result<LocalizedText> read_because(std::string_view body) {
    DAYAQ_TRY(const auto json, registry::JsonBody::parse(body, {"because.az", "because.en", "because.ru"}));
    LocalizedText out;
    DAYAQ_TRY(out.az, json.required("because.az"));
    DAYAQ_TRY(const auto en, json.text("because.en"));
    DAYAQ_TRY(const auto ru, json.text("because.ru"));
    out.en = en.value_or("");
    out.ru = ru.value_or("");
    for (const std::string& text : {out.az, out.en, out.ru}) {
      if (text.size() > because_max)
        return fail_field("service.reason", "because", "Say it in at most 1000 bytes.");
    }
    return out;
  }

  static constexpr std::size_t because_max = 1000;
  ServicesApi api_;
};

http::Route route(Method method, std::string pattern, Scope scope, std::string operation, std::string summary,
                  std::string request_schema, std::string response_schema) {
  http::Route out;
  out.method = method;
  out.pattern = std::move(pattern);
  out.scope = scope;
  out.open = scope == Scope::none ? "what is published is for everybody" : "";
  out.operation = std::move(operation);
  out.summary = std::move(summary);
  out.request_schema = std::move(request_schema);
  out.response_schema = std::move(response_schema);
  out.tag = "services";
  return out;
}

/// A route whose body is a service file.
http::Route file_route(std::string pattern, Scope scope, std::string operation, std::string summary) {
  http::Route out = route(Method::post, std::move(pattern), scope, std::move(operation), std::move(summary),
                          "ServiceFile", "ServiceChecked");
  out.request_media = "application/yaml";
  out.body_max = file_max;
  return out;
}

}  // namespace

std::string_view service_file_schema() {
  return service_file_schema_json;
}

void add_service_routes(http::Router& router, const ServicesApi& api) {
  router.add_schema("ServiceVersion", version_schema);
  router.add_schema("ServiceList", list_schema);
  router.add_schema("ServiceChecked", checked_schema);
  router.add_schema("ServiceFile", file_schema);
  router.add_schema("ServiceSuspension", suspension_schema);
  router.add_schema("Nothing", nothing_schema);
  const auto handlers = std::make_shared<Handlers>(api);
  const auto add = [&](http::Route added, Response (Handlers::*handle)(const Request&) const) {
    router.add(std::move(added),
               [handlers, handle](const Request& request) { return ((*handlers).*handle)(request); });
  };
  add(route(Method::get, "/v1/services", Scope::none, "list_services", "All services that are published.", "",
            "ServiceList"),
      &Handlers::list);
  add(route(Method::get, "/v1/services/{service}", Scope::none, "get_service",
            "A published service: its form, steps, promises and limits.", "", "ServiceVersion"),
      &Handlers::one);
  add(route(Method::get, "/v1/services/{service}/versions", Scope::services_read, "list_service_versions",
            "All versions of a service, those that wait too.", "", "ServiceList"),
      &Handlers::versions);
  add(route(Method::get, "/v1/services/{service}/versions/{version}", Scope::services_read,
            "get_service_version", "One version of a service, with the file as it was uploaded.", "",
            "ServiceVersion"),
      &Handlers::version);
  add(file_route("/v1/services/check", Scope::services_read, "check_service",
                 "Checks a service file (YAML) and its language; 422 lists every error with line, column and "
                 "field."),
      &Handlers::check);
  add(file_route("/v1/services/preview", Scope::services_read, "preview_service",
                 "Checks a service file (YAML) and counts who may apply; nothing is stored."),
      &Handlers::preview);
  add(file_route("/v1/services", Scope::services_write, "submit_service",
                 "Submits a service file (YAML) for publication by a second official."),
      &Handlers::submit);
  add(route(Method::post, "/v1/services/{service}/versions/{version}/publish", Scope::services_publish,
            "publish_service", "Publishes a version that another official submitted.", "Nothing",
            "ServiceVersion"),
      &Handlers::publish);
  add(route(Method::post, "/v1/services/{service}/suspend", Scope::services_write, "suspend_service",
            "Nobody applies until it is taken up again; running cases go on.", "ServiceSuspension",
            "ServiceVersion"),
      &Handlers::suspend);
  add(route(Method::post, "/v1/services/{service}/resume", Scope::services_write, "resume_service",
            "Takes a suspended service up again.", "Nothing", "ServiceVersion"),
      &Handlers::resume);
  http::Route schema = route(Method::get, "/schemas/service.json", Scope::none, "get_service_schema",
                             "The JSON Schema of the service file.", "", "");
  schema.run = http::Run::inline_;
  router.add(std::move(schema), [](const Request&) {
    Response response = Response::json(std::string(service_file_schema()));
    response.content_type = "application/schema+json";
    return response;
  });
}

}  // namespace dayaq::services
