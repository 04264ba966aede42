#include "services/web/web.hpp"

namespace dayaq::services::web {

void add_page(http::Router& router, const ServicesWeb& services, const identity::web::PageRoute& route,
              Handler handler) {
  identity::web::add_page(router, services.web, route,
                          [&services, handler](Visit& visit) { return handler(visit, services); });
}

}  // namespace dayaq::services::web
