// The OpenAPI 3.1 document, written from the routes so that the two can't drift apart.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "http/router.hpp"

namespace dayaq::http {

/// All routes but those tagged "pages", as JSON. `schemas` maps names to JSON Schemas (texts of JSON
/// objects); one that isn't a JSON object, or a route that names a schema that isn't there, ends the program:
/// a defect of ours.
/// @see OpenAPI Specification 3.1.0
[[nodiscard]] std::string openapi_document(const std::vector<Route>& routes,
                                           const std::map<std::string, std::string>& schemas,
                                           std::string_view title, std::string_view version);

}  // namespace dayaq::http
