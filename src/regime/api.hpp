// The HTTP routes of the law.
//
//   GET  /v1/regimes                              public     all that is or was law, or will be; ?at= a moment
//   GET  /v1/regimes/{regime}                     public     the version in force, else the newest approved; ?at=
//   GET  /v1/traffic-classes                      public     what traffic classes and TV packages hold
//   GET  /v1/regimes/{regime}/versions            regimes:read   all versions, those that wait too
//   GET  /v1/regimes/{regime}/versions/{version}  regimes:read   one, with its file
//   POST /v1/regimes                              regimes:write  submits a file (YAML)
//   POST /v1/regimes/check                        regimes:read   the same checks, nothing is stored
//   POST /v1/regimes/{regime}/amend               regimes:write  submits a new version (YAML)
//   POST /v1/regimes/{regime}/approve             regimes:approve  by another key than the submitter's
//   POST /v1/regimes/{regime}/end                 regimes:write
//   GET  /schemas/regime.json                     public     the JSON Schema of the regime file
#pragma once

#include <string>

#include "http/router.hpp"
#include "regime/law_json.hpp"
#include "regime/lifecycle.hpp"
#include "store/database.hpp"

namespace dayaq::regime {

/// References; their owners must outlive the router.
struct LawApi {
  store::Database& db;
  Lawbook& book;
  const FileContext& files;
  const LawJsonContext& names;
  const Clock& clock;
};

void add_law_routes(http::Router& router, const LawApi& api);

/// docs/regime.schema.json, as it is served.
[[nodiscard]] std::string_view regime_file_schema();

}  // namespace dayaq::regime
