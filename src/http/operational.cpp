#include "http/operational.hpp"

#include <mutex>

#include "http/encoding.hpp"

namespace dayaq::http {
namespace {

Response ready_answer(const std::vector<std::string>& reasons) {
  std::string body = reasons.empty() ? R"({"ready":true,"reasons":[)" : R"({"ready":false,"reasons":[)";
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    if (i != 0) body += ',';
    body += json_string(reasons[i]);
  }
  body += "]}";
  Response response = Response::json(std::move(body), reasons.empty() ? 200 : 503);
  if (!reasons.empty()) response.headers.emplace_back("Retry-After", "1");
  return response;
}

/// Written at the first request, when all rooms have added their routes.
struct Description {
  std::once_flag once;
  std::string text;
};

}  // namespace

void add_operational_routes(Router& router, Metrics& metrics, Readiness readiness, std::string version) {
  router.add_schema("Readiness", R"({
    "type": "object", "required": ["ready", "reasons"],
    "properties": {"ready": {"type": "boolean"}, "reasons": {"type": "array", "items": {"type": "string"}}}})");
  router.add({.pattern = "/health/live",
              .open = "says nothing about anybody",
              .run = Run::inline_,
              .operation = "get_liveness",
              .summary = "Says that the process serves.",
              .tag = "operations"},
             [](const Request&) { return Response::json(R"({"live":true})"); });
  router.add({.pattern = "/health/ready",
              .open = "says nothing about anybody",
              .run = Run::inline_,
              .operation = "get_readiness",
              .summary = "Says whether requests can be served now, and if not, why: 200 or 503.",
              .response_schema = "Readiness",
              .tag = "operations"},
             [readiness = std::move(readiness)](const Request&) { return ready_answer(readiness()); });
  router.add({.pattern = "/metrics",
              .open = "counts, about nobody; kept from outside by the proxy",
              .run = Run::inline_,
              .operation = "get_metrics",
              .summary = "Metrics in Prometheus's text format.",
              .tag = "operations"},
             [&metrics](const Request&) {
               Response response = Response::text(metrics.expose());
               response.content_type = "text/plain; version=0.0.4; charset=utf-8";
               return response;
             });
  router.add_schema("Routes", R"({
    "type": "object", "required": ["routes"],
    "properties": {"routes": {"type": "array", "items": {"type": "object"}}}})");
  router.add({.pattern = "/v1/routes",
              .scope = Scope::admin,
              .run = Run::inline_,
              .operation = "list_routes",
              .summary = "All routes, pages too, each with what it needs of its caller.",
              .response_schema = "Routes",
              .tag = "operations"},
             [&router](const Request&) { return Response::json(router.declarations()); });
  auto description = std::make_shared<Description>();  // shared: handlers are copyable
  router.add({.pattern = "/v1/openapi.json",
              .open = "the description of the API is public",
              .run = Run::inline_,
              .operation = "get_openapi",
              .summary = "This API's OpenAPI 3.1 document.",
              .tag = "operations"},
             [&router, description, version = std::move(version)](const Request&) {
               std::call_once(description->once,
                              [&] { description->text = router.openapi("Dayaq", version); });
               Response response = Response::json(description->text);
               response.headers.emplace_back("Cache-Control", "max-age=300");
               return response;
             });
}

}  // namespace dayaq::http
