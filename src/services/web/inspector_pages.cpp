// The inspector's page, with what cases know of revoked permits behind it.
#include <memory>

#include "services/inspector/inspector.hpp"
#include "services/inspector/revoked_permits.hpp"
#include "services/web/web.hpp"

namespace dayaq::services::web {

void add_inspector_pages(http::Router& router, const ServicesWeb& services) {
  // Both live as long as the routes do.
  const auto source = std::make_shared<inspector::RevokedPermits>(services.cases, services.permit_keys);
  const auto list = std::make_shared<inspector::ListKeeper>(
      services.cases.context().issuer, [source](Instant now) { return source->read(now); });
  inspector::add_routes(router,
                        {.site = services.web.site, .clock = services.web.accounts.clock, .list = list});
}

}  // namespace dayaq::services::web
