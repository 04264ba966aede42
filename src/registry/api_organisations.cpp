#include <fmt/format.h>

#include "http/encoding.hpp"
#include "registry/api.hpp"
#include "registry/json_body.hpp"

namespace dayaq::registry {
namespace {

using http::json_string;

std::string name_json(const LocalizedText& name) {
  return fmt::format(R"({{"az":{},"en":{},"ru":{}}})", json_string(name.az), json_string(name.en),
                     json_string(name.ru));
}

std::string organisation_json(const Organisation& organisation) {
  std::string issues;
  for (const StatusCode& status : organisation.issues) {
    issues.append(issues.empty() ? "" : ",").append(json_string(status.value()));
  }
  return fmt::format(R"({{"code":"{}","name":{},"kind":"{}","issues":[{}]}})", organisation.code,
                     name_json(organisation.name), to_string(organisation.kind), issues);
}

Result<Organisation> parse_organisation(const http::Request& request) {
  DAYAQ_TRY(const JsonBody body,
            JsonBody::parse(request.body, {"code", "name.az", "name.en", "name.ru", "kind", "issues[]"}));
  Organisation organisation;
  organisation.code = OrganisationCode(request.parameter("code"));
  DAYAQ_TRY(const auto code, body.text("code"));
  if (code && *code != organisation.code.value()) {
    return fail_field("registry.code", "code", "The code in the body isn't the one in the address.");
  }
  DAYAQ_TRY(organisation.name.az, body.required("name.az"));
  DAYAQ_TRY(organisation.name.en, body.required("name.en"));
  DAYAQ_TRY(organisation.name.ru, body.required("name.ru"));
  DAYAQ_TRY(const auto kind, body.required("kind"));
  DAYAQ_TRY(organisation.kind, parse_organisation_kind(kind));
  DAYAQ_TRY(const auto issues, body.list("issues[]"));
  for (const std::string_view status : issues) organisation.issues.emplace_back(std::string(status));
  return organisation;
}

std::string statuses_json(const CountryPack& country) {
  std::string out = R"({"statuses":[)";
  const char* comma = "";
  for (const StatusDefinition& status : country.statuses()) {
    out +=
        fmt::format(R"({}{{"code":"{}","name":{},"meaning":{},"sensitive":{},"days_max":{}}})",
                    std::exchange(comma, ","), status.code, name_json(status.name), name_json(status.meaning),
                    status.sensitive, status.days_max ? fmt::format("{}", *status.days_max) : "null");
  }
  return out + "]}";
}

std::string places_json(const CountryPack& country) {
  std::string out = R"({"places":[)";
  const char* comma = "";
  for (const Place& place : country.places()) {
    out += fmt::format(R"({}{{"code":"{}","district":"{}","kind":"{}","name":{},)"
                       R"("population":{},"latitude":{},"longitude":{}}})",
                       std::exchange(comma, ","), place.code, country.place(place.district).code,
                       to_string(place.kind), name_json(place.name), place.population, place.latitude,
                       place.longitude);
  }
  return out + "]}";
}

constexpr const char* organisation_schema = R"json({"type":"object","properties":{"code":{"type":"string"},
  "name":{"type":"object",
    "properties":{"az":{"type":"string"},"en":{"type":"string"},"ru":{"type":"string"}}},
  "kind":{"type":"string","enum":["agency","hospital","school","university",
    "mobile_operator","internet_provider",
    "tv_operator","business"]},
  "issues":{"type":"array","items":{"type":"string"},"description":"The statuses it may attest."}}})json";

/// What the country pack says, the same for as long as the process runs.
void add_catalogue_routes(http::Router& router, const ApiContext& context) {
  router.add_schema("StatusList", R"json({"type":"object","properties":{"statuses":{"type":"array",
    "items":{"type":"object"}}}})json");
  router.add_schema("PlaceList", R"json({"type":"object","properties":{"places":{"type":"array",
    "items":{"type":"object"}}}})json");
  router.add({.method = http::Method::get,
              .pattern = "/v1/statuses",
              .open = "the country pack is public",
              .run = http::Run::inline_,
              .operation = "list_statuses",
              .summary = "The statuses that organisations attest.",
              .request_schema = "",
              .response_schema = "StatusList",
              .tag = "registry"},
             [text = statuses_json(context.registry.country)](const http::Request&) {
               return http::Response::json(text);
             });
  router.add({.method = http::Method::get,
              .pattern = "/v1/places",
              .open = "the country pack is public",
              .run = http::Run::inline_,
              .operation = "list_places",
              .summary = "Districts and settlements.",
              .request_schema = "",
              .response_schema = "PlaceList",
              .tag = "registry"},
             [text = places_json(context.registry.country)](const http::Request&) {
               return http::Response::json(text);
             });
}

}  // namespace

void add_organisation_routes(http::Router& router, const ApiContext& context) {
  router.add_schema("Organisation", organisation_schema);
  router.add_schema("OrganisationList", R"json({"type":"object","properties":{"organisations":{"type":"array",
    "items":{"$ref":"#/components/schemas/Organisation"}}}})json");
  router.add({.method = http::Method::get,
              .pattern = "/v1/organisations",
              .scope = http::Scope::organisations_read,
              .run = http::Run::inline_,
              .operation = "list_organisations",
              .summary = "All organisations.",
              .request_schema = "",
              .response_schema = "OrganisationList",
              .tag = "registry"},
             [context](const http::Request&) {
               std::string out = R"({"organisations":[)";
               const char* comma = "";
               for (const auto& organisation : context.registry.organisations.all()) {
                 out.append(std::exchange(comma, ",")).append(organisation_json(*organisation));
               }
               return http::Response::json(out + "]}");
             });
  router.add({.method = http::Method::get,
              .pattern = "/v1/organisations/{code}",
              .scope = http::Scope::organisations_read,
              .run = http::Run::inline_,
              .operation = "get_organisation",
              .summary = "One organisation.",
              .request_schema = "",
              .response_schema = "Organisation",
              .tag = "registry"},
             [context](const http::Request& request) {
               const auto index = context.registry.organisations.find(request.parameter("code"));
               if (index)
                 return http::Response::json(organisation_json(*context.registry.organisations.at(*index)));
               return refuse({ErrorKind::not_found,
                              "registry.organisation",
                              "There is no organisation with this code.",
                              {},
                              {},
                              0,
                              0});
             });
  router.add({.method = http::Method::put,
              .pattern = "/v1/organisations/{code}",
              .scope = http::Scope::organisations_write,
              .operation = "record_organisation",
              .summary = "Adds an organisation, or changes its name, kind or statuses.",
              .request_schema = "Organisation",
              .response_schema = "Organisation",
              .tag = "registry"},
             [context](const http::Request& request) {
               const auto organisation = parse_organisation(request);
               if (!organisation) return refuse(organisation.error());
               const auto index = context.db.write([&](store::Session& session) {
                 return record_organisation(session, context.registry, *organisation,
                                            request.principal.actor());
               });
               if (!index) return refuse(index.error());
               return http::Response::json(organisation_json(*organisation));
             });
  add_catalogue_routes(router, context);
}

}  // namespace dayaq::registry
