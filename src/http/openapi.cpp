#include "http/openapi.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>

namespace dayaq::http {
namespace {

namespace json = boost::json;

constexpr std::string_view problem_schema = R"({
  "type": "object",
  "description": "Problem details, RFC 9457.",
  "required": ["type", "title", "status", "code", "detail"],
  "properties": {
    "type": {"type": "string", "format": "uri"},
    "title": {"type": "string"},
    "status": {"type": "integer"},
    "code": {"type": "string", "description": "Stable and dotted; catalogued in docs/api.md."},
    "detail": {"type": "string", "description": "What is wrong and what to do next."},
    "field": {"type": "string"},
    "line": {"type": "integer", "minimum": 1},
    "column": {"type": "integer", "minimum": 1},
    "errors": {"type": "array", "items": {"type": "object"}}
  }
})";

json::object parse_schema(std::string_view text) {
  boost::system::error_code ec;
  json::value value = json::parse({text.data(), text.size()}, ec);
  DAYAQ_ASSERT(!ec && value.is_object());
  return std::move(value.get_object());
}

json::object reference(std::string_view schema) {
  return {{"$ref", fmt::format("#/components/schemas/{}", schema)}};
}

json::object content(std::string_view media_type, std::string_view schema) {
  return {{std::string(media_type), json::object{{"schema", reference(schema)}}}};
}

json::object problem_answer(std::string_view description) {
  return {{"description", std::string(description)},
          {"content", content("application/problem+json", "Problem")}};
}

json::array parameters_of(const Route& route) {
  json::array out;
  std::string_view rest = route.pattern;
  for (std::size_t open = rest.find('{'); open != std::string_view::npos; open = rest.find('{')) {
    rest.remove_prefix(open + 1);
    const std::string name(rest.substr(0, rest.find('}')));
    out.push_back(json::object{
        {"name", name}, {"in", "path"}, {"required", true}, {"schema", json::object{{"type", "string"}}}});
  }
  for (const auto& [name, description] : route.query_parameters) {
    out.push_back(json::object{{"name", name},
                               {"in", "query"},
                               {"required", false},
                               {"description", description},
                               {"schema", json::object{{"type", "string"}}}});
  }
  return out;
}

json::object responses_of(const Route& route) {
  json::object success{{"description", "Done."}};
  if (!route.response_schema.empty()) success["content"] = content("application/json", route.response_schema);
  json::object out{{"2XX", std::move(success)}, {"400", problem_answer("The request is not valid.")}};
  if (route.scope != Scope::none) {
    out["401"] = problem_answer("No bearer token, or one that is unknown, ended or revoked.");
    out["403"] = problem_answer(fmt::format("The token lacks the scope {}.", to_string(route.scope)));
  }
  if (route.pattern.find('{') != std::string::npos) out["404"] = problem_answer("It isn't there.");
  if (route.method != Method::get) {
    out["409"] = problem_answer("The state has moved on; read it again.");
    out["413"] = problem_answer(fmt::format("The body is longer than {} bytes.", route.body_max));
  }
  out["503"] =
      problem_answer("Overloaded or stopping; send the same request again after Retry-After seconds.");
  return out;
}

json::object operation_of(const Route& route) {
  json::object out{{"operationId", route.operation},
                   {"summary", route.summary},
                   {"tags", json::array{json::string(route.tag)}},
                   {"responses", responses_of(route)}};
  json::array parameters = parameters_of(route);
  if (!parameters.empty()) out["parameters"] = std::move(parameters);
  if (!route.request_schema.empty()) {
    out["requestBody"] =
        json::object{{"required", true}, {"content", content(route.request_media, route.request_schema)}};
  }
  if (route.scope != Scope::none) {
    json::array scopes{json::string(to_string(route.scope))};
    out["security"] = json::array{json::object{{"bearer", std::move(scopes)}}};
  } else {
    out["security"] = json::array{};
  }
  return out;
}

std::string lower_case(std::string_view method) {
  std::string out(method);
  for (char& c : out) c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

}  // namespace

std::string openapi_document(const std::vector<Route>& routes,
                             const std::map<std::string, std::string>& schemas, std::string_view title,
                             std::string_view version) {
  json::object components;
  components["Problem"] = parse_schema(problem_schema);
  for (const auto& [name, text] : schemas) components[name] = parse_schema(text);
  json::object paths;
  for (const Route& route : routes) {
    if (route.tag == "pages") continue;
    for (const std::string& name : {route.request_schema, route.response_schema}) {
      DAYAQ_ASSERT(name.empty() || components.contains(name));
    }
    json::value& path = paths[route.pattern];
    if (path.is_null()) path.emplace_object();
    path.get_object()[lower_case(to_string(route.method))] = operation_of(route);
  }
  const json::object bearer{
      {"type", "http"},
      {"scheme", "bearer"},
      {"description", "An organisation's API key. Each operation names the scope it needs."}};
  const json::object document{
      {"openapi", "3.1.0"},
      {"info", json::object{{"title", std::string(title)},
                            {"version", std::string(version)},
                            {"license", json::object{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
      {"paths", std::move(paths)},
      {"components", json::object{{"schemas", std::move(components)},
                                  {"securitySchemes", json::object{{"bearer", bearer}}}}}};
  return json::serialize(document);
}

}  // namespace dayaq::http
