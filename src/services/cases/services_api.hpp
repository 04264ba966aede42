// The HTTP routes of services.
//
//   GET  /v1/services                               public         what is published
//   GET  /v1/services/{service}                     public         the published version: form, steps,
//   promises GET  /v1/services/{service}/versions            services:read  all versions, those that wait too
//   GET  /v1/services/{service}/versions/{version}  services:read  one, with its file
//   POST /v1/services/check                         services:read  a file (YAML): all checks, nothing is
//   stored POST /v1/services/preview                       services:read  the same, and how many may apply
//   POST /v1/services                               services:write   submits a file (YAML)
//   POST /v1/services/{service}/versions/{version}/publish  services:publish  by another than the submitter
//   POST /v1/services/{service}/suspend             services:write  {"because":{"az","en","ru"}}
//   POST /v1/services/{service}/resume              services:write
//   GET  /schemas/service.json                      public         the JSON Schema of the service file
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/router.hpp"
#include "regime/preview.hpp"
#include "services/cases/book.hpp"
#include "store/database.hpp"

namespace dayaq::services {

/// References; their owners must outlive the router.
struct ServicesApi {
  store::Database& db;
  ServiceBook& book;
  const regime::FileContext& files;
  std::function<OrganisationCode(OrganisationIndex)> organisation_code;
  /// Counts whom a draft reaches now: wired to the population's index.
  std::function<regime::Preview(const regime::Regime& draft)> count;
  const Clock& clock;
};

void add_service_routes(http::Router& router, const ServicesApi& api);

/// docs/service.schema.json, as it is served.
[[nodiscard]] std::string_view service_file_schema();

// --- as JSON

/// Everybody sees what they need to apply; officials also who did what, and the file.
enum class ServiceView : std::uint8_t { everybody, officials, with_source };
/// The whole of a version: {"code","version","state","title",...,"form":[...],"steps":[...]}.
[[nodiscard]] std::string service_json(const ServiceVersion& version, ServiceView view,
                                       const ServicesApi& names);
/// Its head alone, for lists.
[[nodiscard]] std::string service_head_json(const ServiceVersion& version, ServiceView view,
                                            const ServicesApi& names);
/// [{"code","text","field","line","column"}]
[[nodiscard]] std::string findings_json(const Errors& findings);

}  // namespace dayaq::services
