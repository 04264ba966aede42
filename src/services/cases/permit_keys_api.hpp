// The HTTP routes of the keys that sign permits, for officials who keep them.
//
//   GET  /v1/permits/keys                  services:read  all that there ever were, and what they are doing
//   POST /v1/permits/keys/rotate           admin          the standby signs as soon as devices know it
//   POST /v1/permits/keys/{key}/withdraw   admin          {"reason"}: what it signed counts for nothing, at
//   once
#pragma once

#include "base/time.hpp"
#include "http/router.hpp"
#include "services/cases/permit_keys.hpp"

namespace dayaq::services {

struct PermitKeysApi {
  PermitKeys& keys;
  const Clock& clock;
};
void add_permit_key_routes(http::Router& router, const PermitKeysApi& api);

}  // namespace dayaq::services
